"""The verdicts on every network, engines and command -> docs/evaluation.md as text.

The same input gives the same bytes.
"""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.ablation import Without
from benchmarks.network import Night, Outcome
from benchmarks.scoring import (
    MEANT_SUSPECTED,
    criteria,
    engines_of,
    is_benign,
    is_flood,
    is_meant_clean,
    is_slow,
    precision,
    select,
    tally,
    wrong,
)
from rulegen.vocabulary import Engine

_HEAD = """\
# How good the verdicts are

Made by `make evaluate`; do not edit. Each network is a site profile from `benchmarks/sites/`, simulated for two hours with one seed:
`rulegen simulate` makes its traffic, `rulegen build` its rules, and real engines replay it. The verdict on each host is compared with
what the host was simulated to be. A mass mailer counts as found only if it is `infected`; `suspected` is a miss. A *flood* sends ten or
more mails a minute, a *slow* sender fewer, at least twenty an hour.
"""

_LESS_HEAD = """\
## With one kind of evidence removed

The recorded logs are judged again without the records that such a site would not have:

- *no MX lookups*: MX queries and the alerts of `mx_flood`, `mx_slow` and `mx_then_smtp`;
- *no name lookups*, as with DNS over HTTPS: every dns record, flows to port 53, alerts of the lookup family and `mx_then_smtp`;
- *no cleartext SMTP*, as with STARTTLS everywhere: mails in smtp records (the HELO before STARTTLS is kept) and the alerts that depend
  on them or on replies of servers;
- *no alerts*: the rules are not loaded;
- *no logs*: alerts only. They do not show that a host accepts mail or monitors servers, nor which addresses belong to one machine.
"""

_CAVEATS = """\
## What these figures cannot show

The simulator and the verdicts share only the site profile, and the simulator draws every rate, share and pause anew for each seed.
But both rest on the same published facts, so these figures are optimistic:

- **Rates.** The simulator draws floods of 30 to 500 mails a minute (Rustock and Xarvester 417, Phorpiex 500) and slow senders of 20 to
  24 an hour, and the windows and means of the verdicts were chosen with these ranges in mind. This part has no slower senders, and none
  that use only a few servers.
- **Distinct peers.** Both assume that a mass mailer contacts a new domain or server with most mails, and that a workstation queries no
  MX and delivers to fewer than five servers. A sender to the few servers of one freemailer meets neither assumption.
- **Names.** The simulated worm guesses the names that eveproc looks for (Mytob's mx, mail, smtp ...).
- **Look-alikes.** Each benign explanation of eveproc has a counterpart among the simulated hosts. What nobody thought of is in neither,
  so "no benign host called infected" holds for these kinds of hosts, not for every network. Two kinds that a real network may have are
  missing: an application that delivers directly to a handful of customers within an hour, with an MX query for each, and an
  administrator who tests half a dozen external servers within a few minutes (the simulated one tests two). Declare such hosts in
  `mail_servers` or `exempt`; otherwise they may be called infected.
- **Sensors.** The replay drops no packet, sees both directions and starts with the traffic.

`tests/test_flow.py` judges labelled captures of real senders and real offices, made by others. For figures of your own network, run
`eveproc report` on nights for which you know the truth.
"""


def write_page(nights: Sequence[Night], versions: Mapping[Engine, str], command: str) -> str:
    """The whole page. `versions` are those of the engines; `command` makes the page again."""
    sections = [
        _HEAD,
        _networks(nights, versions),
        _criteria(nights),
        _totals(nights),
        *(_scenarios(nights, engine) for engine in engines_of(nights)),
        _less(nights),
        _less_by_scenario(nights),
        _wrong(nights),
        _CAVEATS,
        f"Made by:\n\n```sh\n{command}\n```\n",
    ]
    return "\n".join(sections)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _networks(nights: Sequence[Night], versions: Mapping[Engine, str]) -> str:
    watched = " and ".join(f"{engine} ({versions[engine]})" for engine in engines_of(nights))
    one = [
        night
        for night in nights
        if night.without is Without.NOTHING and night.engine is engines_of(nights)[0]
    ]
    rows = []
    for site in dict.fromkeys(night.network.site.name for night in one):
        played = [night for night in one if night.network.site.name == site]
        seeds = ", ".join(str(night.network.seed) for night in played)
        hosts = [outcome for night in played for outcome in night.outcomes]
        rows.append(
            [
                f"`{site}`",
                seeds,
                str(len(hosts)),
                *(str(sum(map(kind, hosts))) for kind in (is_flood, is_slow, is_benign)),
            ]
        )
    head = ("site", "seeds", "hosts", "floods", "slow senders", "benign")
    networks = "1 network" if len(one) == 1 else f"{len(one)} networks"
    return f"{networks}, watched by {watched}:\n\n{table(head, rows)}"


def _criteria(nights: Sequence[Night]) -> str:
    rows = [(c.asked, c.measured, "yes" if c.met else "**no**") for c in criteria(nights)]
    without = ", ".join(sorted(name.replace("_", " ") for name in MEANT_SUSPECTED))
    note = f"Suspected hosts are counted without those that should be suspected until they are declared ({without}); see below.\n"
    return f"## Criteria\n\n{table(('what is asked', 'measured', 'met'), rows)}\n{note}"


def _totals(nights: Sequence[Night]) -> str:
    rows = []
    for engine in engines_of(nights):
        flood, slow, benign, clean = (
            tally(select(nights, w, engine=engine))
            for w in (is_flood, is_slow, is_benign, is_meant_clean)
        )
        everybody = select(nights, lambda _: True, engine=engine)
        rows.append(
            [
                engine,
                *(_recall(t.infected, t.hosts) for t in (flood, slow)),
                _number(precision(everybody), 3),
                f"{benign.infected} of {benign.hosts}",
                _per_1000(benign.suspected, benign.suspected_per_1000),
                _per_1000(clean.suspected, clean.suspected_per_1000),
                *(f"{_time(t.median_seconds)}, {_time(t.worst_seconds)}" for t in (flood, slow)),
            ]
        )
    head = (
        *(
            "engine",
            "recall of floods",
            "recall of slow",
            "precision",
            "benign infected",
            "benign suspected per 1,000",
        ),
        *(
            "the same without undeclared mail servers",
            "time to decision, floods: median, worst",
            "slow: median, worst",
        ),
    )
    return f"## Totals\n\n{table(head, rows)}"


def _scenarios(nights: Sequence[Night], engine: Engine) -> str:
    outcomes = select(nights, lambda _: True, engine=engine)
    rows = []
    for is_mailer, scenario in sorted({(not o.is_mailer, o.scenario) for o in outcomes}):
        found = tally(
            o for o in outcomes if o.scenario == scenario and o.is_mailer is not is_mailer
        )
        recall = "" if is_mailer else _number(found.share_infected, 3)
        times = ("", "") if is_mailer else (_time(found.median_seconds), _time(found.worst_seconds))
        kind = "benign" if is_mailer else "mass mailer"
        rows.append(
            [
                scenario,
                kind,
                str(found.hosts),
                recall,
                str(found.infected),
                str(found.suspected),
                *times,
            ]
        )
    head = (
        "scenario",
        "is",
        "hosts",
        "recall",
        "infected",
        "suspected",
        "median time",
        "worst time",
    )
    return f"## By scenario, {engine}\n\nTimes are from the first mail to `decided_at`.\n\n{table(head, rows)}"


def _less(nights: Sequence[Night]) -> str:
    rows = []
    for without in Without:
        for engine in engines_of(nights):
            flood, slow, benign, clean = (
                tally(select(nights, wanted, engine=engine, without=without))
                for wanted in (is_flood, is_slow, is_benign, is_meant_clean)
            )
            recalls = (_recall(t.infected, t.hosts) for t in (flood, slow))
            accused = (str(benign.infected), str(benign.suspected), str(clean.suspected))
            rows.append(
                [
                    without,
                    engine,
                    *recalls,
                    *accused,
                    _time(flood.median_seconds),
                    _time(slow.median_seconds),
                ]
            )
    head = (
        *(
            "removed",
            "engine",
            "recall of floods",
            "recall of slow",
            "benign infected",
            "benign suspected",
        ),
        *("the same without undeclared mail servers", "median time, floods", "slow"),
    )
    return f"{_LESS_HEAD}\n{table(head, rows)}"


def _less_by_scenario(nights: Sequence[Night]) -> str:
    mailers = {
        without: select(nights, lambda o: o.is_mailer, without=without) for without in Without
    }
    rows = []
    for scenario in sorted({outcome.scenario for outcome in mailers[Without.NOTHING]}):
        counts = (
            tally(o for o in mailers[without] if o.scenario == scenario) for without in Without
        )
        rows.append([scenario, *(f"{count.infected} of {count.hosts}" for count in counts)])
    return f"Mass mailers found, all engines together:\n\n{table(('scenario', *Without), rows)}"


def _wrong(nights: Sequence[Night]) -> str:
    cases = wrong(night for night in nights if night.without is Without.NOTHING)
    said = "".join(f"- {describe(*case)}\n" for case in cases) or "None.\n"
    return f"## Verdicts that were wrong\n\nWith all evidence, and without the undeclared mail servers that should be suspected.\n\n{said}"


def describe(night: Night, outcome: Outcome) -> str:
    """One verdict in one line: where, what the host is and did, its level and why."""
    kind = f"mass mailer, {outcome.tier}" if outcome.is_mailer else "benign"
    where = f"{night.network}, {night.engine}, {night.without}"
    did = f" ({outcome.note})" if outcome.note else ""
    return f"{where}: {outcome.scenario} {outcome.host} [{kind}]{did} is {outcome.level}: {outcome.why}"


def _recall(found: int, hosts: int) -> str:
    return f"{found / hosts:.3f} ({found} of {hosts})" if hosts else "-"


def _per_1000(count: int, rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.1f} ({count})"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
