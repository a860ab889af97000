"""tests/data/site.yaml -> truth.json and what real engines log of that simulated office, into
tests/data (make record).

Suricata 7 and 8 have to be there; the recordings of a Snort that is not stay as they are.
"""

import gzip
import shutil
import tempfile
from datetime import date
from pathlib import Path

from rulegen.build import build
from rulegen.engines import find_engine
from rulegen.simulate import simulate, write_simulation
from rulegen.site_profile import load_site
from rulegen.vocabulary import SNORTS, Engine
from tests.engines.replay import replay
from tests.engines.snort import replay_snort

DATA = Path(__file__).parents[1] / "data"
ENGINES = (Engine.SURICATA_7, Engine.SURICATA_8)
SEED = 1
# One of each kind and a few desks: what ships with the tests has to be small. `make demo` plays
# every scenario.
OFFICE_CLIENTS = 8
INFECTED = ("flood", "slow", "submission", "name_guess", "blocked")
BENIGN = (
    "address_checker",
    "administrator",
    "dns_tunnel",
    "mail_setup",
    "mailing_list",
    "port_scanner",
    "printer",
    "submission_user",
)


def record(data: Path = DATA) -> None:
    """Simulate, build and replay once, then replace the recorded files. Raises EngineError where an
    engine is missing."""
    site = load_site(data / "site.yaml")
    with tempfile.TemporaryDirectory(prefix="mxhound-") as name:
        work = Path(name)
        write_simulation(
            simulate(site, SEED, clients=OFFICE_CLIENTS, scenarios=INFECTED + BENIGN), work
        )
        build(site, (), work / "rules", date(2026, 3, 2))
        for engine in ENGINES:
            eve = replay(
                engine, work / "traffic.pcap", work / engine, build=work / "rules" / engine
            )
            pack(eve, data / f"office-{engine}.eve.json.gz")
        record_snorts(work, data)
        shutil.copyfile(work / "truth.json", data / "truth.json")


def record_snorts(work: Path, data: Path) -> None:
    """What each Snort on this machine logs of work/traffic.pcap with work/rules."""
    for engine in filter(find_engine, SNORTS):
        logs = replay_snort(engine, work / "traffic.pcap", work / engine, work / "rules" / engine)
        for kind, log in logs.items():
            pack(log, data / f"office-{engine}.{kind}.gz")


def pack(eve: Path, packed: Path) -> None:
    """Compress without the time of packing, so that the same log gives the same bytes."""
    packed.write_bytes(gzip.compress(eve.read_bytes(), mtime=0))


if __name__ == "__main__":
    record()
