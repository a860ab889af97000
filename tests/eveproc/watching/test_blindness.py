"""A watch that cannot judge: reported at once and then every hour, notified once, written to the
heartbeat, ended on request.
"""

import json
import threading

import pytest

from eveproc.verdicts.judgement import Cause, Judgement, Outcome
from eveproc.watching import blindness
from eveproc.watching.blindness import FIRST, MINUTE, SILENT, BlindnessWatch, Policy, Reading
from eveproc.watching.engine import Watcher, WatchMemory
from eveproc.watching.service import Live, ProcessSignals, Sinks
from rulegen.site_profile import load_site
from rulegen.units import HOUR
from rulegen.vocabulary import Level
from tests.eveproc.eve_lines import SITE, START, mailing
from tests.eveproc.unusable import KINDS

BLIND = Judgement(Outcome.NOT_JUDGED, (Cause("home_networks_wrong", "no home host", "mend it"),))
PARTLY = Judgement(Outcome.IN_PART, (Cause("no_smtp_records", "no smtp records", "log smtp"),))


NOW = 1_795_000_000.0  # 2026-11-18


class Scene:
    """A BlindnessWatch whose input grows by a byte a look, unless `bytes` is set."""

    def __init__(self, policy=blindness.NO_POLICY):
        self.judgement, self.bytes, self.stopped = Judgement(), 0, False
        self.said, self.sent = [], []
        self.watch = BlindnessWatch(self.read, self.said.append, self.sent.append, policy, 0.0)

    def read(self):
        self.bytes += not self.stopped
        return Reading(self.bytes, self.bytes, self.judgement)

    def look(self, *times):
        return [self.watch.look(time, START + time) for time in times]


def test_a_watch_that_sees_says_nothing():
    scene = Scene()
    scene.look(*range(0, 4 * HOUR, MINUTE))
    assert (scene.said, scene.sent) == ([], [])


def test_blindness_is_told_at_once_and_then_every_hour():
    scene = Scene()
    scene.judgement = BLIND
    scene.look(1.0, FIRST)
    assert scene.said == ["coverage: could not judge: no home host; mend it"]
    scene.look(*range(MINUTE, 2 * HOUR + 2 * MINUTE, MINUTE))
    assert len(scene.said) == 3


def test_blindness_is_notified_once_and_when_it_is_over():
    scene = Scene()
    scene.judgement = BLIND
    scene.look(*range(MINUTE, 3 * HOUR, MINUTE))
    assert [message.title for message in scene.sent] == ["mxhound: the watch is blind"]
    assert "no home host" in scene.sent[0].body
    scene.judgement = Judgement()
    scene.look(4 * HOUR, 5 * HOUR)
    assert [message.kind for message in scene.sent] == ["warning", "success"]
    cause = {"name": "home_networks_wrong", "text": "no home host", "remedy": "mend it"}
    assert [json.loads(message.data) for message in scene.sent] == [
        {"verdicts": [], "coverage": {"judgement": "could not judge", "causes": [cause]}},
        {"verdicts": [], "coverage": {"judgement": "judged", "causes": []}},
    ]
    assert scene.said[-1] == "coverage: what was missing is seen again"


def test_what_may_be_missing_by_chance_is_told_after_an_hour():
    scene = Scene()
    scene.judgement = PARTLY
    scene.look(FIRST, 30 * MINUTE)
    assert scene.said == []
    scene.look(HOUR)
    assert scene.said == ["coverage: judged in part: no smtp records; log smtp"]
    assert scene.sent == []


def test_lines_that_are_of_no_use_are_told_at_once():
    scene = Scene()
    unusable = Cause("lines_not_usable", "half of the lines could not be used")
    scene.judgement = Judgement(Outcome.IN_PART, (*PARTLY.causes, unusable))
    scene.look(FIRST)
    assert scene.said == ["coverage: judged in part: half of the lines could not be used"]


def test_silence_is_blindness():
    scene = Scene()
    scene.look(FIRST)
    scene.stopped = True
    scene.look(HOUR / 2)
    assert scene.said == []
    scene.look(FIRST + SILENT)
    assert "nothing was written for 60 minutes" in scene.said[0]
    assert len(scene.sent) == 1


@pytest.mark.parametrize(("limit", "ended_at"), [(None, None), (2 * HOUR, MINUTE + 2 * HOUR)])
def test_it_gives_up_after_the_time_asked_for(limit, ended_at):
    scene = Scene(Policy(limit))
    scene.judgement = BLIND
    times = range(MINUTE, 5 * HOUR, MINUTE)
    ended = [time for time, is_over in zip(times, scene.look(*times), strict=True) if is_over]
    assert ended[:1] == ([ended_at] if ended_at else [])


def test_the_heartbeat_says_what_was_read(tmp_path):
    scene = Scene(Policy(None, tmp_path / "heartbeat"))
    scene.judgement = BLIND
    scene.look(FIRST)
    beat = json.loads((tmp_path / "heartbeat").read_text())
    assert beat["time"] == "2026-03-02T08:00:10+00:00"
    assert (beat["bytes"], beat["judgement"]) == (1, "could not judge")
    assert beat["causes"][0]["name"] == "home_networks_wrong"


def watched(tmp_path, content):
    """What a real watch says of a log within its first look, and whether it gave up as blind."""
    (tmp_path / "site.yaml").write_text(SITE)
    eve = tmp_path / "eve.json"
    eve.touch()
    said, ended = [], []
    sinks = Sinks(lambda _: None, said.append)
    policy = Policy(exit_after=0.001)
    load = lambda: load_site(tmp_path / "site.yaml", None)  # noqa: E731  one expression
    live, stop = Live([str(eve)], load, sinks, lambda: START + 100, None, policy), ProcessSignals()
    thread = threading.Thread(target=lambda: ended.append(live.run(stop)))
    thread.start()
    eve.write_bytes(content)
    thread.join(3)
    stop.stop.set()
    thread.join()
    return said, ended[0]


@pytest.mark.parametrize("kind", ["only other alerts", "other home networks"])
def test_a_real_watch_of_a_blind_log_ends(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(blindness, "FIRST", 0.5)
    monkeypatch.setattr(blindness, "MINUTE", 0.5)
    said, is_blind = watched(tmp_path, KINDS[kind]())
    assert is_blind
    assert any(line.startswith("coverage: could not judge") for line in said)


def test_a_real_watch_that_sees_does_not_end(tmp_path, monkeypatch):
    monkeypatch.setattr(blindness, "FIRST", 0.5)
    monkeypatch.setattr(blindness, "MINUTE", 0.5)
    said, is_blind = watched(tmp_path, b"".join(mailing(START, 60)))
    assert not is_blind
    assert [line for line in said if line.startswith("coverage")] == []


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"empty"}))
def test_no_log_that_cannot_be_judged_passes_for_a_quiet_one(tmp_path, kind):
    (tmp_path / "site.yaml").write_text(SITE)
    watcher = Watcher(load_site(tmp_path / "site.yaml", None), WatchMemory(), now=NOW)
    content = KINDS[kind]()
    watcher.take(content, len(content))
    news = [told.verdict.level for told in watcher.look(NOW)]
    assert Level.INFECTED in news or watcher.judgement().is_blind
