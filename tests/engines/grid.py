"""A pcap, a site and a grid of thresholds -> what a real Suricata alerts for each (signal, count,
seconds), in few runs.

One rules file carries each rule many times, under different sids: an engine counts each sid
separately.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path

from rulegen.build import render_all
from rulegen.render import RenderedRule
from rulegen.site_profile import SiteProfile, Threshold
from rulegen.vocabulary import Engine, Signal
from tests.engines.replay import replay

# The most alerts that one packet may raise (packet-alert-max is a byte). Suricata drops further
# ones before it counts them.
VARIANTS_A_RUN = 240
FIRST_SID = 1_300_000

# (time in microseconds since 1970, host)
Alerts = list[tuple[int, str]]


@dataclass(frozen=True)
class Cell:
    """One signal at one threshold."""

    signal: Signal
    threshold: Threshold

    def __str__(self) -> str:
        return f"{self.signal}={self.threshold.count}/{self.threshold.seconds}"


def run_grid(
    engine: Engine, pcap: Path, site: SiteProfile, cells: Sequence[Cell], folder: Path
) -> tuple[Path, Mapping[Cell, Alerts]]:
    """The eve.json of the run (of the first, where it took several) and the alerts of each cell,
    sorted."""
    found: dict[Cell, Alerts] = {cell: [] for cell in cells}
    eves = []
    for number, start in enumerate(range(0, len(cells), VARIANTS_A_RUN)):
        rules = folder / f"grid-{number}.rules"
        rules.parent.mkdir(parents=True, exist_ok=True)
        by_sid = dict(enumerate(cells[start : start + VARIANTS_A_RUN], FIRST_SID))
        rules.write_text("\n".join(_rules(engine, site, by_sid)) + "\n")
        eves.append(
            replay(
                engine,
                pcap,
                folder / str(number),
                rules=rules,
                more=("--set", "packet-alert-max=255"),
            )
        )
        for sid, alert in _alerts(eves[-1]):
            if sid in by_sid:
                found[by_sid[sid]].append(alert)
    return eves[0], {cell: sorted(alerts) for cell, alerts in found.items()}


def _rules(engine: Engine, site: SiteProfile, by_sid: Mapping[int, Cell]) -> Iterator[str]:
    rendered, _ = render_all(site, engine)
    yield from (rule.text for rule in rendered if rule.threshold is None)
    for sid, cell in by_sid.items():
        yield from (
            _variant(rule, sid, cell.threshold)
            for rule in rendered
            if rule.threshold and rule.spec.signal is cell.signal
        )


def _variant(rule: RenderedRule, sid: int, threshold: Threshold) -> str:
    assert rule.network is None, "a site without networks of their own"
    text = re.sub(
        r"count \d+, seconds \d+;",
        f"count {threshold.count}, seconds {threshold.seconds};",
        rule.text,
    )
    # A rule that sets the bit it asks for has one of its own in each variant.
    text = text.replace("mxhound.tried", f"mxhound.tried{sid}")
    return re.sub(r"\bsid:\d+;", f"sid:{sid};", text)


def _alerts(eve: Path) -> Iterator[tuple[int, tuple[int, str]]]:
    for line in eve.read_text().splitlines():
        if '"event_type":"alert"' in line:
            event = json.loads(line)
            yield (
                event["alert"]["signature_id"],
                (micros(event["timestamp"]), str(ip_address(event["alert"]["target"]["ip"]))),
            )


def micros(text: str) -> int:
    """An EVE time stamp in whole microseconds."""
    when = datetime.fromisoformat(text)
    return int(when.replace(microsecond=0).timestamp()) * 1_000_000 + when.microsecond


def product(signals: Iterable[Signal], thresholds: Iterable[tuple[int, int]]) -> list[Cell]:
    """Every signal with every (count, seconds)."""
    numbers = [Threshold(*numbers) for numbers in thresholds]
    return [Cell(signal, threshold) for signal in signals for threshold in numbers]
