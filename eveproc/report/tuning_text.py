"""Recommendations -> text with every reason, JSON lines, or thresholds.yaml with reasons."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from textwrap import wrap

from msgspec import Struct

from eveproc.report.sanitize import safe
from eveproc.report.text_report import WIDTH
from eveproc.report.times import span
from eveproc.tuning.baseline import Baseline, ExcludedHost
from eveproc.tuning.matching import TOLD, UNTOLD
from eveproc.tuning.tune import Recommendation
from rulegen.site_profile import Threshold, short
from rulegen.units import HOUR, count_of

# Less than a week of records does not show both working days and a weekend.
TOO_SHORT = 6.5
OVER = "  over the budget"


class Tuning(Struct, frozen=True):
    """The recommendations, the data behind them, and the budget in alerts a week."""

    recommendations: Sequence[Recommendation]
    baseline: Baseline
    budget: float

    @property
    def days(self) -> float:
        return self.baseline.history.days

    def span(self) -> str:
        hours = self.baseline.history.hours
        return span(min(hours) * HOUR, (max(hours) + 1) * HOUR) if hours else "no time at all"

    def head(self) -> Iterator[str]:
        """The data behind the numbers, one paragraph each."""
        share = self.budget / len(TOLD)
        yield f"{self.days:.1f} days of records, {self.span()}."
        yield (
            f"Budget: {self.budget:g} false alert{'s' * (self.budget != 1)} a week, for all "
            f"signals together, {share:.2g} for each."
        )
        if self.days < TOO_SHORT:
            yield (
                f"{self.days:.1f} days are less than a week: the limits below do not cover "
                "weekends or the end of a month. Keep a --baseline and add to it."
            )
        if self.baseline.history.is_thinned:
            yield (
                "More hosts than can be kept: all numbers are from a representative sample of "
                f"{count_of(len(self.baseline.history.active), 'host')}."
            )
        out = left_out(self.baseline)
        if out:
            kinds = sorted(Counter(safe(one.kind) for one in out.values()).items())
            told = ", ".join(f"{kind}: {number}" for kind, number in kinds)
            yield f"Not counted: {count_of(len(out), 'address')} ({told})."


def render_text(tuning: Tuning) -> str:
    """A table of all numbers, then reasons for each signal that changes or does not fit."""
    lines = [*tuning.head(), "", *_table(tuning.recommendations)]
    for one in tuning.recommendations:
        if one.is_changed or not one.fits:
            lines += ["", *wrap(f"{name_of(one)}: {reason(one)}", WIDTH), *_loud(one)]
    out = left_out(tuning.baseline)
    if out:
        lines += ["", "not counted:"]
    for host, one_out in out.items():
        lines += wrap(
            f"{safe(host)}: {safe(one_out.why)}",
            WIDTH,
            initial_indent="    ",
            subsequent_indent="      ",
        )
    for signal, why in UNTOLD.items():
        lines += ["", *wrap(f"{signal}: no proposal: {why}.", WIDTH)]
    return "".join(f"{line}\n" for line in lines)


def render_json(tuning: Tuning) -> str:
    """One object a line: a signal and its network (null: the whole site)."""
    return "".join(f"{json.dumps(_as_dict(one))}\n" for one in tuning.recommendations)


def render_yaml(tuning: Tuning) -> str:
    """Thresholds file for rulegen build -t.

    Signals without a proposal keep the threshold of site.yaml or the catalogue.
    """
    head = [
        *tuning.head(),
        "Made by eveproc tune; its next run overwrites this file. To use it: rulegen "
        "build -s site.yaml -t thresholds.yaml -o out",
    ]
    lines = [f"# {line}" for text in head for line in wrap(text, WIDTH)]
    lines.append("thresholds:" if tuning.recommendations else "thresholds: {}")
    for _, of_signal in groupby(tuning.recommendations, attrgetter("signal")):
        lines += _yaml_of(list(of_signal))
    return "".join(f"{line}\n" for line in lines)


def reason(one: Recommendation) -> str:
    """The reasons for this number, in a few sentences."""
    over = "" if one.fits else "Over the budget."
    return " ".join(filter(None, (over, _seen(one), _choice(one), _but_for(one), _found(one))))


def left_out(baseline: Baseline) -> dict[str, ExcludedHost]:
    """Excluded hosts in order, each according to the latest logs."""
    latest = {one.host: one for one in sorted(baseline.left_out, key=attrgetter("last", "why"))}
    return dict(sorted(latest.items()))


def _table(recommendations: Sequence[Recommendation]) -> Iterator[str]:
    width = max((len(name_of(one)) for one in recommendations), default=0)
    yield (
        f"{'':{width}}  {'now':>14}  {'proposed':>14}  {'alerts a week: now':>18}  "
        f"{'proposed':>8}  {'at most':>8}"
    )
    for one in recommendations:
        rates = (
            f"{rate(one.now):>18}  {rate(one.expected):>8}  "
            f"{rate(one.at_most):>8}{'' if one.fits else OVER}"
        )
        yield (
            f"{name_of(one):{width}}  {numbers_of(one.present):>14}  "
            f"{numbers_of(one.proposed):>14}  {rates}"
        )


def name_of(one: Recommendation) -> str:
    """The signal, and the hosts of the recommendation if these are not all."""
    if one.network:
        return f"{one.signal} in {short(one.network)}"
    return f"{one.signal}, other {count_of(one.hosts, 'host')}" if one.apart else one.signal.value


def numbers_of(threshold: Threshold) -> str:
    """`10 in 60 s`."""
    return f"{threshold.count} in {threshold.seconds} s"


def _seen(one: Recommendation) -> str:
    if not one.loud:
        return "No host did this, except infected ones if any."
    first = one.loud[0]
    return (
        f"{numbers_of(one.present)} would have alerted {rate(one.now)} times a week; "
        "the maximum of a host that is not infected within "
        f"{one.present.seconds} s is {first.largest} ({safe(first.host)})."
    )


def _choice(one: Recommendation) -> str:
    limit = (
        f"{rate(one.expected)} alerts a week were observed, at most {rate(one.at_most)} "
        "are expected (95 %, extrapolated)"
    )
    if not one.fits:
        return (
            f"{numbers_of(one.proposed)} is the best usable threshold (above {one.ceiling}, "
            f"a known sender would be missed), but {limit}: declare, exempt or investigate "
            "the hosts behind them."
        )
    if one.proposed == one.catalogue:
        return (
            f"{numbers_of(one.proposed)} is the catalogue's threshold; lower ones find no "
            f"additional senders: {limit}."
        )
    return f"{numbers_of(one.proposed)} is the lowest threshold within the budget: {limit}."


def _but_for(one: Recommendation) -> str:
    """Suggest to exempt a single machine instead of raising the threshold for all."""
    if not one.loud or one.without_loudest >= one.proposed.count:
        return ""
    host = safe(one.loud[0].host)
    return (
        f"Without {host}, {one.without_loudest} would suffice: exempt it if this "
        "activity is legitimate."
    )


def _found(one: Recommendation) -> str:
    if not one.catches:
        return ""
    told = ", ".join(
        f"{name}{' NOT FOUND' if seconds is None else f' after {seconds:.0f} s'}"
        for name, seconds in one.catches
    )
    return f"Finds: {told}."


def _loud(one: Recommendation) -> Iterator[str]:
    for loud in one.loud[:5]:
        yield (
            f"    {safe(loud.host):39} at most {loud.largest} in {one.present.seconds} s, "
            f"{rate(loud.a_week)} alerts a week now"
        )


def _yaml_of(of_signal: Sequence[Recommendation]) -> Iterator[str]:
    yield f"  {of_signal[0].signal}:"
    for one in of_signal:
        indent = "      " if one.network else "    "
        if one.network and of_signal.index(one) == 1:
            yield "    networks:"
        yield from (f"{indent}# {line}" for line in wrap(f"{_was(one)}{reason(one)}", WIDTH))
        if one.network:
            count, seconds = one.proposed.count, one.proposed.seconds
            yield f'{indent}"{one.network}": {{count: {count}, seconds: {seconds}}}'
        else:
            yield from (
                f"{indent}count: {one.proposed.count}",
                f"{indent}seconds: {one.proposed.seconds}",
            )


def rate(number: float) -> str:
    """Format a rate per week with few digits: `2,100`, `0.34`, `< 0.001`."""
    if 0 < number < 0.001:
        return "< 0.001"
    return f"{number:,.0f}" if number >= 100 else f"{number:.2g}"


def _was(one: Recommendation) -> str:
    return f"Now {numbers_of(one.present)}. " if one.is_changed else "No change. "


def _rates(one: Recommendation) -> dict[str, float]:
    return {
        "present": one.now,
        "proposed": one.expected,
        "at_most": one.at_most,
        "allowed": one.allowed,
    }


def _as_dict(one: Recommendation) -> dict[str, object]:
    return {
        "signal": one.signal.value,
        "network": None if one.network is None else str(one.network),
        "other_networks": [str(network) for network in one.apart],
        "hosts": one.hosts,
        "weeks": round(one.weeks, 3),
        "present": {"count": one.present.count, "seconds": one.present.seconds},
        "proposed": {"count": one.proposed.count, "seconds": one.proposed.seconds},
        "alerts_a_week": {name: float(f"{rate:.4g}") for name, rate in _rates(one).items()},
        "fits": one.fits,
        "ceiling": one.ceiling,
        "loud": [
            {
                "host": loud.host,
                "largest": loud.largest,
                "alerts_a_week": float(f"{loud.a_week:.4g}"),
            }
            for loud in one.loud
        ],
        "catches": [{"sender": name, "seconds": seconds} for name, seconds in one.catches],
        "why": reason(one).strip(),
    }
