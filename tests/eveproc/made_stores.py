"""Nothing -> nights worth a report: the recorded office, one with a past, one of hostile strings,
one of very many hosts, a quiet one."""

from functools import cache
from pathlib import Path

from msgspec.structs import replace

from eveproc.input.events import Skipped, SkipReason, Stats
from eveproc.input.read_stats import ReadStats
from eveproc.verdicts.analyze import Report, analyze, judge_evidence
from eveproc.verdicts.change import Change, HostChange, Trend
from eveproc.verdicts.verdict import Identity, Verdict
from rulegen.inventory import Inventory, InventoryEntry
from rulegen.site_profile import load_site
from rulegen.vocabulary import Level
from tests.eveproc.evidence_of import START, flow, gather, lease, lookup, mail, server, site_of, web

DATA = Path(__file__).parents[1] / "data"
# HTML, a spreadsheet's formula, a terminal's escapes, line ends, right-to-left, mathematics,
# templates, surrogates, and length.
PAYLOADS = (
    "</script><script>window.pwned=1</script>",
    "\"'><img src=x onerror=window.pwned=1>",
    '=HYPERLINK("http://x.test","a")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\x1b[2J\x1b]0;owned\x07",
    "two\r\nlines\nFrom: <x@y.test>",
    "gpj.\u202eexe\u2066\u200d",
    "$\\frac{1}{$ {{ 7*7 }} {% raw %} %(x)s {0}",
    "\ud800\u2028\x85",
    "\uff1cscript\uff1e \u0645\u0631\u062d\u0628\u0627 \u65e5\u672c ]]> <!--",
    "A" * 10_240,
)


@cache
def office() -> Report:
    """What Suricata 7 wrote of the simulated office."""
    return analyze([str(DATA / "office-suricata-7.eve.json.gz")], load_site(DATA / "site.yaml"))


def changed() -> Report:
    """The same, with a report the day before: every trend, suspects among the hosts, and a sensor
    that missed traffic."""
    store = office()
    first, second, third, fourth, *rest = store.verdicts
    suspected = [replace(v, level=Level.SUSPECTED, score=0.71) for v in (third, fourth)]
    trends = (Trend.NEW, Trend.WORSE, Trend.STILL, Trend.NEW)
    known = [
        HostChange(
            v.host,
            trend,
            f"e-{number:04}",
            START - 86_400,
            previous,
            v.key[1],
            v.identity.name if v.identity else "",
        )
        for number, (v, trend, previous) in enumerate(
            zip(
                (first, second, third, fourth),
                trends,
                (None, Level.SUSPECTED, Level.SUSPECTED, None),
                strict=True,
            ),
            1,
        )
    ]
    gone = [
        HostChange(
            "10.20.3.44",
            Trend.RECOVERED,
            "e-0005",
            START - 200_000,
            Level.INFECTED,
            "02:00:00:00:00:44",
            "laptop-44",
        ),
        HostChange("10.20.9.3", Trend.GONE_QUIET, "e-0006", START - 300_000, Level.SUSPECTED),
    ]
    return replace(
        store,
        verdicts=(first, second, *suspected, *rest),
        change=Change(START - 3600, (*known, *gone)),
        incidents=(*known, *gone),
        health=(
            "sensor sensor-1: packets dropped before the sensor saw them: 51234 (2.10% of its "
            "packets)",
        ),
    )


@cache
def hostile() -> Report:
    """Hosts whose HELO, subjects, names and lookups are PAYLOADS; each an infected one, and a file
    of such a name."""
    events = [Stats(time=START, sensor=PAYLOADS[0], counters={"capture.kernel_drops": 9})]
    for number, payload in enumerate(PAYLOADS):
        host = f"10.20.7.{number + 1}"
        events += [lease(1, host, f"02:00:00:00:07:{number:02x}", payload), *web(host)]
        for second in range(60):
            events += [
                lookup(second, f"{payload[:200]}{second}.example", host=host),
                flow(second + 0.1, server(second), host=host),
                mail(
                    second + 0.2,
                    server(second),
                    f"a@{payload[:99]}{second}.example",
                    host=host,
                    helo=payload,
                    subject=payload,
                ),
            ]
    stats = ReadStats(files=1, lines=len(events))
    stats.events.update(event.TYPE for event in events)
    for payload in PAYLOADS:
        stats.note_problem(payload, "cannot be read")
    stats.note(Skipped(SkipReason.OTHER_EVENT_TYPE, PAYLOADS[1]))
    return _listed_hostilely(judge_evidence(gather(events), site_of(), stats))


def _listed_hostilely(report: Report) -> Report:
    """The report with an inventory that holds PAYLOADS, as columns, as values and as faults."""
    verdicts = tuple(
        replace(verdict, inventory=InventoryEntry("network", "10.20.7.0/24", (("owner", payload),)))
        for verdict, payload in zip(report.verdicts, PAYLOADS, strict=True)
    )
    assert report.site
    listed = Inventory(Path(PAYLOADS[0]), ("owner", PAYLOADS[2]))
    site = replace(report.site, inventory=listed)
    return replace(report, verdicts=verdicts, site=site, notes=PAYLOADS, by="owner")


def many(number: int) -> Report:
    """As many hosts above clean, 1 in 50 of them infected, at addresses and with names of their
    own."""
    store = office()
    timelines = list(store.chart_data.timelines.values())
    verdicts = [_copy(store.verdicts[index % 5], index) for index in range(number)]
    verdicts.sort(key=lambda verdict: -verdict.level.rank)
    chart_data = replace(
        store.chart_data,
        timelines={verdict.key: timelines[index % 5] for index, verdict in enumerate(verdicts)},
    )
    return replace(
        store,
        verdicts=tuple(verdicts),
        clean_hosts=995_000,
        chart_data=replace(chart_data, paces=()),
    )


def _copy(verdict: Verdict, index: int) -> Verdict:
    address = f"10.20.{index // 250}.{index % 250 + 1}"
    level, score = (
        (Level.INFECTED, 0.99) if index % 50 == 0 else (Level.SUSPECTED, 0.5 + index % 40 / 100)
    )
    return replace(
        verdict,
        host=address,
        level=level,
        score=score,
        identity=Identity(
            f"02:00:00:00:{index // 256:02x}:{index % 256:02x}", f"pc-{index}", (address,)
        ),
    )


def quiet() -> Report:
    """A night without any activity."""
    return judge_evidence(gather(web()), site_of(), ReadStats())
