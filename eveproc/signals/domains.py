"""A host name from the wire -> its registered domain, and whether it looks like a mail server's."""

import re
from functools import cache, lru_cache
from pathlib import Path

from publicsuffixlist import PSLFILE, PublicSuffixList, encode_idn

from rulegen.vocabulary import GUESSED_LABELS

_GUESSED = frozenset(GUESSED_LABELS)
MAIL_WORDS = ("mail", "smtp", "mx", "imap", "outlook", "exchange")
# First labels of servers whose mailboxes are read. Within a name these letters are common.
MAILBOX_LABELS = ("pop", "pop3")
# Reserved for documentation and tests (RFC 2606): treated as real, for those who try this software
# with them.
_RESERVED = frozenset(("example", "test", "invalid"))
# The common name of everything below a top level that does not exist, where no mail is delivered:
# private zones and tunnels.
NO_PUBLIC_SUFFIX = "(no public suffix)"
# Names of addresses are a large part of all DNS; that a host asks for many is seen in one of ten
# (IPv4) or sixteen (IPv6) as well.
SOME_PTR_NAMES = r"[0-9a-f]{0,2}7\.[0-9a-f.]+\.(?:in-addr|ip6)\.arpa"
_some_ptr_name = re.compile(SOME_PTR_NAMES).fullmatch
# How a DNS blocklist is asked about an address: its octets or nibbles in reverse, and the list's
# zone (RFC 5782, sections 2.1 and 2.4). Zones of in-addr.arpa and ip6.arpa tell names.
BLOCKLIST_NAMES = (
    r"(?:[0-9]{1,3}\.){4}(?:[a-hj-z][0-9a-z-]|i[0-9a-mo-z-])",
    r"(?:[0-9a-f]\.){32}(?:[0-9a-hj-z][0-9a-z-]|i[0-9a-oq-z-])",
)
_blocklist_name = re.compile("|".join(BLOCKLIST_NAMES)).match
OCTETS, NIBBLES = 4, 32

# A host that takes mail in for domains (their MX), by the names that providers give them:
# gmail-smtp-in.l.google.com, mx00.gmx.net, mta5.am0.yahoodns.net, *.mail.protection.outlook.com,
# aspmx.l.google.com. What mail programs submit to is called smtp, mail, relay or send.
_EXCHANGE = re.compile(
    r"(?:^|[.-])(?:[a-z]*mx[0-9a-z]*|mta[0-9]*|in[0-9]*|inbound|protection)(?:[.-]|$)"
)

# co.uk, com.au, gov.br, asso.fr; longer ones are regions, as hokkaido.jp.
LONGEST_SECOND_LEVEL = 4


@cache
def _suffixes(encoded: bool) -> PublicSuffixList:
    """The list that the library carries; `encoded`: for names with labels as xn--p1ai, too, which
    half the time goes into.

    Left to itself the library encodes each of ten thousand names, of which a few hundred are not
    ASCII.
    """
    rules = [
        line
        for line in Path(PSLFILE).read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("//")
    ]
    if encoded:
        rules += [encode_idn(rule.split()[0].lower()) for rule in rules if not rule.isascii()]
    return PublicSuffixList(rules, accept_unknown=False, accept_encoded_idn=False)


@lru_cache(maxsize=65536)
def registered_domain(name: str) -> str:
    """`mail.example.co.uk` -> `example.co.uk` by the public suffix list.

    A public suffix itself comes back whole.

    A name below no public suffix gives NO_PUBLIC_SUFFIX, whatever it is.
    """
    if name.rpartition(".")[2] in _RESERVED:
        return ".".join(name.split(".")[-2:])
    suffixes = _suffixes("xn--" in name)
    return suffixes.privatesuffix(name) or suffixes.publicsuffix(name) or NO_PUBLIC_SUFFIX


def is_public_suffix(name: str) -> bool:
    """True for `com` or `co.uk`: others register domains below it.

    Suffixes of one label, or of two with a short first one; only for such names is the list read.
    """
    first, _, rest = name.partition(".")
    if (
        "." in rest
        or name.rpartition(".")[2] in _RESERVED
        or (rest and len(first) > LONGEST_SECOND_LEVEL)
    ):
        return False
    return _suffixes("xn--" in name).publicsuffix(name) == name


def looks_like_mail_server(name: str) -> bool:
    """Is the first label one that mass mailers guess (vocabulary.GUESSED_LABELS), with a domain
    behind it?
    """
    first, _, domain = name.partition(".")
    return first in _GUESSED and "." in domain


def names_mailbox_server(name: str) -> bool:
    """Is the first label that of a server whose mailboxes are read, with a domain behind it?"""
    first, _, domain = name.partition(".")
    return first in MAILBOX_LABELS and "." in domain


def names_mail(name: str) -> bool:
    """True if any label is about mail.

    Providers' servers: `email-smtp.eu.example`, `outlook.office365.example`.
    """
    return any(word in name for word in MAIL_WORDS)


def is_exchange_name(name: str) -> bool:
    """True if a host name says that the server accepts mail for domains, not from users."""
    return _EXCHANGE.search(name.removesuffix(registered_domain(name))) is not None


def is_some_ptr_name(name: str) -> bool:
    """True for one of the names of addresses that are counted."""
    return _some_ptr_name(name) is not None


def address_on_blocklist(name: str) -> str:
    """The address, in reverse, that a blocklist is asked about by this name; "" if it is none."""
    if not name[:1].isalnum() or not _blocklist_name(name):
        return ""
    labels = name.split(".")
    octets = labels[:OCTETS]
    is_v4 = all(octet.isdigit() and int(octet) < 256 for octet in octets)
    if is_v4 and len(labels[OCTETS]) > 1:
        return ".".join(octets)
    return ".".join(labels[:NIBBLES]) if len(labels) > NIBBLES else ""


def domain_of_address(mailbox: str) -> str:
    """`<Ann@Example.org>` -> `example.org`; "" for the null sender and for what holds no domain."""
    return (
        mailbox.strip().strip("<>").rpartition("@")[2].lower().rstrip(".") if "@" in mailbox else ""
    )


def is_below(name: str, domains: tuple[str, ...]) -> bool:
    """True if the name is one of the domains, or below one."""
    return any(name == domain or name.endswith("." + domain) for domain in domains)
