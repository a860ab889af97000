"""Kept events, the matches of a rule, and its alerts: computed by hand, and compared with
recordings of both engines.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eveproc.input.events import Alert, Dns, Event, Flow, Smtp, Stats
from eveproc.input.reader import ReadStats, read_events
from eveproc.tuning.engine_threshold import SECOND
from eveproc.tuning.history import History, HistoryKeeper, micros
from eveproc.tuning.matching import TOLD, UNTOLD, HostView, matches
from eveproc.tuning.predict import predict, threshold_at, with_threshold
from rulegen.site_profile import (
    Exemption,
    NetworkThresholds,
    Ports,
    SiteProfile,
    Threshold,
    load_site,
)
from rulegen.vocabulary import Signal

DATA = Path(__file__).parents[2] / "data"
SITE = SiteProfile(
    (ip_network("10.20.0.0/16"),),
    (ip_network("10.20.0.25/32"),),
    (ip_network("10.20.0.53/32"),),
    internal_domains=("example.org",),
)
HOST, SERVER = "10.20.1.7", "198.51.100.25"
START = 1_772_438_400.0


def ask(at: float, *questions: tuple[str, str], port: int = 4000, **more: Any) -> Dns:
    told = {
        "client": HOST,
        "server": "10.20.0.53",
        "is_answer": False,
        "client_port": port,
        "query_id": round(at * 10),
    } | more
    return Dns(time=START + at, questions=questions, **told)


def connect(
    at: float,
    *,
    port: int = 25,
    server: str = SERVER,
    sport: int = 0,
    lasts: float = 1.0,
    **more: Any,
) -> Flow:
    told = {
        "client": HOST,
        "answered": True,
        "established": True,
        "sent": 9,
        "received": 9,
        "client_flags": 0x1B,
        "server_flags": 0x1B,
    } | more
    sport = sport or 1024 + round(at * 10)
    return Flow(
        time=START + at,
        client_port=sport,
        server=server,
        server_port=port,
        proto="TCP",
        end=START + at + lasts,
        **told,
    )


def knock(at: float, tries: int, lasts: float, **more: Any) -> Flow:
    told = {
        "answered": False,
        "established": False,
        "sent": tries,
        "received": 0,
        "client_flags": 0x02,
        "server_flags": 0,
    } | more
    return connect(at, lasts=lasts, **told)


def talk(at: float, **more: Any) -> Smtp:
    told = {
        "client": HOST,
        "server": SERVER,
        "server_port": 25,
        "helo": "host.example.com",
        "flow_id": 5,
        "tx_id": 0,
    } | more
    return Smtp(time=START + at, **told)


def history(*events: Event, site: SiteProfile = SITE) -> History:
    keeper = HistoryKeeper(site)
    for event in events:
        keeper.add(event)
    return keeper.history


def times(signal: Signal, *events: Event, host: str = HOST) -> list[float]:
    return [
        (match.time - round(START * SECOND)) / SECOND
        for match in matches(HostView(history(*events), host, {}), signal)
    ]


def test_questions_count_by_type_and_name() -> None:
    asked = [
        ask(1, ("d.example", "MX")),
        ask(2, ("mail.d.example", "A")),
        ask(3, ("mail.d.example", "AAAA")),
        ask(4, ("www.d.example", "A")),
    ]
    assert times(Signal.MX_FLOOD, *asked) == [1]
    assert times(Signal.NAME_GUESS, *asked) == [2]


# As the rules have it: the first label alone too, and a domain of the site only behind that label.
@pytest.mark.parametrize(
    ("name", "counts"),
    [
        *(
            ("mail", True),
            ("mail.local", True),
            ("mail.example.org", False),
            ("smtp.x.example.org", False),
            ("mail.notexample.org", True),
        ),
        *(
            ("mail.example.org.evil.example", True),
            ("example.org", False),
            ("", False),
            ("ns." + "a" * 60 + ".example" * 20, True),
        ),
        ("ns." + ".".join(["a" * 60] * 4), False),
    ],
)
def test_guessed_names_are_those_of_the_rule(name: str, counts: bool) -> None:
    assert bool(times(Signal.NAME_GUESS, ask(1, (name, "A")))) == counts


def test_a_packet_counts_once_whatever_it_holds() -> None:
    assert times(Signal.MX_FLOOD, ask(1, ("a.example", "MX"), ("b.example", "MX"))) == [1]
    assert times(Signal.NAME_GUESS, ask(1, ("mail.a.example", "A"), ("mail.b.example", "A"))) == []
    twice = ask(1, ("a.example", "MX"))
    assert times(Signal.MX_FLOOD, twice, twice, ask(1, ("a.example", "MX"), port=4001)) == [1, 1]


def test_only_what_does_not_exist_is_name_guess_nx() -> None:
    told = {"is_answer": True, "client": HOST}
    answers = [
        ask(1, ("mail.d.example", "A"), rcode="NXDOMAIN", **told),
        ask(2, ("mail.d.example", "A"), rcode="NOERROR", **told),
    ]
    assert times(Signal.NAME_GUESS_NX, *answers) == [1]
    assert times(Signal.NAME_GUESS, *answers) == []


def test_over_tcp_a_question_is_seen_with_its_answer_and_an_answer_with_what_follows() -> None:
    stream = {"tcp": True, "flow_id": 9}
    first = [
        ask(1, ("mail.a.example", "A"), **stream),
        ask(2, ("mail.a.example", "A"), is_answer=True, rcode="NXDOMAIN", **stream),
    ]
    second = [
        ask(5, ("mail.b.example", "A"), **stream),
        ask(6, ("mail.b.example", "A"), is_answer=True, rcode="NXDOMAIN", **stream),
    ]
    assert times(Signal.NAME_GUESS, *first, *second) == [2, 6]
    assert times(Signal.NAME_GUESS_NX, *first, *second) == [5, 6]
    unanswered = matches(HostView(history(first[0]), HOST, {}), Signal.NAME_GUESS)
    assert not unanswered[0].is_exact


def test_two_questions_of_one_segment_are_one_match_for_7_and_two_for_8() -> None:
    def asked(eight: bool) -> list[Event]:
        stream = {"tcp": True, "flow_id": 9, "eight": eight}
        questions = [
            ask(1, (f"d{number}.example", "MX"), query_id=number, **stream) for number in (1, 2)
        ]
        return [*questions, ask(2, ("d1.example", "MX"), is_answer=True, **stream)]

    assert times(Signal.MX_FLOOD, *asked(False)) == [2]
    assert times(Signal.MX_FLOOD, *asked(True)) == [2, 2]


def test_connections_count_by_port_and_side() -> None:
    flows = [
        connect(1),
        connect(2, port=587),
        connect(3, port=2525),
        connect(4, server="10.20.9.9"),
        connect(5, client="10.20.0.25"),
    ]
    assert times(Signal.SMTP_ATTEMPTS, *flows) == [1]
    assert times(Signal.SUBMISSION_ATTEMPTS, *flows) == [2]


@pytest.mark.parametrize(
    ("flags", "counts"),
    [
        (0x02, True),
        (0x1B, True),
        (0xC2, True),
        (0x06, True),
        (-1, True),
        (0x0A, False),
        (0x1A, True),
        (0x18, False),
        (0x03, False),
    ],
)
def test_a_connection_counts_where_it_began_with_a_syn(flags: int, counts: bool) -> None:
    assert bool(times(Signal.SMTP_ATTEMPTS, connect(1, client_flags=flags))) == counts


def test_a_syn_sent_again_counts_and_the_last_of_them_is_exact() -> None:
    assert times(Signal.SMTP_ATTEMPTS, knock(0, 1, 0)) == [0]
    assert times(Signal.SMTP_ATTEMPTS, knock(0, 2, 1.001)) == [0, 1.001]
    found = matches(HostView(history(knock(0, 4, 7.0)), HOST, {}), Signal.SMTP_ATTEMPTS)
    assert [(match.time - round(START * SECOND)) / SECOND for match in found] == [0, 1, 3, 7]
    assert [match.is_exact for match in found] == [True, False, False, True]
    assert len(times(Signal.SMTP_ATTEMPTS, knock(0, 10**6, 60.0))) == 13


def test_after_a_reset_no_syn_counts() -> None:
    refused = {"received": 3, "server_flags": 0x14, "answered": True}
    assert times(Signal.SMTP_ATTEMPTS, knock(0, 3, 1.0, **refused)) == [0]
    assert len(times(Signal.SMTP_ATTEMPTS, knock(0, 3, 3.0, **(refused | {"received": 1})))) == 3


def test_the_slow_rules_count_each_server_that_answered_once_a_day() -> None:
    met = [
        connect(0),
        connect(10),
        connect(20, port=587),
        connect(86000),
        connect(86500),
        connect(90000, server="198.51.100.26"),
    ]
    assert times(Signal.SMTP_SLOW, *met) == [0, 86500, 90000]
    assert times(Signal.SUBMISSION_SLOW, *met) == []
    silent = [knock(number * 10.0, 1, 0) for number in range(3)]
    assert times(Signal.SMTP_SLOW, *silent) == [0, 10, 20]


def test_the_very_slow_rule_counts_each_server_once_a_day() -> None:
    tried = [
        knock(0.0, 3, 1.0),
        connect(10),
        connect(20, port=587),
        connect(86000),
        connect(86500),
        connect(90000, server="198.51.100.26"),
    ]
    assert times(Signal.SMTP_VERY_SLOW, *tried) == [0, 86500, 90000]


def test_flags_that_were_not_logged_leave_the_flow_s_state() -> None:
    flows = [
        connect(0, client_flags=-1, server_flags=-1),
        connect(10, client_flags=-1, server_flags=-1),
    ]
    assert times(Signal.SMTP_SLOW, *flows) == [0]


def test_who_takes_mail_in_is_not_watched_by_the_slow_rules() -> None:
    taken = talk(5, client="198.51.100.99", server=HOST)
    events = [
        ask(1, ("a.example", "MX")),
        taken,
        ask(60, ("b.example", "MX")),
        connect(70),
        ask(90_000, ("c.example", "MX")),
    ]
    assert times(Signal.MX_SLOW, *events) == [1, 90_000]
    assert times(Signal.SMTP_SLOW, *events) == []
    assert times(Signal.MX_FLOOD, *events) == [1, 60, 90_000]


def test_mx_then_smtp_needs_a_lookup_before() -> None:
    assert times(Signal.MX_THEN_SMTP, connect(1)) == []
    assert times(
        Signal.MX_THEN_SMTP, connect(1), ask(2, ("a.example", "MX")), connect(3), connect(700)
    ) == [3]


def test_suricata_7_keeps_a_mark_while_a_window_is_open() -> None:
    events = [
        ask(0, ("a.example", "MX")),
        ask(700, ("b.example", "MX")),
        connect(701),
        ask(800, ("c.example", "MX")),
        connect(801),
    ]
    loaded = {Signal.MX_SLOW: Threshold(15, 3600)}

    def found(eight: bool, thresholds: dict[Signal, Threshold]) -> list[float]:
        written = [replace_eight(event) if eight else event for event in events]
        view = HostView(history(*written), HOST, thresholds)
        return [
            (match.time - round(START * SECOND)) / SECOND
            for match in matches(view, Signal.MX_THEN_SMTP)
        ]

    assert found(False, loaded) == [801]
    assert found(True, loaded) == found(False, {}) == [701, 801]


def replace_eight(event: Event) -> Event:
    from msgspec.structs import replace as replaced

    return replaced(event, eight=True) if isinstance(event, Dns) else event


def test_sessions_mails_and_programs_lie_between_start_and_record() -> None:
    flow = connect(10, lasts=4, flow_id=5)
    mail = {
        "mail_from": "a@example.com",
        "rcpt_to": ("b@example.net",),
        "attachments": ("a.EXE", "b.txt"),
    }
    first, second = talk(12, **mail), talk(13, tx_id=1, **mail)
    view = HostView(history(flow, first, second), HOST, {})
    at = round((START + 10) * SECOND)

    def found(signal: Signal) -> list[tuple[float, float, float]]:
        return [
            ((m.first - at) / SECOND, (m.time - at) / SECOND, (m.last - at) / SECOND)
            for m in matches(view, signal)
        ]

    assert found(Signal.SMTP_SESSIONS) == [(0, 2, 4)]
    assert found(Signal.MAIL_BURST) == [(0, 0.8, 2), (2, 2, 3)]
    assert found(Signal.WORM_ATTACHMENT) == [(0, 2, 4), (0, 3, 4)]
    assert found(Signal.HELO_ODD) == []


@pytest.mark.parametrize(
    ("helo", "port", "is_odd"),
    [
        *(
            ("pc-4711", 25, True),
            ("localhost.localdomain", 25, True),
            ("10.1.2.3", 25, True),
            ("[0.0.0.0]", 25, True),
        ),
        *(
            ("[127.0.0.1]", 25, True),
            ("mail.example.com", 25, False),
            ("[10.1.2.3]", 25, False),
            ("pc-4711", 587, False),
            ("", 25, False),
        ),
    ],
)
def test_odd_names_are_those_of_the_rule(helo: str, port: int, is_odd: bool) -> None:
    assert bool(times(Signal.HELO_ODD, talk(1, helo=helo, server_port=port))) == is_odd


@pytest.mark.parametrize("port", [80, 443])
def test_mail_on_a_port_of_the_web_counts_where_the_site_has_mail_there(port: int) -> None:
    mail = talk(1, server_port=port, mail_from="a@example.com")
    assert times(Signal.MAIL_BURST, mail) == []
    kept = history(mail, site=replace(SITE, ports=Ports(submission=(587, port))))
    assert len(matches(HostView(kept, HOST, {}), Signal.MAIL_BURST)) == 1


def test_a_session_without_a_flow_record_is_known_by_its_first_mail() -> None:
    assert times(Signal.SMTP_SESSIONS, talk(3, flow_id=0), talk(4, flow_id=0, client_port=7)) == [
        3,
        4,
    ]


def test_what_has_no_model_says_why() -> None:
    assert {*TOLD, *UNTOLD} == set(Signal)
    with pytest.raises(KeyError):
        matches(HostView(history(), HOST, {}), Signal.SMTP_REJECTS)


def test_stats_and_alerts_tell_nothing_of_hosts() -> None:
    alert = Alert(
        time=START,
        sid=1,
        gid=1,
        src_ip=HOST,
        dest_ip=SERVER,
        dest_port=25,
        proto="TCP",
        flow_src=HOST,
        metadata={},
    )
    kept = history(Stats(time=0.0, counters={}), alert)
    assert (kept.hosts, kept.hours) == ({}, set())


def test_days_count_silence_and_not_missing_logs() -> None:
    hours = [0, 1, 20, 24 * 10, 24 * 10 + 1]
    kept = History(hours=set(hours))
    assert kept.days == pytest.approx((1 + 1 + 19 + 1 + 1) / 24)
    assert History().days == 0


EVENTS = st.lists(
    st.one_of(
        st.builds(
            lambda at, name: ask(at, (f"{name}.example", "MX")),
            st.integers(0, 5000),
            st.sampled_from("abc"),
        ),
        st.builds(
            lambda at, port: connect(at, port=port),
            st.integers(0, 5000),
            st.sampled_from((25, 465, 587)),
        ),
        st.builds(
            lambda at, tries: knock(at, tries, tries * 2.0), st.integers(0, 5000), st.integers(1, 4)
        ),
        st.builds(lambda at, tx: talk(at, tx_id=tx), st.integers(0, 5000), st.integers(0, 2)),
    ),
    max_size=30,
)


@given(EVENTS, st.integers(0, 30), st.randoms())
def test_parts_of_logs_in_any_order_give_the_same_predictions(
    events: list[Event], cut: int, rng: random.Random
) -> None:
    whole = history(*events)
    shuffled = rng.sample(events, len(events))
    one, other = history(*shuffled[cut:]), history(*shuffled[:cut])
    one.merge(other)
    one.merge(other)
    for signal in TOLD:
        assert predict(one, with_threshold(SITE, signal, Threshold(2, 60)), signal) == predict(
            whole, with_threshold(SITE, signal, Threshold(2, 60)), signal
        )
    assert (one.active, one.hours) == (whole.active, whole.hours)


@given(st.lists(st.integers(1, 40), max_size=40), st.integers(0, 40))
def test_of_too_many_hosts_a_sample_is_kept_whatever_the_order(
    numbers: list[int], cut: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eveproc.tuning.history.MOST_HOSTS", 5)
        events = [
            ask(number, ("a.example", "MX"), client=f"10.20.2.{number}") for number in numbers
        ]
        whole, one, other = (
            history(*events),
            history(*events[cut:]),
            history(*reversed(events[:cut])),
        )
        whole.trim()
        one.merge(other)
        assert (one.active, one.hosts.keys(), one.is_thinned) == (
            whole.active,
            whole.hosts.keys(),
            whole.is_thinned,
        )
        assert len(one.active) == min(5, len(set(numbers)))
        assert all(
            list(one.rows(host, "mx")) == list(whole.rows(host, "mx")) for host in whole.active
        )
        assert one.is_thinned == (len(set(numbers)) > 5)


def test_networks_keep_their_numbers_and_exempt_hosts_alert_nobody() -> None:
    guests = NetworkThresholds(
        ip_network("10.20.64.0/20"), MappingProxyType({Signal.MX_FLOOD: Threshold(3, 60)})
    )
    exempt = Exemption(ip_network("10.20.9.9/32"), frozenset(), "checks addresses", None)
    site = replace(SITE, network_thresholds=(guests,), exempt=(exempt,))
    hosts = ("10.20.1.7", "10.20.64.1", "10.20.9.9")
    kept = history(
        *(ask(number, ("a.example", "MX"), client=host) for host in hosts for number in range(3)),
        site=site,
    )
    alerts = predict(kept, with_threshold(site, Signal.MX_FLOOD, Threshold(2, 60)), Signal.MX_FLOOD)
    assert [(alert.time - round(START * SECOND), alert.host) for alert in alerts] == [
        (1 * SECOND, "10.20.1.7"),
        (2 * SECOND, "10.20.64.1"),
    ]
    assert all(alert.is_exact for alert in alerts)
    assert threshold_at(site, "10.20.64.1", Signal.MX_SLOW) == Threshold(15, 3600)


@pytest.mark.parametrize("version", ["7", "8"])
def test_the_recorded_office_alerted_as_predicted(version: str) -> None:
    """The recording was made with the rules of its site: for signals with exact times, the very
    same alerts."""
    site = load_site(DATA / "site.yaml")
    keeper, alerted = HistoryKeeper(site), defaultdict(list)
    for event in read_events([str(DATA / f"office-suricata-{version}.eve.json.gz")], ReadStats()):
        keeper.add(event)
        if isinstance(event, Alert):
            alerted[event.metadata["mxhound_signal"][0]].append(
                (micros(event.time), event.flow_src)
            )
    exact: Sequence[Signal] = [
        signal
        for signal in TOLD
        if signal.family.value in ("lookup", "delivery")
        and signal.value not in ("smtp_sessions", "mail_burst")
    ]
    for signal in exact:
        assert [
            (alert.time, alert.host) for alert in predict(keeper.history, site, signal)
        ] == sorted(alerted[signal.value]), signal
    assert sum(len(alerted[signal.value]) for signal in exact) > 20
