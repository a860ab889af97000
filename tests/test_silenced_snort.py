"""Lines of a snort.conf that silence rules: what a real Snort 2.9 alerts with each of them, and what `check` says of it."""

import csv
import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from rulegen.build import build
from rulegen.check import check
from rulegen.simulate import simulate, write_simulation
from rulegen.site_profile import load_site
from rulegen.vocabulary import Engine
from tests.engines.errors import EngineError
from tests.engines.snort import config_29, run_snort
from tests.test_recorded import DATA

SITE = load_site(DATA / "site.yaml")
MX_FLOOD, NAME_GUESS, ATTEMPTS, SESSIONS = (SITE.sid_base + n for n in (1, 3, 101, 104))
REJECTS = SITE.sid_base + 301
LOOKUPS, MAIL = {MX_FLOOD, NAME_GUESS}, {ATTEMPTS, SESSIONS}
OTHER = 'alert {} any any -> any any (msg:"x"; sid:{}; rev:{};)'
LIMIT = "type limit, track by_src, count 1, seconds 60"
ALL = LOOKUPS | MAIL | {REJECTS}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with traffic.pcap and the build for Snort 2.9."""
    folder = tmp_path_factory.mktemp("office")
    write_simulation(simulate(SITE, 1, clients=1, scenarios=("flood", "name_guess")), folder)
    build(SITE, [Engine.SNORT_29], folder / "out", date(2026, 3, 2))
    return folder


class Snort:
    """Replays the office with more lines in the configuration."""

    def __init__(self, engine: Engine, office: Path, folder: Path) -> None:
        self.engine, self.office, self.folder = engine, office, folder
        self.build = office / "out" / engine
        self.config = folder / "snort.conf"

    def alerts(self, before: str = "", behind: str = "") -> Counter[int]:
        """Number of alerts by sid."""
        lines = config_29(self.build, before, behind)
        self.config.write_text("".join(f"{line}\n" for line in lines))
        (self.folder / "alert.csv").unlink(missing_ok=True)
        run_snort(self.engine, self.config, self.office / "traffic.pcap", self.folder)
        with (self.folder / "alert.csv").open(newline="") as file:
            return Counter(int(row[2]) for row in csv.reader(file))

    def warnings(self) -> list[str]:
        report = check(self.build, snort_conf=self.config)
        assert report.problems == ()
        return [str(warning) for warning in report.warnings]


@pytest.fixture
def snort(snort_29: Engine, office: Path, tmp_path: Path) -> Snort:
    return Snort(snort_29, office, tmp_path)


@pytest.fixture(scope="module")
def plain(snort_29: Engine, office: Path, tmp_path_factory: pytest.TempPathFactory) -> Counter[int]:
    engine = Snort(snort_29, office, tmp_path_factory.mktemp("plain"))
    found = engine.alerts()
    assert found.keys() >= ALL
    assert engine.warnings() == []
    return found


@pytest.mark.parametrize(
    ("before", "behind", "silent", "told"),
    [
        ("", f"suppress gen_id 1, sig_id {MX_FLOOD}", {MX_FLOOD}, "it never alerts"),
        (OTHER.format("udp", MX_FLOOD, 9), "", set(), f"another rule has sid {MX_FLOOD}"),
        ("config ignore_ports: udp 53", "", LOOKUPS, "ignore_ports: packets on port 53/udp"),
        ("config ignore_ports: tcp 20:600", "", MAIL, "on port 25, 465, 587, 53/tcp meet no rule"),
        ("config default_rule_state: disabled", "", ALL, "default_rule_state: disabled"),
        ("config detection_filter: memcap 100", "", ALL, "detection_filter: memcap 100 is less"),
        ('pass udp any any -> any 53 (msg:"p"; sid:5;)', "", LOOKUPS, "exempts port 53/udp"),
        ("", "pass tcp any any <> any 25 (sid:5;)", {ATTEMPTS}, "exempts port 25 from all"),
        (
            "portvar MAIL [25,587]",
            "pass tcp $HOME_NET any -> !$HOME_NET $MAIL (sid:5;)",
            {ATTEMPTS},
            "exempts port 25, 587 from all",
        ),
    ],
)
def test_a_line_that_silences_rules_is_named(
    snort: Snort, plain: Counter[int], before: str, behind: str, silent: set[int], told: str
) -> None:
    found = snort.alerts(before, behind)
    assert silent.isdisjoint(found)
    assert found != plain
    assert any(told in warning for warning in snort.warnings()), snort.warnings()


def test_a_capture_filter_that_leaves_lookups_out_is_named(
    snort: Snort, plain: Counter[int]
) -> None:
    (snort.folder / "bpf").write_text("not port 53\n")
    found = snort.alerts(f"config bpf_file: {snort.folder}/bpf")
    assert LOOKUPS.isdisjoint(found)
    assert found.keys() >= MAIL
    (said,) = snort.warnings()
    assert "bpf_file: packets on port 53/udp, 53/tcp are not captured" in said


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        ("", "suppress gen_id 1, sig_id 0"),
        ("", "suppress gen_id 0, sig_id 0"),
        ("", f"event_filter gen_id 1, sig_id 0, {LIMIT}"),
        (f"event_filter gen_id 0, sig_id 0, {LIMIT}", ""),
        ("config ignore_ports: udp 5353", ""),
        ("config event_filter: memcap 1048576", ""),
        ('pass tcp any any -> any 25 (content:"not there"; sid:5;)', ""),
    ],
)
def test_a_line_that_changes_nothing_is_not_named(
    snort: Snort, plain: Counter[int], before: str, behind: str
) -> None:
    assert snort.alerts(before, behind) == plain
    assert snort.warnings() == []


@pytest.mark.parametrize(
    ("before", "behind", "refused", "told"),
    [
        (
            "",
            f"event_filter gen_id 1, sig_id {MX_FLOOD}, {LIMIT}",
            "must be unique",
            "remove this one",
        ),
        (OTHER.format("tcp", MX_FLOOD, 9), "", "duplicates previous rule", "another rule has sid"),
    ],
)
def test_what_snort_refuses_is_named_before(
    snort: Snort, before: str, behind: str, refused: str, told: str
) -> None:
    with pytest.raises(EngineError, match=refused):
        snort.alerts(before, behind)
    (said,) = snort.warnings()
    assert told in said


@pytest.mark.parametrize(
    "option", [(), ("-A", "console"), ("-b",), ("-K", "ascii"), ("-N",)], ids=" ".join
)
def test_what_of_the_command_line_takes_unified2_away(
    snort: Snort, tmp_path: Path, option: tuple[str, ...]
) -> None:
    lines = config_29(snort.build)
    snort.config.write_text("".join(f"{line}\n" for line in lines))
    run_snort(snort.engine, snort.config, snort.office / "traffic.pcap", tmp_path, option)
    assert bool(list(tmp_path.glob("mxhound.u2*"))) is (not option)
    page = (Path(__file__).parents[1] / "docs/loading-snort.md").read_text()
    (named,) = re.findall(r"Start Snort without ((?:`-\w`(?:, | and )?){2,})", page)
    assert not option or f"`{option[0]}`" in named


def test_nolog_takes_unified2_away(snort: Snort) -> None:
    snort.alerts("config nolog")
    assert list(snort.folder.glob("mxhound.u2*")) == []
    (said,) = snort.warnings()
    assert "config nolog: unified2 logs nothing" in said
