"""truth.json of the simulator and the json report of eveproc -> how many verdicts are right; also a command line of the same."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Score:
    """Hosts by what they are and what was said of them; `missed` and `accused` name the errors as "host (scenario)"."""

    mailers: int
    others: int
    missed: tuple[str, ...]
    accused: tuple[str, ...]
    suspected: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        return self.mailers > 0 and not self.missed and not self.accused

    def __str__(self) -> str:
        found = self.mailers - len(self.missed)
        said = f"{found} of {self.mailers} mass mailers infected, {len(self.accused)} of {self.others} others"
        wrong = [f"missed: {', '.join(self.missed)}"] if self.missed else []
        wrong += [f"wrongly infected: {', '.join(self.accused)}"] if self.accused else []
        return "\n".join([said, *wrong])


def score(truth: Path, verdicts: Iterable[Mapping[str, object]]) -> Score:
    """Compare. A machine is found by any of its addresses, because a report names the latest one only."""
    level = {verdict["host"]: verdict["verdict"] for verdict in verdicts}
    mailers: list[str] = []
    others = 0
    wrong: dict[bool, list[str]] = {True: [], False: []}
    suspected: list[str] = []
    for host in json.loads(truth.read_text())["hosts"]:
        said = {level[address] for address in host["addresses"] if address in level}
        name = f"{host['host']} ({host['scenario']})"
        mailer = host["label"] == "infected"
        mailers += [name] * mailer
        others += not mailer
        if mailer != ("infected" in said):
            wrong[mailer].append(name)
        if not mailer and "suspected" in said:
            suspected.append(name)
    return Score(len(mailers), others, tuple(wrong[True]), tuple(wrong[False]), tuple(suspected))


def read_verdicts(report: Path) -> list[dict[str, object]]:
    """What `eveproc report -f json` wrote: one object a line."""
    return [json.loads(line) for line in report.read_text().splitlines()]


def main() -> None:
    """Print the score; exit 1 where a verdict is wrong."""
    truth, report = map(Path, sys.argv[1:])
    result = score(truth, read_verdicts(report))
    sys.stdout.write(f"{result}\n")
    sys.exit(not result.right)


if __name__ == "__main__":
    main()
