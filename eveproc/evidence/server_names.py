"""DNS answers and TLS names -> ServerNames: the organisation behind a server's address.

Merges in any order.

One mail provider uses dozens of addresses, so addresses do not show the number of parties. The
registered domain of a server's name does.
"""

from collections import Counter
from collections.abc import Callable
from functools import lru_cache, partial
from math import inf

from msgspec import Struct, field

from eveproc.evidence.sampling import keeps, still_sampled
from eveproc.signals.domains import NO_PUBLIC_SUFFIX, is_exchange_name, registered_domain

# Maximum number of addresses with names: more than the servers of any site's mail; each takes some
# 300 bytes.
MOST_SERVERS = 1 << 16
# Maximum number of names per address. Shared hosting gives one address thousands, which tell
# nothing.
NAMES_EACH = 4
# (organisation, does the name say that it is a mail exchanger?)
Name = tuple[str, bool]


class ServerNames(Struct):
    """By address: server names, each with the last time it was seen (seconds since 1970 UTC).

    `sampled`: beyond MOST_SERVERS addresses only every 2**n-th is kept (sampling.py); the others
    count as themselves.
    """

    names: dict[str, dict[Name, float]] = field(default_factory=dict)
    sampled: int = 0

    def note(self, address: str, name: str, time: float) -> None:
        """Note that at `time` the server at `address` was called `name`."""
        told = _told_by(name)
        if told[0] != NO_PUBLIC_SUFFIX:
            self.add(address, told, time)

    def add(self, address: str, name: Name, time: float) -> None:
        if keeps(address, self.sampled):
            known = self.names.setdefault(address, {})
            known[name] = max(time, known.get(name, -inf))
            if len(known) > NAMES_EACH:
                del known[max(known)]
            if len(self.names) > MOST_SERVERS:
                self._sample(self.sampled + 1)

    def merge(self, other: "ServerNames") -> None:
        self._sample(max(self.sampled, other.sampled))
        for address, names in other.names.items():
            for name, time in names.items():
                self.add(address, name, time)

    def forget(self, before: float) -> None:
        """Drop names not seen since `before`."""
        kept = (
            (a, {n: t for n, t in names.items() if t >= before}) for a, names in self.names.items()
        )
        self.names = {address: names for address, names in kept if names}
        self.sampled = still_sampled(len(self.names), self.sampled, MOST_SERVERS)

    def peers(self) -> Callable[[str], str]:
        """Address of a server -> the peer to count: its organisation, or the address itself.

        The address counts if its server has no name, or only names of a mail exchanger: mail to
        those goes to many people, not to one provider of the sender. Of several names the one of
        the organisation with most addresses counts: a provider's own name before a customer's.
        """
        spread = Counter(org for names in self.names.values() for org in {org for org, _ in names})
        return partial(_peer, self.names, spread)

    def _sample(self, times: int) -> None:
        """Sample at least `rounds` times, and until the bound is kept."""
        while times > self.sampled or len(self.names) > MOST_SERVERS:
            self.sampled = max(times, self.sampled + 1)
            self.names = {a: names for a, names in self.names.items() if keeps(a, self.sampled)}


@lru_cache(maxsize=1 << 14)
def _told_by(name: str) -> Name:
    return registered_domain(name), is_exchange_name(name)


def _peer(names: dict[str, dict[Name, float]], spread: Counter[str], address: str) -> str:
    known = names.get(address)
    if not known or all(is_exchange for _, is_exchange in known):
        return address
    return min({org for org, _ in known}, key=lambda org: (-spread[org], org))
