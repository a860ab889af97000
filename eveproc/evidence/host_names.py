"""Logins seen on the wire -> HostNames: who used a home address, and when; merges in any order.

Names are for people who read a report. No verdict depends on them: a client chooses some of them.
"""

from collections.abc import Collection, Iterator

from msgspec import Struct, field

from eveproc.evidence.leases import AddressHold
from eveproc.evidence.sampling import keeps
from rulegen.units import HOUR

# Names kept of one address, and told of one machine: a terminal server has hundreds of users.
NAMES_EACH, NAMES_TOLD = 64, 16
# As many addresses as may have evidence (store.py).
MOST_ADDRESSES = 1 << 18


class Login(Struct, frozen=True, order=True):
    """`kind` is "user" or "machine"; `source` is the protocol in which it was so called."""

    kind: str
    name: str
    source: str
    scope: str = ""


class HostName(Struct, frozen=True):
    """A name of a machine or of its user; `last_seen` is the start of the last hour of its use."""

    kind: str
    name: str
    source: str
    last_seen: float


class HostNames(Struct):
    """By address: the logins, each with its last hour (since 1970 UTC).

    `sampled`: of more than MOST_ADDRESSES only every 2**n-th is kept (sampling.py).
    """

    logins: dict[str, dict[Login, int]] = field(default_factory=dict)
    sampled: int = 0

    def note(self, address: str, login: Login, hour: int) -> None:
        if not keeps(address, self.sampled):
            return
        known = self.logins.setdefault(address, {})
        known[login] = max(hour, known.get(login, hour))
        if len(known) > 2 * NAMES_EACH:
            self.logins[address] = dict(_latest(known))
        if len(self.logins) > MOST_ADDRESSES:
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

    def of(
        self, holds: Collection[AddressHold], scopes: Collection[str] | None
    ) -> tuple[HostName, ...]:
        """Names of the machine that held these addresses, the latest first.

        `scopes`: only those that were used in one of them; None: in any.
        """
        found = {name for hold in holds for name in self._of(hold, scopes)}
        ordered = sorted(found, key=lambda n: (-n.last_seen, n.kind != "user", n.name, n.source))
        return tuple(ordered[:NAMES_TOLD])

    def _of(self, hold: AddressHold, scopes: Collection[str] | None) -> Iterator[HostName]:
        for login, hour in _latest(self.logins.get(hold.address, {})):
            is_its = scopes is None or login.scope in scopes
            if is_its and hold.start < (hour + 1) * HOUR and hour * HOUR < hold.end:
                yield HostName(login.kind, login.name, login.source, float(hour * HOUR))

    def _sample(self, times: int) -> None:
        """Sample at least the given number of times, and until the bound is kept."""
        while times > self.sampled or len(self.logins) > MOST_ADDRESSES:
            self.sampled = max(times, self.sampled + 1)
            self.logins = {a: known for a, known in self.logins.items() if keeps(a, self.sampled)}


def _latest(known: dict[Login, int]) -> list[tuple[Login, int]]:
    """Which are kept depends on the set alone: each has NAMES_EACH later ones in any part."""
    return sorted(known.items(), key=lambda entry: (-entry[1], entry[0]))[:NAMES_EACH]
