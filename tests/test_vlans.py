"""One address in two VLANs on both Suricatas -> the engine counts them together; eveproc says so."""

import struct
from datetime import date
from pathlib import Path

import pytest

from eveproc.input.events import Alert
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from eveproc.signals.own_alerts import AlertReader
from rulegen.build import build
from rulegen.catalogue import CATALOGUE
from rulegen.site_profile import build_profile
from rulegen.vocabulary import Engine, Signal
from rulegen.yamlfile import parse_yaml
from tests.engines.replay import replay
from tests.eveproc.eve_lines import HOST, RESOLVER, SITE
from tests.packets import MX, Wire, question

pytestmark = pytest.mark.engine


class TaggedWire(Wire):
    """Everything that is sent carries the VLAN tag of the moment."""

    vlan = 0

    def _send(self, at, src, dst, proto, segment):
        super()._send(at, src, dst, proto, segment)
        time, number, frame = self._packets[-1]
        tag = struct.pack(">HH", 0x8100, self.vlan)
        self._packets[-1] = time, number, frame[:12] + tag + frame[12:]


def alerts_of(suricata: Engine, folder: Path, per_vlan: int):
    site = build_profile(parse_yaml(SITE, "site.yaml"))
    build(site, [suricata], folder / "rules", date(2026, 3, 2))
    wire = TaggedWire()
    for n in range(2 * per_vlan):
        wire.vlan = 10 + 10 * (n % 2)
        wire.udp(n * 0.5, (HOST, 20_000 + n), (RESOLVER, 53), question(f"d{n}.test", MX))
    eve = replay(
        suricata, wire.write(folder / "a.pcap"), folder / "log", build=folder / "rules" / suricata
    )
    read = AlertReader(site)
    found = [e for e in read_events([str(eve)], ReadStats()) if isinstance(e, Alert)]
    return [e.origin.vlan for e in found if (r := read.read(e)) and r.signal is Signal.MX_FLOOD]


def test_two_halves_of_a_threshold_in_two_vlans_fire_it_once(suricata, tmp_path):
    (spec,) = [s for s in CATALOGUE if s.name == Signal.MX_FLOOD]
    needed = spec.threshold_at(build_profile(parse_yaml(SITE, "site.yaml"))).count
    half = -(-needed // 2)
    assert alerts_of(suricata, tmp_path, half) == [(20,) if needed % 2 == 0 else (10,)]
