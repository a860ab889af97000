"""Baseline + SiteProfile + an alert budget -> a Recommendation for each signal (and network).

The count is the smallest that keeps to the signal's share of the budget with CONFIDENCE. It is not
below the catalogue's count, which every known sender exceeds, and not above the ceiling, beyond
which a known sender would be missed. If the budget cannot be kept below the ceiling, the ceiling
wins, because finding a mass mailer matters more than few alerts; the report names the hosts that
cause the alerts.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from eveproc.signals.home_net import network_test
from eveproc.tuning.baseline import Baseline
from eveproc.tuning.bounds import Tail
from eveproc.tuning.engine_threshold import sizes
from eveproc.tuning.history import HistoryKeeper
from eveproc.tuning.matching import TOLD, HostView, matches
from eveproc.tuning.predict import is_exempt_at, thresholds_of
from eveproc.tuning.senders import SENDERS, ceiling, seconds_to
from rulegen.catalogue import CATALOGUE
from rulegen.site_profile import Network, SiteProfile, Threshold
from rulegen.vocabulary import Signal

WEEK = 7.0
# A network gets its own threshold if it has so many hosts, and if the count for the others falls by
# this factor without it.
ENOUGH_HOSTS, LOUDER = 20, 1.5
# Windows to try if the signal's own is not good enough, in seconds.
SECONDS = (60, 120, 300, 600, 1800, 3600)
MOST_NAMED = 10

# The times at which a signal's rule matched each benign host.
MatchTimes = Mapping[str, Sequence[int]]


class FrequentAlerter(Struct, frozen=True):
    """A benign host with many alerts: its largest window, and alerts a week at present."""

    host: str
    largest: int
    a_week: float


class Recommendation(Struct, frozen=True):
    """The threshold to set for one signal, for the site or the `network`, and why.

    Rates are alerts a week by benign hosts: `now` and `expected` are those at the present and the
    proposed threshold, `at_most` is the limit with CONFIDENCE, `allowed` the share of the budget.
    `catches` has for each known sender the seconds to its alert at the proposed threshold.
    `without_loudest` is the count that would suffice without the host with most matches. `curve` is
    (count, seen a week, at most a week) with the proposed seconds. If not `fits`, the budget may be
    exceeded, because a lower rate would miss a known sender. `apart` are the networks with
    recommendations of their own: that of the site (no `network`) is for the other hosts.
    """

    signal: Signal
    network: Network | None
    hosts: int
    present: Threshold
    proposed: Threshold
    now: float
    expected: float
    at_most: float
    allowed: float
    ceiling: int
    catalogue: Threshold
    weeks: float
    loud: tuple[FrequentAlerter, ...]
    without_loudest: int
    catches: tuple[tuple[str, float | None], ...]
    curve: tuple[tuple[int, float, float], ...]
    fits: bool = True
    apart: tuple[Network, ...] = ()

    @property
    def is_changed(self) -> bool:
        return self.proposed != self.present


_FLOORS = {spec.signal: spec.threshold for spec in CATALOGUE if spec.threshold}


def recommend(baseline: Baseline, site: SiteProfile, budget: float) -> list[Recommendation]:
    """Recommendations for each signal in TOLD: the site's, then those of networks.

    `budget` is the number of false alerts a week for all signals together.
    """
    allowed = budget / len(TOLD)
    weeks = baseline.history.days / WEEK
    benign = _Benign(baseline, site)
    found = (
        [
            one
            for signal in TOLD
            for one in _recommend(benign.match_times(signal), site, signal, allowed, weeks)
        ]
        if weeks
        else []
    )
    # A signal without matches needs no budget, however short the records are; budget that one
    # signal does not need is left to the others.
    is_enough = sum(one.at_most for one in found if one.loud) <= budget
    return [
        replace(one, fits=is_enough or one.at_most <= one.allowed or not one.loud) for one in found
    ]


class _Benign:
    """Hosts that count: watched by the rules of the present profile, and not excluded."""

    def __init__(self, baseline: Baseline, site: SiteProfile) -> None:
        self.history = baseline.history
        self._site = site
        self._loaded = thresholds_of(site)
        self._left_out: dict[str, list[tuple[int, int]]] = {}
        for one in baseline.left_out:
            self._left_out.setdefault(one.host, []).append((one.first, one.last))
        is_watched = HistoryKeeper(site).is_watched
        self.hosts = sorted(host for host in self.history.active if is_watched(host))

    def match_times(self, signal: Signal) -> MatchTimes:
        """The times of matches of every host, also of hosts without any."""
        did = self.history.hosts
        return {
            host: tuple(self._times(host, signal)) if host in did else () for host in self.hosts
        }

    def _times(self, host: str, signal: Signal) -> Iterator[int]:
        out = self._left_out.get(host, ())
        for match in matches(HostView(self.history, host, self._loaded), signal):
            if not any(first <= match.time <= last for first, last in out) and not is_exempt_at(
                self._site, host, signal, match.time
            ):
                yield match.time


def _recommend(
    match_times: MatchTimes, site: SiteProfile, signal: Signal, allowed: float, weeks: float
) -> Iterator[Recommendation]:
    groups = _Groups(match_times, site, signal, allowed, weeks)
    apart = [*groups.given, *groups.loud()]
    yield replace(groups.advise(None, groups.rest(apart)), apart=tuple(apart))
    yield from (groups.advise(network, groups.within(network)) for network in apart)


class _Groups:
    """The hosts of a site, divided by networks that differ enough."""

    def __init__(
        self,
        match_times: MatchTimes,
        site: SiteProfile,
        signal: Signal,
        allowed: float,
        weeks: float,
    ) -> None:
        self._times_by_host, self._site, self._signal, self._allowed, self._weeks = (
            match_times,
            site,
            signal,
            allowed,
            weeks,
        )
        self.given = [part.network for part in site.network_thresholds if signal in part.thresholds]

    def within(self, network: Network) -> MatchTimes:
        is_within = network_test((network,))
        return {host: times for host, times in self._times_by_host.items() if is_within(host)}

    def rest(self, networks: Sequence[Network]) -> MatchTimes:
        return _outside(self._times_by_host, networks)

    def loud(self) -> Iterator[Network]:
        """Home networks without which the others need a much lower count, the largest effect first.

        The host with most matches is left out, so that one host does not set a network apart.
        """
        rest = _without_loudest(self.rest(self.given), _FLOORS[self._signal].seconds)
        if not any(rest.values()):
            return
        given = self.given
        homes = [
            home
            for home in self._site.home_networks
            if not any(home.version == part.version and home.overlaps(part) for part in given)
        ]
        while len(homes) > 1:
            others = ((_outside(rest, (home,)), home) for home in homes)
            quieter = [
                (self._least(other), home)
                for other, home in others
                if ENOUGH_HOSTS <= len(other) <= len(rest) - ENOUGH_HOSTS
            ]
            best = min(quieter, key=lambda one: one[0], default=None)
            if best is None or best[0] * LOUDER > self._least(rest):
                return
            yield best[1]
            homes.remove(best[1])
            rest = _outside(rest, (best[1],))

    def _least(self, match_times: MatchTimes) -> int:
        floor = _FLOORS[self._signal]
        return max(
            floor.count,
            _tail(match_times, floor.seconds, self._weeks).least(self._share(match_times)),
        )

    def _share(self, match_times: MatchTimes) -> float:
        """The part of the signal's budget for these hosts."""
        return self._allowed * max(1, len(match_times)) / max(1, len(self._times_by_host))

    def advise(self, network: Network | None, match_times: MatchTimes) -> Recommendation:
        present = _present(self._site, self._signal, network)
        share = self._share(match_times)
        proposed, tail = _choose(self._signal, match_times, self._weeks, share)
        return Recommendation(
            signal=self._signal,
            network=network,
            hosts=len(match_times),
            present=present,
            proposed=proposed,
            now=_tail(match_times, present.seconds, self._weeks).a_week(present.count),
            expected=tail.a_week(proposed.count),
            at_most=tail.at_most(proposed.count),
            allowed=share,
            ceiling=ceiling(self._signal, proposed.seconds),
            catalogue=_FLOORS[self._signal],
            weeks=self._weeks,
            loud=tuple(_loudest(match_times, present, self._weeks)),
            without_loudest=self._least(_without_loudest(match_times, proposed.seconds)),
            catches=tuple(
                (sender.name, seconds_to(sender, self._signal, proposed))
                for sender in SENDERS
                if self._signal in sender.per_minute
            ),
            curve=tuple(_curve(tail, max(proposed.count, present.count))),
        )


def _outside(match_times: MatchTimes, networks: Collection[Network]) -> MatchTimes:
    if not networks:
        return match_times
    is_inside = network_test(networks)
    return {host: times for host, times in match_times.items() if not is_inside(host)}


def _without_loudest(match_times: MatchTimes, seconds: int) -> MatchTimes:
    """All hosts but the one with the largest window."""
    active = [host for host, times in match_times.items() if times]
    loudest = max(
        active or match_times,
        key=lambda host: (max(sizes(match_times[host], seconds), default=0), host),
        default="",
    )
    return {host: times for host, times in match_times.items() if host != loudest}


def _present(site: SiteProfile, signal: Signal, network: Network | None) -> Threshold:
    own = (part.thresholds for part in site.network_thresholds if part.network == network)
    return (
        next((thresholds[signal] for thresholds in own if signal in thresholds), None)
        or thresholds_of(site)[signal]
    )


def _choose(
    signal: Signal, match_times: MatchTimes, weeks: float, share: float
) -> tuple[Threshold, Tail]:
    """The threshold with the signal's own seconds if that fits, else with the shortest window that
    fits.

    If none fits, every known sender is still found, with as few alerts as that allows.
    """
    floor = _FLOORS[signal]
    if not any(match_times.values()):
        return floor, _tail(match_times, floor.seconds, weeks)
    for seconds in (floor.seconds, *SECONDS):
        tail = _tail(match_times, seconds, weeks)
        count = max(tail.least(share), floor.count if seconds >= floor.seconds else 1)
        if count <= ceiling(signal, seconds):
            return Threshold(count, seconds), tail
    tail, highest = _tail(match_times, floor.seconds, weeks), ceiling(signal, floor.seconds)
    fewest = (
        count for count in range(floor.count, highest) if tail.seen(count) == tail.seen(highest)
    )
    return Threshold(next(fewest, max(floor.count, highest)), floor.seconds), tail


def _tail(match_times: MatchTimes, seconds: int, weeks: float) -> Tail:
    return Tail.of(
        [size for times in match_times.values() if times for size in sizes(times, seconds)], weeks
    )


def _loudest(
    match_times: MatchTimes, present: Threshold, weeks: float
) -> Iterator[FrequentAlerter]:
    found = ((host, sizes(times, present.seconds)) for host, times in match_times.items() if times)
    ranked = sorted(
        ((max(of_host), host, of_host) for host, of_host in found),
        key=lambda one: (-one[0], one[1]),
    )
    for largest, host, of_host in ranked[:MOST_NAMED]:
        yield FrequentAlerter(host, largest, sum(size >= present.count for size in of_host) / weeks)


def _curve(tail: Tail, most: int) -> Iterator[tuple[int, float, float]]:
    """The curve for every count up to 1.5 times the proposal; long curves have fewer points."""
    end = max(most, tail.sizes[-1] if tail.sizes else 0) * 3 // 2 + 2
    for count in range(1, end, max(1, end // 200)):
        yield count, tail.a_week(count), tail.at_most(count)
