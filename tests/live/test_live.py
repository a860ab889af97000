"""A worm on a wire, a real Suricata and a watch: the time until it is reported."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from eveproc.evidence.collector import Collector
from eveproc.input.events import Event
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import line_result
from eveproc.verdicts.analyze import judge_evidence
from rulegen.build import build
from rulegen.simulate import Simulation, simulate
from rulegen.simulate.write import write_pcap
from rulegen.site_profile import SiteProfile, load_site
from rulegen.vocabulary import Level
from tests.live.webhook import Webhook
from tests.live.wire import listening

SITE = Path(__file__).parents[1] / "data" / "site.yaml"
EVEPROC = Path(sys.executable).with_name("eveproc")
# Of the worm's mailing as it is on the wire; the other hosts of the site go on meanwhile.
SECONDS_PLAYED = 20.0
FROM_FIRST_MAIL, FROM_DECIDING_LINE = 120.0, 2.0


@pytest.fixture(scope="module")
def site() -> SiteProfile:
    return load_site(SITE)


def mailing(site: SiteProfile, pcap: Path) -> str:
    """Writes the first seconds of a worm's mailing; the worm's address."""
    played = simulate(site, seed=2, seconds=600, clients=2, scenarios=["flood"])
    (worm,) = (host for host in played.hosts if host.label == "infected")
    assert worm.first_mail is not None
    first, last = worm.first_mail - 0.5, worm.first_mail + SECONDS_PLAYED
    part = tuple(packet for packet in played.packets if first <= packet.time < last)
    with pcap.open("wb") as file:
        write_pcap(Simulation(played.seed, played.start, part, played.hosts, ()), file)
    return worm.host


@contextmanager
def watching(*arguments: str | Path, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (
        output.open("wb") as out,
        subprocess.Popen(
            [EVEPROC, "watch", *arguments, "-s", SITE], stdout=out, stderr=subprocess.PIPE
        ) as run,
    ):
        try:
            yield run
        finally:
            run.kill()


class Sizes:
    """When a growing file had grown to which size."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: list[tuple[float, int]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(0.01):
            if self._path.exists():
                self._seen.append((time.time(), self._path.stat().st_size))

    def when(self, size: int) -> float:
        self._over.set()
        self._thread.join()
        return next(moment for moment, seen in self._seen if seen >= size)


def deciding_size(eve: Path, site: SiteProfile, host: str) -> int:
    """The size of the least beginning of the log, in whole lines, on which a report convicts the
    host."""
    collector, size = Collector(site), 0
    for line in eve.read_bytes().splitlines(keepends=True):
        size += len(line)
        event = line_result(line)
        if isinstance(event, Event):
            collector.add(event)
            verdicts = judge_evidence(collector.store, site, ReadStats()).verdicts
            if any(v.host == host and v.level is Level.INFECTED for v in verdicts):
                return size
    raise AssertionError(f"{host} is not infected by what was logged")


def test_a_worm_is_told_of_within_seconds(suricata_7, wire, site, tmp_path):
    build(site, [suricata_7], tmp_path / "build", date(2026, 3, 2))
    worm = mailing(site, tmp_path / "worm.pcap")
    eve = tmp_path / "log" / "eve-mxhound.json"
    eve.parent.mkdir()
    with Webhook() as hook, watching(eve, "--notify", hook.url, output=tmp_path / "said") as watch:
        with listening(suricata_7, wire, tmp_path / "build" / suricata_7, eve.parent):
            sizes = Sizes(eve)
            began = time.time()
            with wire.play(tmp_path / "worm.pcap") as player:
                posts = convictions(hook, FROM_FIRST_MAIL)
                player.terminate()
        watch.send_signal(signal.SIGTERM)
        assert watch.wait(10) == 0, watch.stderr and watch.stderr.read()
    assert posts, (tmp_path / "said").read_text()
    assert posts[0].body["title"].startswith(f"INFECTED {worm} ")
    assert posts[0].time - began < FROM_FIRST_MAIL
    assert posts[0].time - sizes.when(deciding_size(eve, site, worm)) < FROM_DECIDING_LINE
    said = [line for line in (tmp_path / "said").read_text().splitlines() if "INFECTED" in line]
    assert len(said) == 1
    assert worm in said[0]


def convictions(hook, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := [post for post in hook.posts if post.body["title"].startswith("INFECTED")]:
            return found
        time.sleep(0.02)
    return []
