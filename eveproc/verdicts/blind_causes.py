"""InputSeen -> the cause that makes verdicts impossible, and its remedy. Pure."""

from collections.abc import Iterator

from eveproc.input.events import SkipReason
from eveproc.input.read_stats import NO_CONTENT, NO_HITS
from eveproc.verdicts.input_seen import EVIDENCE, ONE_SIDED, InputSeen
from eveproc.verdicts.judgement import Cause
from eveproc.verdicts.remedies import (
    ANOTHER_COPY,
    BOTH_DIRECTIONS,
    CHECK_THE_SEARCH,
    IS_IT_RUNNING,
    MIRROR,
    TYPES,
)
from eveproc.verdicts.unusable_lines import RENAMED, are_mostly_lost, lines_not_usable

_TIMES = frozenset((SkipReason.NO_TIMESTAMP, SkipReason.BAD_TIMESTAMP, SkipReason.CLOCK_FAULT))


def blind_causes(seen: InputSeen) -> Iterator[Cause]:
    """At most one cause that makes verdicts impossible."""
    for cause in (
        _nothing_read(seen),
        _nothing_usable(seen),
        _mostly_lost(seen),
        _nothing_in_time(seen),
        _no_evidence_kind(seen),
        _no_home_host(seen),
        _only_replies(seen),
    ):
        if cause:
            yield cause
            return


def _nothing_read(seen: InputSeen) -> Cause | None:
    was_read = seen.stats.bytes and (seen.coverage.lines or seen.stats.lines)
    if was_read or seen.store.active or seen.kinds:
        return None
    problems = [problem for problem in seen.stats.problems if problem.what not in NO_CONTENT]
    if problems:
        return Cause("nothing_read", f"nothing could be read: {problems[0]}", ANOTHER_COPY)
    if any(problem.what == NO_HITS for problem in seen.stats.problems):
        return Cause("nothing_read", f"the input {NO_HITS}", CHECK_THE_SEARCH)
    return Cause("nothing_read", "the input is empty", IS_IT_RUNNING)


def _nothing_usable(seen: InputSeen) -> Cause | None:
    unusable = seen.unusable()
    was_used = seen.coverage.records or seen.store.active or seen.other_kinds()
    if was_used or seen.outside() or not unusable:
        return None
    if seen.is_cut_off():
        return Cause(
            "cut_off",
            "every record is cut off before its end",
            "raise the message limit of syslog ($MaxMessageSize of rsyslog, log-msg-size() of "
            "syslog-ng), or let Suricata write a file (filetype: regular)",
        )
    reasons = {reason for reason, number in unusable.items() if number}
    if reasons <= _TIMES:
        return Cause(
            "no_usable_time",
            f"no record has a usable time ({seen.reasons(unusable)})",
            "check the sensor's clock; timestamp must be in ISO 8601, or a number of seconds since "
            "1970 (docs/inputs.md lists the forms)",
        )
    return Cause(
        "nothing_usable",
        f"no line could be read as an EVE record ({seen.reasons(unusable)})",
        RENAMED,
    )


def _mostly_lost(seen: InputSeen) -> Cause | None:
    """What is left may be the part without the mass mailer."""
    return next(lines_not_usable(seen), None) if are_mostly_lost(seen) else None


def _nothing_in_time(seen: InputSeen) -> Cause | None:
    outside = seen.outside()
    is_any = seen.coverage.records or seen.coverage.hours or seen.store.hosts
    if is_any or not outside:
        return None
    return Cause(
        "nothing_in_period",
        f"no record can be used: all are {', '.join(sorted(outside))}",
        "check --since, --until and the sensor's clock",
    )


def _no_evidence_kind(seen: InputSeen) -> Cause | None:
    if seen.kinds & EVIDENCE or seen.coverage.own_alerts or seen.store.flows_logged:
        return None
    # TLS records alone show little; other kinds are present but not in the sample.
    has_tls_alone = seen.stats.events["tls"] and not any(map(seen.stats.events.get, EVIDENCE))
    if seen.store.hosts and not has_tls_alone:
        return None
    held = ", ".join(sorted({*seen.kinds, *seen.other_kinds()})[:8]) or "none"
    remedy = f"log dns, smtp and flow ({TYPES} in suricata.yaml)"
    if "alert" in seen.kinds:
        what = "alerts of other rules only"
        remedy += ", and load the rules of rulegen build"
    elif "netflow" in seen.other_kinds():
        what = "netflow records, which show neither the client nor whether it was answered"
        remedy = f"set flow ({TYPES} in suricata.yaml) in place of netflow, and dns and smtp"
    else:
        what = f"no record that can be evidence (types seen: {held})"
    return Cause("no_evidence_records", f"the input holds {what}", remedy)


def _no_home_host(seen: InputSeen) -> Cause | None:
    if seen.clients_met or (seen.met and not seen.coverage.other_clients):
        return None
    if seen.met and seen.coverage.own_alerts:
        return None
    declared = ", ".join(map(str, seen.site.home_networks))
    clients = seen.other_clients_named(4, 6)
    if not clients and seen.coverage.home_broadcasters:
        return Cause(
            "only_broadcasts",
            "home hosts were seen in unanswered datagrams only (broadcasts, multicasts), and in no "
            "connection or query",
            MIRROR,
        )
    if not clients:
        return Cause(
            "no_home_host",
            f"no host of home_networks ({declared}) was seen",
            "check home_networks in site.yaml, and which traffic the sensor monitors",
        )
    return Cause(
        "home_networks_wrong",
        f"no connection or query of a home host was seen: clients are {clients}, "
        f"home_networks lists {declared}",
        "correct home_networks in site.yaml; if these are addresses of a NAT gateway, "
        "monitor its internal side",
    )


def _only_replies(seen: InputSeen) -> Cause | None:
    """Only packets to home hosts; unseen_traffic.py reports the opposite case."""
    traffic = seen.coverage.traffic
    if traffic["only_replies"] < ONE_SIDED or traffic["both_sides"] or traffic["only_sent"]:
        return None
    return Cause(
        "one_direction",
        "only packets to home hosts were seen, and none that they sent",
        BOTH_DIRECTIONS,
    )
