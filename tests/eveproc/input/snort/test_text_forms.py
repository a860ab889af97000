"""Every log of alerts in text or CSV -> the verdicts of the same alerts as EVE or as alert_json, to
the byte."""

import gzip
import json
import os
from functools import cache
from pathlib import Path

import pytest
from msgspec.structs import replace

from eveproc.watching.service import Live, ProcessSignals, Sinks
from rulegen.site_profile import load_site
from tests.eveproc.input.snort.text_forms import FORMS, Form, Told, alert_json, eve
from tests.eveproc.input.test_containers import verdicts_of
from tests.test_recorded import DATA

SITE = load_site(DATA / "site.yaml")
# The day of the traffic is 2 March 2026; not every form has the year.
WRITTEN = 1_772_530_000.0
ODD = (
    "a [**] b -> c {TCP} 10.20.1.9:1 -> 192.0.2.1:25 [**] [Priority: 9] d",
    "[1:1250001:1] x",
    "\\n \\\" \x1b]2J ' , ; \xe9",
)

every_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.title)


@cache
def alerts() -> tuple[Told, ...]:
    """Alerts of the recorded office, mixed with alerts of other rules with odd messages."""
    with gzip.open(DATA / "office-suricata-7.eve.json.gz") as stream:
        records = [json.loads(line) for line in stream]
    ours = [Told.of(record) for record in records if record["event_type"] == "alert"]
    others = [
        replace(alert, sid=2_000_000 + place, msg=ODD[place % len(ODD)])
        for place, alert in enumerate(ours)
    ]
    return tuple(alert for both in zip(ours, others, strict=True) for alert in both)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    os.utime(path, (WRITTEN, WRITTEN))
    return path


def of_form(form: Form) -> tuple[Told, ...]:
    """The same alerts as far as the form can hold them: without fractions of seconds, or without
    quotes in a message.
    """
    whole = (replace(a, time=float(int(a.time))) if form.whole_seconds else a for a in alerts())
    return tuple(replace(a, msg=a.msg.replace('"', "'")) for a in whole)


@cache
def expected(folder: Path, by_snort: bool, whole_seconds: bool) -> bytes:
    """Of the same alerts in a form that was read before there was text."""
    form = next(f for f in FORMS if (f.by_snort, f.whole_seconds) == (by_snort, whole_seconds))
    known, name = (alert_json, "alert_json.txt") if by_snort else (eve, "eve.json")
    return verdicts_of(written(folder / name, known(of_form(form))))


@every_form
def test_verdicts_are_those_of_the_same_alerts(form: Form, tmp_path: Path) -> None:
    found = verdicts_of(written(tmp_path / form.name, form.write(of_form(form))))
    assert found == expected(tmp_path, form.by_snort, form.whole_seconds)
    assert found.count(b'"verdict": "infected"') == 5


@every_form
def test_a_watch_tells_the_hosts_of_a_report(form: Form, tmp_path: Path) -> None:
    log, content = tmp_path / form.name, form.write(of_form(form))
    log.write_bytes(b"")
    told: set[str] = set()
    said: list[str] = []
    sinks = Sinks(lambda news: told.add(news.verdict.host), said.append)
    watch = Live([str(log)], lambda: SITE, sinks, lambda: WRITTEN)
    step = len(content) // 5
    for start in range(0, len(content), step):  # most pieces end within a line, or within a block
        with log.open("ab") as file:
            file.write(content[start : start + step])
        watch._take_turn(ProcessSignals())
    watch._stack.close()
    hosts = [json.loads(line) for line in verdicts_of(written(log, content)).splitlines()]
    assert told == {host["host"] for host in hosts if host["verdict"] != "clean"}
    assert said == []


@pytest.mark.parametrize("form", FORMS[::7], ids=lambda form: form.title)
def test_compressed_it_says_the_same(form: Form, tmp_path: Path) -> None:
    content = form.write(of_form(form))
    packed = written(tmp_path / f"{form.name}.2.gz", gzip.compress(content))
    whole = written(tmp_path / form.name, content)
    assert verdicts_of(packed) == verdicts_of(whole)
