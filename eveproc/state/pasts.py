"""Machines with new evidence, and the days kept of them -> the past of each, and what to keep."""

from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from math import inf, isfinite

from eveproc.evidence.store import EvidenceStore
from eveproc.state.state import State
from eveproc.verdicts.benign_explanations import find_benign_explanations
from eveproc.verdicts.caps import caps_of
from eveproc.verdicts.long_window import unexplained_servers
from eveproc.verdicts.machines import Machine, context_of
from eveproc.verdicts.past import HOURS_A_DAY, NO_PAST, DayFigures, Past, days_of, merged_days
from eveproc.verdicts.verdict import key_of
from rulegen.site_profile import SiteProfile
from rulegen.units import DAY
from rulegen.vocabulary import Family, Signal

# Stands for no machine: the site was watched on this day.
WATCHED = ""
# Addresses without mail activity are kept as long as days are (state.DAYS_KEPT), so they are saved
# again after half of that time. If a report has more of them than this, addresses may be invented:
# none is kept.
RENEWED_AFTER, MOST_ADDRESSES = 20, 20_000
_DELIVERY = tuple(signal for signal in Signal if signal.family is Family.DELIVERY)


class Pasts:
    """The past of each machine that is noted; `state` gives what earlier reports kept of it.

    A machine is identified by its MAC, or else by address and scope. Nothing is kept of a machine
    that is only known by its addresses in turn, or whose address several machines had at once. A
    machine is known from the first day for which something is kept about it, its address or its
    lease; on later days without an entry it did nothing with mail.
    """

    def __init__(
        self,
        store: EvidenceStore,
        fresh: EvidenceStore,
        site: SiteProfile,
        state: State,
        at: float,
    ) -> None:
        """`at` is the time of the report, in seconds since 1970 UTC."""
        self.store = store
        self.fresh = fresh
        self._site = site
        self._state = state
        self._day = int(at // DAY) if isfinite(at) else None
        self._watched = state.watched_days()
        self._leased = _first_days_of_leases(store)
        self._found: dict[str, Past] = {}

    def note(self, machine: Machine) -> None:
        """Note the days of a machine, which comes with all its kept evidence."""
        fresh = self._fresh_days(machine)
        if machine.in_turn or machine.contested or not fresh:
            return
        name = _name_of(machine)
        days = days_of(machine.evidence, self._unexplained_servers(machine))
        kept = self._kept_of(machine)
        self._found[name] = Past(merged_days(kept, days), fresh, self._is_exempt(machine, fresh))

    def of(self, machine: Machine) -> Past:
        """The past of a machine, if it has new evidence."""
        return self._found.get(_name_of(machine), NO_PAST)

    def days(self) -> Iterator[tuple[str, DayFigures]]:
        """The days to keep, by machine: days with new evidence, the days on which the site was
        watched (under no name), and addresses that were not known yet.
        """
        for name, past in sorted(self._found.items()):
            yield from ((name, figures) for figures in past.days if figures.day in past.fresh)
        if self._day is not None:
            yield WATCHED, DayFigures(self._day)
            for address in self._new_addresses(self._day):
                yield address, DayFigures(self._day)

    def _new_addresses(self, day: int) -> Iterator[str]:
        """Addresses that were seen, and that were not saved lately."""
        if len(self.fresh.active) <= MOST_ADDRESSES:
            known = self._state.machines_since(day - RENEWED_AFTER) | self._found.keys()
            yield from sorted(self.fresh.active - known)

    def _kept_of(self, machine: Machine) -> tuple[DayFigures, ...]:
        """The kept days of a machine since the first one on which it was known."""
        name = _name_of(machine)
        kept = self._state.days_of(name)
        others = () if machine.scope else self._state.days_of(machine.address)
        first = next(iter(kept or others), None)
        since = min(first.day if first else inf, self._leased.get(name, inf))
        return merged_days(kept, (DayFigures(day) for day in self._watched if day >= since))

    def _fresh_days(self, machine: Machine) -> frozenset[int]:
        """The days of its evidence on which this report has read something."""
        if not any(address in self.fresh.hosts for address in machine.addresses):
            return frozenset()
        sketches = machine.evidence.sketches.values()
        days = {hour // HOURS_A_DAY for sketch in sketches for hour in sketch.hours}
        return frozenset(day for day in days if (day + 1) * DAY > self.fresh.first_event)

    def _is_exempt(self, machine: Machine, days: frozenset[int]) -> bool:
        dates = [datetime.fromtimestamp(day * DAY, UTC).date() for day in days]
        return bool(self._site.exempt) and any(
            self._site.exemption_for(ip_address(address), signal, date)
            for address in machine.addresses
            for signal in _DELIVERY
            for date in dates
        )

    def _unexplained_servers(self, machine: Machine) -> frozenset[str]:
        """External servers on port 25, unless an explanation or a role of the machine accounts for
        them.
        """
        evidence = machine.evidence
        servers = unexplained_servers(evidence)
        if not servers:
            return servers
        context = context_of(machine, self.store, self._site)
        caps = caps_of(evidence, context.connections_logged)
        explained = (e.signals for e in find_benign_explanations(evidence, caps, context))
        if context.is_mail_server or Signal.SMTP_ATTEMPTS in frozenset().union(*explained):
            return frozenset()
        return frozenset(sorted(servers)[: caps.direct])


def _first_days_of_leases(store: EvidenceStore) -> dict[str, int]:
    """MAC -> the first kept day on which it had a lease."""
    first: dict[str, int] = {}
    for _, mac, hour in store.leases.seen:
        first[mac] = min(first.get(mac, hour), hour)
    return {mac: hour // HOURS_A_DAY for mac, hour in first.items()}


def _name_of(machine: Machine) -> str:
    mac = machine.identity.mac if machine.identity else ""
    return mac or key_of(machine.address, None, machine.scope)[0]
