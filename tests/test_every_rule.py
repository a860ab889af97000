"""Every rule on every engine: its traffic at N fires it once, at N-1 or too slow not at all, and
what only looks like it never.

All cases share one pcap, each with a host of its own; each engine reads it once.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from ipaddress import ip_address
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as replace_in_site

from rulegen.build import build
from rulegen.catalogue import CATALOGUE
from rulegen.render import RenderedRule
from rulegen.site_profile import Ports, SiteProfile, load_site
from rulegen.spec import RuleSpec
from rulegen.vocabulary import METADATA_FAMILY, METADATA_HOST, METADATA_SIGNAL, Engine
from tests import packets
from tests.engines.replay import replay
from tests.mailtalk import (
    attachment,
    dialogue,
    hello,
    mail,
    piped_mail,
    refused_mail,
    starttls,
    talk,
)
from tests.packets import NOERROR, NXDOMAIN, SERVFAIL, Connection, Turn, Wire, question, reply

SITE = load_site(Path(__file__).parents[1] / "rules" / "site.yaml")
TODAY = date(2026, 3, 2)
SPECS = {spec.name: spec for spec in CATALOGUE}
ALERTING = [spec for spec in CATALOGUE if spec.threshold and spec.is_seen_by(Engine.SURICATA_7)]
GUESTS = SITE.network_thresholds[0]

RESOLVER, RESOLVER_6, OUTSIDE_RESOLVER = "10.20.0.53", "2001:db8:20::53", "192.0.2.53"
TAKES_MAIL = "a host that takes mail in"
INSIDE, RELAY = "10.20.200.1", "10.20.0.25"

# What a host does: so many times, evenly within so many seconds.
Story = Callable[[Wire, float, str, int, float], None]
# One event of it, with its number.
Act = Callable[[Wire, float, str, int], None]


@dataclass(frozen=True)
class Case:
    rule: str
    title: str
    story: Story
    count: int
    seconds: float
    alerts: int
    host: str = ""
    v6: bool = False

    def __str__(self) -> str:
        return f"{self.rule}: {self.title}"


def outside(number: int) -> str:
    return f"203.0.113.{number % 250 + 1}"


def outside_6(number: int) -> str:
    return f"2001:db8:ffff::{number + 1:x}"


def spread(act: Act) -> Story:
    """The act repeatedly."""

    def story(wire: Wire, start: float, host: str, count: int, seconds: float) -> None:
        for number in range(count):
            act(wire, start + number * seconds / max(count - 1, 1), host, number)

    return story


def threshold(name: str) -> tuple[int, int]:
    found = SPECS[name].threshold_at(SITE)
    assert found is not None
    return found.count, found.seconds


def fires(rule: str, title: str, story: Story, *, v6: bool = False) -> list[Case]:
    """As fires_fast, and never at N in more than a window."""
    count, seconds = threshold(rule)
    return [
        *fires_fast(rule, title, story, seconds=seconds * 0.9, v6=v6),
        Case(rule, f"{title}, N too slowly", story, count, seconds + count + 5, 0, v6=v6),
    ]


def fires_fast(
    rule: str, title: str, story: Story, *, seconds: float, v6: bool = False
) -> list[Case]:
    """Alerts once at N, once at 3 N in one window, never at N-1."""
    count, _ = threshold(rule)
    return [
        Case(rule, f"{title}, N", story, count, seconds, 1, v6=v6),
        Case(rule, f"{title}, 3 N", story, count * 3, seconds, 1, v6=v6),
        Case(rule, f"{title}, N-1", story, count - 1, seconds, 0, v6=v6),
    ]


def silent(rule: str, title: str, story: Story, *, host: str = "", v6: bool = False) -> list[Case]:
    """Never alerts, at three times the number."""
    count, seconds = threshold(rule)
    return [Case(rule, title, story, count * 3, seconds * 0.9, 0, host, v6)]


def asks(
    kind: int,
    name: str = "d{}.example",
    resolver: str = RESOLVER,
    *,
    tcp: bool = False,
    port: int = 53,
    **how: int | bool,
) -> Story:
    def act(wire: Wire, at: float, host: str, number: int) -> None:
        wire.ask(at, host, resolver, question(name.format(number), kind, **how), tcp=tcp, port=port)

    return spread(act)


def is_told(
    rcode: int,
    name: str = "smtp.d{}.example",
    kind: int = packets.A,
    *,
    flags: int = 0x8180,
    tcp: bool = False,
    edns: bool = False,
) -> Story:
    def act(wire: Wire, at: float, host: str, number: int) -> None:
        asked = question(name.format(number), kind, edns=edns)
        wire.ask(
            at,
            host,
            RESOLVER_6 if ":" in host else RESOLVER,
            asked,
            reply(asked, rcode, flags=flags),
            tcp=tcp,
        )

    return spread(act)


def knocks(
    port: int, server: Callable[[int], str] = outside, *, flags: int = 0, refused: bool = False
) -> Story:
    return spread(
        lambda wire, at, host, number: wire.syn(
            at, host, server(number), port, flags=flags, refused=refused
        )
    )


def connects(
    turns: Sequence[Turn], port: int = 25, server: Callable[[int], str] = outside
) -> Story:
    return spread(
        lambda wire, at, host, number: wire.session(at, host, server(number), port, turns)
    )


def in_one_session(part: Sequence[Turn], port: int = 25, server: str = outside(7)) -> Story:
    """One session in which `part` comes again and again."""

    def story(wire: Wire, start: float, host: str, count: int, seconds: float) -> None:
        connection = Connection(wire, start, host, server, port)
        free = connection.say(start + 1, hello())
        for number in range(count):
            free = connection.say(max(free, start + 2 + number * seconds / max(count - 1, 1)), part)
        connection.close(connection.say(free, dialogue("C: QUIT", "S: 221 2.0.0 bye")))

    return story


def after_mx(more: Story, *, delay: float = 1.0) -> Story:
    def story(wire: Wire, start: float, host: str, count: int, seconds: float) -> None:
        wire.ask(start, host, RESOLVER, question("d.example", packets.MX))
        more(wire, start + delay, host, count, seconds)

    return story


def after_taking_mail(more: Story) -> Story:
    def story(wire: Wire, start: float, host: str, count: int, seconds: float) -> None:
        wire.session(start, outside(200), host, 25, talk(hello(), mail()))
        more(wire, start + 5, host, count, seconds)

    return story


def inside(number: int) -> str:
    return INSIDE


MX_ASKED = [
    ("UDP", asks(packets.MX), False),
    ("TCP", asks(packets.MX, tcp=True), False),
    ("EDNS0", asks(packets.MX, edns=True), False),
    ("AD bit", asks(packets.MX, flags=0x0120), False),
    ("RD 0", asks(packets.MX, flags=0), False),
    ("mixed case", asks(packets.MX, "d{}.ExAmPLe"), False),
    ("outside resolver", asks(packets.MX, resolver=OUTSIDE_RESOLVER), False),
    ("IPv6", asks(packets.MX, resolver=RESOLVER_6), True),
    ("IPv6, TCP, outside", asks(packets.MX, resolver="2001:db8:ffff::53", tcp=True), True),
]
NOT_MX = [
    ("TXT questions", asks(packets.TXT)),
    ("A questions for mx names", asks(packets.A, "mx.d{}.example")),
    ("A questions over TCP", asks(packets.A, tcp=True)),
]
MADE_UP = "smtp.d{}.example"


def lookup_cases() -> list[Case]:
    cases: list[Case] = []
    for rule in ("mx_flood", "mx_slow"):
        for title, story, v6 in MX_ASKED:
            cases += fires(rule, title, story, v6=v6)
        for title, story in NOT_MX:
            cases += silent(rule, title, story)
    cases += fires("name_guess", "UDP", asks(packets.A, MADE_UP))
    cases += fires("name_guess", "TCP", asks(packets.A, "mx1.d{}.example", tcp=True))
    cases += fires(
        "name_guess",
        "EDNS0, AD, mixed case",
        asks(packets.A, "MaIl.d{}.example", edns=True, flags=0x0120),
    )
    cases += fires(
        "name_guess", "outside", asks(packets.A, "relay.d{}.co.uk", resolver=OUTSIDE_RESOLVER)
    )
    cases += fires(
        "name_guess",
        "a stranger whose name ends like ours",
        asks(packets.A, "mail.d{}.notexample.org"),
    )
    cases += fires(
        "name_guess", "IPv6", asks(packets.A, "ns.d{}.example", resolver=RESOLVER_6), v6=True
    )
    cases += silent("name_guess", "own domain", asks(packets.A, "mail.d{}.example.org"))
    cases += silent("name_guess", "own domain itself", asks(packets.A, "mail.Example.Org"))
    cases += silent("name_guess", "other names", asks(packets.A, "www.mail.d{}.example"))
    cases += silent("name_guess", "longer label", asks(packets.A, "mailing.d{}.example"))
    cases += silent("name_guess", "AAAA beside A", asks(packets.AAAA, MADE_UP))
    cases += silent("name_guess", "another port", asks(packets.A, MADE_UP, port=5353))
    cases += silent(
        "name_guess", "another port, TCP", asks(packets.A, MADE_UP, tcp=True, port=5300)
    )
    cases += fires("name_guess_nx", "UDP", is_told(NXDOMAIN))
    cases += fires("name_guess_nx", "TCP", is_told(NXDOMAIN, tcp=True))
    cases += fires(
        "name_guess_nx",
        "EDNS0, AD, mixed case",
        is_told(NXDOMAIN, "MaIl.d{}.example", flags=0x81A0, edns=True),
    )
    cases += fires(
        "name_guess_nx", "authoritative", is_told(NXDOMAIN, "gate.d{}.example", flags=0x8580)
    )
    cases += fires(
        "name_guess_nx",
        "a stranger whose name begins like ours",
        is_told(NXDOMAIN, "mx.example.org.d{}.example"),
    )
    cases += fires("name_guess_nx", "IPv6", is_told(NXDOMAIN, "mail1.d{}.example"), v6=True)
    cases += silent("name_guess_nx", "names that exist", is_told(NOERROR))
    cases += silent("name_guess_nx", "names that exist, TCP", is_told(NOERROR, tcp=True))
    cases += silent("name_guess_nx", "server failure", is_told(SERVFAIL))
    cases += silent("name_guess_nx", "other names", is_told(NXDOMAIN, "www.mail.d{}.example"))
    cases += silent("name_guess_nx", "own domain", is_told(NXDOMAIN, "mail.d{}.example.org"))
    cases += silent("name_guess_nx", "AAAA beside A", is_told(NXDOMAIN, kind=packets.AAAA))
    return cases


def attempt_cases() -> list[Case]:
    cases: list[Case] = []
    for rule, port, other in (
        ("smtp_attempts", 25, 587),
        ("smtp_slow", 25, 2525),
        ("submission_attempts", 587, 25),
        ("submission_slow", 465, 25),
    ):
        cases += fires(rule, "unanswered", knocks(port))
        cases += fires(rule, "refused", knocks(port, refused=True))
        cases += fires(rule, "asking for ECN", knocks(port, flags=packets.ECN))
        cases += fires(rule, "one server", knocks(port, lambda _: outside(1)))
        cases += fires(rule, "whole sessions", connects(talk(hello(), mail()), port))
        cases += fires(rule, "IPv6", knocks(port, outside_6), v6=True)
        cases += silent(rule, "inside", knocks(port, inside))
        cases += silent(rule, "inside, IPv6", knocks(port, lambda _: "2001:db8:20::1:1"), v6=True)
        cases += silent(rule, "another port", knocks(other))
    cases += very_slow_cases()
    for rule, port in (("smtp_slow", 25), ("submission_slow", 587)):
        cases += silent(
            rule,
            "the same few servers",
            connects(talk(hello(), mail()), port, lambda number: outside(number % 6)),
        )
    cases += silent("smtp_slow", TAKES_MAIL, after_taking_mail(knocks(25)))
    cases += silent("mx_slow", TAKES_MAIL, after_taking_mail(asks(packets.MX)))
    cases += fires("smtp_attempts", TAKES_MAIL, after_taking_mail(knocks(25)))
    cases += fires("mx_flood", TAKES_MAIL, after_taking_mail(asks(packets.MX)))
    cases += fires("submission_attempts", "port 465", knocks(465))
    cases += fires("mx_then_smtp", "after a lookup", after_mx(knocks(25)))
    cases += silent("mx_then_smtp", "no lookup", knocks(25))
    cases += silent("mx_then_smtp", "lookups alone", asks(packets.MX))
    cases += silent("mx_then_smtp", "a lookup long ago", after_mx(knocks(25), delay=700))
    cases += silent("mx_then_smtp", "inside", after_mx(knocks(25, inside)))
    cases += silent("mx_then_smtp", "submission", after_mx(knocks(587)))
    return cases


def very_slow_cases() -> list[Case]:
    rule = "smtp_very_slow"
    cases = fires(rule, "unanswered", knocks(25))
    cases += fires(rule, "refused", knocks(25, refused=True))
    cases += fires(rule, "asking for ECN", knocks(25, flags=packets.ECN))
    cases += fires(rule, "whole sessions", connects(talk(hello(), mail()), 25))
    cases += fires(rule, "IPv6", knocks(25, outside_6), v6=True)
    few = threshold(rule)[0] - 1
    for title, story in (("answer", connects(talk(hello(), mail()))), ("are silent", knocks(25))):
        again = partial(in_rounds, story, few)
        cases += silent(rule, f"the same servers, which {title}", again)
    cases += silent(rule, TAKES_MAIL, after_taking_mail(knocks(25)))
    cases += silent(rule, "inside", knocks(25, inside))
    cases += silent(rule, "another port", knocks(587))
    return cases


def in_rounds(
    story: Story, peers: int, wire: Wire, start: float, host: str, count: int, seconds: float
) -> None:
    """The same `peers` again and again, evenly, and not many at a time."""
    rounds = ceil(count / peers)
    for number in range(rounds):
        story(wire, start + number * seconds / rounds, host, peers, seconds / rounds / 2)


def session_cases() -> list[Case]:
    cases: list[Case] = []
    cases += fires("smtp_sessions", "EHLO", connects(talk(hello(), mail())))
    cases += fires("smtp_sessions", "helo", connects(talk(hello(verb="helo"), mail())))
    cases += fires("smtp_sessions", "STARTTLS", connects([*hello(), *starttls()]))
    cases += fires("smtp_sessions", "port 2525", connects(talk(hello(), mail()), 2525))
    cases += fires("smtp_sessions", "IPv6", connects(talk(hello(), mail()), 25, outside_6), v6=True)
    cases += fires(
        "smtp_sessions", "beside the ports of the web", connects(talk(hello(), mail()), 82)
    )
    cases += silent("smtp_sessions", "a port of the web", connects(talk(hello(), mail()), 443))
    for port in (465, 587):
        cases += silent("smtp_sessions", f"port {port}", connects(talk(hello(), mail()), port))
    cases += silent("smtp_sessions", "one session, many mails", in_one_session(mail()))
    cases += silent("smtp_sessions", "inside", connects(talk(hello(), mail()), 25, inside))
    cases += silent(
        "smtp_sessions", "HELO in the text", in_one_session(mail("He said\nEHLO you\nHELO me"))
    )
    cases += silent("smtp_sessions", "blocked", knocks(25))
    cases += fires("mail_burst", "a session each", connects(talk(hello(), mail())))
    cases += fires("mail_burst", "one session", in_one_session(mail()))
    cases += fires("mail_burst", "lower case", in_one_session(mail(verb="mail from")))
    cases += fires("mail_burst", "pipelined", in_one_session(piped_mail()))
    cases += fires("mail_burst", "long mails", in_one_session(mail("Hello\n" * 2000)))
    cases += fires("mail_burst", "port 2525", connects(talk(hello(), mail()), 2525))
    cases += fires("mail_burst", "IPv6", connects(talk(hello(), mail()), 25, outside_6), v6=True)
    cases += silent(
        "mail_burst",
        "one mail, many recipients",
        connects_once(talk(hello(), mail(recipients=100))),
    )
    cases += silent(
        "mail_burst",
        "the words in the text",
        connects_once(talk(hello(), mail("\nMAIL FROM:<x@y>" * 100))),
    )
    cases += silent("mail_burst", "through the relay", in_one_session(mail(), 25, RELAY))
    cases += silent("mail_burst", "sessions without mail", connects(talk(hello())))
    return cases


def connects_once(turns: Sequence[Turn]) -> Story:
    return lambda wire, start, host, count, seconds: wire.session(
        start, host, outside(3), 25, turns
    )


ODD = (
    "PC-4711",
    "workgroup",
    "localhost",
    "localhost.localdomain",
    "10.1.2.3",
    "[0.0.0.0]",
    "[127.0.0.1]",
)
PROPER = (
    "mail.example.com",
    "pc.local",
    "[10.20.3.4]",
    "[IPv6:2001:db8::1]",
    "a-b.c3.example.co.uk",
)


def content_cases() -> list[Case]:
    cases: list[Case] = []
    for name in ("document.pif", "Photo.JPG.exe", "x.vbs", "patch.CMD", "a.iso", "a.wsh"):
        cases += fires("worm_attachment", name, connects(talk(hello(), attachment(name))))
    # Engines forget a connection that is silent for ten minutes, so the slow case is none.
    cases += fires_fast(
        "worm_attachment", "one session", in_one_session(attachment("a.scr")), seconds=300
    )
    cases += fires("worm_attachment", "port 26", connects(talk(hello(), attachment("a.scr")), 26))
    cases += fires(
        "worm_attachment",
        "IPv6",
        connects(talk(hello(), attachment("a.scr")), 25, outside_6),
        v6=True,
    )
    for name in ("report.pdf", "exe", "photo.exe.jpg", "example.com.txt"):
        cases += silent("worm_attachment", name, connects(talk(hello(), attachment(name))))
    cases += silent(
        "worm_attachment", "through the relay", in_one_session(attachment("a.scr"), 25, RELAY)
    )
    cases += silent(
        "worm_attachment",
        "a name in the text",
        in_one_session(mail("see a.exe and filename=b.exe")),
    )
    for name in ODD:
        cases += fires("helo_odd", name, connects(talk(hello(name), mail())))
    cases += fires("helo_odd", "HELO", connects(talk(hello("friend", "HELO"), mail())))
    cases += fires(
        "helo_odd", "IPv6", connects(talk(hello("friend"), mail()), 25, outside_6), v6=True
    )
    for name in PROPER:
        cases += silent("helo_odd", name, connects(talk(hello(name), mail())))
    cases += silent(
        "helo_odd", "a mail client's submission", connects(talk(hello("PC-4711"), mail()), 587)
    )
    cases += silent(
        "helo_odd",
        "through the relay",
        connects(talk(hello("PC-4711"), mail()), 25, lambda _: RELAY),
    )
    cases += silent("helo_odd", "one session, many mails", one_odd_session)
    return cases


def one_odd_session(wire: Wire, start: float, host: str, count: int, seconds: float) -> None:
    wire.session(start, host, outside(9), 25, talk(hello("friend"), *[mail()] * count))


BY_POLICY = (
    "554 5.7.1 on a block list",
    "550-5.7.1 two lines\n550 5.7.1 of one reply",
    "521 no mail here",
    "550 your address is BLACKLISTED, see http://example.net",
    "550 too much spam from here",
    "554 no SMTP service here",
)
FOR_THE_RECIPIENT = (
    "550 5.1.1 no such user",
    "550-5.1.1 two lines\n550 5.1.1 of one reply",
    "553 5.3.0 blocked is no word of a reply with a status",
    "554 5.1.1 no such user",
    "550 sorry, no mailbox here by that name",
)
NOT_REFUSED = (
    "250 550 mails so far",
    "450 4.7.1 greylisted",
    "535 5.7.8 wrong password",
    "503 5.5.1 wrong order",
)
REFUSALS = {"smtp_rejects": BY_POLICY, "rcpt_refused": FOR_THE_RECIPIENT}


def is_refused(text: str, server: Callable[[int], str] = outside) -> Story:
    return connects(talk(hello(), refused_mail(text)), 25, server)


def rejection_cases() -> list[Case]:
    cases: list[Case] = []
    for rule, texts in REFUSALS.items():
        for text in texts:
            cases += fires(rule, text.split("\n")[0], is_refused(text))
        code = texts[0].rpartition(" ")[0]
        at_the_door = dialogue(f"S: {code} go away", "C: QUIT", "S: 221 bye")
        cases += fires(rule, "at the door", connects(at_the_door))
        cases += fires(rule, "IPv6", is_refused(texts[0], outside_6), v6=True)
        (others,) = (texts for other, texts in REFUSALS.items() if other != rule)
        for text in (*NOT_REFUSED, *others):
            cases += silent(rule, text.split("\n")[0], is_refused(text))
        of_the_web = dialogue("C: GET / HTTP/1.0\n", f"S: {texts[0]}")
        cases += silent(rule, "answers of a web server", connects(of_the_web, 80))
        by_the_relay = in_one_session(refused_mail(texts[0]), 25, RELAY)
        cases += silent(rule, "by the relay", by_the_relay)
    unknown, listed = FOR_THE_RECIPIENT[0], BY_POLICY[0]
    cases += fires("rcpt_refused", "one session", in_one_session(refused_mail(unknown)))
    cases += fires("rcpt_refused", TAKES_MAIL, after_taking_mail(is_refused(unknown)))
    cases += silent("smtp_rejects", TAKES_MAIL, after_taking_mail(is_refused(listed)))
    cases += silent("smtp_rejects", "one server", is_refused(listed, lambda _: outside(1)))
    return cases


def everything(wire: Wire, start: float, host: str, count: int, seconds: float) -> None:
    """All that a mass mailer does, `count` times."""
    refusals = (refused_mail(texts[0]) for texts in REFUSALS.values())
    knocks(587)(wire, start, host, count, seconds)
    is_told(NXDOMAIN)(wire, start, host, count, seconds)
    after_mx(connects(talk(hello("friend"), attachment("a.exe"), *refusals)))(
        wire, start, host, count, seconds
    )
    asks(packets.MX)(wire, start, host, count, seconds)


def profile_cases() -> list[Case]:
    """For every rule, the site profile decides whether a host is covered."""
    alerting = [spec.name for spec in ALERTING]
    cases = [
        Case(rule, title, everything, 30, 55, alerts, host)
        for title, host, alerts in (
            ("infected", "10.20.250.1", 1),
            ("relay", RELAY, 0),
            ("exempt network", "10.20.99.7", 0),
        )
        for rule in alerting
    ]
    exempt = "10.20.4.40"
    return [
        *cases,
        *(
            Case(
                rule,
                "exempt host",
                everything,
                30,
                55,
                int(rule not in ("mx_flood", "mx_slow")),
                exempt,
            )
            for rule in alerting
        ),
    ]


def with_hosts(cases: Sequence[Case]) -> list[Case]:
    """Each case on a host of its own, unless it names one."""
    return [
        case
        if case.host
        else replace(
            case,
            host=f"2001:db8:20:1::{n + 1:x}"
            if case.v6
            else f"10.20.{128 + n // 250}.{n % 250 + 1}",
        )
        for n, case in enumerate(cases)
    ]


CASES = with_hosts(
    [
        *lookup_cases(),
        *attempt_cases(),
        *session_cases(),
        *content_cases(),
        *rejection_cases(),
        *profile_cases(),
    ],
)
# Guests have numbers of their own, in copies of the rules with sids of their own: (rule, story,
# host, count, alerts).
GUEST_CASES = [
    (
        rule,
        story,
        f"10.20.64.{number * 10 + less + 1}",
        GUESTS.thresholds[SPECS[rule].signal].count - less,
        1 - less,
    )
    for number, (rule, story) in enumerate(
        (("mx_flood", asks(packets.MX)), ("submission_attempts", knocks(587)))
    )
    for less in (0, 1)
]


def write_cases(pcap: Path) -> Path:
    """All cases in one capture."""
    wire = Wire()
    # The cases of one host that does everything differ in the rule that is asked about, not in the
    # traffic.
    for case in {(case.host, case.title): case for case in CASES}.values():
        case.story(wire, 0.0, case.host, case.count, case.seconds)
    for _, story, host, count, _ in GUEST_CASES:
        story(wire, 0.0, host, count, 50)
    return wire.write(pcap)


@pytest.fixture(scope="session")
def pcap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cases(tmp_path_factory.mktemp("pcap") / "every-rule.pcap")


@dataclass(frozen=True)
class Run:
    """What an engine said: the rules by sid, its alerts, and how many there are of each sid on each
    host."""

    rules: Mapping[int, RenderedRule]
    events: Sequence[dict[str, Any]]
    alerts: Counter[tuple[int, str]]

    def count(self, rule: str, host: str, *, network: object = None) -> int:
        sid = next(
            r.sid for r in self.rules.values() if r.spec.name == rule and r.network == network
        )
        return self.alerts[sid, ip_address(host).exploded]


def run_suricata(suricata: Engine, site: SiteProfile, pcap: Path, folder: Path) -> Run:
    built = build(site, [suricata], folder / "build", TODAY).engines[0]
    eve = replay(suricata, pcap, folder / "log", build=folder / "build" / suricata)
    events = [
        event
        for event in map(json.loads, eve.read_text().splitlines())
        if event["event_type"] == "alert"
    ]
    rules = {rule.sid: rule for rule in built.rules}
    sides = ((event, rules[event["alert"]["signature_id"]].spec.host_side) for event in events)
    return Run(
        rules,
        events,
        Counter(
            (event["alert"]["signature_id"], ip_address(event[side]).exploded)
            for event, side in sides
        ),
    )


@pytest.fixture(scope="session")
def run(suricata: Engine, pcap: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_suricata(suricata, SITE, pcap, tmp_path_factory.mktemp(suricata))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_alerts(run: Run, case: Case) -> None:
    assert run.count(case.rule, case.host) == case.alerts


@pytest.mark.parametrize(("rule", "story", "host", "count", "alerts"), GUEST_CASES)
def test_a_network_has_its_own_threshold(
    run: Run, rule: str, story: Story, host: str, count: int, alerts: int
) -> None:
    assert run.count(rule, host, network=GUESTS.network) == alerts
    assert run.count(rule, host) == 0


def test_a_site_with_mail_on_a_port_of_the_web(suricata: Engine, tmp_path: Path) -> None:
    site = replace_in_site(SITE, ports=Ports(smtp=(25, 443)))
    wire, host = Wire(), "10.20.1.7"
    count, seconds = threshold("smtp_sessions")
    connects(talk(hello(), mail()), 443)(wire, 0.0, host, count, seconds * 0.9)
    run = run_suricata(suricata, site, wire.write(tmp_path / "mail.pcap"), tmp_path)
    assert run.count("smtp_sessions", host) == 1


def test_alerts_carry_the_words_eveproc_reads(run: Run) -> None:
    for event in run.events:
        spec = run.rules[event["alert"]["signature_id"]].spec
        said = event["alert"]["metadata"]
        assert said[METADATA_SIGNAL] == [spec.signal]
        assert said[METADATA_FAMILY] == [spec.family]
        assert said[METADATA_HOST] == [spec.host_side]
        assert event["alert"]["target"]["ip"] == event[spec.host_side]


@pytest.mark.parametrize(
    "spec",
    [spec for spec in CATALOGUE if spec.threshold and spec.is_seen_by(Engine.SURICATA_7)],
    ids=lambda spec: spec.name,
)
def test_every_rule_has_traffic_that_fires_it_and_a_look_alike(spec: RuleSpec) -> None:
    own = [case for case in CASES if case.rule == spec.name and case.story is not everything]
    count, _ = threshold(spec.name)
    assert {case.count for case in own if case.alerts} == {count, count * 3}
    assert any(case.count == count - 1 for case in own)
    assert any(case.count > count and not case.alerts for case in own)


def test_a_mark_makes_no_alert(run: Run) -> None:
    marks = {sid for sid, rule in run.rules.items() if rule.threshold is None}
    assert marks
    assert not marks & {sid for sid, _ in run.alerts}
