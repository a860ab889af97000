"""What became of each line -> ReadStats: counts by event type and reason, problems of files.

Merges in any order.
"""

from bisect import insort
from collections import Counter
from collections.abc import Iterable

from msgspec import Struct, field

from eveproc.input.events import Event, Skipped, SkipReason
from rulegen.errors import InputError, Problem

MAX_PROBLEMS = 100
MAX_DETAILS = 64
OTHERS = "(others)"
# Problems of files without content.
EMPTY, ONLY_BLANKS = "is empty", "holds only blank lines"
NO_HITS = "is the answer to a search that found nothing"
NO_CONTENT = frozenset((EMPTY, ONLY_BLANKS, NO_HITS))
NO_RECORDS = (
    "is a JSON document without EVE records, such as a table, statistics or an error; export the "
    "records themselves"
)
_NO_OBJECT = (
    SkipReason.BLANK,
    SkipReason.TOO_LONG,
    SkipReason.HALF_LINE,
    SkipReason.NOT_JSON,
    SkipReason.NOT_AN_OBJECT,
)


class ReadStats(Struct):
    """What was read and what became of each line looked at; `lines == sum(events) + sum(skipped)`
    at any moment.

    A line is a line of a file, or one record of an export that is a single JSON document. `bytes`
    is the size of the input after decompression, including lines that say nothing about mail: those
    are skipped undecoded and not counted (prefilter.py). `selected`: some input had a form in which
    lines can be skipped (one record a line). `hyperscan_missing`: some of it was decoded whole
    because that library is not installed. `containers` counts the records that were not lines by
    themselves, by what they came in. `unread` are other files of the folders that were read.
    `details` counts the fields or event types behind a reason; beyond MAX_DETAILS distinct ones, as
    "(others)".
    """

    files: int = 0
    files_not_eve: int = 0
    bytes: int = 0
    lines: int = 0
    events: Counter[str] = field(default_factory=Counter)
    skipped: Counter[SkipReason] = field(default_factory=Counter)
    details: dict[SkipReason, Counter[str]] = field(default_factory=dict)
    containers: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    problems_left_out: int = 0
    selected: bool = False
    hyperscan_missing: bool = False
    unread: list[str] = field(default_factory=list)

    def note(self, result: Event | Skipped) -> None:
        self.lines += 1
        if isinstance(result, Event):
            self.events[result.TYPE] += 1
            return
        self.skipped[result.reason] += 1
        if result.detail:
            self._add_detail(result.reason, result.detail, 1)

    def note_events(self, kind: str, count: int) -> None:
        """Count so many lines that each gave an event of this kind."""
        self.lines += count
        self.events[kind] += count

    def note_container(self, name: str, records: int) -> None:
        """Count records in a container of this name; "" is no container."""
        if name:
            _add(self.containers, name, records)

    def note_problem(self, file: str, what: str) -> None:
        self._add_problem(Problem(file, what))

    def note_unread(self, file: str) -> None:
        """Note a file of a folder whose name is not that of a log."""
        if file not in self.unread:
            insort(self.unread, file)

    def note_problems(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self._add_problem(problem)

    def merge(self, other: "ReadStats") -> None:
        self.files += other.files
        self.files_not_eve += other.files_not_eve
        self.bytes += other.bytes
        self.lines += other.lines
        self.selected |= other.selected
        self.hyperscan_missing |= other.hyperscan_missing
        self.events.update(other.events)
        self.skipped.update(other.skipped)
        for reason, details in other.details.items():
            for detail, count in details.items():
                self._add_detail(reason, detail, count)
        for name, count in other.containers.items():
            self.note_container(name, count)
        self.problems_left_out += other.problems_left_out
        for problem in other.problems:
            self._add_problem(problem)
        for file in other.unread:
            self.note_unread(file)

    @property
    def not_eve(self) -> int:
        """Number of lines that are no JSON object at all.

        If it equals `lines`, the input is not EVE.
        """
        return sum(self.skipped[reason] for reason in _NO_OBJECT)

    @property
    def records(self) -> int:
        """Number of lines with an object that names its event type: EVE records, useful or not."""
        unnamed = self.details.get(SkipReason.MISSING_FIELD, Counter())["event_type"]
        return self.lines - self.not_eve - unnamed

    def raise_if_no_eve(self) -> None:
        """Raise InputError if something was read and none of it was EVE."""
        if self.files and self.files_not_eve == self.files:
            raise InputError(self.problems)

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON, in an order that depends on the content alone."""
        return {
            "files": self.files,
            "bytes": self.bytes,
            "lines": self.lines,
            "selected": self.selected,
            "hyperscan_missing": self.hyperscan_missing,
            "events": dict(sorted(self.events.items())),
            "skipped": {
                reason.value: self.skipped[reason] for reason in SkipReason if self.skipped[reason]
            },
            "details": {
                r.value: dict(sorted(self.details[r].items()))
                for r in SkipReason
                if r in self.details
            },
            "containers": dict(sorted(self.containers.items())),
            "problems": [{"file": problem.file, "what": problem.what} for problem in self.problems],
            "not_read": list(self.unread),
            "problems_left_out": self.problems_left_out,
        }

    def _add_detail(self, reason: SkipReason, detail: str, count: int) -> None:
        _add(self.details.setdefault(reason, Counter()), detail, count)

    def _add_problem(self, problem: Problem) -> None:
        """The problems of the first files by name are kept, in whatever order they come.

        The same problem of another piece of a file is kept once.
        """
        if problem in self.problems:
            return
        insort(self.problems, problem, key=lambda problem: (problem.file, problem.what))
        if len(self.problems) > MAX_PROBLEMS:
            self.problems.pop()
            self.problems_left_out += 1


def _add(counts: Counter[str], name: str, count: int) -> None:
    """Count a name from the wire; beyond MAX_DETAILS distinct names, count them together."""
    counts[name if name in counts or len(counts) < MAX_DETAILS else OTHERS] += count
