"""InputSeen -> the cause that lines could not be used; whether more were lost than used. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping

from eveproc.input.events import SkipReason
from eveproc.verdicts.input_seen import InputSeen
from eveproc.verdicts.judgement import Cause
from eveproc.verdicts.record_gaps import EXPECTED_RECORDS

# Above this share, unusable lines are reported.
UNUSABLE = 0.02
# Reasons for which a record of Suricata is lost. Lines of other programs have others.
_LOST = frozenset(
    (
        SkipReason.HALF_LINE,
        SkipReason.WRONG_TYPE,
        SkipReason.NO_TIMESTAMP,
        SkipReason.BAD_TIMESTAMP,
        SkipReason.CLOCK_FAULT,
    )
)
RENAMED = (
    "records need event_type, timestamp, src_ip, dest_ip and the object of their kind, with "
    "Suricata's names and types: check what the shipper renames, converts or leaves out, or read "
    "eve.json of the sensor"
)


def lines_not_usable(seen: InputSeen) -> Iterator[Cause]:
    """Of all lines, or of those that can be evidence: long records break off more often."""
    of_all = (seen.unusable(), seen.coverage.lines or seen.stats.lines, "lines")
    skipped = seen.without_usual(seen.stats.skipped)
    of_evidence = (skipped, seen.stats.lines, "lines that can be evidence")
    order = (of_evidence, of_all) if _is_evidence_lost(seen) else (of_all, of_evidence)
    for counted, lines, of_what in order:
        number = sum(counted.values())
        if lines and number > max(1, UNUSABLE * lines):
            yield _cause(seen, counted, number / lines, of_what)
            return


def _cause(seen: InputSeen, counted: Mapping[SkipReason, int], share: float, of_what: str) -> Cause:
    is_cut = seen.is_cut_off() or counted.get(SkipReason.HALF_LINE, 0) * 2 > sum(counted.values())
    cut = "; most are cut off before their end" if is_cut else ""
    remedy = "check which program writes them" if SkipReason.NOT_JSON in counted else RENAMED
    return Cause(
        "lines_not_usable",
        f"about {share:.0%} of the {of_what} could not be used ({seen.reasons(counted)}{cut})",
        "inspect some of them; a message limit of syslog may cut records off" if is_cut else remedy,
    )


def are_mostly_lost(seen: InputSeen) -> bool:
    """True if more records were lost than used, of all kinds or of those that can be evidence."""
    coverage = seen.coverage
    whole = coverage.lines - sum(coverage.unusable.values())
    return _lost(seen, coverage.unusable) > max(1, whole) or _is_evidence_lost(seen)


def _is_evidence_lost(seen: InputSeen) -> bool:
    stats = seen.stats
    fields = stats.details.get(SkipReason.MISSING_FIELD, Counter())
    lost = _lost(seen, stats.skipped) + sum(fields.values()) - fields["event_type"]
    return lost >= EXPECTED_RECORDS and lost > sum(stats.events.values()) - stats.events["stats"]


def _lost(seen: InputSeen, counted: Mapping[SkipReason, int]) -> int:
    unusable = seen.without_usual(counted)
    return sum(number for reason, number in unusable.items() if reason in _LOST)
