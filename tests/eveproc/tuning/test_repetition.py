"""Lookups that say again what is known give the same history, and the same discovery."""

from pathlib import Path
from random import Random

import pytest

from eveproc.discovery.discover import Discoverer
from eveproc.input.parallel import gather
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from eveproc.tuning import rows
from eveproc.tuning.collect import TuningCollector, TuningEvidence
from eveproc.tuning.history import History
from rulegen.site_profile import SiteProfile
from tests.eveproc.discovery.test_conversations import comparable, read_plainly
from tests.eveproc.input.test_repetition import FILES, PERIODS, SITES, a_file

FEW = 4


def values(history: History) -> tuple[object, ...]:
    kept = {
        (host, what): (list(found), found.is_cut)
        for host, kinds in history.hosts.items()
        for what, found in kinds.items()
    }
    return kept, history.active, history.hours, history.eights, history.sevens


@pytest.mark.untraced  # the same lines again and again
@pytest.mark.parametrize("most", [rows.MOST_ROWS, FEW])
def test_each_lookup_counts_for_a_threshold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(rows, "MOST_ROWS", most)
    path, kinds, cut = tmp_path / "eve.json", set(), set()
    for seed in range(FILES):
        a_file(path, Random(seed))
        site, period = SITES[seed % len(SITES)], PERIODS[seed // 3 % len(PERIODS)]
        plain = TuningCollector(site, period)
        for event in read_events([str(path)], ReadStats()):
            plain.add(event)
        quick, _ = gather([str(path)], lambda: TuningCollector(site, period), jobs=1)  # noqa: B023  called at once
        assert isinstance(quick, TuningEvidence)
        assert values(quick.history) == values(plain.store.history), f"seed {seed}"
        found = [one for host in quick.history.hosts.values() for one in host.items()]
        kinds |= {what for what, _ in found}
        cut |= {one.is_cut for _, one in found}
    assert len(kinds) > 3
    assert cut == ({False, True} if most == FEW else {False})


@pytest.mark.untraced  # the same lines again and again
def test_one_of_many_answers_tells_a_discovery_who_met_whom(tmp_path: Path) -> None:
    path, clients = tmp_path / "eve.json", 0
    for seed in range(FILES):
        a_file(path, Random(seed))
        site = SiteProfile(SITES[seed % len(SITES)].home_networks)
        period = PERIODS[seed // 3 % len(PERIODS)]
        plain = read_plainly(path, Discoverer(site, period))
        quick, _ = gather([str(path)], lambda: Discoverer(site, period), jobs=1)  # noqa: B023  called at once
        assert comparable(quick, site) == comparable(plain, site), f"seed {seed}"
        clients += len(plain.met)
    assert clients > FILES / 2
