"""benchmarks: the arithmetic of recall, precision and times; what each kind of missing evidence
takes away; one small run of all."""

import gzip
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import scoring
from benchmarks.ablation import Part, Without, parts_of
from benchmarks.evaluate import SITES, main, networks
from benchmarks.network import NOBODY, Network, Night, Outcome, compare, judge_without
from benchmarks.page import table, write_page
from eveproc.evidence.store import EvidenceSource
from eveproc.input.events import Alert, Dns, Event, Flow, Smtp
from eveproc.verdicts.analyze import analyze
from eveproc.verdicts.verdict import EvidenceItem, Verdict
from rulegen.simulate import HostTruth, Simulation
from rulegen.site_profile import load_site
from rulegen.vocabulary import METADATA_SIGNAL, Engine, Family, Level, Signal

DATA = Path(__file__).parent / "data"
INFECTED, SUSPECTED, CLEAN = Level.INFECTED, Level.SUSPECTED, Level.CLEAN
MX = {Signal.MX_FLOOD, Signal.MX_SLOW, Signal.MX_THEN_SMTP}
NETWORK = Network(Path("office.yaml"), 1, 8)


def mailer(
    level: Level, seconds: float | None = None, tier: str = "flood", scenario: str = "flood"
) -> Outcome:
    return Outcome("10.0.0.1", scenario, True, tier, level, seconds)


def benign(level: Level, scenario: str = "office") -> Outcome:
    return Outcome("10.0.0.2", scenario, False, None, level)


def night(
    *outcomes: Outcome,
    engine: Engine = Engine.SURICATA_7,
    without: Without = Without.NOTHING,
    seed: int = 1,
) -> Night:
    return Night(Network(Path("office.yaml"), seed, 8), engine, without, outcomes)


# The arithmetic


def test_recall_counts_infected_alone() -> None:
    found = scoring.tally(
        [mailer(INFECTED, 3.0), mailer(SUSPECTED, 1.0), mailer(CLEAN), mailer(INFECTED, 5.0)]
    )
    assert (found.hosts, found.infected, found.suspected) == (4, 2, 1)
    assert found.share_infected == 0.5
    assert found.seconds == (3.0, 5.0)


def test_median_and_worst_time() -> None:
    assert scoring.tally(mailer(INFECTED, s) for s in (9.0, 1.0, 2.0)).median_seconds == 2.0
    assert scoring.tally(mailer(INFECTED, s) for s in (9.0, 1.0, 2.0, 4.0)).median_seconds == 3.0
    assert scoring.tally(mailer(INFECTED, s) for s in (9.0, 1.0, 2.0)).worst_seconds == 9.0


def test_of_no_hosts_nothing_is_known() -> None:
    nothing = scoring.tally([])
    assert (
        nothing.share_infected
        is nothing.suspected_per_1000
        is nothing.median_seconds
        is nothing.worst_seconds
        is None
    )
    assert scoring.precision([benign(SUSPECTED), mailer(CLEAN)]) is None


def test_precision_and_suspected_per_1000() -> None:
    outcomes = [*[mailer(INFECTED)] * 3, benign(INFECTED), benign(SUSPECTED), *[benign(CLEAN)] * 3]
    assert scoring.precision(outcomes) == 0.75
    assert scoring.tally(filter(scoring.is_benign, outcomes)).suspected_per_1000 == 200


@given(
    st.lists(
        st.sampled_from(
            [
                mailer(INFECTED),
                mailer(CLEAN),
                mailer(SUSPECTED, tier="slow"),
                benign(INFECTED),
                benign(CLEAN),
            ]
        )
    )
)
def test_every_outcome_is_of_exactly_one_kind(outcomes: list[Outcome]) -> None:
    kinds = (scoring.is_flood, scoring.is_slow, scoring.is_benign)
    assert all(sum(kind(outcome) for kind in kinds) == 1 for outcome in outcomes)
    assert (
        sum(scoring.tally(filter(kind, outcomes)).infected for kind in kinds)
        == scoring.tally(outcomes).infected
    )


def test_select_by_engine_and_removed_evidence() -> None:
    nights = [
        night(mailer(INFECTED)),
        night(mailer(CLEAN), engine=Engine.SURICATA_8),
        night(mailer(SUSPECTED), without=Without.MX),
    ]
    levels = [outcome.level for outcome in scoring.select(nights, scoring.is_flood)]
    assert levels == [INFECTED, CLEAN]
    assert [
        o.level for o in scoring.select(nights, scoring.is_flood, engine=Engine.SURICATA_8)
    ] == [CLEAN]
    assert [o.level for o in scoring.select(nights, scoring.is_flood, without=Without.MX)] == [
        SUSPECTED
    ]
    assert scoring.select(nights, scoring.is_benign) == []


def test_an_undeclared_mail_server_may_be_suspected_and_nothing_worse() -> None:
    def is_wrong(outcome: Outcome) -> bool:
        return list(scoring.wrong([night(outcome)])) == [(night(outcome), outcome)]

    assert not is_wrong(benign(SUSPECTED, "undeclared_mail_server"))
    assert is_wrong(benign(INFECTED, "undeclared_mail_server"))
    assert is_wrong(benign(SUSPECTED, "printer"))
    assert is_wrong(mailer(SUSPECTED))
    assert not is_wrong(mailer(INFECTED))


def good(count: int = 20) -> list[Night]:
    """This number of networks that meet all criteria, also without each kind of evidence."""
    outcomes = (
        mailer(INFECTED, 60.0),
        mailer(INFECTED, 1200.0, "slow", "slow"),
        benign(CLEAN),
        benign(CLEAN),
    )
    return [
        night(*outcomes, without=without, seed=seed) for seed in range(count) for without in Without
    ]


def missed(nights: list[Night]) -> list[str]:
    return [criterion.asked for criterion in scoring.criteria(nights) if not criterion.met]


def test_what_is_just_enough_meets_every_criterion() -> None:
    assert missed(good()) == []


@pytest.mark.parametrize(
    ("extra", "asked"),
    [
        pytest.param(
            night(mailer(SUSPECTED)), "recall of floods at least 1.00", id="a flood missed"
        ),
        pytest.param(
            night(mailer(CLEAN, tier="slow")),
            "recall of slow senders at least 0.98",
            id="one slow sender of 21",
        ),
        pytest.param(night(benign(INFECTED)), "benign hosts infected at most 0", id="one accused"),
        pytest.param(
            night(benign(SUSPECTED)),
            "benign hosts suspected per 1,000 at most 1",
            id="one of 41 suspected",
        ),
        pytest.param(
            night(*[mailer(INFECTED, 61.0)] * 21),
            "median seconds to decision, floods at most 60",
            id="late",
        ),
        pytest.param(
            night(*[mailer(INFECTED, 1201.0, "slow")] * 21),
            "median seconds to decision, slow senders at most 1200",
            id="slow and late",
        ),
    ],
)
def test_each_criterion_can_be_missed(extra: Night, asked: str) -> None:
    assert missed([*good(), extra]) == [f"suricata-7: {asked}"]


def test_recall_of_the_worse_tier_counts_without_evidence() -> None:
    lost = night(*[mailer(CLEAN, tier="slow")] * 2, without=Without.LOGS)
    assert missed([*good(), lost]) == [
        "suricata-7, no logs: recall of floods and of slow senders at least 0.95"
    ]
    assert (
        missed([*good(38), night(*[mailer(CLEAN, tier="slow")] * 2, without=Without.LOGS)]) == []
    )  # 38 of 40


def test_too_few_networks_are_no_evaluation() -> None:
    assert missed(good(19)) == ["at least 20 networks"]


def test_what_no_host_could_show_is_missed() -> None:
    without_slow = [
        night(mailer(INFECTED, 1.0), benign(CLEAN), without=without, seed=seed)
        for seed in range(20)
        for without in Without
    ]
    assert "suricata-7: recall of slow senders at least 0.98" in missed(without_slow)
    assert (
        "suricata-7, no MX lookups: recall of floods and of slow senders at least 0.95"
        in missed(without_slow)
    )


# Verdicts beside the truth


def truth(
    *addresses: str,
    label: str = "infected",
    first_mail: float | None = 10.0,
    tier: str | None = "flood",
) -> HostTruth:
    return HostTruth(
        addresses[-1],
        addresses,
        label,
        "flood" if label == "infected" else "office",
        first_mail,
        tier,
        "",
        {},
    )


def verdict(host: str, level: Level, decided_at: float | None = None) -> Verdict:
    return Verdict(host, level, 0.5, decided_at, math.inf, -math.inf, (), (), None, "because", "")


def simulation(*hosts: HostTruth) -> Simulation:
    return Simulation(1, datetime(1970, 1, 1, 1, tzinfo=UTC), (), hosts, ())


def test_time_to_decision_goes_from_the_first_mail() -> None:
    (outcome,) = compare(
        [verdict("10.0.0.1", INFECTED, 3600 + 10 + 12.5)], simulation(truth("10.0.0.1"))
    )
    assert (outcome.level, outcome.seconds, outcome.is_mailer, outcome.tier, outcome.why) == (
        INFECTED,
        12.5,
        True,
        "flood",
        "because",
    )


def test_a_machine_is_known_by_any_of_its_addresses_and_by_its_worst_verdict() -> None:
    said = [verdict("10.0.0.2", CLEAN), verdict("10.0.0.1", INFECTED, 3700.0)]
    (outcome,) = compare(said, simulation(truth("10.0.0.1", "10.0.0.2")))
    assert (outcome.host, outcome.level) == ("10.0.0.2", INFECTED)


def test_a_machine_that_was_never_seen_is_clean() -> None:
    (outcome,) = compare([], simulation(truth("10.0.0.1")))
    assert (outcome.level, outcome.seconds) == (CLEAN, None)


def test_a_verdict_on_nobody_is_a_false_one_unless_it_says_clean() -> None:
    said = [
        verdict("10.0.0.1", CLEAN),
        verdict("10.0.0.8", SUSPECTED, 3700.0),
        verdict("10.0.0.9", CLEAN),
    ]
    outcomes = compare(
        said, simulation(truth("10.0.0.1", label="benign", first_mail=None, tier=None))
    )
    assert [(o.host, o.scenario, o.is_mailer) for o in outcomes] == [
        ("10.0.0.1", "office", False),
        ("10.0.0.8", NOBODY, False),
    ]


# What is removed


@pytest.fixture(scope="module", params=["suricata-7", "suricata-8"])
def judged(request, tmp_path_factory):
    """A recorded log judged with each kind of evidence removed, and its path."""
    eve = tmp_path_factory.mktemp("log") / "eve.json"
    eve.write_bytes(gzip.decompress((DATA / f"office-{request.param}.eve.json.gz").read_bytes()))
    return judge_without(eve, load_site(DATA / "site.yaml")), eve


def items(judged, without: Without) -> list[EvidenceItem]:
    return [item for said in judged[0][without] for item in said.evidence]


def counted(found: list[EvidenceItem], *, peers: bool = True) -> set[tuple[object, ...]]:
    # By family: whether the same records are called smtp_attempts or smtp_slow depends on what else
    # is known.
    return {
        (
            i.family,
            i.source,
            i.count,
            i.distinct if peers else None,
            i.first_seen,
            i.last_seen,
            i.sids,
        )
        for i in found
    }


def test_parts_put_together_give_the_verdicts_of_the_whole(judged) -> None:
    assert (
        judged[0][Without.NOTHING]
        == analyze([str(judged[1])], load_site(DATA / "site.yaml")).verdicts
    )


# Counted of the commands of a session.
RECIPIENTS = (Signal.MAIL_BURST, Signal.RECIPIENT_SPREAD, Signal.RELAY_SPREAD)
LOST = {
    Without.MX: lambda i: i.signal in MX,
    Without.LOOKUPS: lambda i: i.family is Family.LOOKUP or i.signal is Signal.MX_THEN_SMTP,
    Without.CLEARTEXT: lambda i: (
        i.signal in RECIPIENTS
        or i.family is Family.REJECTION
        or (i.family is Family.CONTENT and i.signal is not Signal.HELO_ODD)
    ),
    Without.ALERTS: lambda i: i.source is EvidenceSource.ALERT,
    Without.LOGS: lambda i: i.source is EvidenceSource.LOG,
}


@pytest.mark.parametrize("without", list(LOST), ids=str)
def test_what_is_removed_is_gone_and_the_rest_is_as_it_was(judged, without: Without) -> None:
    whole, left, is_lost = items(judged, Without.NOTHING), items(judged, without), LOST[without]
    assert any(map(is_lost, whole))
    assert not any(map(is_lost, left))
    # dhcp is a log too: without it a machine is its address. Without lookups nobody knows which
    # servers are of one organisation, so the same connections count more peers.
    peers = without is not Without.LOOKUPS
    expected = counted([item for item in whole if not is_lost(item)], peers=peers)
    assert counted(left, peers=peers) == expected


def smtp() -> Smtp:
    return Smtp(
        time=1.0,
        client="10.0.0.1",
        server="198.51.100.1",
        server_port=25,
        helo="pc",
        rcpt_to=("a@b.example",),
        body_md5="0" * 32,
    )


def test_starttls_leaves_the_helo() -> None:
    pieces = dict(parts_of(smtp()))
    assert pieces[Part.MAIL_RECORDS] == smtp()
    assert pieces[Part.OTHER_RECORDS] == Smtp(
        time=1.0, client="10.0.0.1", server="198.51.100.1", server_port=25, helo="pc"
    )


def test_a_question_of_two_types_is_split() -> None:
    asked = Dns(
        time=1.0,
        client="10.0.0.1",
        server="10.0.0.53",
        is_answer=False,
        questions=(("a.example", "MX"), ("b.example", "A")),
    )
    found = {part: piece.questions for part, piece in parts_of(asked) if isinstance(piece, Dns)}
    assert found == {
        Part.MX_RECORDS: (("a.example", "MX"),),
        Part.LOOKUP_RECORDS: (("b.example", "A"),),
    }


def alert(signal: str) -> Alert:
    metadata = {METADATA_SIGNAL: (signal,)} if signal else {}
    return Alert(
        time=1.0,
        sid=1,
        gid=1,
        src_ip="",
        dest_ip="",
        dest_port=25,
        proto="TCP",
        flow_src="",
        metadata=metadata,
    )


def flow(port: int) -> Flow:
    return Flow(
        time=1.0,
        client="10.0.0.1",
        server="10.0.0.53",
        server_port=port,
        proto="UDP",
        answered=True,
        established=False,
    )


@pytest.mark.parametrize(
    ("event", "part"),
    [
        (alert("mx_slow"), Part.MX_ALERTS),
        (alert("mx_then_smtp"), Part.MX_ALERTS),
        (alert("name_guess_nx"), Part.LOOKUP_ALERTS),
        (alert("smtp_rejects"), Part.MAIL_ALERTS),
        (alert("helo_odd"), Part.OTHER_ALERTS),
        (alert("smtp_attempts"), Part.OTHER_ALERTS),
        (alert(""), Part.OTHER_ALERTS),
        (flow(53), Part.LOOKUP_RECORDS),
        (flow(25), Part.OTHER_RECORDS),
    ],
)
def test_part_of_an_event(event: Event, part: Part) -> None:
    assert list(parts_of(event)) == [(part, event)]


# The page and the command


def test_the_page_tells_recall_times_misses_and_its_command() -> None:
    page = write_page(
        [*good(), night(benign(SUSPECTED, "printer"))],
        {Engine.SURICATA_7: "7.0.10"},
        "python -m benchmarks.evaluate",
    )
    assert (
        "| suricata-7 | 1.000 (20 of 20) | 1.000 (20 of 20) | 1.000 | 0 of 41 | 24.4 (1) | 24.4 "
        "(1) | 60 s, 60 s | 20.0 min, 20.0 min |" in page
    )
    assert "| suricata-7: benign hosts suspected per 1,000 at most 1 | 24.39 | **no** |" in page
    assert "printer 10.0.0.2 [benign] is suspected: " in page
    assert page.endswith("```sh\npython -m benchmarks.evaluate\n```\n")


def test_a_table() -> None:
    assert table(("a", "b"), [("x", "1")]) == "| a | b |\n| --- | ---: |\n| x | 1 |\n"


def test_sites_take_turns_and_no_two_networks_share_a_seed() -> None:
    files = sorted(SITES.glob("*.yaml"))
    turns = networks(SITES, 5, 8)
    chosen = [next(turns) for _ in range(2 * len(files))]
    assert [network.site for network in chosen] == files * 2
    assert [network.seed for network in chosen] == list(range(5, 5 + len(chosen)))


@pytest.mark.parametrize("path", sorted(SITES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_site_is_a_good_profile(path: Path) -> None:
    assert load_site(path).home_networks


def test_a_small_run(suricata, tmp_path, capsys) -> None:
    page = tmp_path / "evaluation.md"
    asked = [
        "--networks",
        "1",
        "--seed",
        "2",
        "--clients",
        "2",
        "--scenarios",
        "flood",
        "printer",
        "--engines",
        suricata,
    ]
    assert main([*asked, "-o", str(page)]) == 1  # one network is too few
    said = capsys.readouterr()
    assert said.out == page.read_text()
    assert f"| {suricata} | 1.000 (1 of 1) | - | 1.000 | 0 of " in said.out
    assert "| flood | mass mailer | 1 | 1.000 | 1 | 0 | " in said.out
    assert "missed: at least 20 networks; measured: 1\n" in said.err
    assert (
        f"--networks 1 --seed 2 --clients 2 --engines {suricata} --scenarios flood printer "
        "--output " in said.out
    )


def test_an_unknown_scenario_is_refused(suricata_7, capsys) -> None:
    assert (
        main(
            ["--networks", "1", "--clients", "1", "--scenarios", "floood", "--engines", suricata_7]
        )
        == 2
    )
    assert "invalid scenario floood: expected " in capsys.readouterr().err


def test_a_missing_engine_is_said(monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setenv("MXHOUND_ENGINES", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["--networks", "1"]) == 2
    assert capsys.readouterr().err == "suricata-7 is not installed; `make engines` installs it\n"


@pytest.mark.parametrize("option", ["--networks", "--jobs"])
def test_less_than_one_is_refused(option: str, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([option, "0"])
    assert "0 is not allowed; expected a number from 1" in capsys.readouterr().err
