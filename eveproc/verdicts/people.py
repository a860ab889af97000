"""HostEvidence and HostNames -> minimum number of people at the address, and where to look. Pure.

An address translation (guest Wi-Fi, VPN, branch office) shows many people as one host. Their mail
programs read the same mailboxes hour after hour; a mass mailer that reads stolen mailboxes does so
once. They log in under their own names, as the users of a terminal server do, their browsers run on
devices of many kinds, and their machines may get leases through it. The estimate is for people who
read the report: no verdict depends on it, since any host may invent user agents.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import ceil

from msgspec import Struct

from eveproc.evidence.host_names import CLIENT_KINDS, HostName
from eveproc.evidence.store import HostEvidence
from eveproc.signals.facts import Fact
from eveproc.verdicts.acts import OWN_PROVIDERS
from eveproc.verdicts.verdict import EvidenceItem, NatSession
from rulegen.units import count_of
from rulegen.vocabulary import Family, Signal

# A smaller number may be one person with a few devices.
SEVERAL = 3
# Devices of one person: 3.6 for each person in 2023 (Cisco Annual Internet Report 2018-2023).
DEVICES_EACH = 4
# TLS clients of one person: ten programs on each device, an assumption above what is likely.
PROGRAMS_EACH = 10 * DEVICES_EACH
# Number of sessions that a sentence names.
NAMED = 3
# Activities of ordinary people behind the address: these sessions identify nobody.
_PEOPLE_TOO = frozenset((Signal.SUBMISSION_ATTEMPTS, Signal.SUBMISSION_SLOW))


class Crowd(Struct, frozen=True):
    """The minimum number of people, and the trace that shows them."""

    people: int
    why: str

    @property
    def sentence(self) -> str:
        return f"At least {self.people:,} people use this address: {self.why}."


def crowd_behind(
    evidence: HostEvidence, names: Sequence[HostName], clients: Mapping[str, int]
) -> Crowd | None:
    """The people who use the address; None if nothing shows several.

    Each kind of trace gives the minimum number of people who could leave it: many share a provider,
    or have equal devices, so there may be more. The kind with the largest number counts. `clients`
    counts marks by kind (host_names.py).
    """
    crowd = max(_crowds(evidence, names, clients), key=lambda crowd: crowd.people)
    return crowd if crowd.people >= SEVERAL else None


def _crowds(
    evidence: HostEvidence, names: Sequence[HostName], clients: Mapping[str, int]
) -> Iterator[Crowd]:
    platforms, programs, relayed = (clients.get(kind, 0) for kind in CLIENT_KINDS)
    providers = _read_again(evidence)
    yield Crowd(
        ceil(providers / OWN_PROVIDERS),
        f"mailboxes of {providers} providers are read repeatedly ({OWN_PROVIDERS} each)",
    )
    users = len({name.name for name in names if name.kind == "user"})
    yield Crowd(users, f"{users} users logged in from it")
    yield Crowd(
        ceil(relayed / DEVICES_EACH),
        f"it relays the DHCP of {relayed} machines ({DEVICES_EACH} devices each)",
    )
    yield Crowd(
        ceil(platforms / DEVICES_EACH),
        f"one HTTP request in 1,000 was examined: browsers ran on {platforms} platforms "
        f"({DEVICES_EACH} devices each)",
    )
    yield Crowd(
        ceil(programs / PROGRAMS_EACH),
        f"one TLS handshake in 1,000 was examined: they have {programs} client fingerprints "
        f"({PROGRAMS_EACH} each)",
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
    """Sessions of the heaviest evidence that ordinary people do not cause, earliest first; at most
    sketch.PIVOTS.

    None if the sensor logged no ports.
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
    """What to look up in the NAT log, for evidence of this time."""
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
