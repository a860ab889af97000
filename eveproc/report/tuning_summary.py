"""Recommendations -> one screen: which thresholds to change, why, and what each costs."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from eveproc.report.sanitize import safe
from eveproc.report.text_report import WIDTH
from eveproc.report.tuning_text import Tuning, name_of, numbers_of, rate
from eveproc.tuning.matching import UNTOLD
from eveproc.tuning.tune import Recommendation
from rulegen.units import count_of

# Maximum number of hosts listed; a longer list does not help to decide.
MOST_HOSTS = 5
_MORE = "-v explains each number and lists the excluded hosts; -f html draws the curves."


def render(tuning: Tuning) -> str:
    """What to change as a table, with a reason below each row; the rest is counted."""
    rows = [one for one in tuning.recommendations if one.is_changed or not one.fits]
    kept = [one for one in tuning.recommendations if one not in rows]
    lines = [
        *_wrapped(*tuning.head()),
        "",
        _headline(tuning.recommendations),
        *_table(rows),
        *_kept(kept),
        *_behind([one for one in rows if not one.fits]),
        "",
        *_wrapped(
            f"No proposal for {', '.join(UNTOLD)}: they have no rule, or "
            "records do not show what it counts."
        ),
        *_wrapped(_MORE),
    ]
    return "".join(f"{line}\n" for line in lines)


def _wrapped(*texts: str) -> Iterator[str]:
    for text in texts:
        yield from wrap(text, WIDTH, break_on_hyphens=False)


def _headline(found: Sequence[Recommendation]) -> str:
    changed = sum(one.is_changed for one in found)
    over = sum(not one.fits for one in found)
    if not found:
        return "Nothing can be proposed: no record in these logs has a time."
    head = f"Change {changed} of {count_of(len(found), 'threshold')}" if changed else "Keep all"
    return f"{head}; {over} over the budget." if over else f"{head}. All keep to the budget."


def _table(rows: Sequence[Recommendation]) -> Iterator[str]:
    if not rows:
        return
    width = max(len(name_of(one)) for one in rows)
    yield ""
    yield f"{'':{width}}  {'':>14}  {'':>14}  {'alerts a week':^24}  {'senders':>8}"
    yield (
        f"{'':{width}}  {'now':>14}  {'proposed':>14}  {'now':>6}  {'then':>6}  {'at most':>8}  "
        f"{'found in':>8}"
    )
    for one in rows:
        proposed = numbers_of(one.proposed) if one.is_changed else "keep"
        yield (
            f"{name_of(one):{width}}  {numbers_of(one.present):>14}  {proposed:>14}  "
            f"{rate(one.now):>6}  {rate(one.expected):>6}  {rate(one.at_most):>8}  "
            f"{_found_in(one):>8}"
        )
        yield from wrap(_why(one), WIDTH, initial_indent="    ", subsequent_indent="    ")


def _found_in(one: Recommendation) -> str:
    """The time to the alert on the known sender that is found last."""
    times = [seconds for _, seconds in one.catches if seconds is not None]
    if len(times) < len(one.catches):
        return "missed"
    return f"{max(times):,.0f} s" if times else "-"


def _why(one: Recommendation) -> str:
    reached = (
        f"{safe(one.loud[0].host)} reached {one.loud[0].largest} in {one.present.seconds} s"
        if one.loud
        else "no host did this, except infected ones if any"
    )
    if not one.fits:
        return f"over the budget: {reached}; above {one.ceiling} a known sender would be missed"
    if one.proposed == one.catalogue:
        return f"the catalogue's threshold is enough: {reached}"
    return f"lowest within the budget: {reached}"


def _kept(kept: Sequence[Recommendation]) -> Iterator[str]:
    if kept:
        listed = ", ".join(f"{name_of(one)} ({numbers_of(one.present)})" for one in kept)
        yield ""
        yield from _wrapped(f"Keep {listed}.")


def _behind(over: Sequence[Recommendation]) -> Iterator[str]:
    """The hosts with most alerts of the signals over the budget, all signals together."""
    causes: dict[str, dict[str, float]] = {}
    for one in over:
        for loud in one.loud:
            if loud.a_week:
                causes.setdefault(loud.host, {})[one.signal.value] = loud.a_week
    if not causes:
        return
    busiest = sorted(causes.items(), key=lambda cause: (-sum(cause[1].values()), cause[0]))
    yield ""
    yield "Over the budget because of these hosts: declare, exempt or investigate them."
    for host, rates in busiest[:MOST_HOSTS]:
        each = ", ".join(f"{signal} {rate(number)}" for signal, number in rates.items())
        yield f"    {safe(host)}: alerts a week now: {each}"
    if len(busiest) > MOST_HOSTS:
        yield f"    ... and {count_of(len(busiest) - MOST_HOSTS, 'other host')}"
