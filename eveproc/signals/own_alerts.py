"""An Alert + SiteProfile -> which signal it is and whose, or None for other people's rules.

The rule is the wire: its metadata says signal and host side. Where the site drops metadata, the sid
answers.
"""

from msgspec import Struct

from eveproc.input.events import Alert
from eveproc.signals.alert_windows import plain_key, window_key
from eveproc.signals.domains import registered_domain
from eveproc.signals.home_net import home_test
from eveproc.signals.observation import Observation, Pivot
from rulegen.catalogue import CATALOGUE
from rulegen.site_profile import SID_BLOCK, SiteProfile, Threshold
from rulegen.vocabulary import METADATA_HOST, METADATA_SIGNAL, Engine, HostSide, Signal


class OurAlert(Struct, frozen=True):
    """An alert that is evidence: about `host`, of `signal`."""

    host: str
    signal: Signal
    observation: Observation


# An alert may name any signal or sid; signals that are told from records alone have no rule.
_RULES = tuple(spec for spec in CATALOGUE if any(map(spec.is_seen_by, Engine)))
_WITH_RULES = frozenset(spec.signal for spec in _RULES)
_DEFAULTS = {spec.signal: spec.threshold for spec in CATALOGUE if spec.threshold}


def threshold_of(site: SiteProfile, signal: Signal) -> Threshold:
    """The threshold that one alert of this signal stands for at this site."""
    return site.thresholds.get(signal) or _DEFAULTS.get(signal) or Threshold(1, 60)


class AlertReader:
    """Recognizes a site's alerts by their metadata or sid."""

    def __init__(self, site: SiteProfile) -> None:
        self.site = site
        self._is_home = home_test(site)
        self._submission = frozenset(site.ports.submission)
        self._by_offset = {spec.offset: spec for spec in _RULES}

    def read(self, alert: Alert) -> OurAlert | None:
        meant = self._by_metadata(alert) or self._by_sid(alert)
        if meant is None:
            return None
        signal, side = meant
        seconds = self._window_of(alert.sid, signal)
        # The rule counts sessions on any port: clients of a provider submit on these.
        if signal is Signal.SMTP_SESSIONS and alert.dest_port in self._submission:
            signal = Signal.SUBMISSION_ATTEMPTS
        host = self._host(alert, side)
        other = alert.dest_ip if host == alert.src_ip else alert.src_ip
        # An engine may repeat an alert within a window (detection_filter, several sensors): windows
        # count, not lines.
        window = int(alert.time // seconds)
        key = plain_key(registered_domain(alert.rrnames[0]) if alert.rrnames else other)
        if alert.filtered_per_thread:
            key = window_key(alert.sid, seconds, alert.time, key)
        port = alert.src_port if host == alert.src_ip else alert.dest_port
        pivot = (
            Pivot(alert.flow_id, alert.community_id, source_port=port) if alert.flow_id else None
        )
        return OurAlert(
            host, signal, Observation(alert.time, key, (alert.sid, window), alert.sid, pivot)
        )

    def _window_of(self, sid: int, signal: Signal) -> int:
        """Seconds of the window that the rule counts in: those of its network, or of the site."""
        block = (sid - self.site.sid_base) // SID_BLOCK - 1
        parts = self.site.network_thresholds
        own = parts[block].thresholds.get(signal) if 0 <= block < len(parts) else None
        return (own or threshold_of(self.site, signal)).seconds

    def _by_metadata(self, alert: Alert) -> tuple[Signal, HostSide] | None:
        try:
            signal = Signal(alert.metadata[METADATA_SIGNAL][0])
            side = HostSide(alert.metadata[METADATA_HOST][0])
        except (KeyError, IndexError, ValueError):
            return None
        return (signal, side) if signal in _WITH_RULES else None

    def _by_sid(self, alert: Alert) -> tuple[Signal, HostSide] | None:
        blocks = 1 + len(self.site.network_thresholds)
        if alert.gid != 1 or not 0 <= alert.sid - self.site.sid_base < blocks * SID_BLOCK:
            return None
        spec = self._by_offset.get((alert.sid - self.site.sid_base) % SID_BLOCK)
        return (spec.signal, spec.host_side) if spec else None

    def _host(self, alert: Alert, side: HostSide) -> str:
        """Who opened the flow is the host of every rule here.

        A stream rule's packet may be the peer's acknowledgement, so the packet's direction is only
        asked where the flow's is not logged (Suricata 6), and then the home end wins.
        """
        if alert.flow_src:
            return alert.flow_src
        said, other = (
            (alert.src_ip, alert.dest_ip)
            if side is HostSide.SOURCE
            else (alert.dest_ip, alert.src_ip)
        )
        return other if self._is_home(other) and not self._is_home(said) else said
