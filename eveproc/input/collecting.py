"""What takes in the events of one process: the protocols that the input is written against."""

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
        """Those of the site profile that were heard of."""

    @property
    def flows_logged(self) -> bool:
        """Were TCP flows logged?"""

    def knows(self, address: str) -> bool:
        """True if note_active would not change anything."""

    def note_active(self, address: str) -> None:
        """Record that this home host opened a TCP connection."""

    def merge(self, other: Self) -> None:
        """Add what another process found."""


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
        """From when on events count, in seconds since 1970 UTC; -inf: all do."""

    @property
    def counted(self) -> tuple[float, float]:
        """From when (included) to when (excluded) all events count."""

    def add(self, event: Event) -> None:
        """Take one event in."""

    def why_not(self, time: float) -> str:
        """Reason not to count an event of this time; "" if it counts."""

    def add_more(self, like: Stats, count: int) -> None:
        """Take in so many further records of the same sensor and hour, which tell nothing new."""

    def add_lookups(self, asker: Asker) -> None:
        """Take in all that one host asked, `counted` all, as `add` does with each of
        `asker.events()`, but for the names of addresses (add_names).
        """

    def add_names(self, resolved: Resolved) -> None:
        """Take in the names of addresses that lookups were answered with."""

    def survey(self, seen: Survey) -> None:
        """Take in a sample of the input, most of which is passed over."""

    def note_presence(self, event: Flow) -> None:
        """Take in what an ordinary flow tells: that there is such a host, and that flows are
        logged.
        """
