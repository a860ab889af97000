"""Senders, recipients and the server's reply -> mails, and SMTP dialogues."""

import base64
import random
from collections.abc import Iterator, Sequence
from enum import Enum

from msgspec import Struct

from rulegen.simulate.messages import tls_turns
from rulegen.simulate.tcp import Turn
from rulegen.simulate.world import new_word

_BANNERS = (
    "220 {host} ESMTP Postfix",
    "220 {host} Microsoft ESMTP MAIL Service ready",
    "220 {host} ESMTP Sendmail 8.17.1/8.17.1",
    "220-{host} ESMTP Exim 4.96\r\n220 no unsolicited mail, please",
    "220 {host} ESMTP",
)
_GOODBYES = (
    "221 2.0.0 Bye",
    "221 closing connection",
    "221 2.0.0 Service closing transmission channel",
)
_QUEUED = (
    "250 2.0.0 Ok: queued as {word}",
    "250 2.6.0 <{word}> Queued mail for delivery",
    "250 OK id={word}",
)
_NO_SERVICE = ("554 no SMTP service here", "554 5.7.1 Your address is on a blocklist")
_BLOCKED = (
    "554 5.7.1 Service unavailable; client host is listed",
    "550 5.7.1 Rejected: too much junk from this address",
)
_UNKNOWN = (
    "550 5.1.1 User unknown",
    "550 5.1.1 The email account does not exist",
    "553 5.3.0 No such user here",
)
_LATER = (
    "450 4.2.0 Greylisted, try again later",
    "451 4.7.1 Try again later",
    "421 4.7.0 Too many connections",
)
_EXECUTABLES = (
    "document.pif",
    "readme.scr",
    "message.exe",
    "data.zip",
    "invoice.exe",
    "mail.cmd",
    "photo.scr",
    "file.bat",
)
# File suffix -> first bytes; any other file is a program.
_FIRST_BYTES = {"zip": b"PK\x03\x04", "gz": b"\x1f\x8b\x08\x00", "pdf": b"%PDF"}


class Reply(Enum):
    """How a mail server treats a client, in the order of the dialogue."""

    BLOCK_AT_BANNER = "blocked at the banner"
    BLOCK_SENDER = "sender refused"
    UNKNOWN_USER = "recipients unknown"
    LATER = "temporarily refused"
    ACCEPT = "accepted"


class Mail(Struct, frozen=True):
    """An envelope and its content: whole lines that end with CRLF, none of them a single dot."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes


class MailDraft(Struct, frozen=True):
    """Subject and text of a mail; `attachment` is a file name, whose suffix sets the content."""

    subject: str
    body: str
    attachment: str = ""
    mailer: str = ""


class Campaign(Struct, frozen=True):
    """Similar mails: few drafts, random sender names, some with an executable attached."""

    drafts: tuple[MailDraft, ...]
    helo: str
    senders: tuple[str, ...]

    def mail(self, recipients: tuple[str, ...], rng: random.Random) -> Mail:
        return compose(rng.choice(self.senders), recipients, rng.choice(self.drafts), rng)


_SUBJECTS = (
    *(
        "Mail Delivery System",
        "Server Report",
        "Mail Transaction Failed",
        "hello",
        "Status",
        "Error",
        "Good day",
        "hi",
    ),
    *(
        "Your account is suspended",
        "Important notification",
        "RE: Payment",
        "Invoice overdue",
        "Voice message",
        "Re: Order",
    ),
)


def draw_campaign(
    rng: random.Random, address: str, own_name: str, domains: Sequence[str], executables: float
) -> Campaign:
    """Draw the campaign of an infected machine.

    `executables` is the probability that its mails carry a program.
    """
    attached = rng.random() < executables
    drafts = tuple(
        MailDraft(
            rng.choice(_SUBJECTS),
            sentences(rng, rng.randint(1, 4)),
            rng.choice(_EXECUTABLES) if attached and rng.random() < 0.8 else "",
        )
        for _ in range(rng.randint(1, 4))
    )
    helo = rng.choice(
        (
            own_name,
            f"[{address}]",
            f"[IPv6:{address}]" if ":" in address else "localhost",
            new_word(rng),
            domains[0],
        )
    )
    senders = tuple(f"{new_word(rng)}@{rng.choice(domains)}" for _ in range(rng.choice((1, 3, 40))))
    return Campaign(drafts, helo, senders)


def compose(sender: str, recipients: tuple[str, ...], draft: MailDraft, rng: random.Random) -> Mail:
    """Headers, text and attachment, as sent on the wire."""
    shown = ", ".join(f"<{each}>" for each in recipients[:3])
    headers = [
        f"From: <{sender}>",
        f"To: {shown}",
        f"Subject: {draft.subject}",
        f"Message-ID: <{rng.getrandbits(64):016x}@{sender.partition('@')[2]}>",
        "MIME-Version: 1.0",
        *([f"X-Mailer: {draft.mailer}"] if draft.mailer else []),
    ]
    body = _with_attachment(draft, rng) if draft.attachment else _plain(draft)
    return Mail(sender, recipients, "\r\n".join([*headers, *body, "", ""]).encode("ascii"))


def sentences(rng: random.Random, count: int) -> str:
    """`count` random sentences, one a line."""
    return "\r\n".join(
        " ".join(new_word(rng) for _ in range(rng.randint(4, 10))).capitalize() + "."
        for _ in range(count)
    )


def dialogue(
    host: str,
    helo: str,
    mails: Sequence[Mail],
    rng: random.Random,
    *,
    reply: Reply = Reply.ACCEPT,
    starttls: bool = False,
) -> Iterator[Turn]:
    """The SMTP dialogue of a client with the server `host`.

    With `starttls`, everything after the handshake is encrypted.
    """
    if reply is Reply.BLOCK_AT_BANNER:
        yield _server(rng.choice(_NO_SERVICE), rng)
        yield _client("QUIT")
        yield _server(rng.choice(_GOODBYES), rng)
        return
    yield _server(rng.choice(_BANNERS).format(host=host), rng)
    yield _client(f"EHLO {helo}")
    yield _server(_capabilities(host, starttls), rng)
    if starttls:
        yield _client("STARTTLS")
        yield _server("220 2.0.0 Ready to start TLS", rng)
        yield from tls_turns(host, rng, exchanges=2 + 2 * len(mails))
        return
    for mail in mails:
        yield from _transaction(mail, reply, rng)
    yield _client("QUIT")
    yield _server(rng.choice(_GOODBYES), rng)


def _transaction(mail: Mail, reply: Reply, rng: random.Random) -> Iterator[Turn]:
    yield _client(f"MAIL FROM:<{mail.sender}>")
    if reply is Reply.BLOCK_SENDER:
        yield _server(rng.choice(_BLOCKED), rng)
        return
    yield _server("250 2.1.0 Ok", rng)
    refusals = {Reply.UNKNOWN_USER: _UNKNOWN, Reply.LATER: _LATER}.get(reply, ())
    for recipient in mail.recipients:
        yield _client(f"RCPT TO:<{recipient}>")
        yield _server(rng.choice(refusals) if refusals else "250 2.1.5 Ok", rng)
    if refusals:
        yield _client("RSET")
        yield _server("250 2.0.0 Ok", rng)
        return
    yield _client("DATA")
    yield _server("354 End data with <CR><LF>.<CR><LF>", rng)
    yield Turn(True, mail.content)
    yield Turn(True, b".\r\n")
    yield _server(rng.choice(_QUEUED).format(word=f"{rng.getrandbits(40):010X}"), rng)


def _client(line: str) -> Turn:
    return Turn(True, f"{line}\r\n".encode("ascii"))


def _server(text: str, rng: random.Random) -> Turn:
    return Turn(False, f"{text}\r\n".encode("ascii"), rng.uniform(0.001, 0.12))


def _capabilities(host: str, starttls: bool) -> str:
    extra = ["250-STARTTLS"] if starttls else []
    return "\r\n".join([f"250-{host}", "250-SIZE 35882577", *extra, "250 8BITMIME"])


def _plain(draft: MailDraft) -> list[str]:
    return ["Content-Type: text/plain; charset=us-ascii", "", draft.body]


def _with_attachment(draft: MailDraft, rng: random.Random) -> list[str]:
    boundary = f"----=_{rng.getrandbits(48):012x}"
    start = _FIRST_BYTES.get(draft.attachment.rpartition(".")[2], b"MZ\x90\x00")
    encoded = (
        base64.encodebytes(start + rng.randbytes(rng.randint(300, 900)))
        .decode("ascii")
        .splitlines()
    )
    return [
        f'Content-Type: multipart/mixed; boundary="{boundary}"',
        *("", f"--{boundary}", *_plain(draft)),
        *(
            "",
            f"--{boundary}",
            f'Content-Type: application/octet-stream; name="{draft.attachment}"',
        ),
        "Content-Transfer-Encoding: base64",
        f'Content-Disposition: attachment; filename="{draft.attachment}"',
        *("", *encoded, f"--{boundary}--"),
    ]
