"""--metrics: what Prometheus reads of a run, also of one that failed; checked by Prometheus's own
tool."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from eveproc.cli import main
from eveproc.evidence.coverage import Coverage, RecordSpan
from eveproc.report.metrics import Run, render
from eveproc.report.sanitize import safe
from eveproc.verdicts.judgement import Cause, Judgement, Outcome
from tests.eveproc.made_verdicts import CLEAN, INFECTED, SUSPECTED, a_report

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data"


def values(text):
    return {
        (sample.name.removeprefix("mxhound_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def promtool(*arguments, text=""):
    tool = shutil.which("promtool")
    if tool is None:
        assert "CI" not in os.environ, "promtool is missing: tests/live/install.sh installs it"
        pytest.skip("NOT TESTED: promtool (Debian: prometheus) is not installed")
    return subprocess.run([tool, *arguments], input=text, capture_output=True, text=True)


def test_hosts_by_level_and_what_could_not_be_seen():
    partly = Judgement(Outcome.IN_PART, (Cause("no_smtp_records", "no smtp records"),))
    report = a_report(INFECTED, SUSPECTED, CLEAN, judgement=partly)
    found = values(render(Run(100.0, 103.5, 3, report)))
    assert found["hosts", "infected"] == found["hosts", "suspected"] == 1
    assert found["hosts", "clean"] == report.clean_hosts
    assert found["judgement", "judged in part"] == 1
    assert found["judgement", "judged"] == 0
    assert found["unseen", "no_smtp_records"] == 1
    assert (found["exit_code",], found["run_duration_seconds",]) == (3, 3.5)


def test_the_real_tool_accepts_what_a_run_writes(tmp_path):
    path = tmp_path / "mxhound.prom"
    arguments = [str(DATA / "office-suricata-7.eve.json.gz"), "-s", str(DATA / "site.yaml")]
    done = CliRunner().invoke(main, ["report", *arguments, "--metrics", str(path)])
    assert done.exit_code == 0
    assert path.stat().st_mode & 0o044 == 0o044, "node_exporter runs as another user"
    checked = promtool("check", "metrics", text=path.read_text())
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_hostile_sensor_name_adds_no_metric():
    name = 'a"} 1\nmxhound_exit_code 0\\'
    report = a_report(counters={name: {"capture.kernel_drops": 7}})
    found = values(render(Run(0.0, 1.0, 4, report)))
    assert found["exit_code",] == 4
    assert 7 in found.values()


@pytest.mark.parametrize("name", ["\ud800", "\udfff\ud800x", "\x00\x1b[31m", "\u202e"])
def test_a_sensor_name_that_is_no_text_is_escaped(name):
    coverage = Coverage(records={(name, "dns"): RecordSpan(0.0, 1.0)})
    report = a_report(counters={name: {"capture.kernel_drops": 7}}, coverage=coverage)
    text = render(Run(0.0, 1.0, 0, report))
    assert text.encode()
    found = values(text)
    assert found["sensor_rise", "capture.kernel_drops", safe(name)] == 7
    assert found["last_record_timestamp_seconds", safe(name)] == 1


def test_a_refused_run_is_told(tmp_path):
    path = tmp_path / "mxhound.prom"
    site = str(DATA / "site.yaml")
    gone = str(tmp_path / "gone.json")
    done = CliRunner().invoke(main, ["report", gone, "-s", site, "--metrics", str(path)])
    assert done.exit_code == 1
    assert values(path.read_text())["exit_code",] == 1


@pytest.mark.parametrize("fault", [KeyboardInterrupt, RuntimeError])
def test_a_run_that_was_interrupted_is_no_success(tmp_path, monkeypatch, fault):
    def interrupted(*_given, **_options):
        raise fault

    monkeypatch.setattr("eveproc.cli.report._judge", interrupted)
    eve, path, site = tmp_path / "eve.json", tmp_path / "mxhound.prom", str(DATA / "site.yaml")
    eve.touch()
    CliRunner().invoke(main, ["report", str(eve), "-s", site, "--metrics", str(path)])
    assert "\nmxhound_exit_code 1.0\n" in path.read_text()


def test_the_alerts_of_contrib_are_valid_and_use_metrics_that_exist():
    rules = ROOT / "contrib" / "prometheus" / "mxhound-alerts.yml"
    report = a_report(INFECTED)
    names = {key[0] for key in values(render(Run(0.0, 1.0, 0, report)))}
    used = {word for word in rules.read_text().split() if word.startswith("mxhound_")}
    used = {word.partition("{")[0].removeprefix("mxhound_") for word in used}
    assert used <= names | {"last_record_timestamp_seconds"}
    checked = promtool("check", "rules", str(rules))
    assert checked.returncode == 0, checked.stderr
