"""Every signal that records show: what a real Suricata logs of its traffic is counted as so many
peers, other traffic as none.

All cases share one pcap, each with a host of its own; each Suricata reads it once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from eveproc.evidence.gather import gather
from eveproc.evidence.store import EvidenceStore
from eveproc.signals.registry import SIGNALS
from rulegen.vocabulary import Engine, Signal
from tests import packets
from tests.engines.replay import replay
from tests.mailtalk import dialogue, hello, message_with_file, talk
from tests.packets import NXDOMAIN, Turn, Wire
from tests.test_every_rule import (
    INSIDE,
    RELAY,
    SITE,
    Story,
    asks,
    is_told,
    knocks,
    outside,
    spread,
)

PEERS, SECONDS = 6, 120


@dataclass(frozen=True)
class Case:
    """Traffic in which PEERS peers are met, and how many of them the signal counts."""

    signal: Signal
    title: str
    story: Story
    peers: int = PEERS

    def __str__(self) -> str:
        return f"{self.signal}: {self.title}"


OWN = "u{}@example.org"


def letter(
    sender: str = "ann@example.com",
    recipient: str = "user@r{}.example",
    body: str = "Hello {}",
    file: str = "",
) -> Callable[[int], list[Turn]]:
    """A mail; {} is its number."""

    def turns(number: int) -> list[Turn]:
        text = f"Subject: hello\n\n{body.format(number)}"
        return dialogue(
            f"C: MAIL FROM:<{sender.format(number)}>",
            "S: 250 2.1.0 ok",
            f"C: RCPT TO:<{recipient.format(number)}>",
            "S: 250 2.1.5 ok",
            "C: DATA",
            "S: 354 go on",
            f"C: {message_with_file(file) if file else text}\n.",
            "S: 250 2.0.0 taken",
        )

    return turns


def refused_letter(number: int) -> list[Turn]:
    """A mail whose only recipient is not known, so no message follows."""
    return dialogue(
        "C: MAIL FROM:<ann@example.com>",
        "S: 250 2.1.0 ok",
        f"C: RCPT TO:<user@r{number}.example>",
        "S: 550 5.1.1 no such user",
    )


def sends(
    mail: Callable[[int], list[Turn]],
    *,
    helo: str = "host.example.com",
    port: int = 25,
    server: Callable[[int], str] = outside,
) -> Story:
    """A session for each mail."""
    return spread(
        lambda wire, at, host, number: wire.session(
            at, host, server(number), port, talk(hello(helo.format(number)), mail(number))
        )
    )


def relay(_: int) -> str:
    return RELAY


def internal(_: int) -> str:
    return INSIDE


MX, A = packets.MX, packets.A
CASES = (
    Case(Signal.MX_FLOOD, "domains", asks(MX)),
    Case(Signal.MX_FLOOD, "domains over TCP", asks(MX, tcp=True)),
    Case(Signal.MX_FLOOD, "one domain", asks(MX, "h{}.d.example"), 1),
    Case(Signal.MX_FLOOD, "own domains", asks(MX, "h{}.example.org"), 0),
    Case(Signal.NAME_GUESS, "domains", asks(A, "smtp.d{}.example")),
    Case(Signal.NAME_GUESS, "other names", asks(A, "www.d{}.example"), 0),
    Case(Signal.NAME_GUESS_NX, "names that do not exist", is_told(NXDOMAIN)),
    Case(Signal.NAME_GUESS_NX, "names that exist", is_told(packets.NOERROR), 0),
    Case(Signal.SMTP_ATTEMPTS, "unanswered", knocks(25)),
    Case(Signal.SMTP_ATTEMPTS, "internal servers", knocks(25, internal), 0),
    Case(Signal.SUBMISSION_ATTEMPTS, "unanswered", knocks(587)),
    Case(Signal.SUBMISSION_ATTEMPTS, "sessions", sends(letter(), port=587)),
    Case(Signal.SUBMISSION_ATTEMPTS, "through the relay", knocks(587, relay), 0),
    Case(Signal.SMTP_SESSIONS, "sessions", sends(letter())),
    Case(Signal.SMTP_SESSIONS, "unanswered", knocks(25), 0),
    Case(Signal.MAIL_BURST, "recipients", sends(letter())),
    Case(Signal.MAIL_BURST, "through the relay", sends(letter(), server=relay), 0),
    Case(Signal.LOOK_ALIKE, "one text", sends(letter(body="Buy now"))),
    Case(Signal.LOOK_ALIKE, "through the relay", sends(letter(body="Buy now"), server=relay)),
    Case(Signal.LOOK_ALIKE, "own people", sends(letter(recipient=OWN), server=relay), 0),
    Case(Signal.WORM_ATTACHMENT, "programs", sends(letter(file="a.scr"))),
    Case(Signal.WORM_ATTACHMENT, "documents", sends(letter(file="a.pdf")), 0),
    Case(Signal.HELO_ODD, "names", sends(letter(), helo="pc-{}")),
    Case(Signal.HELO_ODD, "one name", sends(letter(), helo="pc"), 1),
    Case(Signal.WORM_ATTACHMENT, "through the relay", sends(letter(file="a.scr"), server=relay)),
    Case(Signal.RECIPIENT_SPREAD, "mailboxes", sends(letter())),
    Case(Signal.RECIPIENT_SPREAD, "own people", sends(letter(recipient=OWN)), 0),
    Case(Signal.RECIPIENT_SPREAD, "submitted", sends(letter(), port=587), 0),
    Case(Signal.RELAY_SPREAD, "domains", sends(letter(), server=relay)),
    Case(Signal.RELAY_SPREAD, "external servers", sends(letter()), 0),
    Case(Signal.RCPT_REFUSED, "unknown users", sends(refused_letter)),
    Case(Signal.RCPT_REFUSED, "accepted", sends(letter()), 0),
    Case(Signal.SENDER_CHURN, "domains", sends(letter("ann@s{}.example"))),
    Case(Signal.SENDER_CHURN, "users of one domain", sends(letter("ann{0}@mail{0}.s.example")), 1),
    Case(Signal.SENDER_CHURN, "own domains", sends(letter("ann@d{}.example.org")), 0),
    Case(Signal.SENDER_CHURN, "bounces", sends(letter("")), 0),
    Case(Signal.SENDER_CHURN, "the relay", sends(letter("ann@s{}.example"), server=relay), 0),
)
HOSTS: Mapping[Case, str] = {case: f"10.20.140.{n}" for n, case in enumerate(CASES, start=1)}


@pytest.fixture(scope="session")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wire = Wire()
    for case, host in HOSTS.items():
        case.story(wire, 0.0, host, PEERS, SECONDS)
    return wire.write(tmp_path_factory.mktemp("pcap") / "every-record.pcap")


@pytest.fixture(scope="session")
def store(
    suricata: Engine, capture: Path, tmp_path_factory: pytest.TempPathFactory
) -> EvidenceStore:
    eve = replay(suricata, capture, tmp_path_factory.mktemp(f"{suricata}-records"))
    return gather([str(eve)], SITE)[0]


def test_every_signal_that_records_show_has_traffic() -> None:
    shown = {signal for signal, entry in SIGNALS.items() if entry.extractors}
    assert {case.signal for case in CASES if case.peers == PEERS} == shown
    assert {case.signal for case in CASES if case.peers < PEERS} == shown


@pytest.mark.parametrize("case", CASES, ids=str)
def test_peers_are_counted(store: EvidenceStore, case: Case) -> None:
    evidence = store.hosts.get(HOSTS[case])
    found = evidence.log(case.signal).distinct() if evidence else 0
    assert found == case.peers
