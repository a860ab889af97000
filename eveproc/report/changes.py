"""Changes in a watch -> one line each, for people or as JSON. Pure."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType

from eveproc.report.json_report import as_dict
from eveproc.report.record import change_as_dict
from eveproc.report.sanitize import cut, safe
from eveproc.report.times import short
from eveproc.state.incident import LiveNews

NAME = 64


def as_text(news: LiveNews) -> str:
    """`2026-03-02 09:00:14Z new INFECTED 10.20.71.91 (desktop-7, MAC) score 1.00 Opened ...`."""
    verdict, change, identity = news.verdict, news.change, news.verdict.identity
    when = verdict.last_seen if verdict.decided_at is None else verdict.decided_at
    named = (
        f" ({cut(identity.name, NAME) or 'no name'}, {cut(identity.mac, NAME)})" if identity else ""
    )
    who = f"{verdict.host}{named}"
    words = (
        short(when),
        change.trend.words,
        verdict.level.upper(),
        who,
        f"score {verdict.score:.2f}",
        *([f"inventory {safe(verdict.inventory.text)}"] if verdict.inventory else []),
        safe(verdict.why),
    )
    return f"{'  '.join(words)}\n"


def as_json(news: LiveNews) -> str:
    """The object of `eveproc report -f json` with an additional key `change`."""
    return json.dumps({**as_dict(news.verdict), "change": change_as_dict(news.change)}) + "\n"


FORMS: Mapping[str, Callable[[LiveNews], str]] = MappingProxyType(
    {"text": as_text, "json": as_json}
)
