"""A state file <-> State: the log positions, evidence, leases and incidents between reports.

Each change is one transaction; docs/state.md describes the tables.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf, isfinite
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import astuple, replace

from eveproc.evidence.host_names import CLIENT_KINDS, HostNames, Login, client_marks
from eveproc.evidence.leases import Leases
from eveproc.evidence.macs import MacTable
from eveproc.evidence.packed_store import PackedStore
from eveproc.evidence.packing import pack, storable, unpack
from eveproc.evidence.sensor_health import SensorHealth
from eveproc.evidence.server_names import ServerNames
from eveproc.evidence.store import EvidenceStore, HostEvidence
from eveproc.state.database import as_written, open_database, transaction, why_unusable
from eveproc.state.incident import QUIET_DAYS, Incident, News, Standing
from eveproc.state.log_position import LogPosition
from eveproc.state.message import Message
from eveproc.state.stored_values import as_address, as_day, as_hour, as_number, as_text, as_time
from eveproc.verdicts.address_rotation import network_of
from eveproc.verdicts.past import DayFigures
from rulegen.units import DAY, HOUR

StoredRow = TypeVar("StoredRow", LogPosition, Incident)

# How long evidence is kept: a day, and before it 8 hours, the longest window below a day.
EVIDENCE_HOURS = 24 + 8
# For a machine with an incident only this much of the kept evidence counts: less than the time
# between two nightly reports, so that no evidence counts in both.
INCIDENT_HOURS = 12
# Leases are renewed after half their time; the longest in common use last eight days. Sensors'
# counters are kept as long.
LEASE_DAYS = 8
HISTORY_DAYS = 400
# How many days of a machine are kept: a month, so that monthly activity counts as a habit, and the
# week for which an odd day does not (own_history.py).
DAYS_KEPT = 40
# The size limit of all evidence; the oldest hours are dropped first.
EVIDENCE_BYTES = 1 << 30
MOST_LOG_POSITIONS, MOST_INCIDENTS, MOST_VERDICTS = 10_000, 100_000, 1_000_000
# 25,000 machines for DAYS_KEPT days; the earliest days are dropped first.
MOST_DAYS = 1_000_000


class Reported(Struct, frozen=True):
    """A report that was made: its last event (seconds since 1970 UTC), and what was read for it."""

    last_event: float
    files: int
    bytes: int
    lines: int


@contextmanager
def open_state(path: Path) -> Iterator["State"]:
    """The state in this file, a new one if there is none; no other process can open it meanwhile.

    Raises MxhoundError, also from within the `with`, as open_database does.
    """
    with open_database(path) as connection:
        yield State(connection)


class State:
    """What is remembered, in an open file; see `open_state`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def log_positions(self) -> list[LogPosition]:
        """How far each log was read; the logs not seen for the longest time first."""
        return self._rows("bookmarks", LogPosition)

    def incidents(self) -> list[Incident]:
        """All kept incidents, open and closed."""
        found = self._rows("episodes", Incident)
        with as_written():
            for incident in found:
                for time in (incident.started, incident.first_reported, incident.last_seen):
                    as_time(time)
                for address in incident.addresses:
                    as_address(address)
        return found

    def last_event(self) -> float | None:
        """The last event of all reports; None before the first."""
        (found,) = self._db.execute("SELECT MAX(last_event) FROM reports").fetchone()
        with as_written():
            return None if found is None else as_time(found)

    def report_times(self, number: int) -> tuple[float, ...]:
        """The last event times of so many reports that had something new, newest first."""
        rows = self._db.execute(
            "SELECT last_event FROM reports ORDER BY number DESC LIMIT ?", (number,)
        )
        with as_written():
            return tuple(as_time(time) for (time,) in rows)

    def watched_at(self) -> float | None:
        """When a watch last saved its reading, by the wall clock; None if none ever did."""
        return self._moment("watched")

    def keep_watched(self, now: float) -> None:
        """Record that a watch has saved its reading up to now."""
        with transaction(self._db):
            self._keep_moment("watched", now)

    def evidence_dropped_before(self) -> float | None:
        """The time before which the last report dropped evidence because of its size."""
        return self._moment("evidence_dropped_before")

    def recall(
        self, fresh: EvidenceStore, at: float, networks: Collection[str] = ()
    ) -> EvidenceStore:
        """`fresh` evidence together with the kept evidence of the same hosts, of those with an
        incident, and of all in one of the `networks` (each a /64 or /24, address_rotation.py).

        For the hosts in the `networks`, the last INCIDENT_HOURS before `at` count. Losses of a
        sensor count since its last report.
        """
        store = self._remembered(fresh)
        going = [
            incident for incident in self.incidents() if incident.standing is not Standing.CLOSED
        ]
        since = dict.fromkeys(_addresses_of(going, store.leases), at - INCIDENT_HOURS * HOUR)
        logged = self._moment("flows_logged")
        store.flows_logged |= logged is not None and logged >= at - EVIDENCE_HOURS * HOUR
        addresses = {*fresh.hosts, *since, *self._addresses_in(networks)}
        for address in sorted(addresses | _addresses_of_same(addresses, store)):
            evidence = self._evidence_of(
                address, since.get(address, at - EVIDENCE_HOURS * HOUR), fresh.hosts.get(address)
            )
            store.hosts[address] = evidence
            store.has_scopes |= bool(evidence.parts)
        store.active = fresh.active | set(store.hosts)
        return store

    def _remembered(self, fresh: EvidenceStore) -> EvidenceStore:
        """Kept and fresh leases, names, MACs and sensors, without evidence."""
        leases, health, macs = self._leases(), self._health(), self._macs()
        names, (host_names, clients) = self._server_names(), self._host_names()
        leases.merge(fresh.leases)
        health.merge(fresh.health)
        names.merge(fresh.server_names)
        macs.merge(fresh.macs)
        host_names.merge(fresh.host_names)
        clients.merge(fresh.clients)
        return replace(
            fresh,
            hosts=PackedStore(HostEvidence),
            leases=leases,
            health=health,
            server_names=names,
            macs=macs,
            host_names=host_names,
            clients=clients,
        )

    def _addresses_in(self, networks: Collection[str]) -> Iterator[str]:
        if networks:
            for address in self._addresses_with_evidence():
                if network_of(address) in networks:
                    yield address

    def _addresses_with_evidence(self) -> Iterator[str]:
        with as_written():
            for (address,) in self._db.execute("SELECT DISTINCT address FROM evidence"):
                yield as_address(address)

    def recall_all(self, at: float) -> EvidenceStore:
        """All kept evidence, in the form that `recall` gives it."""
        known = EvidenceStore()
        for address in self._addresses_with_evidence():
            known.hosts[address] = HostEvidence()
        return self.recall(known, at)

    def days_of(self, machine: str) -> tuple[DayFigures, ...]:
        """The kept days of a machine, in order; `machine` is its MAC, or address and scope."""
        rows = self._db.execute(
            "SELECT day, mails, recipients, refused, deliveries, kinds, servers FROM days "
            "WHERE machine = ? ORDER BY day",
            (storable(machine),),
        )
        with as_written():
            return tuple(_figures(row) for row in rows)

    def machines_since(self, day: int) -> set[str]:
        """Names of machines with an entry for this day or a later one."""
        rows = self._db.execute("SELECT DISTINCT machine FROM days WHERE day >= ?", (day,))
        return {str(machine) for (machine,) in rows}

    def watched_days(self) -> tuple[int, ...]:
        """The days with an entry for any machine, in order."""
        with as_written():
            rows = self._db.execute("SELECT DISTINCT day FROM days ORDER BY day")
            return tuple(as_day(day) for (day,) in rows)

    def messages(self) -> dict[str, tuple[Message, ...]]:
        """Notifications that were not delivered yet, by the key of their service, oldest first."""
        found: dict[str, list[Message]] = {}
        with as_written():
            for service, *message in self._db.execute(
                "SELECT service, title, body, kind, data FROM messages ORDER BY service, number"
            ):
                found.setdefault(service, []).append(Message(*message))
        return {service: tuple(messages) for service, messages in found.items()}

    def keep_messages(self, waiting: Mapping[str, Sequence[Message]]) -> None:
        """Replace the notifications that were kept before."""
        with transaction(self._db):
            self._db.execute("DELETE FROM messages")
            rows = (
                (key, n, *astuple(message))
                for key, messages in waiting.items()
                for n, message in enumerate(messages)
            )
            self._insert("messages", rows, 6)

    def try_keep(
        self,
        positions: Sequence[LogPosition],
        fresh: EvidenceStore,
        at: float,
        news: Iterable[News],
        waiting: Mapping[str, Sequence[Message]],
        now: float,
    ) -> str:
        """`keep` and `keep_messages` for a watch, which goes on if they fail, as on a full disk.

        Returns why it failed, or "".
        """
        try:
            self.keep(positions, fresh, at, news)
            self.keep_messages(waiting)
            self.keep_watched(now)
        except sqlite3.Error as error:
            return why_unusable(error)
        return ""

    def keep(
        self,
        positions: Sequence[LogPosition],
        fresh: EvidenceStore,
        at: float,
        news: Iterable[News] = (),
        report: Reported | None = None,
        days: Iterable[tuple[str, DayFigures]] = (),
    ) -> None:
        """Save what was read and reported, all or nothing; drop what is too old at time `at`."""
        with transaction(self._db):
            self._keep_log_positions(positions)
            for address in sorted(fresh.hosts):
                self._keep_evidence(address, fresh.hosts[address])
            self._keep_leases(fresh.leases)
            self._keep_health(fresh.health)
            self._keep_server_names(fresh.server_names)
            self._keep_macs(fresh.macs, at)
            self._keep_host_names(fresh.host_names)
            self._keep_host_names(fresh.clients)
            if fresh.flows_logged and isfinite(at):
                self._keep_moment("flows_logged", at)
            self._keep_news(news, at)
            self._keep_days(days)
            if report:
                self._db.execute(
                    "INSERT INTO reports VALUES "
                    "((SELECT IFNULL(MAX(number), 0) + 1 FROM reports), ?, ?, ?, ?)",
                    astuple(report),
                )
            if isfinite(at):
                self._forget(at)

    def _keep_log_positions(self, positions: Sequence[LogPosition]) -> None:
        self._db.execute("DELETE FROM bookmarks")
        rows = (
            (storable(position.path), *astuple(position)[1:])
            for position in positions[-MOST_LOG_POSITIONS:]
        )
        self._insert("bookmarks", rows, len(LogPosition.__struct_fields__))

    def _keep_evidence(self, address: str, evidence: HostEvidence) -> None:
        for hour, piece in pack(evidence).items():
            before = self._db.execute(
                "SELECT piece FROM evidence WHERE address = ? AND hour = ?", (address, hour)
            ).fetchone()
            if before:
                piece = pack(self._unpack([(hour, before[0]), (hour, piece)]))[hour]
            self._db.execute(
                "INSERT OR REPLACE INTO evidence VALUES (?, ?, ?)", (address, hour, piece)
            )

    def _keep_leases(self, leases: Leases) -> None:
        run = self._db.executemany
        run(
            _MERGE_LEASE,
            (
                (address, storable(mac), hour, *times)
                for (address, mac, hour), times in sorted(leases.seen.items())
            ),
        )
        run(
            _MERGE_LENGTH,
            (
                (address, storable(mac), seconds)
                for (address, mac), seconds in sorted(leases.lasting.items())
            ),
        )
        scoped = (
            (address, storable(mac), scope)
            for (address, mac), scopes in sorted(leases.scopes.items())
            for scope in sorted(scopes)
        )
        self._insert("lease_scopes", scoped, 3)
        released = ((a, storable(mac), time) for (a, mac), time in sorted(leases.released.items()))
        run(_MERGE_RELEASE, released)
        run(
            _MERGE_NAME,
            (
                (storable(mac), time, storable(name))
                for mac, (time, name) in sorted(leases.names.items())
            ),
        )

    def _keep_macs(self, macs: MacTable, at: float) -> None:
        rows = ((*key, *times) for key, times in sorted((macs.seen | macs.claims).items()))
        self._db.executemany(_MERGE_MAC, rows)
        if isfinite(at):
            self._insert("gateways", ((mac, at) for mac in sorted(macs.gateways)), 2)

    def _macs(self) -> MacTable:
        run = self._db.execute
        with as_written():
            macs = MacTable(gateways={as_text(mac) for (mac,) in run("SELECT mac FROM gateways")})
            for address, mac, slot, first, last in run("SELECT * FROM macs"):
                key = (as_address(address), as_text(mac), as_hour(slot))
                macs.add(key, (as_time(first), as_time(last)))
        return macs

    def _keep_host_names(self, names: HostNames) -> None:
        rows = (
            (address, login.kind, storable(login.name), login.source, login.scope, hour)
            for address, logins in sorted(names.logins.items())
            for login, hour in sorted(logins.items())
        )
        self._db.executemany(_MERGE_LOGIN, rows)

    def _host_names(self) -> tuple[HostNames, HostNames]:
        """Names, and marks of clients."""
        names, marks = HostNames(), client_marks()
        with as_written():
            for address, *said, hour in self._db.execute("SELECT * FROM logins"):
                login = Login(*map(as_text, said))
                held = marks if login.kind in CLIENT_KINDS else names
                held.note(as_address(address), login, as_hour(hour))
        return names, marks

    def _keep_server_names(self, names: ServerNames) -> None:
        rows = (
            (address, storable(organisation), is_exchange, time)
            for address, known in sorted(names.names.items())
            for (organisation, is_exchange), time in sorted(known.items())
        )
        self._db.executemany(_MERGE_SERVER_NAME, rows)

    def _keep_health(self, health: SensorHealth) -> None:
        rows = (
            (storable(sensor), counter, time, value)
            for (sensor, counter), (time, value) in sorted(health.latest.items())
        )
        self._db.executemany(_MERGE_COUNTER, rows)

    def _keep_news(self, news: Iterable[News], at: float) -> None:
        for told in news:
            incident, change = told.incident, told.change
            row = [
                storable(value) if isinstance(value, str) else value for value in astuple(incident)
            ]
            self._insert("episodes", [row], len(row))
            self._insert(
                "verdicts",
                [(at, incident.id, change.host, change.trend, incident.level, incident.score)],
                6,
            )

    def _keep_days(self, days: Iterable[tuple[str, DayFigures]]) -> None:
        rows = (
            (
                storable(machine),
                *(figures.day, figures.mails, figures.recipients),
                *(figures.refused, figures.deliveries),
                *(" ".join(map(storable, words)) for words in (figures.kinds, figures.servers)),
            )
            for machine, figures in days
        )
        self._insert("days", rows, 8)

    def _keep_moment(self, name: str, time: float) -> None:
        self._insert("moments", [(name, time)], 2)

    def _insert(self, table: str, rows: Iterable[Sequence[object]], columns: int) -> None:
        self._db.executemany(
            f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * columns)})", rows
        )

    def _forget(self, at: float) -> None:
        """Drop entries beyond the limits of age or size."""
        evidence_since, leases_since, history_since = (
            at - EVIDENCE_HOURS * HOUR,
            at - LEASE_DAYS * DAY,
            at - HISTORY_DAYS * DAY,
        )
        run = self._db.execute
        run("DELETE FROM evidence WHERE hour < ?", (int(evidence_since // HOUR),))
        # Keep older leases that say who held an address when the kept evidence begins.
        run(_FORGET_LEASES, {"evidence": evidence_since, "leases": leases_since})
        run(
            "DELETE FROM lease_lengths "
            "WHERE (address, mac) NOT IN (SELECT address, mac FROM leases)"
        )
        for table in ("lease_scopes", "releases"):
            run(
                f"DELETE FROM {table} WHERE (address, mac) NOT IN (SELECT address, mac FROM leases)"
            )
        run("DELETE FROM macs WHERE last < ?", (evidence_since,))
        run("DELETE FROM logins WHERE hour < ?", (int(evidence_since // HOUR),))
        run("DELETE FROM gateways WHERE time < ?", (leases_since,))
        run(
            "DELETE FROM names WHERE time < ? AND mac NOT IN (SELECT mac FROM leases)",
            (leases_since,),
        )
        run("DELETE FROM counters WHERE time < ?", (leases_since,))
        run("DELETE FROM days WHERE day < ?", (int(at // DAY) - DAYS_KEPT,))
        run("DELETE FROM server_names WHERE time < ?", (leases_since,))
        run(
            "UPDATE episodes SET standing = ? WHERE standing = ? AND last_seen < ?",
            (Standing.CLOSED, Standing.QUIET, at - QUIET_DAYS * DAY),
        )
        run(
            "DELETE FROM episodes WHERE standing = ? AND last_seen < ?",
            (Standing.CLOSED, history_since),
        )
        run("DELETE FROM verdicts WHERE at < ?", (history_since,))
        run("DELETE FROM reports WHERE last_event < ?", (history_since,))
        self._drop_excess()

    def _drop_excess(self) -> None:
        run = self._db.execute
        run("DELETE FROM moments WHERE name = 'evidence_dropped_before'")
        taken = 0
        for hour, size in run(
            "SELECT hour, SUM(LENGTH(piece)) FROM evidence GROUP BY hour ORDER BY hour DESC"
        ).fetchall():
            taken += size
            if taken > EVIDENCE_BYTES:
                run("DELETE FROM evidence WHERE hour <= ?", (hour,))
                self._keep_moment("evidence_dropped_before", (hour + 1) * HOUR)
                break
        run(
            "DELETE FROM episodes WHERE id NOT IN "
            "(SELECT id FROM episodes ORDER BY standing = ?, last_seen DESC, id LIMIT ?)",
            (Standing.CLOSED, MOST_INCIDENTS),
        )
        run(
            "DELETE FROM verdicts WHERE at < "
            "(SELECT at FROM verdicts ORDER BY at DESC LIMIT 1 OFFSET ?)",
            (MOST_VERDICTS,),
        )
        run(
            "DELETE FROM days WHERE day <= "
            "(SELECT day FROM days ORDER BY day DESC LIMIT 1 OFFSET ?)",
            (MOST_DAYS,),
        )

    def _evidence_of(self, address: str, since: float, fresh: HostEvidence | None) -> HostEvidence:
        rows = self._db.execute(
            "SELECT hour, piece FROM evidence WHERE address = ? ORDER BY hour", (address,)
        ).fetchall()
        if not rows and fresh is not None:
            return fresh
        kept = self._unpack(rows).between(since, inf)
        if fresh is not None:
            kept.merge(fresh)
        return kept

    @staticmethod
    def _unpack(pieces: Iterable[tuple[int, bytes]]) -> HostEvidence:
        with as_written():
            return unpack(pieces)

    def _leases(self) -> Leases:
        run = self._db.execute
        with as_written():
            leases = Leases(
                {
                    (*_lease_key(lease), as_hour(hour)): (as_time(first), as_time(last))
                    for *lease, hour, first, last in run("SELECT * FROM leases")
                },
                {
                    _lease_key(lease): as_number(seconds)
                    for *lease, seconds in run("SELECT * FROM lease_lengths")
                },
                {
                    as_text(mac): (as_time(time), as_text(name))
                    for mac, time, name in run("SELECT * FROM names")
                },
                released={
                    _lease_key(lease): as_time(time)
                    for *lease, time in run("SELECT * FROM releases")
                },
            )
            for *lease, scope in run("SELECT * FROM lease_scopes"):
                leases.scopes.setdefault(_lease_key(lease), set()).add(as_text(scope))
        leases.keep_bounds()
        return leases

    def _server_names(self) -> ServerNames:
        names = ServerNames()
        with as_written():
            for address, organisation, is_exchange, time in self._db.execute(
                "SELECT * FROM server_names"
            ):
                name = (as_text(organisation), bool(is_exchange))
                names.add(as_address(address), name, as_time(time))
        return names

    def _health(self) -> SensorHealth:
        with as_written():
            last = {
                (as_text(sensor), as_text(counter)): (as_time(time), as_number(value))
                for sensor, counter, time, value in self._db.execute("SELECT * FROM counters")
            }
        return SensorHealth(dict(last), last)

    def _rows(self, table: str, row: type[StoredRow]) -> list[StoredRow]:
        names = row.__struct_fields__
        found = self._db.execute(f"SELECT {', '.join(names)} FROM {table}")
        with as_written():
            return [
                msgspec.convert(dict(zip(names, values, strict=True)), row, strict=False)
                for values in found
            ]

    def _moment(self, name: str) -> float | None:
        found = self._db.execute("SELECT time FROM moments WHERE name = ?", (name,)).fetchone()
        with as_written():
            return as_time(found[0]) if found else None


# As Leases and SensorHealth merge.
_MERGE_LEASE = """
    INSERT INTO leases VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET first = MIN(first, excluded.first), last = MAX(last, excluded.last)
"""
_MERGE_LENGTH = """
    INSERT INTO lease_lengths VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET seconds = MAX(seconds, excluded.seconds)
"""
_MERGE_MAC = """
    INSERT INTO macs VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET first = MIN(first, excluded.first), last = MAX(last, excluded.last)
"""
_MERGE_LOGIN = (
    "INSERT INTO logins VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET hour = MAX(hour, excluded.hour)"
)
_MERGE_RELEASE = (
    "INSERT INTO releases VALUES (?, ?, ?)"
    " ON CONFLICT DO UPDATE SET time = MAX(time, excluded.time)"
)
_MERGE_NAME = """
    INSERT INTO names VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET time = excluded.time, name = excluded.name
    WHERE (excluded.time, excluded.name) > (time, name)
"""
_MERGE_COUNTER = """
    INSERT INTO counters VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET time = excluded.time, value = excluded.value
    WHERE (excluded.time, excluded.value) > (time, value)
"""
_MERGE_SERVER_NAME = """
    INSERT INTO server_names VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET time = MAX(time, excluded.time)
"""
_FORGET_LEASES = """
    DELETE FROM leases WHERE last < :evidence AND (last < :leases OR EXISTS (
        SELECT 1 FROM leases AS later WHERE later.address = leases.address
            AND later.last > leases.last AND later.last < :evidence))
"""


def _figures(row: object) -> DayFigures:
    """The figures in a row of the table `days`, without the machine."""
    day, mails, recipients, refused, deliveries, kinds, servers = msgspec.convert(
        row, tuple[int, int, int, int, int, str, str]
    )
    words = tuple(kinds.split()), tuple(servers.split())
    return DayFigures(as_day(day), mails, recipients, refused, deliveries, *words)


def _lease_key(columns: Sequence[object]) -> tuple[str, str]:
    """Address ("" in a release that does not name it) and MAC."""
    address, mac = columns
    return as_address(address) if address else "", as_text(mac)


def _addresses_of(incidents: Iterable[Incident], leases: Leases) -> set[str]:
    """The addresses of machines with an incident, now and before."""
    found = list(incidents)
    macs = {incident.mac for incident in found if incident.mac}
    return {address for incident in found for address in incident.addresses} | {
        address for address, mac, _ in leases.seen if mac in macs
    }


def _addresses_of_same(addresses: set[str], store: EvidenceStore) -> set[str]:
    """All addresses of the machines that had one of these, by leases and MACs."""
    pairs = {(address, mac) for address, mac, _ in store.leases.seen}
    met = store.macs.pairs()
    routers = store.macs.routers(pairs) if met else frozenset()
    pairs |= {(address, mac) for address, mac in met if mac not in routers}
    macs = {mac for address, mac in pairs if address in addresses}
    return {address for address, mac in pairs if mac in macs}
