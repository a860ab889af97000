"""benchmarks, second part: what counts as found, what each criterion asks, what an explanation
changes; one small run of all."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import hard_scoring
from benchmarks.evaluate import HARD_SITES, main
from benchmarks.hard_network import (
    KINDS,
    NOTHING_DISABLED,
    Declared,
    HardNight,
    Source,
    left_out_in_turn,
    profile_of,
)
from benchmarks.hard_page import put_second_part, second_part_of, write_hard_page
from benchmarks.hard_scoring import Bin, LeftOut, Seen
from benchmarks.network import Network, Outcome
from rulegen.simulate import simulate
from rulegen.simulate.scenarios import GREY
from rulegen.site_profile import SiteProfile, load_site
from rulegen.vocabulary import Engine, Level

INFECTED, SUSPECTED, CLEAN = Level.INFECTED, Level.SUSPECTED, Level.CLEAN
SEVEN = Engine.SURICATA_7


def mailer(
    level: Level, seconds: float | None = 60.0, kind: str = "two_an_hour", score: float = 0.95
) -> Outcome:
    return Outcome("10.0.0.1", kind, True, "slow", level, seconds, score=score)


def innocent(
    level: Level, kind: str = "office", host: str = "10.0.0.2", score: float = 0.0
) -> Outcome:
    return Outcome(host, kind, False, None, level, score=score)


def night(
    *outcomes: Outcome,
    declared: Declared = Declared.NOTHING,
    source: Source = Source.BOTH,
    left_out: str = "",
    seed: int = 9001,
) -> HardNight:
    network = Network(Path("office.yaml"), seed, 8)
    return HardNight(network, SEVEN, declared, source, left_out, outcomes)


def one(outcome: Outcome, declared: Declared = Declared.NOTHING) -> Seen:
    return Seen(night(outcome, declared=declared), outcome)


@pytest.mark.parametrize(
    ("outcome", "is_found", "is_early"),
    [
        (mailer(INFECTED), True, False),
        (mailer(INFECTED, None), True, False),
        (mailer(SUSPECTED), False, False),
        (mailer(INFECTED, -1.0), False, True),
        (mailer(SUSPECTED, kind="hijacked_mail_server"), True, False),
        (mailer(SUSPECTED, -1.0, "hijacked_mail_server"), True, False),
    ],
)
def test_found_is_infected_and_not_before_it_began(
    outcome: Outcome, is_found: bool, is_early: bool
) -> None:
    assert (one(outcome).is_found, one(outcome).is_early) == (is_found, is_early)


def test_who_may_be_suspected() -> None:
    grey = next((kind.name for kind in KINDS.values() if kind.label == GREY), "")
    cases = {("office", Declared.NOTHING): False, ("relay", Declared.NOTHING): True}
    cases |= {("relay", Declared.EVERYTHING): False}
    cases |= {(grey, Declared.EVERYTHING): True} if grey else {}
    found = {case: one(innocent(SUSPECTED, case[0]), case[1]).may_be_suspected for case in cases}
    assert found == cases


def good() -> list[HardNight]:
    hosts = (mailer(INFECTED), innocent(CLEAN))
    return [night(*hosts, declared=d, source=s) for d in Declared for s in Source]


def missed(nights: list[HardNight]) -> list[str]:
    return [c.asked for c in hard_scoring.hard_criteria(nights) if not c.met]


def test_what_is_just_enough_meets_every_criterion() -> None:
    assert missed(good()) == []


@pytest.mark.parametrize(
    ("extra", "asked"),
    [
        pytest.param(night(mailer(CLEAN)), ["recall at least 0.97"], id="one of two missed"),
        pytest.param(night(mailer(CLEAN, kind="trickbooster_encrypted")), [], id="not tellable"),
        pytest.param(night(innocent(INFECTED)), ["benign hosts infected at most 0"], id="accused"),
        pytest.param(
            night(innocent(SUSPECTED)),
            ["benign hosts suspected at most 1 in 500"],
            id="one of two suspected",
        ),
        pytest.param(night(innocent(SUSPECTED, "relay")), [], id="undeclared relay"),
        pytest.param(
            night(*[mailer(CLEAN)] * 2, source=Source.ALERTS),
            ["alerts alone: recall at least 0.75"],
            id="by alerts",
        ),
        pytest.param(
            night(innocent(INFECTED), source=Source.ALERTS),
            ["alerts alone: benign hosts infected at most 0"],
            id="accused by alerts",
        ),
        pytest.param(night(innocent(INFECTED), source=Source.LOGS), [], id="logs set no bound"),
    ],
)
def test_each_criterion_can_be_missed(extra: HardNight, asked: list[str]) -> None:
    found = [text.removeprefix("suricata-7, nothing declared") for text in missed([*good(), extra])]
    assert [text.lstrip(":, ") for text in found] == asked


def test_one_in_500_may_be_suspected() -> None:
    many = night(*[innocent(CLEAN)] * 499)
    assert missed([*good(), many, night(innocent(SUSPECTED))]) == []


def test_what_no_host_could_show_is_missed() -> None:
    nights = [night(declared=d, source=s) for d in Declared for s in Source]
    assert "suricata-7, nothing declared: recall at least 0.97" in missed(nights)


def test_held_back_seeds_alone_count_where_there_are_some() -> None:
    kept, looked_at = night(mailer(INFECTED)), night(mailer(CLEAN), seed=1)
    assert hard_scoring.held_back([looked_at, kept]) == [kept]
    assert hard_scoring.held_back([looked_at]) == [looked_at]


def test_what_an_explanation_protects_and_hides() -> None:
    before = night(
        innocent(CLEAN, "guest_wifi_50"),
        mailer(SUSPECTED),
        innocent(CLEAN, host="::1"),
        left_out=NOTHING_DISABLED,
    )
    less = night(
        innocent(INFECTED, "guest_wifi_50"),
        mailer(INFECTED),
        innocent(CLEAN, host="::1"),
        left_out="monitor",
    )
    found = hard_scoring.leave_out([before, less], "monitor")
    assert found == LeftOut("monitor", (("guest_wifi_50", 1),), (("two_an_hour", 1),))
    assert hard_scoring.left_out_names([before, less]) == ("monitor",)


@given(st.lists(st.floats(0, 1)))
def test_every_score_is_in_one_bin(scores: list[float]) -> None:
    hosts = [one(mailer(CLEAN, score=score)) for score in scores]
    assert sum(each.hosts for each in hard_scoring.reliability(hosts)) == len(scores)


def test_reliability() -> None:
    hosts = [one(mailer(INFECTED)), one(innocent(INFECTED, score=1.0)), one(innocent(CLEAN))]
    found = {each.middle: each for each in hard_scoring.reliability(hosts)}
    assert (found[0.9], found[0.1], found[0.5]) == (Bin(0.9, 2, 1), Bin(0.1, 1, 0), Bin(0.5, 0, 0))


def test_explanations_are_found_by_what_they_return() -> None:
    named = {"mail server", "resolver", "scanner", "monitor", "(count) own accounts"}
    assert named <= set(left_out_in_turn())
    assert all(name == name.strip() for name in left_out_in_turn())


@pytest.mark.parametrize("name", sorted(left_out_in_turn()))
def test_what_is_left_out_is_there_to_be_left_out(name: str) -> None:
    disabled = left_out_in_turn()[name]
    assert callable(getattr(disabled.module, disabled.function))


def test_the_profile_declares_everything_or_nothing() -> None:
    site = SiteProfile(
        (ip_network("10.20.0.0/16"),),
        (ip_network("10.20.0.25"),),
        (ip_network("10.20.0.53"),),
        ("example.org",),
    )
    day = simulate(site, 1, seconds=60, clients=9, scenarios=["hijacked_mail_server"])
    (taken,) = (h for h in day.hosts if h.scenario == "hijacked_mail_server")
    whole = profile_of(site, day, Declared.EVERYTHING)
    assert whole.mail_servers == (*site.mail_servers, ip_network(taken.host))
    assert profile_of(site, day, Declared.NOTHING) == SiteProfile(site.home_networks)


@pytest.mark.parametrize("path", sorted(HARD_SITES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_hard_site_declares_its_servers(path: Path) -> None:
    site = load_site(path)
    assert site.mail_servers
    assert site.resolvers
    assert site.internal_domains


def test_the_second_part_takes_its_place_and_leaves_the_first_alone() -> None:
    first = "# How good the verdicts are\n\nwords\n"
    old, new = "# Where it is hard\n\nold\n", "# Where it is hard\n\nnew\n"
    assert put_second_part(first, old) == f"{first}\n{old}"
    assert put_second_part(f"{first}\n{old}", new) == f"{first}\n{new}"
    assert second_part_of(f"{first}\n{old}") == old
    assert second_part_of(first) == ""


def test_the_page_tells_kinds_misses_and_its_command() -> None:
    nights = [*good(), night(mailer(SUSPECTED, -5.0), innocent(INFECTED))]
    page = write_hard_page(nights, {SEVEN: "7.0.10"}, "python -m benchmarks.evaluate --hard")
    assert "| suricata-7, nothing declared: recall at least 0.97 | 0.500 | **no** |" in page
    assert (
        "| two_an_hour | 1 of 2 +1 | 1 of 1 | 1 of 1 | 1 of 1 | 1 of 1 | 1 of 1 | 0.95 | 60 s |"
        in page
    )
    assert "| office | 1 of 2 | 0 of 1 | 0 of 1 | 0 of 1 | 0 of 1 | 0 of 1 | 0.00 |" in page
    assert "- office [benign], 1 time. office, seed 9001, suricata-7, nothing declared: " in page
    assert page.endswith("```sh\npython -m benchmarks.evaluate --hard\n```\n")


def test_a_small_run(suricata_7, tmp_path, capsys) -> None:
    page = tmp_path / "evaluation.md"
    page.write_text("# How good the verdicts are\n")
    asked = ["--hard", "--clients", "1", "--engines", suricata_7, "--jobs", "1"]
    asked += ["--scenarios", "two_an_hour", "own_account_encrypted", "-o", str(page)]
    main(asked)
    said = capsys.readouterr()
    assert page.read_text() == f"# How good the verdicts are\n\n{said.out}"
    assert "| `dual-stack.yaml` | 1 | development | 1 | 1 | " in said.out
    assert "| own_account_encrypted (not tellable) | " in said.out
    assert "1 of 1: dual-stack, seed 1\n" in said.err
    assert "--hard --clients 1 --engines suricata-7 --scenarios two_an_hour " in said.out
