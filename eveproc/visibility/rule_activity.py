"""TuningEvidence + SiteProfile -> RuleActivity: alerts of each rule, seen and expected. Pure."""

from collections import Counter

from msgspec import Struct

from eveproc.evidence.store import EvidenceSource
from eveproc.tuning.collect import TuningEvidence
from eveproc.tuning.matching import TOLD
from eveproc.tuning.predict import predict
from rulegen.site_profile import SiteProfile
from rulegen.units import count_of
from rulegen.vocabulary import Signal


class RuleActivity(Struct, frozen=True):
    """`alerts` in the logs, and those `expected` from the records (the model of tune, sure ones
    only).

    `expected` is None if records do not show what the rule counts.
    """

    signal: Signal
    alerts: int
    expected: int | None

    @property
    def is_silent(self) -> bool:
        """True if the rule should have alerted and did not."""
        return not self.alerts and bool(self.expected)

    @property
    def note(self) -> str:
        if not self.is_silent:
            return ""
        times = count_of(self.expected or 0, "time")
        return f"should have alerted {times}, the log holds 0: not loaded, suppressed or disabled?"


def rule_activity(store: TuningEvidence, site: SiteProfile) -> tuple[RuleActivity, ...]:
    """Every signal that alerted or should have."""
    alerts = _alerts(store)
    rules = (RuleActivity(s, alerts[s], _expected(store, site, s)) for s in Signal)
    return tuple(rule for rule in rules if rule.alerts or rule.expected)


def _alerts(store: TuningEvidence) -> Counter[Signal]:
    found: Counter[Signal] = Counter()
    for _, evidence in store.hosts.items():
        for (activity, source), sketch in evidence.whole().sketches.items():
            if source is EvidenceSource.ALERT and isinstance(activity, Signal):
                found[activity] += sketch.one_per_window().count()
    return found


def _expected(store: TuningEvidence, site: SiteProfile, signal: Signal) -> int | None:
    if signal not in TOLD:
        return None
    return sum(alert.sure for alert in predict(store.history, site, signal))
