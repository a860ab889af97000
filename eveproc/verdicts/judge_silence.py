"""Times of earlier reports -> Judgement of a run that found nothing new. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from math import inf

from eveproc.verdicts.judgement import Cause, Judgement, Outcome
from eveproc.verdicts.remedies import IS_IT_RUNNING
from rulegen.units import HOUR

# A run without new events is suspicious if this many earlier reports had some, and this part of the
# usual pause between them has passed.
REPORTS_WITH_NEWS, PART = 3, 0.75


_NOTHING_YET = Cause(
    "nothing_judged_yet",
    "nothing new since the last run, and no run with this state file saw a host of home_networks",
    "after a correction of site.yaml, delete the state file, so that the logs are read again",
)


def judge_silence(reports: Sequence[float], now: float) -> Judgement:
    """Judge a run that found nothing new.

    `reports`: last event times of earlier reports, newest first. The run is suspicious if each of
    the last three reports had new events and more were due. Without any, no run has seen a home
    host, so nothing is known.
    """
    if not reports:
        return Judgement(Outcome.NOT_JUDGED, (_NOTHING_YET,))
    since = f"{datetime.fromtimestamp(reports[0], UTC):%Y-%m-%d %H:%MZ}"
    pauses = [later - earlier for later, earlier in pairwise(reports[:REPORTS_WITH_NEWS])]
    usual = min((pause for pause in pauses if pause > 0), default=inf)
    is_odd = len(reports) >= REPORTS_WITH_NEWS and now - reports[0] >= max(PART * usual, HOUR)
    if not is_odd:
        return Judgement(Outcome.NOTHING_NEW, (Cause("nothing_new", f"nothing new since {since}"),))
    text = (
        f"nothing new since {since}, and each of the last {REPORTS_WITH_NEWS} reports "
        "had something new"
    )
    return Judgement(Outcome.NOT_JUDGED, (Cause("nothing_new_is_odd", text, IS_IT_RUNNING),))
