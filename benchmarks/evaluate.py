"""Site profiles and seeds -> the quality of the verdicts, as docs/evaluation.md (make evaluate).

Exits with 1 if a criterion is missed.

Everything runs on real engines. The first part takes a quarter of an hour on two cores, the second
(`--hard`) five minutes a network and engine. `--networks 1` gives a first impression.
"""

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from benchmarks.hard_network import HardNight, evaluate_hard
from benchmarks.hard_page import put_second_part, second_part_of, write_hard_page
from benchmarks.hard_scoring import HELD_BACK_FROM, hard_criteria, held_back
from benchmarks.network import Network, Night, evaluate_network
from benchmarks.page import describe, write_page
from benchmarks.scoring import Criterion, criteria, wrong
from rulegen.errors import MxhoundError
from rulegen.simulate.run import DEFAULT_CLIENTS
from rulegen.site_profile import load_site
from rulegen.vocabulary import Engine
from tests.engines.replay import installed

SITES = Path(__file__).with_name("sites")
HARD_SITES = SITES / "hard"
NETWORKS, HARD_NETWORKS, HARD_CLIENTS = 24, 1, 40
T = TypeVar("T")
ENGINES = (Engine.SURICATA_7, Engine.SURICATA_8)
DEFAULTS: Mapping[str, object] = MappingProxyType(
    {
        "networks": None,
        "seed": 1,
        "clients": None,
        "engines": list(ENGINES),
        "scenarios": None,
        "output": None,
        "hard": False,
        "held_back": 0,
    }
)


def networks(
    sites: Path, seed: int, clients: int, scenarios: tuple[str, ...] | None = None
) -> Iterator[Network]:
    """The sites in turn, endlessly, each with the next seed: one seed draws the same habits at
    every site.
    """
    files = cycle(sorted(sites.glob("*.yaml")))
    return (
        Network(file, number, clients, scenarios) for number, file in enumerate(files, start=seed)
    )


def evaluate(
    judge: Callable[[Network], list[T]], chosen: Sequence[Network], jobs: int
) -> Iterator[list[T]]:
    """Each network's nights, in the order of `chosen`, as soon as they are complete."""
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(judge, chosen)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one part of the page, and write it to the file of `-o`.

    Wrong verdicts go to stderr as they are found. Returns the exit code.
    """
    options = _parser().parse_args(arguments)
    try:
        versions = {engine: installed(engine).version for engine in options.engines}
        missed = _second_part(options, versions) if options.hard else _first_part(options, versions)
    except (MxhoundError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return _complain(missed)


def _first_part(options: argparse.Namespace, versions: Mapping[Engine, str]) -> list[Criterion]:
    nights = _gather(options)
    page = write_page(nights, versions, _command(options))
    sys.stdout.write(page)
    if options.output:
        kept = second_part_of(_written(options.output))
        options.output.write_text(put_second_part(page, kept) if kept else page, encoding="utf-8")
    return criteria(nights)


def _second_part(options: argparse.Namespace, versions: Mapping[Engine, str]) -> list[Criterion]:
    nights = _gather_hard(options)
    part = write_hard_page(nights, versions, _command(options))
    sys.stdout.write(part)
    if options.output:
        page = put_second_part(_written(options.output), part)
        options.output.write_text(page, encoding="utf-8")
    return hard_criteria(held_back(nights))


def _written(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _gather(options: argparse.Namespace) -> list[Night]:
    scenarios = tuple(options.scenarios) if options.scenarios else None
    clients = DEFAULT_CLIENTS if options.clients is None else options.clients
    chosen = list(
        islice(networks(SITES, options.seed, clients, scenarios), options.networks or NETWORKS)
    )
    for network in chosen:
        load_site(network.site)  # refuse a faulty one now, not after a quarter of an hour
    nights: list[Night] = []
    judge = partial(evaluate_network, engines=options.engines)
    for number, of_one in enumerate(evaluate(judge, chosen, options.jobs), start=1):
        nights += of_one
        lines = [f"  {describe(*case)}\n" for case in wrong(of_one)]
        sys.stderr.write(f"{number} of {len(chosen)}: {of_one[0].network}\n{''.join(lines)}")
    return nights


def _gather_hard(options: argparse.Namespace) -> list[HardNight]:
    """Development networks from the first seed on, then held-back ones."""
    scenarios = tuple(options.scenarios) if options.scenarios else None
    clients = HARD_CLIENTS if options.clients is None else options.clients
    count = HARD_NETWORKS if options.networks is None else options.networks
    chosen = list(islice(networks(HARD_SITES, options.seed, clients, scenarios), count))
    unseen = networks(HARD_SITES, HELD_BACK_FROM + options.seed, clients, scenarios)
    chosen += islice(unseen, options.held_back)
    nights: list[HardNight] = []
    judge = partial(evaluate_hard, engines=options.engines)
    for number, of_one in enumerate(evaluate(judge, chosen, options.jobs), start=1):
        nights += of_one
        sys.stderr.write(f"{number} of {len(chosen)}: {of_one[0].network}\n")
    return nights


def _complain(found: Sequence[Criterion]) -> int:
    missed = [criterion for criterion in found if not criterion.met]
    for criterion in missed:
        sys.stderr.write(f"missed: {criterion.asked}; measured: {criterion.measured}\n")
    return 1 if missed else 0


def _command(options: argparse.Namespace) -> str:
    """The command that makes the same page: only options that differ from the defaults and change
    a figure.
    """
    words = ["python", "-m", "benchmarks.evaluate"]
    words += ["--hard"] * options.hard
    for name in ("networks", "held_back", "seed", "clients", "engines", "scenarios", "output"):
        value = getattr(options, name)
        if value != DEFAULTS[name]:
            given = map(str, value if isinstance(value, list) else [value])
            words += [f"--{name.replace('_', '-')}", *given]
    return shlex.join(words)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluate", description=__doc__)
    parser.add_argument(
        "--networks",
        type=_from_one,
        help="number of networks; the sites take turns (default: 24, with --hard 1)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        help="seed of the first network; each further one adds 1 (default: %(default)s)",
    )
    parser.add_argument(
        "--clients", type=int, help="workstations of each network (default: 300, with --hard 40)"
    )
    parser.add_argument(
        "--engines",
        type=Engine,
        nargs="+",
        choices=ENGINES,
        help="engines to use (default: all)",
    )
    parser.add_argument(
        "--scenarios",
        nargs="+",
        metavar="NAME",
        help="scenarios to simulate (default: all)",
    )
    parser.add_argument(
        "--jobs",
        type=_from_one,
        default=2,
        help="number of networks in parallel (default: %(default)s)",
    )
    parser.add_argument(
        "--hard",
        action="store_true",
        help="make the second part: whole days, kinds that are hard to judge",
    )
    parser.add_argument(
        "--held-back",
        type=int,
        help="with --hard: number of networks with held-back seeds (default: %(default)s)",
    )
    parser.add_argument("-o", "--output", type=Path, help="also write this part into this page")
    parser.set_defaults(**DEFAULTS)
    return parser


def _from_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not allowed; expected a number from 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
