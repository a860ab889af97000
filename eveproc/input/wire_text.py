"""Text that hosts sent, as Suricata logs it -> one spelling, of bounded length, in valid UTF-8."""

import re

from eveproc.input.events import MAX_MAILBOX, MAX_NAME


def host_name(text: str) -> str:
    """A domain or host name: lower case, without the final dot, at most 255 characters."""
    return _lower(plain_text(text)).removesuffix(".")[:MAX_NAME]


def _lower(name: str) -> str:
    """Only A to Z: in DNS no other letter has a lower case (RFC 4343)."""
    return (
        name.lower() if name.isascii() else "".join(c.lower() if c.isascii() else c for c in name)
    )


def mailbox(path: str) -> str:
    r"""`<Ann@Example.org>` -> `ann@example.org`; the null sender `<>` -> ""."""
    return plain_text(path).strip().removeprefix("<").removesuffix(">").lower()[:MAX_MAILBOX]


_ESCAPED = re.compile(r"(?:\\x[89a-fA-F][0-9a-fA-F])+")


def plain_text(text: str, invalid: str = "backslashreplace") -> str:
    r"""One spelling per text: bytes above 0x7f that were logged as `\xc3\xa9` become the letter;
    invalid ones become `\xff` in lower case.
    """
    return (
        _ESCAPED.sub(lambda match: _bytes(match[0]).decode(errors=invalid), text)
        if "\\x" in text
        else text
    )


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


def header_text(text: str) -> str:
    r"""The same for text of a mail: 6 and 7 log its invalid bytes as `\xff`, 8 only as U+FFFD, so
    all become U+FFFD.
    """
    return plain_text(text, "replace")


def valid_utf8(line: bytes) -> bytes:
    r"""The same bytes, with invalid ones as the text `\xNN`, as Suricata writes them."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return escape_invalid(line.decode(errors="surrogateescape"))
    return line


_LONE = re.compile("[\udc80-\udcff]")


def escape_invalid(text: str) -> bytes:
    r"""JSON text decoded with `surrogateescape` -> UTF-8 whose invalid bytes are the text `\xNN`,
    as Suricata writes them.
    """
    return _LONE.sub(lambda lone: f"\\\\x{ord(lone[0]) - 0xDC00:02x}", text).encode()
