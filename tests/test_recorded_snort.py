"""tests/data, as real Snorts 2.9.20 and 3.11.1 logged the office -> the same hosts, levels and
families as from Suricata's alerts."""

import gzip
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from eveproc.input.decode import decode
from eveproc.input.events import Alert
from eveproc.verdicts.analyze import Report, analyze
from rulegen.catalogue import CATALOGUE
from rulegen.site_profile import load_site
from rulegen.vocabulary import Engine, Family, Level
from tests.test_recorded import DATA

SITE = load_site(DATA / "site.yaml")
RECORDED = sorted(DATA.glob("office-snort-*.gz"))
# The day of the traffic is 2 March 2026; alert_csv has no year.
WRITTEN = 1_772_530_000
VISIBLE = {
    SITE.sid_base + spec.offset
    for spec in CATALOGUE
    if spec.is_seen_by(Engine.SNORT_3) and spec.is_seen_by(Engine.SURICATA_7)
}

# Of a Snort 3 there is only what revision 1 of smtp_rejects logged, which counted every refusal.
OLD_REJECTIONS = "office-snort-3.json"

Judged = Mapping[str, tuple[Level, tuple[Family, ...]]]


def judged(store: Report) -> Judged:
    return {verdict.host: (verdict.level, verdict.families) for verdict in store.verdicts}


def comparable(found: Judged, log: Path) -> Judged:
    """The same, less what an older revision of a rule counted otherwise."""
    left_out = {Family.REJECTION} if log.name == OLD_REJECTIONS else set()
    return {
        host: (level, tuple(family for family in families if family not in left_out))
        for host, (level, families) in found.items()
    }


def suricata_alerts() -> Iterator[bytes]:
    for line in gzip.decompress((DATA / "office-suricata-7.eve.json.gz").read_bytes()).splitlines():
        event = decode(line)
        if isinstance(event, Alert) and event.sid in VISIBLE:
            yield line + b"\n"


@pytest.fixture(scope="module")
def by_suricata(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """What Suricata's alerts of the rules that Snort has as well are judged to mean."""
    eve = tmp_path_factory.mktemp("eve") / "eve.json"
    eve.write_bytes(b"".join(suricata_alerts()))
    return judged(analyze([str(eve)], SITE))


@pytest.fixture(autouse=True)
def zone_of_the_sensor(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """alert_csv is in local time, and the sensor ran in UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def unpacked(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    log = tmp_path / request.param.stem
    log.write_bytes(gzip.decompress(request.param.read_bytes()))
    os.utime(log, (WRITTEN, WRITTEN))
    return log


every_log = pytest.mark.parametrize("unpacked", RECORDED, ids=lambda path: path.stem, indirect=True)


def test_each_form_is_recorded() -> None:
    assert [path.name for path in RECORDED] == [
        "office-snort-2.9.csv.gz",
        "office-snort-2.9.u2.gz",
        "office-snort-3.json.gz",
    ]
    assert all(path.read_bytes()[4:8] == bytes(4) for path in RECORDED)


@every_log
def test_the_report_is_that_of_suricata_s_alerts(by_suricata: Judged, unpacked: Path) -> None:
    store = analyze([str(unpacked)], SITE)
    assert store.stats.events.keys() == {"alert"}
    assert store.stats.lines == store.stats.events.total() + store.stats.skipped.total()
    found = judged(store)
    if (
        unpacked.suffix == ".csv"
    ):  # without the names that were asked for, repeated lookups are taken for one name again and again
        infected = {host for host, (level, _) in by_suricata.items() if level is Level.INFECTED}
        assert {host for host, (level, _) in found.items() if level is Level.INFECTED} == infected
        assert all({*families} <= {*by_suricata[host][1]} for host, (_, families) in found.items())
    else:
        assert comparable(found, unpacked) == comparable(by_suricata, unpacked)


@every_log
def test_every_mass_mailer_is_found_and_nobody_else(unpacked: Path) -> None:
    truth = json.loads((DATA / "truth.json").read_text())
    mailers = {host["host"] for host in truth["hosts"] if host["label"] == "infected"}
    store = analyze([str(unpacked)], SITE)
    assert {
        verdict.host for verdict in store.verdicts if verdict.level is Level.INFECTED
    } == mailers


@pytest.mark.parametrize("unpacked", RECORDED[1:], ids=lambda path: path.stem, indirect=True)
def test_suricata_here_and_snort_there_give_one_report(unpacked: Path, tmp_path: Path) -> None:
    whole = DATA / "office-suricata-7.eve.json.gz"
    alone, mixed = analyze([str(whole)], SITE), analyze([str(whole), str(unpacked)], SITE)
    assert comparable(judged(mixed), unpacked) == comparable(judged(alone), unpacked)
    assert mixed.stats.events["alert"] > alone.stats.events["alert"]


@every_log
def test_a_log_cut_anywhere_is_used_to_its_last_whole_alert(unpacked: Path, tmp_path: Path) -> None:
    whole = unpacked.read_bytes()
    for size in range(40, len(whole), len(whole) // 40):
        part = tmp_path / f"part{unpacked.suffix}"
        part.write_bytes(whole[:size])
        store = analyze([str(part)], SITE)
        assert store.stats.lines == store.stats.events.total() + store.stats.skipped.total()
        assert store.stats.events["alert"] >= size * 68 // len(whole) - 4
