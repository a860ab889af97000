"""The verdicts on every hard network -> the second part of docs/evaluation.md. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from inspect import getdoc

from benchmarks.hard_network import KINDS, Declared, HardNight, Source
from benchmarks.hard_scoring import (
    HELD_BACK_FROM,
    SUSPECTED_IS_FOUND,
    LeftOut,
    Seen,
    hard_criteria,
    hard_engines,
    held_back,
    innocents,
    leave_out,
    left_out_names,
    mailers,
    recall,
    reliability,
    seen,
    tally_kind,
    wrong_hosts,
)
from benchmarks.page import table
from rulegen.simulate.hard import HardKind
from rulegen.units import count_of
from rulegen.vocabulary import Engine, Level

# Separates the parts of docs/evaluation.md; each part is made by a separate run.
SECOND_PART = "# Where it is hard\n"

_HEAD = f"""\
{SECOND_PART}
Made by `make evaluate`; do not edit. Each network is simulated for a whole day, with people and programs of real sites and with mass
mailers that avoid the behaviour of those in the first part. Kinds are written from public descriptions (the last table names their
sources); each seed draws its own rates, ports and shares. Every network is judged by logs and alerts, by logs alone and by alerts alone,
under two profiles: with only home networks declared, and with every mail server, resolver and internal domain declared.

- *Tellable*: an expert could identify the mass mailer in these logs. Recall counts only these. Benign kinds that an expert could not
  clear are *grey*: they may be suspected, never infected.
- A mass mailer is found if it is `infected`, and not before it began to send: a decision caused by other people's mail at its address
  counts as *early*, and as a miss. For a mail server that sends for a stolen account, `suspected` is enough
  ({", ".join(sorted(SUSPECTED_IS_FOUND))}).
- Undeclared servers of the site may be suspected, as in the first part.
- **Development and held-back seeds.** Seeds below {HELD_BACK_FROM} were examined while verdicts and kinds were written. Seeds from
  {HELD_BACK_FROM} on were not: they are simulated for this page only. A seed changes numbers, not kinds, and the authors of the verdicts
  know the kinds. So held-back seeds show what is tuned to numbers, and the table of explanations shows what is tuned to kinds. Except
  for the totals, everything below is from held-back seeds.
"""

_EXPLANATIONS = """\
## Less one explanation

Verdicts are not learned from these kinds, so no kind can be left out of a training set. Instead, this table shows whether an explanation
works beyond the kind for which it was written. Each benign explanation, and each rule that subtracts peers from a count, is disabled in
turn, and every host is judged again by logs and alerts. *Protects*: benign kinds whose verdict then gets worse. *Hides*: mass mailers
whose verdict then gets worse. An explanation that protects only one kind may be tuned to it. One that protects nobody here is not needed
by these kinds, or another one explains the same. Numbers are hosts, all engines together, with nothing declared.
"""

_RELIABILITY = """\
## What a score means

Hosts by score, of any level, judged by logs and alerts, both profiles and all engines. If scores were probabilities *here*, the share
of mass mailers would be close to the score. It need not be: verdicts assume one mass mailer among 500 hosts, these networks have far
more, and their kinds are chosen to be hard.
"""


def write_hard_page(
    nights: Sequence[HardNight], versions: Mapping[Engine, str], command: str
) -> str:
    """The second part. `versions` are those of the engines; `command` makes this part again."""
    kept = held_back(nights)
    sections = [
        _HEAD,
        _networks(nights, versions),
        _criteria(kept),
        _totals(nights),
        _mailers_by_kind(kept),
        _innocents_by_kind(kept),
        _explanations(kept),
        _reliability(kept),
        _wrong(kept),
        _sources(nights),
        f"Made by:\n\n```sh\n{command}\n```\n",
    ]
    return "\n".join(sections)


def put_second_part(page: str, part: str) -> str:
    """The page with its second part, if any, replaced by this one."""
    first, _, _ = page.partition(f"\n{SECOND_PART}")
    return f"{first.rstrip()}\n\n{part}"


def second_part_of(page: str) -> str:
    """The second part of a page; "" if it has none."""
    _, mark, rest = page.partition(f"\n{SECOND_PART}")
    return SECOND_PART + rest if mark else ""


def _networks(nights: Sequence[HardNight], versions: Mapping[Engine, str]) -> str:
    rows = []
    for network in dict.fromkeys(night.network for night in nights):
        hosts = _once(nights, network)
        counts = (
            len(mailers(hosts)),
            len(mailers(hosts, tellable=False)),
            len(innocents(hosts)),
            len(innocents(hosts, grey=True)),
        )
        where = (f"`{network.site.name}`", str(network.seed), _seed_is(network.seed))
        rows.append([*where, *map(str, counts)])
    watched = " and ".join(f"{engine} ({versions[engine]})" for engine in hard_engines(nights))
    head = ("site", "seed", "seed is", "mass mailers", "not tellable ones", "benign", "grey")
    return f"{count_of(len(rows), 'network')}, watched by {watched}:\n\n{table(head, rows)}"


def _once(nights: Sequence[HardNight], network: object) -> list[Seen]:
    """Each host of a network once."""
    first = next(night for night in nights if night.network == network)
    return [Seen(first, outcome) for outcome in first.outcomes]


def _criteria(nights: Sequence[HardNight]) -> str:
    rows = [(c.asked, c.measured, "yes" if c.met else "**no**") for c in hard_criteria(nights)]
    return f"## Criteria where it is hard\n\n{table(('what is asked', 'measured', 'met'), rows)}"


def _totals(nights: Sequence[HardNight]) -> str:
    rows = [
        [seeds, engine, declared, source, *_total(hosts)]
        for seeds, some in _by_seeds(nights).items()
        for engine in hard_engines(some)
        for declared in Declared
        for source in Source
        for hosts in [seen(some, engine=engine, declared=declared, source=source)]
    ]
    head = (
        *("seeds", "engine", "profile", "judged by", "mass mailers found", "not tellable found"),
        *("early", "benign infected", "benign suspected", "grey infected", "grey suspected"),
        "median time",
    )
    return f"## Totals where it is hard\n\n{table(head, rows)}"


def _by_seeds(nights: Sequence[HardNight]) -> Mapping[str, list[HardNight]]:
    found: dict[str, list[HardNight]] = {}
    for night in nights:
        found.setdefault(_seed_is(night.network.seed), []).append(night)
    return found


def _seed_is(seed: int) -> str:
    return "held back" if seed >= HELD_BACK_FROM else "development"


def _total(hosts: Sequence[Seen]) -> list[str]:
    told, others = mailers(hosts), mailers(hosts, tellable=False)
    cells = [_share(told), _share(others), str(tally_kind(told).early)]
    for grey in (False, True):
        tally = tally_kind(innocents(hosts, grey=grey))
        cells += [f"{tally.infected} of {tally.hosts}", str(tally.suspected)]
    return [*cells, _minutes(tally_kind(told).seconds)]


def _share(hosts: Sequence[Seen]) -> str:
    value = recall(hosts)
    found = sum(each.is_found for each in hosts)
    return "-" if value is None else f"{value:.3f} ({found} of {len(hosts)})"


def _mailers_by_kind(nights: Sequence[HardNight]) -> str:
    text = (
        "Mass mailers found, of all of that kind (all engines together); `+n`: n more are suspected. "
        "The score is the median by logs and alerts with nothing declared, the time is the median "
        "from the first mail to the decision."
    )
    return f"## Mass mailers by kind\n\n{text}\n\n{_by_kind(nights, mailers_only=True)}"


def _innocents_by_kind(nights: Sequence[HardNight]) -> str:
    text = "Hosts infected, of all of that kind (all engines together); `+n`: n more are suspected. The score is the median as above."
    return f"## Innocent hosts by kind\n\n{text}\n\n{_by_kind(nights, mailers_only=False)}"


def _by_kind(nights: Sequence[HardNight], *, mailers_only: bool) -> str:
    columns = [(declared, source) for declared in Declared for source in Source]
    cells = {
        column: _of_label(seen(nights, declared=column[0], source=column[1]), mailers_only)
        for column in columns
    }
    first = cells[columns[0]]
    rows = []
    for kind in sorted({each.kind for each in first}):
        mine = [[each for each in cells[column] if each.kind == kind] for column in columns]
        tally = tally_kind(mine[0])
        counts = [_cell(hosts, mailers_only) for hosts in mine]
        last = [f"{tally.score:.2f}"] + ([_minutes(tally.seconds)] if mailers_only else [])
        rows.append([_name(kind), *counts, *last])
    head = ["kind", *(f"{declared}: {source}" for declared, source in columns), "score"]
    return table(head + (["time"] if mailers_only else []), rows)


def _of_label(hosts: Iterable[Seen], mailers_only: bool) -> list[Seen]:
    return [each for each in hosts if each.outcome.is_mailer is mailers_only]


def _name(kind: str) -> str:
    known = KINDS.get(kind)
    marks = {"grey": " (grey)", "infected": "" if known and known.tellable else " (not tellable)"}
    return kind + (marks.get(known.label, "") if known else "")


def _cell(hosts: Sequence[Seen], mailers_only: bool) -> str:
    tally = tally_kind(hosts)
    first = tally.found if mailers_only else tally.infected
    more = sum(
        each.outcome.level is Level.SUSPECTED and not (mailers_only and each.is_found)
        for each in hosts
    )
    early = f", {tally.early} early" if tally.early else ""
    return f"{first} of {tally.hosts}" + (f" +{more}" if more else "") + early


def _explanations(nights: Sequence[HardNight]) -> str:
    rows = [_explanation(leave_out(nights, name)) for name in left_out_names(nights)]
    return f"{_EXPLANATIONS}\n{table(('explanation', 'protects', 'hides'), rows)}"


def _explanation(found: LeftOut) -> list[str]:
    protects = _listed(found.accused) or "nobody here"
    alone = " (**one kind alone**)" if len(found.accused) == 1 else ""
    return [
        found.name.strip("_").replace("_", " "),
        protects + alone,
        _listed(found.freed) or "nobody",
    ]


def _listed(kinds: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in kinds)


def _reliability(nights: Sequence[HardNight]) -> str:
    rows = [
        [
            f"{each.middle:g}",
            str(each.hosts),
            str(each.mailers),
            f"{each.mailers / each.hosts:.2f}" if each.hosts else "-",
        ]
        for each in reliability(seen(nights))
    ]
    head = ("score about", "hosts", "of them mass mailers", "share")
    return f"{_RELIABILITY}\n{table(head, rows)}"


def _wrong(nights: Sequence[HardNight]) -> str:
    """Each kind once, with its number of wrong verdicts and the first of them."""
    found: dict[str, list[Seen]] = {}
    for each in wrong_hosts(seen(nights)):
        found.setdefault(each.kind, []).append(each)
    said = "".join(_wrong_kind(kind, hosts) for kind, hosts in sorted(found.items()))
    text = "By logs and alerts; the first host of each kind."
    return f"## Verdicts that were wrong where it is hard\n\n{text}\n\n{said or 'None.' + chr(10)}"


def _wrong_kind(kind: str, hosts: Sequence[Seen]) -> str:
    first = hosts[0]
    is_mailer = "mass mailer" if first.outcome.is_mailer else "benign"
    where = f"{first.night.network}, {first.night.engine}, {first.night.declared}"
    return (
        f"- {kind} [{is_mailer}], {count_of(len(hosts), 'time')}. {where}: {first.outcome.note} is "
        f"{first.outcome.level}: {first.outcome.why}\n"
    )


def _sources(nights: Sequence[HardNight]) -> str:
    played = {each.kind for each in seen(nights)}
    rows = [_source(kind) for name, kind in sorted(KINDS.items()) if name in played]
    return f"## Kinds and where they are from\n\n{table(('kind', 'what it does', 'source'), rows)}"


def _source(kind: HardKind) -> list[str]:
    first = (getdoc(kind.play) or "").partition("\n\n")[0]
    return [_name(kind.name), " ".join(first.split()), kind.source]


def _minutes(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
