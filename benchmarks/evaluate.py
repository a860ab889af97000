"""Site profiles and seeds -> how good the verdicts are, as docs/evaluation.md (make evaluate); exit 1 where a criterion is missed.

Everything runs on real engines; about a quarter of an hour on two cores. `--networks 2` gives a
first impression.
"""

import argparse
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from types import MappingProxyType

from benchmarks.network import Network, Night, evaluate_network
from benchmarks.page import describe, write_page
from benchmarks.scoring import criteria, wrong
from rulegen.errors import MxhoundError
from rulegen.simulate.run import DEFAULT_CLIENTS
from rulegen.site_profile import load_site
from rulegen.vocabulary import Engine
from tests.engines.replay import installed

SITES = Path(__file__).with_name("sites")
ENGINES = (Engine.SURICATA_7, Engine.SURICATA_8)
DEFAULTS: Mapping[str, object] = MappingProxyType(
    {
        "networks": 24,
        "seed": 1,
        "clients": DEFAULT_CLIENTS,
        "engines": list(ENGINES),
        "scenarios": None,
        "output": None,
    }
)


def networks(
    sites: Path, seed: int, clients: int, scenarios: tuple[str, ...] | None = None
) -> Iterator[Network]:
    """The sites in turn, without end, each time with the next seed: one seed draws the same habits at every site."""
    files = cycle(sorted(sites.glob("*.yaml")))
    return (
        Network(file, number, clients, scenarios) for number, file in enumerate(files, start=seed)
    )


def evaluate(
    chosen: Sequence[Network], engines: Sequence[Engine], jobs: int
) -> Iterator[list[Night]]:
    """Each network's nights, in the order of `chosen`, as soon as they are there."""
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(partial(evaluate_network, engines=engines), chosen)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the page, and write it where `-o` says; wrong verdicts go to stderr as they are found. Returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        versions = {engine: installed(engine).version for engine in options.engines}
        nights = _gather(options)
        page = write_page(nights, versions, _command(options))
        sys.stdout.write(page)
        if options.output:
            options.output.write_text(page, encoding="utf-8")
    except (MxhoundError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return _complain(nights)


def _gather(options: argparse.Namespace) -> list[Night]:
    scenarios = tuple(options.scenarios) if options.scenarios else None
    chosen = list(
        islice(networks(SITES, options.seed, options.clients, scenarios), options.networks)
    )
    for network in chosen:
        load_site(network.site)  # a faulty one is refused now, not in a quarter of an hour
    nights: list[Night] = []
    for number, of_one in enumerate(evaluate(chosen, options.engines, options.jobs), start=1):
        nights += of_one
        lines = [f"  {describe(*case)}\n" for case in wrong(of_one)]
        sys.stderr.write(f"{number} of {len(chosen)}: {of_one[0].network}\n{''.join(lines)}")
    return nights


def _complain(nights: Sequence[Night]) -> int:
    missed = [criterion for criterion in criteria(nights) if not criterion.met]
    for criterion in missed:
        sys.stderr.write(f"missed: {criterion.asked}; measured: {criterion.measured}\n")
    return 1 if missed else 0


def _command(options: argparse.Namespace) -> str:
    """What makes the same page: only what differs from the defaults is named, and nothing that changes no figure."""
    words = ["python", "-m", "benchmarks.evaluate"]
    for name in ("networks", "seed", "clients", "engines", "scenarios", "output"):
        value = getattr(options, name)
        if value != DEFAULTS[name]:
            words += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    return shlex.join(words)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluate", description=__doc__)
    parser.add_argument(
        "--networks", type=_from_one, help="how many; the sites take turns (default: %(default)s)"
    )
    parser.add_argument(
        "--seed",
        type=int,
        help="of the first network, the next takes the next (default: %(default)s)",
    )
    parser.add_argument(
        "--clients", type=int, help="office desks of each network (default: %(default)s)"
    )
    parser.add_argument(
        "--engines",
        type=Engine,
        nargs="+",
        choices=ENGINES,
        help="which Suricatas watch (default: all)",
    )
    parser.add_argument(
        "--scenarios",
        nargs="+",
        metavar="NAME",
        help="which of the simulator's to play (default: all)",
    )
    parser.add_argument(
        "--jobs", type=_from_one, default=2, help="networks at a time (default: %(default)s)"
    )
    parser.add_argument("-o", "--output", type=Path, help="also write the page here")
    parser.set_defaults(**DEFAULTS)
    return parser


def _from_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not allowed; allowed is a number from 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
