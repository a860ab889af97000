"""HostEvidence and HostNames -> how many people use the address at least, and where to look. Pure.

An address translation (guest Wi-Fi, VPN, branch office) shows many people as one host. Their mail
programs read the same mailboxes hour after hour; a mass mailer that reads stolen mailboxes does so
once. They log in by names of their own, as the users of a terminal server do. The estimate is for
people who read the report: no verdict depends on it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import ceil

from msgspec import Struct

from eveproc.evidence.host_names import HostName
from eveproc.evidence.store import HostEvidence
from eveproc.signals.facts import Fact
from eveproc.verdicts.acts import OWN_PROVIDERS

# Below, an address may be one person's and that of a few devices.
SEVERAL = 3
# Number of flows that are named.
NAMED = 3


class Crowd(Struct, frozen=True):
    """At least so many people, and what shows them."""

    people: int
    why: str

    @property
    def sentence(self) -> str:
        return f"At least {self.people:,} people use this address: {self.why}."


def crowd_behind(evidence: HostEvidence, names: Sequence[HostName]) -> Crowd | None:
    """Those who use the address; None if nothing shows several.

    A person has at most OWN_PROVIDERS mail providers. Many people share a provider, so there may be
    many more.
    """
    users = len({name.name for name in names if name.kind == "user"})
    readers = ceil(_read_again(evidence) / OWN_PROVIDERS)
    if max(users, readers) < SEVERAL:
        return None
    if users > readers:
        return Crowd(users, "so many users logged in from it")
    return Crowd(
        readers,
        "mailboxes of more providers are read again and again than fewer people have "
        f"({OWN_PROVIDERS} each)",
    )


def _read_again(evidence: HostEvidence) -> int:
    """Number of mailbox servers that were read in two or more hours."""
    seen: set[str] = set()
    again: set[str] = set()
    for bucket in evidence.log(Fact.READS_MAILBOX).hours.values():
        again |= seen & bucket.keys.keys()
        seen |= bucket.keys.keys()
    return len(again)


def look_behind(first: float, last: float, flow_ids: Sequence[int]) -> str:
    """What to look up in the log of the address translation, for the heaviest evidence."""
    flows = f" {', '.join(map(str, flow_ids[:NAMED]))}" if flow_ids else ""
    return (
        "Look behind the address translation: find in its log which machine had the source ports "
        f"of the flows{flows}, from {_moment(first)} to {_moment(last)}. eveproc explain lists "
        "them."
    )


def _moment(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%SZ}"
