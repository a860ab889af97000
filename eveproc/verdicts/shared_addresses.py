"""Machines that share an address -> sentences for the report, with the site.yaml setting."""

from collections.abc import Callable, Iterator

from msgspec import Struct, field

from eveproc.verdicts.machines import Machine
from eveproc.verdicts.scoring import HostContext
from eveproc.verdicts.verdict import assess
from rulegen.units import count_of
from rulegen.vocabulary import Level

# Maximum number of addresses named; the others are counted.
NAMED = 5
# Maximum number of networks named for an address.
NETWORKS = 4


class SharedAddresses(Struct):
    """Addresses whose evidence the log does not assign to one machine with certainty."""

    apart: dict[str, list[tuple[Machine, Level]]] = field(default_factory=dict)
    contested: list[Machine] = field(default_factory=list)

    def note(self, machine: Machine, level: Level) -> None:
        if machine.apart:
            self.apart.setdefault(machine.address, []).append((machine, level))
        if machine.contested:
            self.contested.append(machine)

    def sentences(self, context_of: Callable[[Machine], HostContext]) -> Iterator[str]:
        for address, found in list(self.apart.items())[:NAMED]:
            yield _apart(address, found, context_of)
        for machine in self.contested[:NAMED]:
            yield _contested(machine)
        unnamed = max(0, len(self.apart) - NAMED) + max(0, len(self.contested) - NAMED)
        if unnamed:
            yield f"{count_of(unnamed, 'more address')} in use by several machines at the same time"


def _apart(
    address: str,
    found: list[tuple[Machine, Level]],
    context_of: Callable[[Machine], HostContext],
) -> str:
    machine, _ = found[0]
    assert machine.apart is not None
    fields = ", ".join(machine.apart.fields)
    scopes = sorted({one.scope for one, _ in found})
    named = "; ".join(scopes[:NETWORKS])
    more = f"; {len(scopes) - NETWORKS} more" if len(scopes) > NETWORKS else ""
    text = (
        f"{address} is in use by several machines at the same time ({named}{more}) and each is "
        f"judged by its own evidence: set separate_by: [{fields}] in site.yaml to confirm this"
    )
    whole = assess(machine.apart.whole, context_of(machine))
    if whole.level.rank > max(level.rank for _, level in found):
        text += (
            f"; if it is one machine, its verdict is {whole.level} (score "
            f"{whole.score:.2f}): then set separate_by: []"
        )
    return text


def _contested(machine: Machine) -> str:
    return (
        f"{machine.address} was held by several machines at the same time "
        f"({', '.join(machine.contested)}) and nothing in the log separates their evidence, so the "
        "verdict names no machine: log vlan, tenant_id or host, and set separate_by in site.yaml"
    )
