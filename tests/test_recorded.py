"""tests/data, as `make record` made it -> judged as it was simulated, small, and packed without a
clock."""

import json
from pathlib import Path

import pytest

from eveproc.input.events import SkipReason
from eveproc.report import FORMATS
from eveproc.verdicts.analyze import analyze
from rulegen.site_profile import load_site
from tests.truth import score

DATA = Path(__file__).parent / "data"
RECORDED = sorted(DATA.glob("office-*.eve.json.gz"))


def test_each_suricata_is_recorded() -> None:
    assert [path.name for path in RECORDED] == [
        "office-suricata-7.eve.json.gz",
        "office-suricata-8.eve.json.gz",
    ]


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda path: path.name)
def test_the_recorded_office_is_judged_as_it_was_simulated(recorded: Path) -> None:
    store = analyze([str(recorded)], load_site(DATA / "site.yaml"))
    verdicts = [json.loads(line) for line in FORMATS["json"](store, store.verdicts).splitlines()]
    result = score(DATA / "truth.json", verdicts)
    assert result.right, str(result)
    assert not result.suspected
    assert set(store.stats.skipped) <= {SkipReason.OTHER_EVENT_TYPE}


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda path: path.name)
def test_a_recording_is_small_and_carries_no_time_of_packing(recorded: Path) -> None:
    packed = recorded.read_bytes()
    assert packed[4:8] == bytes(4)
    assert len(packed) < 1_500_000
