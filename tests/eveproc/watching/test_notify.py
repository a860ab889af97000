"""Messages -> a local webhook that takes them, refuses, dawdles or is dead: none is lost, and
nobody waits."""

import json
import time
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from eveproc.evidence.store import EvidenceSource
from eveproc.report.changes import as_json, as_text
from eveproc.report.sanitize import cut, safe
from eveproc.report.webhook_data import MOST_ITEMS, MOST_TEXT
from eveproc.state.incident import Incident, LiveNews, News
from eveproc.state.message import Message
from eveproc.state.state import open_state
from eveproc.verdicts.change import HostChange, Trend
from eveproc.verdicts.judgement import Cause, Judgement, Outcome
from eveproc.verdicts.verdict import Identity
from eveproc.watching import notify
from eveproc.watching.notify import Notifier, key_of, masked, message_of
from rulegen.errors import InputError
from rulegen.vocabulary import Level, Signal
from tests.eveproc.made_verdicts import CLEAN, HOSTILE, INFECTED, START, SUSPECTED, VERDICTS
from tests.live.webhook import Webhook

_SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "webhook.schema.json").read_text())
Draft202012Validator.check_schema(_SCHEMA)
SCHEMA = Draft202012Validator(_SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
PARTLY = Judgement(Outcome.IN_PART, (Cause("no_smtp_records", "no smtp records", "log smtp"),))
DEAD = "json://127.0.0.1:9/"
SOON = 10.0


def news_of(verdict, trend=Trend.NEW, previous=None):
    change = HostChange(verdict.host, trend, "0faeaa05fb74", START, previous)
    incident = Incident(
        change.incident, "", verdict.host, "", START, START, START, verdict.level, verdict.score
    )
    return LiveNews(verdict, News(change, incident))


@pytest.fixture
def hook():
    with Webhook() as hook:
        yield hook


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(notify, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(notify, "PAUSE_AT_MOST", 0.2)


def numbered(count):
    return [Message(f"title {number}", "body") for number in range(count)]


def titles(posts):
    return [post.body["title"] for post in posts]


def test_messages_arrive_in_order_and_nothing_is_left(hook):
    notifier = Notifier([hook.url], lambda _: None)
    for message in numbered(5):
        notifier.send(message)
    assert notifier.close(SOON) == {}
    assert titles(hook.posts) == [f"title {number}" for number in range(5)]


def test_a_service_that_refuses_gets_everything_later_once_and_that_is_told(hook):
    said = []
    hook.refusing = True
    notifier = Notifier([hook.url], said.append)
    for message in numbered(3):
        notifier.send(message)
    until = time.monotonic() + SOON
    while not said and time.monotonic() < until:
        time.sleep(0.01)
    hook.refusing = False
    assert titles(hook.wait_for(3, SOON)) == ["title 0", "title 1", "title 2"]
    assert notifier.close(SOON) == {}
    assert said == [
        "json://...: does not accept a notification (it answered 503); it is kept and tried again",
        "json://...: accepts notifications again",
    ]


def test_a_message_that_is_refused_for_itself_does_not_hold_up_the_others(hook):
    """As a body that is too large: waiting for its turn, everything after it would wait for ever."""
    hook.refuse_by = {"title 1": 413}
    notifier = Notifier([hook.url], lambda _: None)
    for message in numbered(4):
        notifier.send(message)
    assert titles(hook.wait_for(3, SOON)) == ["title 0", "title 2", "title 3"]
    (left,) = notifier.close(0.1).values()
    assert [message.title for message in left] == ["title 1"]


def test_a_status_of_the_service_keeps_the_order(hook):
    hook.refuse_by = {"title 0": 404}
    notifier = Notifier([hook.url], lambda _: None)
    for message in numbered(3):
        notifier.send(message)
    until = time.monotonic() + SOON
    while hook.refused < 6 and time.monotonic() < until:
        time.sleep(0.01)
    hook.refuse_by = {}
    assert titles(hook.wait_for(3, SOON)) == ["title 0", "title 1", "title 2"]
    assert notifier.close(SOON) == {}


def test_a_service_that_asks_for_time_gets_it(hook, monkeypatch):
    monkeypatch.setattr(notify, "PAUSE_AT_MOST", 1.0)
    hook.refuse_by, hook.retry_after = {"title 0": 429}, "3600"
    notifier = Notifier([hook.url], lambda _: None)
    notifier.send(numbered(1)[0])
    until = time.monotonic() + SOON
    while not hook.refused and time.monotonic() < until:
        time.sleep(0.01)
    hook.refuse_by, began = {}, time.monotonic()
    assert hook.wait_for(1, SOON)
    assert time.monotonic() - began > 0.8  # FIRST_PAUSE is 0.05 here
    assert notifier.close(SOON) == {}


def test_of_several_urls_each_is_told_by_its_place(hook):
    said = []
    notifier = Notifier([hook.url, DEAD], said.append)
    notifier.send(numbered(1)[0])
    until = time.monotonic() + SOON
    while not said and time.monotonic() < until:
        time.sleep(0.01)
    notifier.close(0.0)
    assert said == [
        "json://... (URL 2 of 2): does not accept a notification (Connection refused); it is kept "
        "and tried again"
    ]


def test_a_full_queue_is_told_once():
    said = []
    notifier = Notifier([DEAD], said.append)
    for message in numbered(notify.WAITING_AT_MOST + 3):
        notifier.send(message)
    notifier.close(0.0)
    assert [line for line in said if "wait" in line] == [
        "json://...: 1000 messages wait; no more are kept"
    ]


def test_a_dead_or_slow_service_blocks_neither_the_sender_nor_the_others(hook):
    with Webhook(slow=0.5) as slow:
        notifier = Notifier([DEAD, slow.url, hook.url], lambda _: None)
        began = time.monotonic()
        for message in numbered(50):
            notifier.send(message)
        assert time.monotonic() - began < 0.5
        assert len(hook.wait_for(50, SOON)) == 50
        assert slow.wait_for(2, SOON)  # so the first is delivered
        left = notifier.close(0.0)
    assert left[key_of(DEAD)] == tuple(numbered(50))
    assert set(left[key_of(slow.url)]) < set(numbered(50))


def test_what_was_not_delivered_is_delivered_by_the_next_one_first(hook):
    first = Notifier([DEAD], lambda _: None)
    first.send(numbered(1)[0])
    (left,) = first.close(0.3).values()
    second = Notifier([hook.url], lambda _: None, {key_of(hook.url): left})
    second.send(Message("new", "body"))
    assert second.close(SOON) == {}
    assert titles(hook.posts) == ["title 0", "new"]


def test_what_a_full_queue_cannot_hold_is_counted_and_told(hook, monkeypatch):
    monkeypatch.setattr(notify, "WAITING_AT_MOST", 2)
    hook.refusing = True
    notifier = Notifier([hook.url], lambda _: None)
    for message in numbered(5):
        notifier.send(message)
    hook.refusing = False
    posts = hook.wait_for(2, SOON)
    assert notifier.close(SOON) == {}
    assert titles(posts) == ["title 0", "title 1"]
    told = [post for post in posts if "messages_lost" in post.body]
    assert [post.body["messages_lost"] for post in told] == [3]
    assert (
        told[0]
        .body["message"]
        .endswith("3 more did not fit into the queue; eveproc report has them.")
    )


def test_urls_that_nobody_knows_are_refused_without_their_secrets():
    with pytest.raises(InputError) as refused:
        Notifier(["nonsense://user:secret@host/", "no url, but secret"], lambda _: None)
    assert [problem.file for problem in refused.value.problems] == ["nonsense://...", "..."]
    assert "secret" not in str(refused.value)
    assert masked("mailtos://user:secret@example.org") == "mailtos://..."


def test_a_message_says_what_there_is_to_know():
    message = message_of(news_of(INFECTED, Trend.WORSE, Level.SUSPECTED))
    assert replace(message, data="") == Message(
        "INFECTED 10.20.1.7 (worse)",
        "10.20.1.7 (laptop-7, 02:00:00:00:00:11): infected, score 1.00\n"
        "decided 2024-03-01 10:01:00Z\n"
        "Opened SMTP connections to 241 outside servers; lookup and delivery agree.\n"
        "Next: Take it off the network.\n"
        "Incident 0faeaa05fb74, worse.",
        "failure",
    )
    assert message_of(news_of(CLEAN, Trend.GONE_QUIET)).kind == "info"
    assert message_of(news_of(CLEAN, Trend.RECOVERED)).kind == "success"


HOSTILE_NAMES = [
    HOSTILE,
    "@everyone <!channel> <@U123> [free](http://evil.example)",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "=HYPERLINK(1)",
    "\x1b]0;owned\x07\u202egnp.exe",
    "line\r\nBcc: victim@example.org\r\n\r\nbody",
    "x" * 10_000,
    "*bold* _it_ `code` ~strike~ |spoiler|",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_that_a_host_gives_itself_does_nothing_anywhere(name, hook):
    hostile = news_of(
        replace(
            SUSPECTED,
            identity=Identity("02:00:00:00:00:12", name, ()),
            why="Why.",
            next_step="Next.",
        )
    )
    message = message_of(hostile)
    assert not set(message.body) & set("@<>[]`*_|~=\x1b\x07\u202e\r") - set("_")
    assert "\n" not in message.title
    assert len(message.body) < 400
    assert len(message.body.splitlines()) == 5
    for line in (as_text(hostile), as_json(hostile)):
        assert line.endswith("\n")
        assert line[:-1].isprintable()
        assert len(line.splitlines()) == 1
    notifier = Notifier([hook.url], lambda _: None)
    notifier.send(message)
    assert notifier.close(SOON) == {}
    (post,) = hook.posts
    assert (post.body["title"], post.body["message"]) == (message.title, message.body)
    SCHEMA.validate(post.body)
    assert post.body["verdicts"][0]["identity"]["name"] == cut(name, MOST_TEXT)
    assert post.raw.isascii()
    assert post.raw.decode().isprintable()


@pytest.mark.parametrize("trend", Trend)
@pytest.mark.parametrize("verdict", VERDICTS, ids=lambda verdict: verdict.level)
def test_a_webhook_gets_the_verdict_with_the_names_of_the_json_form(verdict, trend, hook):
    news = news_of(verdict, trend)
    notifier = Notifier([hook.url], lambda _: None)
    notifier.send(message_of(news, PARTLY))
    assert notifier.close(SOON) == {}
    (post,) = hook.posts
    SCHEMA.validate(post.body)
    (told,) = post.body["verdicts"]
    said = json.loads(as_json(news))
    for item in said["evidence"]:
        del item["why"], item["flow_ids"]
    assert {key: told[key] for key in said if key not in ("identity", "why")} == {
        key: value for key, value in said.items() if key not in ("identity", "why")
    }
    assert told["why"] == safe(said["why"])
    assert told["is_shortened"] is False
    assert post.body["coverage"] == {
        "judgement": "judged in part",
        "causes": [{"name": "no_smtp_records", "text": "no smtp records", "remedy": "log smtp"}],
    }


def test_data_that_would_be_long_is_cut_and_says_so():
    many = [f"2001:db8:20::{number:x}" for number in range(10_000)]
    items = INFECTED.evidence * 100
    long = replace(
        INFECTED,
        identity=Identity("02:00:00:00:00:12", "\u202e" * 10_000, tuple(many)),
        repeats=tuple(many),
        evidence=tuple(replace(item, sids=tuple(range(1000))) for item in items),
        why="x" * 100_000,
        scope="\u00e9" * 10_000,
    )
    data = message_of(news_of(long), PARTLY).data
    (told,) = json.loads(data)["verdicts"]
    assert told["is_shortened"] is True
    assert len(data) < 100_000
    assert told["identity"]["addresses"] == many[:64]
    body = {"version": "1.0", "title": "", "message": "", "attachments": [], "type": "info"}
    SCHEMA.validate(body | json.loads(data))


def test_the_lists_of_data_hold_every_kind_of_evidence():
    assert len(Signal) * len(EvidenceSource) <= MOST_ITEMS


def test_data_waits_in_the_state_and_is_delivered_after_a_restart(hook, tmp_path):
    message = message_of(news_of(INFECTED), PARTLY)
    with open_state(tmp_path / "watch.state") as state:
        first = Notifier([DEAD], lambda _: None)
        first.send(message)
        (left,) = first.close(0.0).values()
        state.keep_messages({key_of(hook.url): left})
    with open_state(tmp_path / "watch.state") as state:
        second = Notifier([hook.url], lambda _: None, state.messages())
    assert second.close(SOON) == {}
    (post,) = hook.posts
    assert {key: post.body[key] for key in ("verdicts", "coverage")} == json.loads(message.data)
