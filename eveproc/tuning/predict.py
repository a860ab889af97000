"""History + SiteProfile + a signal -> the alerts of its rule at the site's threshold.

If all matches of a host are known to the microsecond, its alerts are, too; otherwise
alert_bounds.py gives their bounds.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from eveproc.tuning.alert_bounds import BoundedAlert, bounded
from eveproc.tuning.engine_threshold import SECOND, Match, alerts
from eveproc.tuning.history import History
from eveproc.tuning.matching import HostView, matches
from rulegen.catalogue import CATALOGUE
from rulegen.site_profile import SiteProfile, Threshold
from rulegen.vocabulary import Signal


class Predicted(Struct, frozen=True, order=True):
    """One alert: probably at `time`, between `first` and `last` (microseconds since 1970).

    If not `sure`, the records also allow another number of alerts.
    """

    time: int
    host: str
    signal: Signal
    first: int
    last: int
    sure: bool

    @property
    def is_exact(self) -> bool:
        return self.sure and self.first == self.last


def predict(history: History, site: SiteProfile, signal: Signal) -> list[Predicted]:
    """Alerts by time, then host. Raises KeyError for a signal in UNTOLD.

    A network with a threshold of its own keeps it; exempt hosts do not alert.
    """
    loaded = thresholds_of(site)
    found: list[Predicted] = []
    for host in history.hosts:
        of_host = alerts_of(
            matches(HostView(history, host, loaded), signal), threshold_at(site, host, signal)
        )
        found += (
            Predicted(alert.time, host, signal, alert.first, alert.last, alert.sure)
            for alert in of_host
        )
    return sorted(
        alert for alert in found if not is_exempt_at(site, alert.host, signal, alert.time)
    )


def with_threshold(site: SiteProfile, signal: Signal, threshold: Threshold) -> SiteProfile:
    """The site as with this threshold in its thresholds.yaml."""
    return replace(site, thresholds=MappingProxyType({**site.thresholds, signal: threshold}))


def thresholds_of(site: SiteProfile) -> Mapping[Signal, Threshold]:
    """The site's threshold of each rule, without those of single networks."""
    return {spec.signal: threshold for spec in CATALOGUE if (threshold := spec.threshold_at(site))}


def threshold_at(site: SiteProfile, host: str, signal: Signal) -> Threshold:
    """The threshold of the rule that watches this host."""
    address = ip_address(host)
    own = (
        part.thresholds
        for part in site.network_thresholds
        if address in part.network and signal in part.thresholds
    )
    return next((thresholds[signal] for thresholds in own), None) or thresholds_of(site)[signal]


def alerts_of(found: list[Match], threshold: Threshold) -> list[BoundedAlert]:
    """The alerts of one host."""
    likely = alerts((match.time for match in found), threshold)
    if all(match.is_exact for match in found):
        return [BoundedAlert(time, time, time, sure=True) for time in likely]
    return bounded(found, list(likely), threshold)


def is_exempt_at(site: SiteProfile, host: str, signal: Signal, time: int) -> bool:
    """True if an exemption suppresses the alert at this time."""
    if not site.exempt:
        return False
    return (
        site.exemption_for(
            ip_address(host), signal, datetime.fromtimestamp(time // SECOND, UTC).date()
        )
        is not None
    )
