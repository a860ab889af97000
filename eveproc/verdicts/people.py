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
from eveproc.verdicts.verdict import EvidenceItem, NatSession
from rulegen.units import count_of
from rulegen.vocabulary import Family, Signal

# Below, an address may be one person's and that of a few devices.
SEVERAL = 3
# Number of sessions that a sentence names.
NAMED = 3
# What people behind the address do as well: their sessions lead to nobody.
_PEOPLE_TOO = frozenset((Signal.SUBMISSION_ATTEMPTS, Signal.SUBMISSION_SLOW))


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


def sessions_behind(
    evidence: HostEvidence, items: Sequence[EvidenceItem]
) -> tuple[NatSession, ...]:
    """Sessions of the heaviest evidence that people do not give as well, earliest first.

    At most sketch.PIVOTS. Where the sensor logged no ports, there are none.
    """
    for item in sorted(items, key=_is_peoples):
        if found := _sessions(evidence, item):
            return tuple(sorted(NatSession(time, *ends) for ends, time in found.items()))
    return ()


def _is_peoples(item: EvidenceItem) -> bool:
    return item.family is Family.LOOKUP or item.signal in _PEOPLE_TOO


def _sessions(evidence: HostEvidence, item: EvidenceItem) -> dict[tuple[int, int], float]:
    """First time by source port and flow, of the flows that the item names."""
    flows, found = set(item.flow_ids), dict[tuple[int, int], float]()
    for sketch in evidence.signal_sketches():
        for pivot in sketch.earliest_pivots():
            if pivot.source_port and pivot.flow_id in flows:
                ends, time = (pivot.source_port, pivot.flow_id), sketch.pivots[pivot]
                found[ends] = min(time, found.get(ends, time))
    return found


def look_behind(sessions: Sequence[NatSession], first: float, last: float) -> str:
    """What to look up in the log of the address translation, for evidence of this time."""
    span = f"from {_moment(first)} to {_moment(last)}"
    if not sessions:
        return (
            "Look behind the address translation: find in its log which machine sent mail "
            f"{span}. The sensor logged no source ports of it."
        )
    named = [f"{one.source_port} at {_moment(one.first_seen)}" for one in sessions[:NAMED]]
    more = len(sessions) - len(named)
    rest = f" ({count_of(more, 'more session')} in eveproc explain)" if more > 0 else ""
    return (
        "Look behind the address translation: find in its log which machine had source port "
        f"{', '.join(named)}{rest}. The evidence is {span}."
    )


def _moment(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%SZ}"
