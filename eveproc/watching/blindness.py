"""Judgements of what a watch sees, over time -> sentences, notifications, a heartbeat.

A silent watch looks the same whether nothing happens or nothing can be seen.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from eveproc.report.judgement_text import as_dict
from eveproc.report.webhook_data import data_of
from eveproc.state.message import Message
from eveproc.verdicts.judgement import Cause, Judgement, Outcome
from rulegen.files import SHARED, write_whole
from rulegen.units import HOUR, count_of

MINUTE = 60
# Seconds after the start of a watch at which what it reads is judged for the first time.
FIRST = 10.0
# A source without any line for so long is a fault: Suricata writes statistics every few seconds,
# and a network is never without DNS for an hour.
SILENT = HOUR
# Before this time a kind of records may be missing by chance.
SETTLED = HOUR
# Causes that are never due to chance: faults in the lines that are there.
AT_ONCE = frozenset(("lines_not_usable", "dated_in_future", "beyond_bounds"))
AGAIN = HOUR


class Reading(Struct, frozen=True):
    """The reading so far: bytes, usable records, and their judgement."""

    bytes: int
    records: int
    judgement: Judgement


class Policy(Struct, frozen=True):
    """`exit_after`: seconds of blindness after which the watch ends (None: never).

    `heartbeat`: a file.
    """

    exit_after: float | None = None
    heartbeat: Path | None = None


NO_POLICY = Policy()


class BlindnessWatch:
    """Looks at a watch once a minute. Times are seconds of a steady clock.

    `read` is asked what was read; `say` gets sentences, `send` notifications.
    """

    def __init__(
        self,
        read: Callable[[], Reading],
        say: Callable[[str], None],
        send: Callable[[Message], None],
        policy: Policy,
        started: float,
    ) -> None:
        self._read, self._say, self._send = read, say, send
        self._policy = policy
        self._started = started
        self._due = started + FIRST
        self._bytes, self._grew = 0, started
        self._told: frozenset[str] = frozenset()
        self._told_at = started
        self._blind_since: float | None = None

    def look(self, now: float, wall_clock: float) -> bool:
        """Report what changed. True if the watch has been blind for as long as allowed."""
        if now < self._due:
            return False
        self._due = now + MINUTE
        reading = self._read()
        if reading.bytes != self._bytes:
            self._bytes, self._grew = reading.bytes, now
        judgement = self._judge(reading, now)
        self._tell(judgement, now)
        self._notify(judgement, now)
        self._beat(reading, judgement, wall_clock)
        limit, since = self._policy.exit_after, self._blind_since
        return limit is not None and since is not None and now - since >= limit

    def _judge(self, reading: Reading, now: float) -> Judgement:
        """The judgement, without causes that may be due to chance until the watch has settled."""
        silent = now - self._grew
        if silent >= SILENT:
            text = f"nothing was written for {count_of(int(silent // MINUTE), 'minute')}"
            remedy = "check that Suricata is running and writes to this source"
            return Judgement(Outcome.NOT_JUDGED, (Cause("silent", text, remedy),))
        if not self._bytes:
            return Judgement()
        if now - self._started >= SETTLED or reading.judgement.is_blind:
            return reading.judgement
        causes = tuple(cause for cause in reading.judgement.causes if cause.name in AT_ONCE)
        return Judgement(Outcome.IN_PART, causes) if causes else Judgement()

    def _tell(self, judgement: Judgement, now: float) -> None:
        names = frozenset(cause.name for cause in judgement.causes)
        if names and (names != self._told or now - self._told_at >= AGAIN):
            for line in _lines(judgement):
                self._say(line)
            self._told_at = now
        elif self._told and not names:
            self._say("coverage: what was missing is seen again")
        self._told = names

    def _notify(self, judgement: Judgement, now: float) -> None:
        """Once when the watch goes blind, and once when it sees again."""
        if judgement.is_blind and self._blind_since is None:
            self._blind_since = now
            body, data = "\n".join(_lines(judgement)), data_of(judgement)
            self._send(Message("mxhound: the watch is blind", body, "warning", data))
        elif not judgement.is_blind and self._blind_since is not None:
            minutes = count_of(int((now - self._blind_since) // MINUTE), "minute")
            self._blind_since = None
            body = f"Hosts are judged again, after {minutes}."
            data = data_of(judgement)
            self._send(Message("mxhound: the watch sees again", body, "success", data))

    def _beat(self, reading: Reading, judgement: Judgement, wall_clock: float) -> None:
        if self._policy.heartbeat is None:
            return
        told = {
            "time": datetime.fromtimestamp(wall_clock, UTC).isoformat(timespec="seconds"),
            "bytes": reading.bytes,
            "records": reading.records,
            **as_dict(judgement),
        }
        write_whole(self._policy.heartbeat, json.dumps(told) + "\n", SHARED)


def _lines(judgement: Judgement) -> Iterator[str]:
    return (f"coverage: {judgement.outcome}: {cause}" for cause in judgement.causes)
