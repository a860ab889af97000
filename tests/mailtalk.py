"""SMTP conversations -> the turns of a tests.packets session."""

from collections.abc import Iterable, Sequence

from tests.packets import CLIENT, SERVER, Turn


def dialogue(*lines: str) -> list[Turn]:
    """Lines as "C: HELO a" and "S: 250 b", each sent in a packet of its own; "\\n" inside a line
    becomes CRLF."""
    return [(line[0], line[3:].replace("\n", "\r\n").encode() + b"\r\n") for line in lines]


def hello(name: str = "host.example.com", verb: str = "EHLO") -> list[Turn]:
    return dialogue("S: 220 mx.example.net ESMTP", f"C: {verb} {name}", "S: 250 mx.example.net")


def mail(
    body: str = "Hello", recipients: int = 1, verb: str = "MAIL FROM", reply: str = "250 2.1.5 ok"
) -> list[Turn]:
    """One mail, handed over line by line."""
    turns = dialogue(f"C: {verb}:<a@example.com>", "S: 250 2.1.0 ok")
    for number in range(recipients):
        turns += dialogue(f"C: RCPT TO:<user{number}@example.net>", f"S: {reply}")
    return turns + dialogue(
        "C: DATA", "S: 354 go on", f"C: Subject: hello\n\n{body}\n.", "S: 250 2.0.0 taken"
    )


def refused_mail(reply: str) -> list[Turn]:
    """A mail whose only recipient is answered with `reply`."""
    return dialogue(
        "C: MAIL FROM:<a@example.com>",
        "S: 250 2.1.0 ok",
        "C: RCPT TO:<b@example.net>",
        f"S: {reply}",
        "C: RSET",
        "S: 250 ok",
    )


def piped_mail() -> list[Turn]:
    """One mail the way RFC 2920 allows: the envelope in one packet."""
    envelope = "C: RSET\nMAIL FROM:<a@example.com>\nRCPT TO:<b@example.net>\nDATA"
    return dialogue(
        envelope,
        "S: 250 ok\n250 2.1.0 ok\n250 2.1.5 ok\n354 go on",
        "C: Subject: hello\n\nHello\n.",
        "S: 250 2.0.0 taken",
    )


def message_with_file(name: str) -> str:
    """The text of a MIME mail with a file of this name."""
    head = 'Subject: hello\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="x"\n\n'
    text = "--x\nContent-Type: text/plain\n\nsee attached\n"
    file = f'--x\nContent-Type: application/octet-stream; name="{name}"\nContent-Transfer-Encoding: base64\n'
    file += f'Content-Disposition: attachment; filename="{name}"\n\nTVqQAAMAAAAEAAAA\n--x--'
    return f"{head}{text}{file}"


def attachment(name: str) -> list[Turn]:
    """One MIME mail with a file of this name."""
    envelope = dialogue(
        "C: MAIL FROM:<a@example.com>",
        "S: 250 ok",
        "C: RCPT TO:<b@example.net>",
        "S: 250 ok",
        "C: DATA",
        "S: 354 go on",
    )
    return envelope + dialogue(f"C: {message_with_file(name)}\n.", "S: 250 2.0.0 taken")


def starttls() -> list[Turn]:
    """What follows is a TLS record that no engine can read."""
    hidden = b"\x16\x03\x01\x00\x20\x01\x00\x00\x1c\x03\x03" + bytes(range(26))
    return [
        *dialogue("C: STARTTLS", "S: 220 2.0.0 go ahead"),
        (CLIENT, hidden),
        (SERVER, b"\x15\x03\x03\x00\x02\x02\x28"),
    ]


def talk(*parts: Sequence[Turn]) -> list[Turn]:
    """Parts of a conversation, closed with QUIT."""
    return [*_flat(parts), *dialogue("C: QUIT", "S: 221 2.0.0 bye")]


def _flat(parts: Iterable[Sequence[Turn]]) -> Iterable[Turn]:
    for part in parts:
        yield from part
