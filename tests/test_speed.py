"""Benchmarks of speed: the generated file holds what it promises, the runner works from end to end,
the page says what was measured."""

import ast
import bz2
import gzip
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from benchmarks import duck, memory
from benchmarks.decoders import DECODERS, Decoder, decode_all, lookup_lines
from benchmarks.decoders import OURS as MSGSPEC
from benchmarks.eve_file import MIX, Recipe, write_eve
from benchmarks.eve_lines import SITE, Lines, is_relevant, mark, record_lines, sort_lines
from benchmarks.measure import Command, Run, peak_memory, run
from benchmarks.ordinary import MAIL_CLIENT_NAMES, Web, ordinary
from benchmarks.page_section import with_sections
from benchmarks.rule_cost import MIXES, NO_RULES, OTHERS, OURS, RuleCost, one_at_a_time, rule_sets
from benchmarks.speed import ALONE, SECTIONS, main
from benchmarks.speed_page import About, Results, draw_memory, write_page, write_sections
from benchmarks.stages import REST, STAGES, StageClock, StageCost
from benchmarks.trials import (
    DISCOVER,
    DUCKDB,
    EVEPROC,
    FILES,
    GREP,
    JQ_NAME,
    TUNE,
    Kit,
    Measured,
    as_json,
    from_json,
)
from benchmarks.wrapped import WRAPPED, write
from eveproc.evidence.gather import gather
from eveproc.evidence.store import EvidenceSource
from eveproc.input.addresses import canonical_address
from eveproc.input.sources import find_files
from eveproc.signals import domains
from eveproc.signals.facts import Fact
from eveproc.signals.home_net import home_test
from rulegen.site_profile import load_site
from rulegen.vocabulary import GUESSED_LABELS, Engine, Signal
from tests.eveproc.evidence_of import without_coverage

MEGABYTE = 1_000_000
MIXED_RUNS = {EVEPROC: 2.0, DISCOVER: 5.0, TUNE: 3.0, GREP: 1.0}
SAME_SIGNALS = (
    Signal.SMTP_ATTEMPTS,
    Signal.SUBMISSION_ATTEMPTS,
    Signal.HELO_ODD,
    Signal.MAIL_BURST,
    Signal.LOOK_ALIKE,
)
AS_SERVER = {
    (fact, EvidenceSource.LOG)
    for fact in (Fact.TAKES_MAIL_IN, Fact.GREETED_BY, Fact.ONLY_ASKED_BY, Fact.SERVES_DNS)
}
SAME_FACTS = (Fact.INSIDE_TARGETS, Fact.PROBED, Fact.READS_MAILBOX, Fact.MET_BY_MAIL, Fact.ASKS_PTR)


@pytest.fixture(scope="module")
def work(suricata_7: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what Suricata 7 recorded."""
    folder = tmp_path_factory.mktemp("speed")
    record_lines(suricata_7, folder)
    return folder


@pytest.fixture(scope="module")
def lines(suricata_7: Engine, work: Path) -> Lines:
    return sort_lines(record_lines(suricata_7, work), load_site(SITE))


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_a_file_holds_the_mix_and_the_share_it_promises(lines: Lines, tmp_path: Path) -> None:
    recipe = Recipe(3 * MEGABYTE, hosts=500, share=0.01)
    written = write_eve(tmp_path / "eve.json", recipe, lines, load_site(SITE))
    found = records(tmp_path / "eve.json")
    ordinary = [record for record in found if not is_relevant(record)]
    kinds = Counter(record["event_type"] for record in ordinary)
    assert 0 <= written.bytes - recipe.size < 20_000
    assert (tmp_path / "eve.json").stat().st_size == written.bytes
    assert Counter(record["event_type"] for record in found) == written.lines
    assert len(found) - len(ordinary) == pytest.approx(recipe.share * len(found), rel=0.1)
    assert {name: kinds[name] / len(ordinary) for name in MIX} == pytest.approx(dict(MIX), abs=0.02)
    assert kinds["stats"] >= 1


@pytest.mark.parametrize(
    ("recipe", "is_meant"),
    [
        (Recipe(2 * MEGABYTE, 500, lookups=0.33), lambda text: text.decode() in MAIL_CLIENT_NAMES),
        (Recipe(9 * MEGABYTE, 500, stats=0.5), lambda text: text == b"stats"),
    ],
    ids=["lookups of mail clients", "stats"],
)
def test_other_mixes_hold_their_shares(
    recipe: Recipe, is_meant: Callable[[bytes], bool], lines: Lines, tmp_path: Path
) -> None:
    written = write_eve(tmp_path / "eve.json", recipe, lines, load_site(SITE))
    found = records(tmp_path / "eve.json")
    words = [
        str(record["dns"]["rrname"] if record["event_type"] == "dns" else record["event_type"])
        for record in found
    ]
    share = sum(is_meant(word.encode()) for word in words) / len(found)
    assert written.total == len(found)
    assert share == pytest.approx(recipe.lookups + recipe.stats, abs=0.02)


def test_every_host_comes_and_time_goes_on(lines: Lines, tmp_path: Path) -> None:
    site = load_site(SITE)
    write_eve(tmp_path / "eve.json", Recipe(MEGABYTE, hosts=300), lines, site)
    store, stats = gather(find_files([str(tmp_path / "eve.json")]), site, jobs=1)
    written = list(records(tmp_path / "eve.json"))
    times = [str(record["timestamp"]) for record in written]
    hosts = {canonical_address(str(record.get("src_ip"))) for record in written}
    assert len(set(filter(home_test(site), hosts))) == pytest.approx(
        300, abs=30
    )  # the relay and the resolver are home hosts as well
    assert store.active <= hosts
    assert stats.skipped.keys() <= {"other_event_type"}
    assert times[0] < times[-1]


def test_duckdb_is_asked_for_the_same(lines: Lines, tmp_path: Path) -> None:
    site, path = load_site(SITE), tmp_path / "eve.json"
    write_eve(path, Recipe(3 * MEGABYTE, hosts=300, share=0.02), lines, site)
    rows = subprocess.run(
        [sys.executable, "-m", "benchmarks.duck", path], capture_output=True, check=True, text=True
    ).stdout.splitlines()
    found = {
        (canonical_address(host), kind): peers
        for host, kind, _, peers in map(ast.literal_eval, rows)
    }
    store, _ = gather([str(path)], site, jobs=1)
    whole = {host: evidence.whole() for host, evidence in store.hosts.items()}
    only_serve = {host for host, evidence in whole.items() if evidence.sketches.keys() <= AS_SERVER}
    assert {host for host, _ in found} - only_serve == store.active - only_serve
    # Not those of lookups: DuckDB has no list of public suffixes, and takes the last two labels for
    # a domain.
    for kind in (*SAME_SIGNALS, *SAME_FACTS):
        sketches = {host: evidence.log(kind).distinct() for host, evidence in whole.items()}
        assert {host: peers for (host, name), peers in found.items() if name == kind} == {
            h: n for h, n in sketches.items() if n
        }, kind


def test_duckdb_looks_for_the_same_words() -> None:
    assert duck.MAIL_WORDS.split("|") == list(domains.MAIL_WORDS)
    assert duck.GUESSED.split("|") == list(GUESSED_LABELS)
    assert f"^{domains.SOME_PTR_NAMES}$" == duck.SOME_PTR


def test_the_same_recipe_gives_the_same_bytes(lines: Lines, tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        recipe = Recipe(MEGABYTE, hosts=500, seed=seed)  # a set or a clock shows with any number
        write_eve(tmp_path / name, recipe, lines, load_site(SITE))
    assert (
        (tmp_path / "one").read_bytes()
        == (tmp_path / "same").read_bytes()
        != (tmp_path / "other").read_bytes()
    )


def test_a_marked_line_says_what_it_said() -> None:
    text = '{"timestamp":"2026-03-02T08:00:01.000000+0000","flow_id":12,"event_type":"dns","src_ip":"10.1.2.3","src_port":50000}\n'
    line = mark(json.loads(text), text.encode())
    assert str(line) == text
    assert len([piece for piece in line.pieces if not isinstance(piece, bytes)]) == 4


def test_the_runner_works_from_end_to_end(work: Path, tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    arguments = [
        "--sections",
        "compare",
        "start",
        "--scale",
        "0.001",
        "--rounds",
        "1",
        "--work",
        str(work),
        "--output",
        str(page),
    ]
    assert main(arguments) == 0
    text = page.read_text()
    assert "| eveproc report |" in text
    assert "| grep -c |" in text
    assert "at most 2 x grep -c" in text
    assert not list(work.glob("*.eve.json"))


def test_one_section_is_replaced_and_the_rest_of_the_page_stays() -> None:
    head = "# Head\n\n## Criteria\n\n| what is asked | measured | met |\n| --- | ---: | ---: |\n"
    command = "Made by:\n\n```sh\nall\n```\n"
    page = f"{head}| other | 1 | yes |\n\n## Start\n\nquick\n\n{command}"
    runs = {name: [Run(9, number), Run(9, number)] for number, name in enumerate(WRAPPED, 1)}
    first = with_sections(page, write_sections(Results([], {}, [], runs), About("make this")))
    before, _, after = first.partition("## Records in containers\n")
    assert before == (
        f"{head}| other | 1 | yes |\n"
        "| object under a key (AWS Network Firewall): at least 0.3 x the speed of plain lines "
        "| 0.50 x | yes |\n"
        "| behind text (RFC 5424 syslog): at least 0.3 x the speed of plain lines "
        "| 0.33 x | yes |\n"
        "| blanks behind colons and commas (Python): at least 0.3 x the speed of plain lines "
        "| 0.25 x | **no** |\n"
        "| sorted keys (Vector): at least 0.3 x the speed of plain lines | 0.20 x | **no** |\n"
        "\n## Start\n\nquick\n\n"
    )
    assert "\n| plain lines | 1.00 s | 1 |\n" in after
    assert "\n| text in text in JSON | 8.00 s | 0.12 (0.12 to 0.12) |\n" in after
    assert after.endswith(f"apart from the other sections, by `make this`.\n\n{command}")
    slower = {name: [Run(9, 4 * number)] * 2 for number, name in enumerate(WRAPPED, 1)}
    slower["plain lines"] = [Run(9, 1)] * 2
    again = with_sections(first, write_sections(Results([], {}, [], slower), About("make this")))
    assert [line.partition(" | ")[0] for line in again.splitlines()] == [
        line.partition(" | ")[0] for line in first.splitlines()
    ]
    assert "| 0.12 x | **no** |" in again


def test_criteria_of_other_sizes_and_limits_do_not_stay() -> None:
    head = "## Criteria\n\n| what is asked | measured | met |\n| --- | ---: | ---: |\n"
    old = "| 50 MB, mix: at most 2 x grep | 9 x | no |\n| 100,000 hosts: at most 400 MiB | 1 MiB | yes |\n"
    new = "| 1 GB, mix: at most 2.5 x grep | 1 x | yes |\n"
    page = with_sections(f"{head}{old}", f"{head}{new}")
    assert page == f"{head}| 100,000 hosts: at most 400 MiB | 1 MiB | yes |\n{new}"


def test_a_page_whose_section_is_to_be_replaced_has_to_be_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--only", "wrapped", "--work", str(tmp_path), "-o", str(tmp_path / "no.md")]
    assert main(words) == 2
    assert "no.md: expected the page whose section is replaced" in capsys.readouterr().err


def test_a_wrapped_file_holds_the_records_of_the_plain_one(tmp_path: Path) -> None:
    site, source = load_site(SITE), tmp_path / "eve.json"
    recorded = Path(__file__).with_name("data") / "office-suricata-7.eve.json.gz"
    with gzip.open(recorded) as stream:
        source.write_bytes(b"".join(islice(stream, 1000)))
    expected, _ = gather([str(source)], site, jobs=1)
    for name, path in write(source, tmp_path / "wrapped").items():
        found, _ = gather([str(path)], site, jobs=1)
        assert without_coverage(found) == without_coverage(expected), name


def test_sections_that_share_the_plot_are_not_measured_alone() -> None:
    assert set(SECTIONS) - set(ALONE) == {"sizes", "hosts", "shares"}
    with pytest.raises(SystemExit):
        main(["--only", "sizes"])


def test_what_is_not_installed_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    trial = Measured(
        "compare",
        Recipe(MEGABYTE),
        "",
        MEGABYTE,
        2000,
        6,
        {EVEPROC: [Run(2, 3)], GREP: [Run(1, 1)]},
        {EVEPROC: 1 << 20},
        {"dns": 2000},
        [JQ_NAME, DUCKDB],
    )
    assert from_json(json.loads(json.dumps(as_json(trial)))) == trial
    page = write_page(Results([trial], {}, []), About("make speed"))
    assert "jq is not installed here." in page
    assert "DuckDB is not installed here." in page
    assert "| 1 MB: at most 2 x grep -c | 2.00 x | yes |" in page


def test_mixes_are_held_to_what_is_asked() -> None:
    runs = {name: [Run(wall, wall)] for name, wall in MIXED_RUNS.items()}
    office = Recipe(MEGABYTE, 1000, lookups=0.1)
    trial = Measured("mixes", Recipe(MEGABYTE), "", MEGABYTE, 2000, 6, runs, {}, {"dns": 2000}, [])
    page = write_page(Results([trial, replace(trial, recipe=office)], {}, []), About("make speed"))
    assert "### 1 MB, 10 % lookups of mail clients" in page
    assert "| 1 MB, ordinary mix: at most 1.5 x grep -c | 2.00 x | **no** |" in page
    assert "| 1 MB, 10 % lookups of mail clients: at most 2.5 x grep -c | 2.00 x | yes |" in page
    assert "| 1 MB, ordinary mix: eveproc tune at most 2 x eveproc report | 1.50 x | yes |" in page


def test_stages_are_those_of_a_whole_report(lines: Lines, tmp_path: Path) -> None:
    """Each does something in a file of this mix; a function of a stage that is renamed fails here."""
    path = tmp_path / "eve.json"
    write_eve(path, Recipe(3 * MEGABYTE, 300, lookups=0.33), lines, load_site(SITE))
    words = [sys.executable, "-m", "benchmarks.stages", str(path), str(SITE)]
    found = json.loads(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)
    assert tuple(found) == (*STAGES, REST)
    assert all(seconds > 0 for seconds in found.values())


def test_a_stage_is_measured_without_those_that_it_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(100))
    monkeypatch.setattr("benchmarks.stages.thread_time", lambda: next(now))

    class Work:
        def outer(self) -> int:
            return sum(self.inner())

        def inner(self) -> list[int]:
            return [1, 2]

    clock = StageClock()
    clock.wrap(Work, "outer", "out")
    clock.wrap_iterator(Work, "inner", "in")
    assert Work().outer() == 3
    # Between two readings of the clock is a second; the iterator is asked three times.
    assert clock.seconds == {REST: 1, "out": 4, "in": 3}


def test_every_decoder_reads_every_lookup(lines: Lines, tmp_path: Path) -> None:
    path = tmp_path / "eve.json"
    write_eve(path, Recipe(MEGABYTE, 100, lookups=0.33), lines, load_site(SITE))
    lookups = lookup_lines(path)
    assert len(lookups) > 500
    found = decode_all(lookups)
    assert {MSGSPEC, "msgspec, all fields", "duckdb, columns"} <= found.keys() <= DECODERS.keys()
    assert all(microseconds > 0 for microseconds in found.values())


def test_stages_and_decoders_have_sections() -> None:
    cost = StageCost(Recipe(MEGABYTE, lookups=0.1), 2 * MEGABYTE, {"judging": 1.0, REST: 0.5})
    one = Decoder(MSGSPEC, "0.21", [1.0, 3.0, 2.0])
    results = Results([], {}, [], stages=[cost], decoders=[one])
    for page in (write_page(results, About("x")), write_sections(results, About("x"))):
        assert "on 2 MB of each mix" in page
        assert "| stage | 10 % lookups of mail clients |" in page
        assert "| all | 1.50 s |" in page
        assert f"| {MSGSPEC} (0.21) | 2.00 µs | 1.00 to 3.00 |" in page
        assert "Not installed: msgspec, all fields; orjson, all fields; " in page


def test_a_command_is_measured_with_its_children(tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("x\n" * 10)
    both = Command("both", (("cat", str(tmp_path / "lines")), ("sh", "-c", "wc -l")), share=0.5)
    took = run(both)
    assert took.wall > 0
    assert took.cpu >= 0
    assert peak_memory(Command("sleep", (("sh", "-c", "sleep 0.2; true"),))) > 50_000


def test_rules_are_taken_one_at_a_time(suricata_7: Engine, tmp_path: Path) -> None:
    rules = rule_sets(suricata_7, tmp_path)[OURS]
    each = one_at_a_time(rules)
    assert each[NO_RULES] == ""
    assert each[OURS] == rules
    assert f"sid:{'1250001'};" in each["1250001"]
    assert len(each) == 2 + sum(line.startswith("alert ") for line in rules.splitlines())


def test_many_rounds_tell_the_ratio_more_closely() -> None:
    some, many = (
        [1.0 + number / 100 for number in range(11)],
        [1.0 + number / 1000 for number in range(101)],
    )
    runs = [
        {NO_RULES: [1.0] * len(ratios), OTHERS: ratios, OURS: ratios} for ratios in (some, many)
    ]
    costs = [
        RuleCost("suricata-7", "7.0.10", MEGABYTE, 1000, cpu, dict.fromkeys(cpu, (0.0,)))
        for cpu in runs
    ]
    page = write_page(Results([], {}, costs), About("make speed"))
    assert "| 1.050 (1.010 to 1.090) |" in page
    assert "| 1.050 (1.040 to 1.060) |" in page


def test_rules_are_told_by_mix_and_an_engine_once() -> None:
    cpu = {NO_RULES: [1.0], OTHERS: [1.0], OURS: [1.04]}
    load = dict.fromkeys(cpu, (0.0,))
    costs = [RuleCost("suricata-7", "7.0.10", 1, 1, cpu, load, {}, mix) for mix in MIXES]
    page = write_page(Results([], {}, costs), About("make speed"))
    assert page.count("suricata-7 (7.0.10)") == 1
    for mix in MIXES:
        assert f"| suricata-7 | {mix} | ours | 1.040 s |" in page
    assert "| suricata-7: our rules at most 1.05 x no rules, CPU time | 1.040 " in page
    assert f"| suricata-7, {mix}: our rules at most 1.05 x no rules, CPU time | 1.040 " in page


def test_some_lookups_of_ordinary_traffic_are_those_of_mail_clients() -> None:
    site = load_site(SITE)
    plain, mixed = (
        ordinary(site, 1, Web(60, 60.0, share), clients=5).packets for share in (0.0, 0.33)
    )
    added = len(mixed) - len(plain)
    assert added == 4 * round(60 * 0.33 / 0.67)  # two questions, two answers


def test_a_folder_of_packed_files_holds_every_line(tmp_path: Path) -> None:
    recipe = Recipe(MEGABYTE)
    plain = tmp_path / f"{recipe}.eve.json"
    plain.write_bytes(b"".join(b'{"line":%d}\n' % number for number in range(1000)))
    plain.with_suffix(".about").write_text("{}")
    folder = Kit(tmp_path).file(recipe, "bz2")
    packed = sorted(folder.iterdir())
    assert len(packed) == FILES
    assert b"".join(bz2.decompress(path.read_bytes()) for path in packed) == plain.read_bytes()


@pytest.mark.parametrize(
    ("ratio", "row"),
    [
        (1.04, "CPU time | 1.040 (1.040 to 1.040) x | yes |"),
        (1.06, "CPU time | 1.060 (1.060 to 1.060) x | **no** |"),
    ],
)
def test_rounds_that_agree_settle_what_is_asked(ratio: float, row: str) -> None:
    cpu = {NO_RULES: [1.0] * 9, OTHERS: [1.0] * 9, OURS: [ratio] * 9}
    cost = RuleCost("suricata-7", "7.0.10", MEGABYTE, 1000, cpu, dict.fromkeys(cpu, (0.0,)))
    assert row in write_page(Results([], {}, [cost]), About("make speed"))


def test_the_cost_of_rules_leaves_starting_up_out() -> None:
    cpu = {NO_RULES: [2.0, 3.0, 2.0], OTHERS: [2.5, 3.0, 2.0], OURS: [2.1, 3.2, 2.5]}
    load = {NO_RULES: [1.0, 1.0, 1.0], OTHERS: [1.0, 1.0, 1.0], OURS: [1.1, 1.1, 1.1]}
    cost = RuleCost("suricata-7", "7.0.10", MEGABYTE, 1000, cpu, load)
    assert cost.ratio(NO_RULES) == 1
    assert cost.ratio(OURS) == pytest.approx(1.05)
    page = write_page(Results([], {}, [cost]), About("make speed"))
    assert (
        "at most 1.05 x no rules, CPU time, by the median alone | 1.050 (1.000 to 1.400) x | "
        in page
    )
    assert "| 1.050 (1.000 to 1.400) |" in page
    assert "instructions | 1.020 x | yes |" not in page
    counted = replace(cost, instructions={NO_RULES: 1000, OTHERS: 1010, OURS: 1020})
    assert "at most 1.05 x no rules, instructions | 1.020 x | yes |" in write_page(
        Results([], {}, [counted]), About("make speed")
    )


def test_what_is_written_to_grow_is_evidence(tmp_path: Path) -> None:
    """Each line of a kind is one more of what it is named after."""
    (tmp_path / "site.yaml").write_text(memory.SITE)
    site, sizes = load_site(tmp_path / "site.yaml"), []
    for kind in memory.KINDS.values():
        memory.write(tmp_path / "eve.json", kind, 50)
        store, stats = gather([str(tmp_path / "eve.json")], site, jobs=1)
        assert not stats.skipped, kind.name
        assert store.hosts[memory.mailer()].whole().log(Signal.SMTP_ATTEMPTS).distinct() == 60
        others = {a: e for a, e in store.hosts.items() if a != memory.mailer()}
        names = sum(e.log(Signal.MX_FLOOD).distinct() for e in others.values())
        parts = sum(len(e.parts) for e in others.values())
        learnt = len(store.leases.seen), len(store.macs.claims), len(store.host_names.logins)
        sizes.append((len(others), len(store.active) - 1, names, parts, *learnt))
    assert sizes == [
        (50, 50, 50, 0, 0, 0, 0),
        (0, 50, 0, 0, 0, 0, 0),
        (1, 1, 50, 0, 0, 0, 0),
        (50, 50, 0, 50, 0, 0, 0),
        (1, 1, 0, 50, 0, 0, 0),
        (0, 0, 0, 0, 50, 0, 0),
        (0, 0, 0, 0, 0, 50, 0),
        (0, 0, 0, 0, 0, 0, 50),
    ]


def test_memory_is_told_and_drawn(tmp_path: Path) -> None:
    kind = next(iter(memory.KINDS))
    found = [
        memory.Held(kind, memory.REPORT, 10, 50 << 20),
        memory.Held(kind, memory.REPORT, 1000, 90 << 20, ["more than 9 home addresses"]),
        memory.Held(kind, memory.WATCH, 1000, 1100 << 20),
    ]
    page = write_page(Results([], {}, [], {}, found), About("make speed", memory_plot="plot.svg"))
    assert f"| {kind} | eveproc report | 1,000 | 90 MiB |" in page
    assert f"| 1,000 {kind}: eveproc report at most 1,024 MiB | 90 MiB | yes |" in page
    assert f"| 1,000 {kind}: eveproc watch at most 1,024 MiB | 1100 MiB | **no** |" in page
    assert "](plot.svg)" in page
    assert "1,000: more than 9 home addresses" in page
    draw_memory(found, tmp_path / "one.svg")
    draw_memory(found, tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_watch_is_measured_until_it_has_told_of_the_mailer(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(memory.SITE)
    memory.write(tmp_path / "eve.json", next(iter(memory.KINDS.values())), 200)
    assert memory.watch_peak(tmp_path / "eve.json", tmp_path / "site.yaml") > 10 << 20
