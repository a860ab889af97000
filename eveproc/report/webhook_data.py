"""News of a watch -> the JSON for webhooks, which docs/webhook.schema.json defines. Pure.

It has the names of `-f json`. Its size is bounded: evidence is summarized, long lists and texts are
cut, and `is_shortened` says so.
"""

import json
from sys import maxsize

from eveproc.report.json_report import as_dict
from eveproc.report.judgement_text import as_dict as judgement_as_dict
from eveproc.report.record import change_as_dict
from eveproc.report.sanitize import cut
from eveproc.state.incident import LiveNews
from eveproc.verdicts.judgement import Judgement

# Maximum lengths of lists and texts: there are fewer kinds of evidence, and `why` takes some 300
# characters. A queue keeps 1,000 messages.
MOST_ITEMS, MOST_TEXT = 64, 1024
# Keys of evidence that are left out; report -f json has them.
_DETAILS = frozenset(("flow_ids", "why"))


def data_of(judgement: Judgement, *news: LiveNews) -> str:
    """One ASCII object: a verdict for each of the news, and what could be seen."""
    return json.dumps(
        {
            "verdicts": [_verdict(one) for one in news],
            "coverage": _bounded(judgement_as_dict(judgement)),
        }
    )


def with_lost(data: str, number: int) -> str:
    """The same, with the number of messages before this one that a full queue lost."""
    return json.dumps({**json.loads(data or "{}"), "messages_lost": number})


def _verdict(news: LiveNews) -> dict[str, object]:
    told = as_dict(news.verdict)
    items = told["evidence"]
    assert isinstance(items, list)
    told["evidence"] = [
        {key: value for key, value in item.items() if key not in _DETAILS} for item in items
    ]
    told["change"] = change_as_dict(news.change)
    short = _bounded(told)
    assert isinstance(short, dict)
    is_shortened = short != _bounded(told, maxsize, maxsize)
    return short | {"is_shortened": is_shortened}


def _bounded(value: object, text: int = MOST_TEXT, items: int = MOST_ITEMS) -> object:
    """The value with escaped, cut texts and cut lists."""
    match value:
        case str():
            return cut(value, text)
        case list():
            return [_bounded(one, text, items) for one in value[:items]]
        case dict():
            return {key: _bounded(one, text, items) for key, one in value.items()}
    return value
