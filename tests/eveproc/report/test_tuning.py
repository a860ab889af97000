"""Predictions and recommendations in words: what is uncertain, cut or over the budget is said, and
the file that is written loads."""

import json
import random
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from types import MappingProxyType

import pytest
from msgspec.structs import replace

from eveproc.report import predicted, tuning, tuning_text
from eveproc.report.tuning_text import Tuning, rate
from eveproc.tuning.baseline import Baseline, ExcludedHost
from eveproc.tuning.engine_threshold import SECOND
from eveproc.tuning.history import History
from eveproc.tuning.predict import Predicted
from eveproc.tuning.rows import HistoryRows
from eveproc.tuning.tune import recommend
from rulegen.site_profile import NetworkThresholds, SiteProfile, Threshold, load_site
from rulegen.vocabulary import Level, Signal
from tests.eveproc.tuning.test_tune import SITE, START, bursts, guess, mx, timer, week

AT = round(START * SECOND)


def prediction(
    alerts: list[Predicted], levels: Mapping[str, Level] = MappingProxyType({})
) -> predicted.Prediction:
    days = History(hours={1}).days
    return predicted.Prediction(Signal.MX_FLOOD, Threshold(9, 60), alerts, days, levels)


def cut_rows() -> HistoryRows:
    rows = HistoryRows(3)
    rows.is_cut = True
    return rows


def summary(told: Tuning) -> str:
    return tuning.FORMATS["text"](told)


def alert(host: str, second: int, *, wide: int = 0, sure: bool = True) -> Predicted:
    time = AT + second * SECOND
    return Predicted(time, host, Signal.MX_FLOOD, time - wide * SECOND, time, sure)


def test_a_host_says_how_well_its_alerts_are_known() -> None:
    alerts = [
        alert("10.20.0.1", 0),
        alert("10.20.0.2", 5, wide=3),
        alert("10.20.0.2", 9, sure=False),
    ]
    lines = predicted.render_text(prediction(alerts)).splitlines()
    assert lines[0] == "mx_flood at 9 in 60 s: 3 alerts by 2 hosts in 0.0 days, 72 a day."
    assert lines[3].endswith("  2026-03-02 08:00:05Z to 08:00:09Z  (1 not sure, times within 3 s)")
    assert lines[4].split() == ["10.20.0.1", "1", "alert", "2026-03-02", "08:00:00Z"]
    assert list(predicted.notes(Signal.MX_FLOOD, alerts, History()))[-1] == (
        "1 of 3 have exact times, 1 are within bounds, 1 are the likeliest of several"
    )


def test_of_many_hosts_the_busiest_are_listed() -> None:
    told = prediction([alert(f"10.20.{number}.1", number) for number in range(60)])
    assert "  ... and 10 more hosts (-v lists them)\n" in predicted.render_text(told)
    assert predicted.render_all(told).count("  10.20.") == 60
    assert "more hosts" not in predicted.render_all(told)


def test_alerts_on_infected_hosts_are_told_from_false_ones() -> None:
    hosts = [f"10.20.{number}.1" for number in range(10)]
    levels = dict.fromkeys(hosts[:7], Level.INFECTED) | {hosts[7]: Level.SUSPECTED}
    told = prediction([alert(host, number) for number, host in enumerate(hosts)], levels)
    lines = predicted.render_text(told).splitlines()
    assert lines[2] == "Not infected: 3 alerts by 3 hosts, 72 a day."
    assert lines[3].split()[0] == "10.20.7.1"
    assert [line.endswith("  suspected") for line in lines[3:6]] == [True, False, False]
    assert lines[7] == "Infected: 7 alerts by 7 hosts, 168 a day."
    assert lines[-1] == "  ... and 2 more hosts (-v lists them)"
    verdicts = [json.loads(line)["verdict"] for line in predicted.render_json(told).splitlines()]
    assert verdicts == ["infected"] * 7 + ["suspected", "clean", "clean"]


def test_hosts_too_busy_to_keep_are_counted_not_listed() -> None:
    history = History({f"10.20.0.{number}": {"mx": cut_rows()} for number in range(98)})
    said = list(predicted.notes(Signal.MX_FLOOD, [], history))[-1]
    assert "later alerts are missing: 98 hosts (10.20.0.0, " in said
    assert said.count("10.20.0.") == 10
    assert said.endswith(", ...)")


def test_what_was_left_out_is_said() -> None:
    history = History(
        {"10.20.0.7": {"mx": cut_rows()}}, active={"10.20.0.7"}, hours={1}, is_thinned=True
    )
    said = list(predicted.notes(Signal.MX_FLOOD, [], history))
    assert (
        "more hosts than can be kept: these are the alerts of a representative sample of 1 host"
        in said
    )
    assert said[-1] == (
        "too busy to be kept whole, so that later alerts are missing: 1 host (10.20.0.7)"
    )
    for form in ("text", "verbose"):
        told = " ".join(tuning.FORMATS[form](Tuning([], Baseline(history), 1.0)).split())
        assert "all numbers are from a representative sample of 1 host." in told


def test_without_records_there_is_nothing_to_propose() -> None:
    told = Tuning([], Baseline(), 1.0)
    assert tuning.render_text(told).startswith("0.0 days of records, no time at all.\n")
    assert "Nothing can be proposed: no record in these logs has a time." in summary(told)
    assert tuning_text.render_yaml(told).endswith("thresholds: {}\n")
    assert tuning.render_json(told) == ""
    assert "nothing can be proposed" in tuning.render_html(told)


def tuned(site: SiteProfile) -> Tuning:
    hosts = {f"10.20.0.{number}": [] for number in range(1, 41)} | {
        f"10.30.0.{number}": [(guess, timer(7200.0, 30))] for number in range(1, 41)
    }
    hosts["10.20.0.1"] = [(mx, timer(900.0, 60))]
    hosts["10.20.64.1"] = [(mx, bursts(5, 20))]
    baseline = week(random.Random(1), hosts, START, site)
    return Tuning(recommend(baseline, site, 1.0), baseline, 1.0)


@pytest.fixture(scope="module")
def told() -> Tuning:
    guests = NetworkThresholds(
        ip_network("10.20.64.0/20"), MappingProxyType({Signal.MX_FLOOD: Threshold(30, 60)})
    )
    return tuned(replace(SITE, network_thresholds=(guests,)))


def test_the_file_loads_over_its_profile_and_holds_every_number(
    told: Tuning, tmp_path: Path
) -> None:
    site, file = tmp_path / "site.yaml", tmp_path / "thresholds.yaml"
    site.write_text("home_networks: [10.20.0.0/16, 10.30.0.0/16]\n")
    file.write_text(tuning_text.render_yaml(told))
    profile = load_site(site, file)
    for one in told.recommendations:
        own = {part.network: part.thresholds for part in profile.network_thresholds}
        assert (own[one.network] if one.network else profile.thresholds)[one.signal] == one.proposed
    assert {str(part.network) for part in profile.network_thresholds} == {
        "10.20.64.0/20",
        "10.30.0.0/16",
    }
    assert all(line.startswith(("#", " ", "thresholds:")) for line in file.read_text().splitlines())


def test_the_text_says_what_is_over_the_budget_and_who_does_it(told: Tuning) -> None:
    text = tuning.render_text(told)
    slow = next(line for line in text.splitlines() if line.startswith("mx_slow "))
    assert slow.endswith("over the budget")
    said = " ".join(text.split())
    assert (
        "15 in 3600 s is the best usable threshold (above 18, a known sender would be missed), but"
        in said
    )
    assert "declare, exempt or investigate the hosts behind them" in said
    assert "10.20.0.1 at most 60 in 60 s" in said
    assert "Without 10.20.0.1, 10 would suffice: exempt it if this activity is legitimate." in said


def test_the_summary_is_one_screen_that_says_what_to_change_why_and_the_cost(told: Tuning) -> None:
    lines = summary(told).splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 120
    changed = sum(one.is_changed for one in told.recommendations)
    over = [one for one in told.recommendations if not one.fits]
    assert (
        f"Change {changed} of {len(told.recommendations)} thresholds; {len(over)} over the budget."
        in lines
    )
    slow = next(number for number, line in enumerate(lines) if line.startswith("mx_slow "))
    assert lines[slow].split()[5:] == ["keep", "168", "168", "191", "2,507", "s"]
    assert lines[slow + 1] == (
        "    over the budget: 10.20.0.1 reached 241 in 3600 s; above 18 a known sender would be "
        "missed"
    )
    assert sum("    over the budget: " in line for line in lines) == len(over)
    assert "    10.20.0.1: alerts a week now: " in summary(told)
    assert "name_guess in 10.30.0.0/16 " in summary(told)
    assert "name_guess, other 41 hosts " in summary(told)
    assert "-v explains each number" in lines[-1]


def test_a_row_of_the_site_names_the_networks_it_is_not_for(told: Tuning) -> None:
    lines = [json.loads(line) for line in tuning.render_json(told).splitlines()]
    apart = {line["signal"]: line["other_networks"] for line in lines if not line["network"]}
    assert apart["name_guess"] == ["10.30.0.0/16"]
    assert apart["mx_flood"] == ["10.20.64.0/20"]
    assert apart["mail_burst"] == []


def test_infected_hosts_are_counted_and_a_reason_is_not_cut_inside_a_word(told: Tuning) -> None:
    out = {ExcludedHost(f"10.20.9.{n}", 0, 1, "judged infected: Did this") for n in range(98)}
    out.add(ExcludedHost("10.20.0.25", 0, 1, "undeclared mail server: others deliver to it"))
    many = Tuning(told.recommendations, Baseline(told.baseline.history, out), 1.0)
    text = summary(many)
    assert "Not counted: 99 addresses (judged infected: 98, undeclared mail server: 1).\n" in text
    assert "10.20.9." not in text
    assert tuning.FORMATS["verbose"](many).count("10.20.9.") == 98
    assert "99 addresses" in tuning_text.render_yaml(many)


def test_over_the_budget_is_said_in_the_file_too(told: Tuning) -> None:
    over = sum(not one.fits for one in told.recommendations)
    said = " ".join(tuning_text.render_yaml(told).replace("# ", "").split())
    assert said.count("Over the budget. ") == over > 0


def test_json_tells_the_same(told: Tuning) -> None:
    lines = [json.loads(line) for line in tuning.render_json(told).splitlines()]
    assert [(line["signal"], line["network"]) for line in lines][:2] == [
        ("mx_flood", None),
        ("mx_flood", "10.20.64.0/20"),
    ]
    slow = next(line for line in lines if line["signal"] == "mx_slow")
    assert not slow["fits"]
    assert slow["loud"][0]["host"] == "10.20.0.1"
    assert all(catch["seconds"] is not None for line in lines for catch in line["catches"])


def test_rates_are_read_at_a_glance() -> None:
    assert [rate(number) for number in (0, 0.0001, 0.034, 2.5, 48, 2100.4)] == [
        "0",
        "< 0.001",
        "0.034",
        "2.5",
        "48",
        "2,100",
    ]
