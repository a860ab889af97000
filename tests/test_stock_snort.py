"""The snort.conf that Ubuntu's package of Snort 2.9 brings, changed as docs/loading-snort.md says -> the recorded verdicts."""

import re
import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from eveproc.verdicts.analyze import analyze
from rulegen.build import build
from rulegen.check import check
from rulegen.engines import find_engine
from rulegen.simulate import simulate, write_simulation
from rulegen.site_profile import load_site
from rulegen.vocabulary import Engine, Family, Level
from tests.engines.record import BENIGN, INFECTED, OFFICE_CLIENTS, SEED
from tests.engines.snort import run_snort
from tests.test_recorded import DATA

SITE = load_site(DATA / "site.yaml")
DOCS = Path(__file__).parents[1] / "docs/loading-snort.md"
PLACE = "/etc/snort/mxhound"


@pytest.fixture(scope="module")
def stock(snort_29: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package's /etc/snort that any folder may hold, with the build in mxhound/ and traffic.pcap."""
    found = find_engine(snort_29)
    assert found is not None
    root = found.path.parents[1] / "ubuntu-24.04"
    if not (root / "etc/snort/snort.conf").is_file():
        pytest.skip(f"NOT TESTED: no snort.conf of Ubuntu's package below {root}; run make engines")
    folder = tmp_path_factory.mktemp("stock") / "snort"
    shutil.copytree(root / "etc/snort", folder)
    text = (folder / "snort.conf").read_text()
    moved = text.replace("/usr/lib/snort", f"{root}/usr/lib/snort")
    (folder / "snort.conf").write_text(moved.replace("/etc/snort", str(folder)))
    traffic = simulate(SITE, SEED, clients=OFFICE_CLIENTS, scenarios=INFECTED + BENIGN)
    write_simulation(traffic, folder)
    build(SITE, [snort_29], folder / "out", date(2026, 3, 2))
    (folder / "out" / snort_29).rename(folder / "mxhound")
    return folder


def as_documented(stock: Path) -> str:
    """The configuration with what the page says to write into it."""
    settings, rules, filters = re.findall(
        rf"^   include {PLACE}/(\S+\.(?:conf|rules))$", DOCS.read_text(), re.M
    )
    text = (stock / "snort.conf").read_text()
    last = [*re.finditer(r"(?m)^ipvar .*\n", text)][-1].end()
    return (
        f"{text[:last]}include {stock}/mxhound/{settings}\n{text[last:]}\n"
        f"include {stock}/mxhound/{rules}\ninclude {stock}/mxhound/{filters}\n"
    ).replace(", nostamp", "")


def judged(log: Path) -> Mapping[str, tuple[Level, tuple[Family, ...]]]:
    return {v.host: (v.level, v.families) for v in analyze([str(log)], SITE).verdicts}


def warnings(stock: Path, config: Path) -> list[str]:
    report = check(stock / "mxhound", Engine.SNORT_29, snort_conf=config)
    assert report.problems == ()
    return [str(warning) for warning in report.warnings]


def test_the_stock_configuration_as_documented_gives_the_recorded_verdicts(
    snort_29: Engine, stock: Path, tmp_path: Path
) -> None:
    config = stock / "documented.conf"
    config.write_text(as_documented(stock))
    assert warnings(stock, config) == []
    logs = tmp_path / "log"
    logs.mkdir()
    run_snort(snort_29, config, stock / "traffic.pcap", logs)
    expected = judged(DATA / "office-snort-2.9.u2.gz")
    assert judged(logs) == expected
    # A restart writes another file, and what was logged before stays.
    run_snort(snort_29, config, empty(stock), logs)
    assert judged(logs) == expected


def empty(stock: Path) -> Path:
    """A capture without a packet."""
    path = stock / "empty.pcap"
    path.write_bytes((stock / "traffic.pcap").read_bytes()[:24])
    return path


def test_with_nostamp_a_restart_empties_the_log_and_check_says_so(
    snort_29: Engine, stock: Path, tmp_path: Path
) -> None:
    config = stock / "nostamp.conf"
    config.write_text(
        as_documented(stock).replace("filename snort.log,", "filename snort.log, nostamp,")
    )
    (said,) = warnings(stock, config)
    assert "output unified2 with nostamp: each restart and HUP empties the file" in said
    run_snort(snort_29, config, stock / "traffic.pcap", tmp_path)
    assert (tmp_path / "snort.log").stat().st_size > 10_000
    run_snort(snort_29, config, empty(stock), tmp_path)
    assert (tmp_path / "snort.log").stat().st_size == 0


def test_what_the_stock_configuration_lacks_is_named(stock: Path) -> None:
    said = warnings(stock, stock / "snort.conf")
    for name in ("mxhound.rules", "mxhound-threshold.conf", "mxhound.conf"):
        assert any(f"does not include {name}: add {stock}/mxhound/{name}" in one for one in said)
    assert sum("with nostamp" in one for one in said) == 2
    assert len(said) == 5
