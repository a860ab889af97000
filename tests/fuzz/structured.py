"""A small network's EVE records -> the same with a few structured changes, and every command on
them.

The byte fuzzer (target.py) looks for bytes that break the reading. Here each record stays readable,
and what is odd is how records stand to each other: swapped, at equal times, leases without length,
times of 1970, numbers at the edges of 64 bits, values of another type.
"""

import json
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import click

from eveproc.discovery.discover import differences
from eveproc.discovery.from_logs import discover_in
from eveproc.report import FORMATS, explain_text, predicted, proposal, reading_stats, tuning
from eveproc.report import changes as news_text
from eveproc.report.tuning_text import Tuning, render_yaml
from eveproc.state.incremental import judge_new
from eveproc.state.state import open_state
from eveproc.tuning.baseline import load, save
from eveproc.tuning.collect import study
from eveproc.tuning.matching import TOLD
from eveproc.tuning.predict import predict, thresholds_of
from eveproc.tuning.tune import recommend
from eveproc.verdicts.analyze import Report, gather_evidence, judge_evidence
from eveproc.verdicts.explain import explain
from eveproc.watching.engine import Watcher, WatchMemory
from eveproc.watching.faults import Faults
from rulegen.errors import MxhoundError
from rulegen.site_profile import SiteProfile, build_profile, load_site
from rulegen.yamlfile import parse_yaml
from tests.eveproc import eve_lines
from tests.fuzz.mutate import ODD_VALUES, places

Record = dict[str, Any]
Change = Callable[[list[Record], Random], None]

SITE = eve_lines.SITE + "internal_domains: [ours.example]\n"
NOW = eve_lines.START + 86_400
MACS = tuple(f"02:00:00:00:00:0{number}" for number in range(1, 5))
HOSTS = ("10.20.1.7", "10.20.1.8", "2001:db8:20::7", "10.20.0.25")
ADDRESSES = (*HOSTS, "203.0.113.9", "255.255.255.255", "0.0.0.0", "::1", "::ffff:10.20.1.7")
NUMBERS = (0, -1, 1, 65_535, 65_536, 2**31, 2**53, 2**63 - 1, -(2**63), 2**63, 10**30)
STAMPS = (
    "1970-01-01T00:00:00.000000+0000",
    "1970-01-01T00:00:00.000000+1400",
    "1999-12-31T23:59:59.999999+0000",
    "2000-01-01T00:00:00.000000+0000",
    "2026-03-02T08:59:59.999999+0000",
    "2026-03-02T09:00:00.000000+0000",
    "2099-12-31T23:59:59.999999-1200",
    "9999-12-31T23:59:59.999999+0000",
)


def network() -> list[Record]:
    """Leases, lookups, deliveries, mails and alerts of an infected host and of others."""
    lines = [
        *eve_lines.mailing(eve_lines.START, 16),
        *eve_lines.mailing(eve_lines.START + 9, 3, eve_lines.CLERK),
        *(
            eve_lines.lease(eve_lines.START + 60 * number, HOSTS[number % 2], mac, f"pc-{number}")
            for number, mac in enumerate(MACS)
        ),
    ]
    records = [json.loads(line) for line in lines]
    records += [_mail(number) for number in range(12)]
    records += [_alert(number) for number in range(4)]
    return records + [_stats(number) for number in range(3)]


def _stats(number: int) -> Record:
    counters = {
        "capture": {"kernel_packets": 1000 * number, "kernel_drops": 7 * number},
        "detect": {"alert_queue_overflow": number},
        "tcp": {"segment_memcap_drop": number, "ssn_memcap_drop": 0},
        "flow": {"memcap": 0},
    }
    line = eve_lines.line(eve_lines.START + 30 * number, "stats", HOSTS[0], stats=counters)
    record: Record = json.loads(line)
    return record


def _mail(number: int) -> Record:
    incoming = number % 3 == 0
    ends = (f"198.51.100.{number}", "10.20.0.25") if incoming else (HOSTS[0], f"198.51.7.{number}")
    record: Record = json.loads(eve_lines.line(eve_lines.START + 5 * number, "smtp", ends[0]))
    smtp = {"helo": "x", "mail_from": "<a@ours.example>", "rcpt_to": [f"<b@d{number}.example>"]}
    email = {"from": "a", "subject": "s", "body_md5": "0" * 32, "attachment": ["a.exe"]}
    ports = {"dest_ip": ends[1], "dest_port": 25, "proto": "TCP", "tx_id": number % 2}
    return record | ports | {"smtp": smtp, "email": email}


def _alert(number: int) -> Record:
    record: Record = json.loads(eve_lines.line(eve_lines.START + 20 * number, "alert", HOSTS[0]))
    ends = {"dest_ip": "198.51.7.1", "dest_port": 25, "proto": "TCP"}
    return record | ends | {"alert": {"signature_id": 1_250_001 + number, "gid": 1}}


def swap(records: list[Record], random: Random) -> None:
    first, second = (random.randrange(len(records)) for _ in range(2))
    records[first], records[second] = records[second], records[first]


def swap_times(records: list[Record], random: Random) -> None:
    first, second = random.choice(records), random.choice(records)
    one, other = first.get("timestamp"), second.get("timestamp")
    first["timestamp"], second["timestamp"] = other, one


def same_time(records: list[Record], random: Random) -> None:
    stamp = random.choice([*STAMPS, random.choice(records).get("timestamp")])
    for record in random.sample(records, random.randint(1, len(records))):
        record["timestamp"] = stamp


def odd_flow_times(records: list[Record], random: Random) -> None:
    for record in records:
        if isinstance(flow := record.get("flow"), dict) and random.random() < 0.3:
            flow[random.choice(("start", "end"))] = random.choice(STAMPS)


def odd_lease(records: list[Record], random: Random) -> None:
    """Leases without length, and several machines at one address in one instant."""
    leases = [record for record in records if isinstance(record.get("dhcp"), dict)]
    stamp = random.choice(records).get("timestamp")
    for record in leases:
        record["timestamp"] = stamp if random.random() < 0.5 else record.get("timestamp")
        record["dhcp"]["lease_time"] = random.choice(NUMBERS)
        record["dhcp"]["assigned_ip"] = random.choice(HOSTS)
        record["dhcp"]["client_mac"] = random.choice(MACS)


def odd_number(records: list[Record], random: Random) -> None:
    record = random.choice(records)
    numbers = [place for place in places(record) if isinstance(place[0][place[1]], int)]
    if numbers:
        holder, key = random.choice(numbers)
        holder[key] = random.choice(NUMBERS)


def odd_value(records: list[Record], random: Random) -> None:
    found = list(places(random.choice(records)))
    if found:
        holder, key = random.choice(found)
        holder[key] = random.choice(ODD_VALUES)


def odd_address(records: list[Record], random: Random) -> None:
    random.choice(records)[random.choice(("src_ip", "dest_ip"))] = random.choice(ADDRESSES)


def lose(records: list[Record], random: Random) -> None:
    """One record, or all of one type."""
    kind = random.choice(records).get("event_type")
    if random.random() < 0.2 and any(record.get("event_type") != kind for record in records):
        records[:] = [record for record in records if record.get("event_type") != kind]
    elif len(records) > 1:
        del records[random.randrange(len(records))]


def repeat(records: list[Record], random: Random) -> None:
    """Records again, as a second output of eve-log or a second sensor writes them."""
    chosen = random.choice(records)
    records += [json.loads(json.dumps(chosen)) for _ in range(random.choice((1, 2, 40)))]


CHANGES: tuple[Change, ...] = (
    *(swap, swap_times, same_time, odd_flow_times, odd_lease),
    *(odd_number, odd_value, odd_address, lose, repeat),
)


def changed(random: Random) -> list[Record]:
    """The network with one to eight changes; the same for the same state of `random`."""
    records = network()
    for _ in range(random.randint(1, 8)):
        random.choice(CHANGES)(records, random)
    return records


def text_of(records: Sequence[Record]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


class EveryCommand:
    """Runs what report, explain, tune, discover and watch run; only a refusal may be raised."""

    def __init__(self, folder: Path) -> None:
        self._eve = folder / "eve.json"
        self._folder = folder
        self._site = build_profile(parse_yaml(SITE, "site.yaml"))

    def __call__(self, data: bytes, *, drawn: bool = False) -> None:
        self._eve.write_bytes(data)
        for command in (self.report, self.explain, self.tune, self.discover, self.watch):
            with suppress(MxhoundError):
                command()
        self.remember()
        if drawn:
            self._shown(self._report(drawn=True), ("html",))

    def report(self) -> None:
        report = self._report(drawn=False)
        self._shown(report, sorted(FORMATS.keys() - {"html"}))
        reading_stats.render(report).encode()
        reading_stats.render_json(report).encode()

    def _report(self, *, drawn: bool) -> Report:
        store, stats = gather_evidence([str(self._eve)], self._site, now=NOW, jobs=1)
        return judge_evidence(store, self._site, stats, drawn=drawn)

    def _shown(self, report: Report, forms: Sequence[str]) -> None:
        for form in forms:
            FORMATS[form](report, report.verdicts).encode()

    def explain(self) -> None:
        sources = [str(self._eve)]
        for host in (*HOSTS[:2], MACS[0], "pc-1"):
            store, _ = gather_evidence(sources, self._site, now=NOW, jobs=1)
            with suppress(MxhoundError):
                for account in explain(host, store, self._site, sources):
                    explain_text.render(account).encode()

    def tune(self) -> None:
        found = study([str(self._eve)], self._site, now=NOW, jobs=1)
        baseline = found.baseline(self._site)
        told = Tuning(recommend(baseline, self._site, 1.0), baseline, 1.0)
        for form in ("text", "json"):
            tuning.FORMATS[form](told).encode()
        render_yaml(told).encode()
        for signal in TOLD:
            alerts = predict(found.history, self._site, signal)
            threshold = thresholds_of(self._site)[signal]
            expected = predicted.Prediction(signal, threshold, alerts, found.history.days, {})
            predicted.render_json(expected).encode()
            predicted.render_text(expected).encode()
            list(predicted.notes(signal, alerts, found.history))
        path = self._folder / "baseline.json"
        save(baseline, path)
        assert load(path).history.hours == baseline.history.hours

    def discover(self) -> None:
        for site in (None, self._site):
            with suppress(MxhoundError):
                self._discover(site)

    def _discover(self, site: SiteProfile | None) -> None:
        found = discover_in([str(self._eve)], site, now=NOW)
        path = self._folder / "proposed.yaml"
        path.write_text(proposal.render(found))
        load_site(path)
        proposal.render_differences(differences(found, self._site), found.missing).encode()

    def watch(self) -> None:
        faults = Faults(_fail)
        watcher = Watcher(self._site, WatchMemory(), now=NOW, faults=faults)
        data = self._eve.read_bytes()
        half = data.find(b"\n", len(data) // 2) + 1
        for block in (data[:half], data[half:]):
            watcher.take(block, len(block))
            for news in watcher.look(NOW):
                news_text.as_text(news).encode()
                news_text.as_json(news).encode()

    def remember(self) -> None:
        """Two reports with one state file."""
        path = self._folder / "state.db"
        path.unlink(missing_ok=True)
        for _ in range(2):
            with suppress(MxhoundError), open_state(path) as state:
                judge_new(state, [str(self._eve)], self._site, now=NOW, jobs=1).keep(state)


def _fail(sentence: str) -> None:
    raise AssertionError(sentence)


def inputs(seed: int) -> Iterator[bytes]:
    """Changed networks without end; the same for the same seed."""
    random = Random(seed)
    while True:
        yield text_of(changed(random))


@click.command()
@click.option("--seconds", type=float, default=60, show_default=True, help="How long to look.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the changes.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def main(seconds: float, seed: int, folder: Path) -> None:
    """Look for changed networks that break a command; FOLDER keeps each as broken-*.json."""
    folder.mkdir(parents=True, exist_ok=True)
    end, runs, broken = time.monotonic() + seconds, 0, 0
    with tempfile.TemporaryDirectory() as work:
        every = EveryCommand(Path(work))
        for data in inputs(seed):
            if time.monotonic() > end:
                break
            runs += 1
            try:
                every(data, drawn=runs % 50 == 0)
            except Exception:  # noqa: BLE001  whatever breaks is kept, and the next is tried
                broken += 1
                (folder / f"broken-{seed}-{runs}.json").write_bytes(data)
                click.echo(traceback.format_exc(), err=True)
    click.echo(f"{runs} inputs, {broken} broken")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
