"""truth.json of the simulator and the json report of eveproc -> verdicts beside the truth, and how
many are right; also as a command."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Score:
    """Hosts by what they are and what was said of them; `missed` and `accused` name the errors as
    "host (scenario)"."""

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
    """Compare. A machine is found by any of its addresses, because a report names the latest one
    only."""
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


def table(truth: Path, verdicts: Iterable[Mapping[str, object]]) -> str:
    """Every verdict of the report, in its order, beside what the host was simulated as and how long
    the decision took."""
    hosts = {
        address: host
        for host in json.loads(truth.read_text())["hosts"]
        for address in host["addresses"]
    }
    rows = [(v["verdict"], v["host"], *_simulated(hosts.get(v["host"]), v)) for v in verdicts]
    head = ("verdict", "host", "simulated as", "decided")
    widths = [max(len(str(cell)) for cell in column) for column in zip(head, *rows, strict=True)]
    lines = (
        "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in (head, *rows)
    )
    return "\n".join(line.rstrip() for line in lines)


def _simulated(host: Mapping[str, str] | None, verdict: Mapping[str, object]) -> tuple[str, str]:
    if host is None:
        return "nobody of this site", ""
    if host["label"] != "infected" or verdict["decided_at"] is None:
        return f"{host['label']}: {host['scenario']}", ""
    taken = datetime.fromisoformat(str(verdict["decided_at"])) - datetime.fromisoformat(
        host["first_mail"]
    )
    return f"infected: {host['scenario']}", f"{taken.total_seconds():.0f} s after its first mail"


def read_verdicts(report: Path) -> list[dict[str, object]]:
    """What `eveproc report -f json` wrote: one object a line."""
    return [json.loads(line) for line in report.read_text().splitlines()]


def main() -> None:
    """Print the table and the score; exit 1 where a verdict is wrong."""
    truth, report = map(Path, sys.argv[1:])
    verdicts = read_verdicts(report)
    result = score(truth, verdicts)
    sys.stdout.write(f"{table(truth, verdicts)}\n\n{result}\n")
    sys.exit(not result.right)


if __name__ == "__main__":
    main()
