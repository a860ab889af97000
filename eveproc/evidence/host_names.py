"""Logins seen on the wire -> HostNames: who used a home address, and when; merges in any order.

Names are for people who read a report. No verdict depends on them: a client chooses some of them.
Marks of the clients behind an address, from a sample of records, are kept in the same way.
"""

from collections import Counter
from collections.abc import Collection, Iterator

from msgspec import Struct, field

from eveproc.evidence.leases import AddressHold
from eveproc.evidence.sampling import keeps, still_sampled
from rulegen.units import HOUR

# Maximum number of names kept per address and reported per machine: a terminal server has hundreds
# of users.
NAMES_EACH, NAMES_TOLD = 64, 16
# Maximum number of marks of clients kept per address: enough for 32 people (verdicts/people.py).
CLIENTS_EACH = 128
# Maximum number of addresses with names: as many as may have evidence (store.py).
MOST_ADDRESSES = 1 << 18
# Maximum number of addresses with marks of clients: far more than a site has address translations.
MOST_CROWDS = 1 << 14
# Kinds of marks of clients: platforms of browsers, TLS fingerprints, MACs behind a DHCP relay.
PLATFORM, TLS_CLIENT, RELAYED = CLIENT_KINDS = ("platform", "tls_client", "relayed")
# Protocols by which any host may announce a name: such names come after those that a server
# confirmed.
ANNOUNCED = "mdns"


class Login(Struct, frozen=True, order=True):
    """`kind` is "user", "machine" or one of CLIENT_KINDS; `source` is the protocol that gave it."""

    kind: str
    name: str
    source: str
    scope: str = ""


class HostName(Struct, frozen=True):
    """A name of a machine or of its user; `last_seen` is the start of the last hour in which it was
    used.
    """

    kind: str
    name: str
    source: str
    last_seen: float


class HostNames(Struct):
    """By address: the logins, each with its last hour (since 1970 UTC).

    At most `each` are kept per address. `sampled`: of more than `most` addresses only every 2**n-th
    is kept (sampling.py).
    """

    logins: dict[str, dict[Login, int]] = field(default_factory=dict)
    sampled: int = 0
    each: int = NAMES_EACH
    most: int = MOST_ADDRESSES

    def note(self, address: str, login: Login, hour: int) -> None:
        if not keeps(address, self.sampled):
            return
        known = self.logins.setdefault(address, {})
        known[login] = max(hour, known.get(login, hour))
        if len(known) > 2 * self.each:
            self.logins[address] = dict(self._latest(known))
        if len(self.logins) > self.most:
            self._sample(self.sampled + 1)

    def merge(self, other: "HostNames") -> None:
        self._sample(max(self.sampled, other.sampled))
        for address, known in other.logins.items():
            for login, hour in known.items():
                self.note(address, login, hour)

    def forget(self, before: float) -> None:
        """Drop logins of hours that ended by `before`."""
        hours = before / HOUR - 1
        kept = (
            (address, {login: hour for login, hour in known.items() if hour > hours})
            for address, known in self.logins.items()
        )
        self.logins = {address: known for address, known in kept if known}
        self.sampled = still_sampled(len(self.logins), self.sampled, self.most)

    def of(
        self, holds: Collection[AddressHold], scopes: Collection[str] | None
    ) -> tuple[HostName, ...]:
        """Names of the machine that held these addresses, the latest first.

        `scopes`: only names used in one of them; None: in any.
        """
        found = {name for hold in holds for name in self._of(hold, scopes)}
        ordered = sorted(found, key=_order)
        return tuple(ordered[:NAMES_TOLD])

    def distinct(
        self, holds: Collection[AddressHold], scopes: Collection[str] | None
    ) -> Counter[str]:
        """Number of names, by kind, of the machine that held these addresses."""
        if not self.logins:
            return Counter()
        found = {(name.kind, name.name) for hold in holds for name in self._of(hold, scopes)}
        return Counter(kind for kind, _ in found)

    def _of(self, hold: AddressHold, scopes: Collection[str] | None) -> Iterator[HostName]:
        for login, hour in self._latest(self.logins.get(hold.address, {})):
            is_its = scopes is None or login.scope in scopes
            if is_its and hold.start < (hour + 1) * HOUR and hour * HOUR < hold.end:
                yield HostName(login.kind, login.name, login.source, float(hour * HOUR))

    def _sample(self, times: int) -> None:
        """Sample at least the given number of times, and until the bound is kept."""
        while times > self.sampled or len(self.logins) > self.most:
            self.sampled = max(times, self.sampled + 1)
            self.logins = {a: known for a, known in self.logins.items() if keeps(a, self.sampled)}

    def _latest(self, known: dict[Login, int]) -> list[tuple[Login, int]]:
        """The latest `each` names. The choice depends on the set alone: a name dropped from a part
        of the input has `each` later ones there.
        """
        ordered = sorted(
            known.items(), key=lambda entry: (entry[0].source == ANNOUNCED, -entry[1], entry[0])
        )
        return ordered[: self.each]


def client_marks() -> HostNames:
    """Marks of the clients behind addresses, none yet."""
    return HostNames(each=CLIENTS_EACH, most=MOST_CROWDS)


def _order(name: HostName) -> tuple[bool, float, bool, str, str]:
    is_announced = name.source == ANNOUNCED
    return is_announced, -name.last_seen, name.kind != "user", name.name, name.source
