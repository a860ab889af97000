"""One thing to look for, independent of engines -> RuleSpec, the entry type of the catalogue."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct, field

from rulegen.site_profile import SiteProfile, Threshold
from rulegen.vocabulary import Engine, Family, HostSide, Signal

_NOTHING: Mapping[Engine, str] = MappingProxyType({})


class Reference(Struct, frozen=True):
    """Further reading; `kind` is a reference type that every engine knows (url, cve)."""

    kind: str
    value: str


class RuleSpec(Struct, frozen=True):
    """A rule before it is written for an engine.

    `name` is unique in the catalogue and names the template macro; several rules may serve one
    `signal`.
    `offset` (1 to 999) is added to the sid base of the site. `rev` rises with every change of a
    rendered text; `updated` is the day of the latest, as 2026_11_24 (empty: none since 0.1.0).
    `threshold` is None for a rule that only marks hosts and does not alert; `threshold_source` is
    the source of the numbers. `not_on` gives the reason why an engine cannot have this rule;
    `misses` the part of the behaviour that is not visible to an engine. `only_for` names the
    engines that need this rule (empty: all).
    """

    name: str
    signal: Signal
    offset: int
    rev: int
    msg: str
    sees: str
    mistaken_for: tuple[str, ...]
    next_step: str
    references: tuple[Reference, ...]
    technique: str
    classtype: str
    threshold: Threshold | None
    threshold_source: str
    host_side: HostSide = HostSide.SOURCE
    not_on: Mapping[Engine, str] = field(
        default_factory=lambda: _NOTHING
    )  # a mappingproxy has no hash, so it may not be a plain default
    misses: Mapping[Engine, str] = field(default_factory=lambda: _NOTHING)
    only_for: tuple[Engine, ...] = ()
    updated: str = ""

    @property
    def family(self) -> Family:
        return self.signal.family

    def concerns(self, engine: Engine) -> bool:
        """True if the engine has this rule, or needs it and cannot have it."""
        return not self.only_for or engine in self.only_for

    def is_seen_by(self, engine: Engine) -> bool:
        """Whether the engine has this rule."""
        return self.concerns(engine) and engine not in self.not_on

    def threshold_at(self, site: SiteProfile) -> Threshold | None:
        """The site's own number for this signal, or the catalogue's default."""
        return None if self.threshold is None else site.thresholds.get(self.signal, self.threshold)
