"""Ordinary traffic -> the CPU seconds of a real Suricata without rules, with two other rules, and
with ours.

python -m benchmarks.rule_cost --each        which of our rules cost how much, one at a time
"""

import argparse
import re
import resource
import shutil
import statistics
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from benchmarks.eve_lines import EVE_TYPES, SITE
from benchmarks.ordinary import Web, ordinary
from rulegen.build import build
from rulegen.simulate import Simulation
from rulegen.simulate.run import DEFAULT_START
from rulegen.simulate.write import write_pcap
from rulegen.site_profile import load_site
from rulegen.vocabulary import Engine
from tests.engines.errors import EngineError
from tests.engines.replay import installed, replay

# CPU times of two runs differ by a tenth and more on a shared machine: this many times the rounds of
# other sections.
ROUNDS_TIMES = 9
# Instructions vary less; they are counted once, on this share of the traffic, since counting takes
# fifty times as long.
COUNTED = 0.15
COUNTER = ("valgrind", "--tool=callgrind", "--separate-threads=yes", "--trace-children=yes")
# With --runmode single, the thread that calls this inspects all packets. The work of other threads
# (mainly the flow manager) depends on the duration of the run, which is long under valgrind.
PER_PACKET = re.compile(r"^c?fn=\(\d+\) FlowHandlePacket$", re.MULTILINE)

# Share of lookups for names of mail clients, by the name of the mix on the page. The first has the
# most rounds, for a narrow interval.
MIXES: Mapping[str, float] = MappingProxyType(
    {
        "ordinary traffic": 0.0,
        "10 % of lookups by mail clients": 0.1,
        "33 % of lookups by mail clients": 0.33,
    }
)
ORDINARY = next(iter(MIXES))
OTHER_MIXES_TIMES = 3

ENGINES = (Engine.SURICATA_7, Engine.SURICATA_8)
VISITS, SECONDS, DESKS = 5_000, 3_600.0, 300
NO_RULES, OTHERS, OURS = "no rules", "two others", "ours"
# What the two rules of public rule sets against mass mailers look for: thirty MX queries to the
# site's resolvers over UDP in ten seconds, and ten cleartext mails in two minutes on port 25.
# These are our own versions of them, with this site's addresses.
OTHER_RULES = r"""
alert udp [10.0.0.0/8,2001:db8::/32,!10.0.0.25] any -> [10.0.0.53,2001:db8::53] 53 (msg:"MX questions"; content:"|01 00|"; offset:2; \
depth:2; content:"|00 00 0f 00 01|"; distance:8; threshold:type both, track by_src, count 30, seconds 10; sid:1990001; rev:1;)
alert tcp [10.0.0.0/8,2001:db8::/32,!10.0.0.25] any -> any 25 (msg:"Many mails"; flow:established,to_server; content:"mail from|3a|"; \
nocase; threshold:type both, track by_src, count 10, seconds 120; sid:1990002; rev:1;)
"""


@dataclass(frozen=True, slots=True)
class RuleCost:
    """CPU seconds of every run by set of rules; `load` is the start-up, with one packet only.

    `instructions` are those of the packet thread for a part of the traffic, without start-up; empty
    if valgrind is missing or fails.
    """

    engine: str
    version: str
    bytes: int
    packets: int
    cpu: Mapping[str, Sequence[float]]
    load: Mapping[str, Sequence[float]]
    instructions: Mapping[str, int] = field(default_factory=dict)
    mix: str = ORDINARY

    def work(self, rules: str) -> list[float]:
        """Seconds for the traffic without start-up, by round."""
        loading = statistics.median(self.load[rules])
        return [seconds - loading for seconds in self.cpu[rules]]

    def ratios(self, rules: str) -> list[float]:
        """Ratio to a run without rules, by round."""
        return [
            with_them / without
            for with_them, without in zip(self.work(rules), self.work(NO_RULES), strict=True)
        ]

    def ratio(self, rules: str) -> float:
        """Ratio to a run without rules, the median over the rounds."""
        return statistics.median(self.ratios(rules))

    def ratio_of_instructions(self, rules: str) -> float:
        """Ratio to a run without rules."""
        return self.instructions[rules] / self.instructions[NO_RULES]


def measure_rules(
    work: Path, scale: float, rounds: int, say: Callable[[str], None]
) -> Iterator[RuleCost]:
    """The three sets of rules in turn, on each engine and mix of traffic. Raises EngineError."""
    for engine in ENGINES:
        sets = rule_sets(engine, work)
        for mix in MIXES:
            times = ROUNDS_TIMES if mix == ORDINARY else OTHER_MIXES_TIMES
            cost = _measure(engine, traffic(work, scale, mix), times * rounds, sets, say)
            cost = replace(cost, mix=mix)
            try:
                pcap, _ = traffic(work, scale * COUNTED, mix)
                yield replace(cost, instructions=count_instructions(engine, pcap, sets))
            except EngineError as error:  # keep what was measured so far
                say(f"{engine}: instructions are not counted: {error}")
                yield cost


def rule_sets(engine: Engine, work: Path) -> dict[str, str]:
    """The text of each set of rules."""
    build(load_site(SITE), [engine], work / "rules", DEFAULT_START.date())
    return {
        NO_RULES: "",
        OTHERS: OTHER_RULES,
        OURS: (work / "rules" / engine / "mxhound.rules").read_text(),
    }


def one_at_a_time(rules: str) -> dict[str, str]:
    """No rules, all rules, and each rule alone, by its sid."""
    each = {
        found[1]: line
        for line in rules.splitlines()
        if (found := re.search(r"\bsid:(\d+);", line)) and not line.startswith("#")
    }
    return {NO_RULES: "", OURS: rules, **each}


def _measure(
    engine: Engine,
    recorded: tuple[Path, int],
    rounds: int,
    sets: Mapping[str, str],
    say: Callable[[str], None],
) -> RuleCost:
    pcap, packets = recorded
    first = _first_packet(pcap)
    cpu: dict[str, list[float]] = {name: [] for name in sets}
    load: dict[str, list[float]] = {name: [] for name in sets}
    names = deque(sets)
    for number in range(rounds):
        for name in names:
            cpu[name].append(_seconds(engine, pcap, sets[name]))
            load[name].append(_seconds(engine, first, sets[name]))
        names.rotate(1)
        say(
            f"{engine} {number}: "
            f"{ ({name: round(cpu[name][-1] - load[name][-1], 3) for name in sets}) }"
        )
    return RuleCost(engine, installed(engine).version, pcap.stat().st_size, packets, cpu, load)


def traffic(work: Path, scale: float, mix: str = ORDINARY) -> tuple[Path, int]:
    """An hour of a site without mass mailers, and its number of packets; made if missing."""
    name = f"ordinary-{scale:g}-{MIXES[mix]:g}"
    pcap, about = work / f"{name}.pcap", work / f"{name}.packets"
    if not about.exists():
        web = Web(max(1, round(VISITS * scale)), max(60.0, SECONDS * scale), MIXES[mix])
        simulation: Simulation = ordinary(
            load_site(SITE), 1, web, clients=max(5, round(DESKS * scale))
        )
        with pcap.open("wb") as file:
            write_pcap(simulation, file)
        about.write_text(str(len(simulation.packets)))
    return pcap, int(about.read_text())


def _first_packet(pcap: Path) -> Path:
    """A file beside it with its header and first packet."""
    first = pcap.with_suffix(".first.pcap")
    with pcap.open("rb") as file:
        head = file.read(24 + 16)
        first.write_bytes(head + file.read(int.from_bytes(head[32:36], "little")))
    return first


def _seconds(engine: Engine, pcap: Path, rules: str) -> float:
    """User and system time of one replay, all threads together."""
    with tempfile.TemporaryDirectory(prefix="mxhound-") as name:
        written = Path(name) / "these.rules"
        written.write_text(rules)
        before = _cpu()
        replay(engine, pcap, Path(name) / "log", written, eve_types=EVE_TYPES)
        return _cpu() - before


def count_instructions(engine: Engine, pcap: Path, sets: Mapping[str, str]) -> dict[str, int]:
    """Instructions of the packet thread in one replay, counted by valgrind, by set of rules.

    Those of a run with one packet are subtracted. Raises EngineError, also without valgrind.
    """
    if not shutil.which(COUNTER[0]):
        raise EngineError(f"{COUNTER[0]} is not installed")
    first = _first_packet(pcap)
    return {
        name: _instructions(engine, pcap, rules) - _instructions(engine, first, rules)
        for name, rules in sets.items()
    }


def _instructions(engine: Engine, pcap: Path, rules: str) -> int:
    with tempfile.TemporaryDirectory(prefix="mxhound-") as name:
        folder = Path(name)
        written = folder / "these.rules"
        written.write_text(rules)
        under = (
            *COUNTER,
            f"--callgrind-out-file={folder / 'counted'}",
            f"--log-file={folder / 'valgrind.log'}",
        )
        replay(engine, pcap, folder / "log", written, eve_types=EVE_TYPES, under=under)
        threads = [
            text for file in folder.glob("counted-*") if PER_PACKET.search(text := file.read_text())
        ]
        totals = [
            total[1]
            for text in threads
            if (total := re.search(r"^totals: (\d+)$", text, re.MULTILINE))
        ]
        if len(totals) != 1:
            raise EngineError(
                f"{COUNTER[0]} did not say how many instructions {engine} took for packets"
            )
        return int(totals[0])


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _shares(cost: RuleCost) -> Iterator[str]:
    for name in cost.cpu:
        yield f"{cost.engine}  {name:12}  {statistics.median(cost.work(name)):7.3f} s  {cost.ratio(name):6.3f}\n"


def main() -> None:
    """Measure one rule at a time, or the three sets, and print the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rule_cost", description=__doc__)
    parser.add_argument("--each", action="store_true", help="one rule of ours at a time")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mix", choices=MIXES, default=ORDINARY)
    parser.add_argument("--engines", type=Engine, nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument(
        "--work", type=Path, required=True, help="folder for the traffic; it stays there"
    )
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    for engine in options.engines:
        sets = rule_sets(engine, options.work)
        chosen = one_at_a_time(sets[OURS]) if options.each else sets
        sys.stdout.writelines(
            _shares(
                _measure(
                    engine,
                    traffic(options.work, 1.0, options.mix),
                    options.rounds,
                    chosen,
                    sys.stderr.write,
                )
            )
        )


if __name__ == "__main__":
    main()
