"""The protocols of what receives the events of one process; the input knows nothing else of it."""

from collections.abc import Callable, Collection
from typing import Protocol, Self, TypeVar

from eveproc.input.events import Event, Flow, Stats
from eveproc.input.lookups import Asker, Resolved
from eveproc.input.prefilter import LineFilter
from eveproc.input.survey import Survey


class Store(Protocol):
    """What events add up to; merging is order-free."""

    @property
    def sensors(self) -> Collection[str]:
        """The sensors of the site profile that were heard of."""

    @property
    def flows_logged(self) -> bool:
        """True if TCP flows were logged."""

    def knows(self, address: str) -> bool:
        """True if note_active would not change anything."""

    def note_active(self, address: str) -> None:
        """Record that this home host opened a TCP connection."""

    def merge(self, other: Self) -> None:
        """Merge what another process found."""


S = TypeVar("S", bound=Store)
S_co = TypeVar("S_co", bound=Store, covariant=True)


class Collecting(Protocol[S_co]):
    """Feeds events into a Store."""

    @property
    def store(self) -> S_co:
        """What the events added up to so far."""

    @property
    def line_filter(self) -> LineFilter:
        """Which lines it wants decoded."""

    @property
    def is_home(self) -> Callable[[str], bool]:
        """Tells whether an address is the site's."""

    @property
    def since(self) -> float:
        """Start of the time for which events count, in seconds since 1970 UTC; -inf: all count."""

    @property
    def counted(self) -> tuple[float, float]:
        """Start (included) and end (excluded) of the time for which all events count."""

    def add(self, event: Event) -> None:
        """Add one event."""

    def why_not(self, time: float) -> str:
        """Reason not to count an event of this time; "" if it counts."""

    def add_more(self, like: Stats, count: int) -> None:
        """Count so many further records of the same sensor and hour, which tell nothing new."""

    def add_lookups(self, asker: Asker) -> None:
        """Add all lookups of one host, all of them within `counted`. Same result as `add` with each
        of `asker.events()`, except for the names of addresses (add_names).
        """

    def add_names(self, resolved: Resolved) -> None:
        """Add the names of the addresses in answers to lookups."""

    def survey(self, seen: Survey) -> None:
        """Add a sample of the input, most of which is skipped."""

    def note_presence(self, event: Flow) -> None:
        """Add what an ordinary flow tells: that the host exists, and that flows are logged."""
