"""HostEvidence -> Caps: how many peers may count, given the host's ordinary activity. Pure."""

from bisect import bisect_right
from math import inf

from msgspec import Struct

from eveproc.evidence.store import HostEvidence
from eveproc.signals.declaration import PeerLimit
from eveproc.signals.facts import Fact
from eveproc.signals.registry import Activity
from eveproc.verdicts.acts import (
    DOMAINS_A_SERVER,
    LEAD,
    OWN_PROVIDERS,
    most_acts,
    servers_on_port_25,
)
from eveproc.verdicts.recipients import refused_at_most, speak_for_themselves
from rulegen.units import HOUR
from rulegen.vocabulary import Signal

# Maximum number of mailboxes read once, lately, that count as own: providers of the people behind
# one address that may be read again later. Emotet reads each mailbox that it sends through, 193 of
# them in six minutes.
READ_ONCE_AT_MOST = 20
# A mailbox is its reader's own if it is read again this many seconds later, and in another hour;
# stolen accounts are tried once. An own mailbox read longer ago than LATELY would have been read
# again.
AGAIN, LATELY = 1800.0, 2 * HOUR
# An account in regular use is used in this many hours of the day. One that is used from morning to
# evening was not locked in between, as providers lock what sends spam. A sender with stolen
# accounts (a slow one met 71 servers in 55 minutes) does not use them later.
REGULAR_HOURS, WORKING_DAY = 3, 8 * HOUR
# Share of new servers that must be met after a lookup.
LED = 0.8
# Programs that submit mail keep an address for as long as its record may be kept, an hour in common
# use: most of their connections follow no lookup of their own.
CACHED = 3600.0


class Caps(Struct, frozen=True):
    """Maximum number of peers that may count as evidence.

    `direct`, `submission`: external servers on those ports that are not the host's own providers;
    `servers`: both together; `lookups`: domains asked for that a delivery may have followed (inf:
    connections were not logged); `recipients`: domains written to, no more than servers, since one
    server for many domains is a relay, unless the mails are suspicious in themselves
    (recipients.py); `refused`: recipients above those that bounce of any list; `acts`: lookups
    followed by their own connection (acts.py).
    """

    direct: int
    submission: int
    lookups: float
    recipients: float
    acts: float
    refused: int

    @property
    def servers(self) -> int:
        return self.direct + self.submission

    @property
    def connections_logged(self) -> bool:
        return self.lookups < inf

    def at_most(self, limit: PeerLimit) -> float:
        """The cap that a signal's entry names."""
        match limit:
            case PeerLimit.NONE:
                return inf
            case PeerLimit.LOOKUPS:
                return self.lookups
            case PeerLimit.DIRECT_SERVERS:
                return self.direct
            case PeerLimit.SUBMISSION_SERVERS:
                return self.submission
            case PeerLimit.RECIPIENTS:
                return self.recipients
            case PeerLimit.ACTS:
                return self.acts
            case PeerLimit.REFUSED:
                return self.refused


def caps_of(evidence: HostEvidence, connections_logged: bool) -> Caps:
    """Caps without own providers, own relays, and lookups without a delivery."""
    direct, submission = _direct(evidence), _submission(evidence)
    connections = _share(evidence, (Signal.SMTP_ATTEMPTS, Signal.SMTP_SESSIONS), direct)
    connections += _share(evidence, (Signal.SUBMISSION_ATTEMPTS,), submission)
    for_delivery = min(connections, DOMAINS_A_SERVER * (direct + submission))
    return Caps(
        direct,
        submission,
        for_delivery if connections_logged else inf,
        recipients=inf if speak_for_themselves(evidence) else direct + submission,
        acts=most_acts(evidence),
        refused=refused_at_most(evidence),
    )


def _direct(evidence: HostEvidence) -> int:
    """Servers on port 25 other than those whose mailboxes are read repeatedly.

    Old programs submit to their own provider on port 25 (RFC 5068).
    """
    first = evidence.log(Signal.SMTP_ATTEMPTS)
    servers = len(servers_on_port_25(evidence) - _read_again(evidence))
    return _unless_one_provider(evidence, first.newcomers(), servers, LEAD)


def _submission(evidence: HostEvidence) -> int:
    """Submission servers other than the host's own providers.

    Many addresses of one provider count once.
    """
    tried = evidence.log(Signal.SUBMISSION_ATTEMPTS)
    servers = max(0, tried.distinct() - _own_accounts(evidence))
    return _unless_one_provider(evidence, tried.newcomers(), servers, CACHED)


def _own_accounts(evidence: HostEvidence) -> int:
    """Providers at which the host's users have accounts, as far as they count."""
    read = _read_again(evidence)
    times = times_by_server(evidence, Fact.READS_MAILBOX)
    now = max(evidence.last_seen(), evidence.log(Fact.READS_MAILBOX).last_seen)
    once = [s for s, seen in times.items() if s not in read and now - max(seen) <= LATELY]
    used = in_use_all_day(evidence)
    return len(read | used) + min(len(set(once) - used), READ_ONCE_AT_MOST)


def in_use_all_day(evidence: HostEvidence) -> set[str]:
    """Submission servers whose accounts are used from morning to evening."""
    used = times_by_server(evidence, Signal.SUBMISSION_ATTEMPTS)
    return {server for server, seen in used.items() if is_all_day(seen)}


def is_all_day(seen: list[float]) -> bool:
    """True if these times, one for each hour, reach from morning to evening."""
    return len(seen) >= REGULAR_HOURS and max(seen) - min(seen) >= WORKING_DAY


def _read_again(evidence: HostEvidence) -> set[str]:
    """POP and IMAP servers whose mailboxes are read again, or held open."""
    times = times_by_server(evidence, Fact.READS_MAILBOX)
    again = {server for server, seen in times.items() if max(seen) - min(seen) >= AGAIN}
    return again | evidence.log(Fact.HOLDS_MAILBOX).keys()


def times_by_server(evidence: HostEvidence, kind: Activity) -> dict[str, list[float]]:
    """When each server of this kind was met, once an hour."""
    times: dict[str, list[float]] = {}
    for bucket in evidence.log(kind).hours.values():
        for server, time in bucket.keys.items():
            times.setdefault(server, []).append(time)
    return times


def _unless_one_provider(
    evidence: HostEvidence, newcomers: list[tuple[float, str]], servers: int, lead: float
) -> int:
    """The number of domains, if lookups of their mail servers led to nearly every new server.

    A lookup leads to a server that is met within `lead` seconds.
    """
    names = evidence.log(Fact.MAIL_NAMES)
    if not newcomers or not 0 < names.distinct() <= OWN_PROVIDERS:
        return servers
    times = sorted(names.times())
    led = sum(1 for time, _ in newcomers if _any_within(times, time - lead, time + 1))
    return min(servers, names.distinct()) if led >= LED * len(newcomers) else servers


def _any_within(times: list[float], start: float, end: float) -> bool:
    return bisect_right(times, start) < bisect_right(times, end)


def _share(evidence: HostEvidence, signals: tuple[Signal, ...], strange: int) -> int:
    """Connections to servers other than those of the host's own providers."""
    sketches = [evidence.log(signal) for signal in signals]
    servers = max(sketch.distinct() for sketch in sketches)
    return max(sketch.count() for sketch in sketches) * min(strange, servers) // max(1, servers)
