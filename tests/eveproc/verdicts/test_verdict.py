"""Who is infected, who is only suspected, who is clean, and since when: the model on small
made_stores."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eveproc.evidence.store import EvidenceSource
from eveproc.input.events import ACK, FIN, PSH, RST, SYN_ACK
from eveproc.verdicts.analyze import context_of, machines
from eveproc.verdicts.parameters import ALERTS
from eveproc.verdicts.scoring import score_at_most
from eveproc.verdicts.verdict import assess
from rulegen.vocabulary import Family, Level, Signal
from tests.eveproc.evidence_of import (
    HOST,
    RELAY,
    RESOLVER,
    SITE,
    START,
    alert,
    answer,
    flow,
    gather,
    handshake,
    lookup,
    mail,
    server,
    site_of,
    verdict,
    web,
)


def flood(count, step=2.0):
    return [
        event
        for n in range(count)
        for event in (lookup(n * step, f"firm{n}.test"), flow(n * step + 0.5, server(n)))
    ]


def test_flood_is_infected_within_a_minute():
    found = verdict(flood(60))
    assert (found.level, found.families) == (Level.INFECTED, (Family.LOOKUP, Family.DELIVERY))
    assert found.decided_at - START <= 60
    assert "60 domains" in found.why
    assert "two independent evidence types agree" in found.why


def test_slow_sender_is_infected_within_the_night():
    found = verdict(flood(40, step=180))
    assert found.level is Level.INFECTED
    assert found.decided_at - START <= 40 * 60


def test_no_lookups_at_all():
    found = verdict([flow(n * 3, server(n)) for n in range(40)])
    assert (found.level, found.families) == (Level.INFECTED, (Family.DELIVERY,))
    assert "no benign explanation found" in found.why


def test_slow_without_lookups():
    found = verdict([flow(n * 180, server(n)) for n in range(40)])
    assert found.level is Level.INFECTED
    assert found.decided_at - START <= 40 * 60


def test_blocked_egress_counts_as_much():
    assert (
        verdict(
            [flow(n * 3, server(n), answered=False, established=False) for n in range(40)]
        ).level
        is Level.INFECTED
    )


def test_submission_fan_out():
    events = [
        e
        for n in range(60)
        for e in (lookup(n * 8, f"smtp.firm{n}.test", "A"), flow(n * 8 + 1, server(n), 587))
    ]
    found = verdict(events)
    assert (found.level, found.families) == (Level.INFECTED, (Family.LOOKUP, Family.DELIVERY))


def test_ipv6_sender():
    host = "2001:db8:20::77"
    events = [flow(n * 3, f"2001:db8:ff{n:02x}::25", host=host) for n in range(40)]
    assert verdict(events, host=host).level is Level.INFECTED


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(
            [lookup(n, "mail.example.org", "A") for n in range(180)], id="one repeated name"
        ),
        pytest.param(
            [lookup(n, f"x{n}.tunnel.example.org") for n in range(70)], id="tunnel below one domain"
        ),
        pytest.param(
            [lookup(n, f"dnscat.{n:x}.{n * 977:x}") for n in range(70)],
            id="tunnel below no public suffix",
        ),
        pytest.param([flow(n, f"10.20.9.{n}") for n in range(1, 60)], id="inside targets only"),
        pytest.param(
            [
                *web(),
                *(lookup(n * 30, f"firm{n}.test") for n in range(12)),
                flow(90, server(1)),
                flow(95, server(2)),
            ],
            id="admin",
        ),
        pytest.param(
            [*web(), *(lookup(n, f"firm{n}.test") for n in range(300))], id="address checker"
        ),
        pytest.param(
            [flow(n * 60, server(n % 3)) for n in range(200)], id="three servers again and again"
        ),
        pytest.param([flow(n * 60, RELAY) for n in range(200)], id="the relay"),
        pytest.param([flow(n, server(n), 443) for n in range(300)], id="browsing"),
        pytest.param(
            [
                *web(),
                *(lookup(n, f"{w}.site{n}.test", "A") for n in range(500) for w in ("www", "mail")),
            ],
            id="crawler",
        ),
        pytest.param(
            [
                e
                for n in range(4)
                for e in (
                    lookup(n, f"smtp.isp{n}.test", "A"),
                    flow(n, server(n), 587),
                    flow(n, server(n), 465),
                )
            ],
            id="mail client set up",
        ),
        pytest.param(
            [
                e
                for n in range(25)
                for e in (
                    lookup(n * 600, "smtp.isp.test", "A", query_id=n),
                    flow(n * 600 + 1, server(n), 587),
                )
            ],
            id="one provider behind many addresses",
        ),
        pytest.param(
            [
                e
                for n in range(18)
                for e in (flow(n * 200, server(n), 587), flow(n * 200 + 9, server(n), 993))
            ],
            id="phones behind one address",
        ),
    ],
)
def test_innocent_hosts_are_clean(events):
    found = verdict(events)
    assert found.level is Level.CLEAN, found.why
    assert found.decided_at is None


def test_lookups_alone_where_connections_are_not_logged_are_suspected():
    found = verdict([lookup(n, f"firm{n}.test") for n in range(300)])
    assert (found.level, found.families) == (Level.SUSPECTED, (Family.LOOKUP,))
    assert found.decided_at - START < 60


def test_undeclared_mail_server_is_suspected_by_rate_alone():
    inbound = [flow(n * 20, HOST, host=server(900 + n)) for n in range(8)]
    asks = [lookup(n * 20, f"{n}.2.0.192.in-addr.arpa", "PTR") for n in range(8)]
    found = verdict(flood(80) + inbound + asks)
    assert found.level is Level.SUSPECTED
    assert "as a mail server does" in found.why
    assert found.next_step == "Declare it in mail_servers, or investigate it."


def test_undeclared_mail_server_that_sends_programs_is_not_explained_away():
    inbound = [flow(n * 20, HOST, host=server(900 + n)) for n in range(8)]
    odd = [
        mail(n * 9, server(n), rcpt=f"a@d{n}.test", helo=f"pc{n}.test", attachments=("doc.pif",))
        for n in range(20)
    ]
    found = verdict(flood(80) + inbound + odd)
    assert found.level is Level.SUSPECTED
    assert "rograms to 20 recipient domains" in found.why


def monitoring(servers, every, hours, **more):
    return [
        flow(t, server(n), **more) for n in range(servers) for t in range(n, hours * 3600, every)
    ]


def test_monitor_of_a_few_servers_is_clean():
    found = verdict(monitoring(8, 60, 2))
    assert found.level is Level.CLEAN
    assert "as monitoring does" in found.why


@pytest.mark.parametrize("signal", ["mail_burst", "rcpt_refused", "worm_attachment"])
def test_alerts_of_mails_are_not_those_of_a_monitor(signal):
    """Without smtp records, alerts show that mails are sent."""
    shown = [alert(n * 600, signal, server(n % 7), side="dest_ip") for n in range(14)]
    assert "as monitoring does" not in verdict(monitoring(8, 60, 2) + shown).why


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(monitoring(20, 600, 8), id="many servers"),
        pytest.param(
            [
                flow(e.time - START, e.server, established=e.server != server(3))
                for e in monitoring(20, 600, 8)
            ],
            id="one of them down",
        ),
        pytest.param(monitoring(45, 600, 8), id="45"),
        pytest.param(monitoring(20, 600, 8, port=587), id="submission"),
        pytest.param(monitoring(20, 3600, 9), id="hourly"),
        pytest.param(monitoring(30, 40, 1), id="too often to be sure"),
    ],
)
def test_monitors_are_not_infected(events):
    found = verdict(events)
    assert found.level is Level.SUSPECTED
    assert "as monitoring does" in found.why


def test_a_sender_that_nobody_answers_is_no_monitor():
    events = [flow(n * 5, server(n % 15), answered=False, established=False) for n in range(1400)]
    assert verdict(events).level is Level.INFECTED


def test_flood_that_few_servers_take_in():
    events = [
        e
        for n in range(60)
        for e in (lookup(n * 2, f"firm{n}.test"), flow(n * 2 + 1, server(n % 3)))
    ]
    assert verdict(events).level is Level.INFECTED


def test_a_newsletter_through_an_outside_relay_is_clean():
    events = [mail(n * 3, server(1), rcpt=f"a@d{n}.test", body_md5="d" * 32) for n in range(200)]
    assert verdict(events).level is Level.CLEAN


def test_outside_scanner_is_clean():
    events = [
        e
        for n in range(40)
        for e in (flow(n, server(n)), flow(n, server(n), 8080, answered=False, established=False))
    ]
    found = verdict(events)
    assert found.level is Level.CLEAN
    assert "as a scanner does" in found.why


def test_a_scanner_that_greets_what_is_open_is_clean():
    """Of 200 hosts, 12 answer on port 25 and are greeted; none gets a mail."""
    tried = [
        flow(n, server(n), port, answered=False, established=False)
        for n in range(12, 200)
        for port in (25, 587)
    ]
    probed = [flow(n, server(n), 445, answered=False, established=False) for n in range(200)]
    greeted = [
        e
        for n in range(12)
        for e in (
            session(n, server(n), 60),
            mail(n, server(n), "", mail_from="", helo="scan.test"),
        )
    ]
    found = verdict(tried + probed + greeted)
    assert found.level is Level.CLEAN
    assert "as a scanner does" in found.why


def test_undeclared_resolver_is_clean():
    asked = [
        lookup(n, f"firm{n}.test", host=f"10.20.2.{n % 9}", resolver=HOST, answer=True)
        for n in range(90)
    ]
    forwarded = [lookup(n, f"firm{n}.test", resolver="203.0.113.53") for n in range(90)]
    found = verdict(asked + forwarded)
    assert found.level is Level.CLEAN
    assert "as a resolver does" in found.why


@pytest.mark.parametrize(("host", "level"), [(RELAY, Level.CLEAN), (RESOLVER, Level.INFECTED)])
def test_declared_servers_are_judged_by_what_is_unusual_for_them(host, level):
    events = [flow(n * 3, server(n), host=host) for n in range(40)] + [
        lookup(n, f"firm{n}.test", host=host) for n in range(40)
    ]
    assert verdict(events, host=host).level is level


def test_declared_mail_server_that_spreads_programs_is_suspected():
    events = [
        mail(n * 9, server(n), rcpt=f"a@d{n}.test", host=RELAY, attachments=("doc.exe",))
        for n in range(20)
    ]
    assert verdict(events, host=RELAY).level is Level.SUSPECTED


# Rules that count one act: the lookup, the connection it was for, the session and the mail in it.
COUNTS = ("mx_flood", "smtp_attempts", "smtp_slow", "smtp_sessions", "mail_burst", "mx_then_smtp")


def counted(*more, windows=6, signals=COUNTS):
    """Alerts of rules that count, each time about another server or domain, and more of them."""
    return [
        *(
            alert(n * 400 + k, signal, to=server(n), rrnames=names)
            for n in range(windows)
            for k, signal in enumerate(signals)
            for names in [(f"d{n}.test",) if signal in LOOKUP_RULES else ()]
        ),
        *more,
    ]


LOOKUP_RULES = ("mx_flood", "mx_slow", "name_guess", "name_guess_nx")
REFUSED = {"side": "dest_ip"}


@pytest.mark.parametrize(
    "signals",
    [
        pytest.param(COUNTS, id="a newsletter, a mail server"),
        pytest.param((*COUNTS, "name_guess", "rcpt_refused"), id="an address verifier"),
        pytest.param(("smtp_slow", "smtp_very_slow"), id="a monitor"),
        pytest.param(("submission_slow", "submission_attempts"), id="a build server"),
        pytest.param(("submission_slow", "name_guess"), id="many people behind one address"),
    ],
)
def test_alerts_that_count_alone_do_not_convict(signals):
    found = verdict(counted(signals=signals))
    assert found.level is Level.SUSPECTED
    assert found.score == 0.85
    assert "triggered delivery rules that newsletters" in found.why


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param([alert(900, "smtp_rejects", **REFUSED)], 900, id="refused as a sender"),
        pytest.param([alert(900, "worm_attachment")], 900, id="programs"),
        pytest.param(
            [alert(900, "name_guess_nx", rrnames=("x.test",), **REFUSED)], 900, id="names guessed"
        ),
        pytest.param(
            [alert(n * 3601, "helo_odd", to=server(n)) for n in range(2)], 3601, id="odd greeting"
        ),
    ],
)
def test_what_no_benign_host_does_convicts_by_alerts_alone_from_its_time_on(told, expected):
    events = counted(*told, signals=("mx_flood", "smtp_attempts", "smtp_sessions"))
    found = verdict(events)
    assert found.level is Level.INFECTED
    assert found.decided_at == START + expected
    assert {item.source for item in found.evidence} == {EvidenceSource.ALERT}


@pytest.mark.parametrize(
    ("beside", "level"),
    [
        pytest.param(("mail_burst",), Level.INFECTED, id="mails"),
        pytest.param(("smtp_sessions",), Level.SUSPECTED, id="a survey"),
        pytest.param(("smtp_sessions", "mx_flood", "name_guess"), Level.SUSPECTED, id="by MX"),
    ],
)
def test_one_hour_of_odd_greetings_tells_only_beside_mails(beside, level):
    events = counted(alert(900, "helo_odd"), signals=("smtp_attempts", "smtp_slow", *beside))
    assert verdict(events).level is level


@pytest.mark.parametrize(
    ("lookups", "level"),
    [
        pytest.param(6, Level.INFECTED, id="it finds its own way"),
        pytest.param(1, Level.SUSPECTED, id="once"),
    ],
)
def test_odd_greetings_of_one_server_tell_beside_mails_and_lookups_again_and_again(lookups, level):
    """All mail goes to one company, so its MX record is asked for each time."""
    events = [
        *(alert(n * 100, "mail_burst", to=server(1)) for n in range(6)),
        *(alert(n * 100, "mx_flood", rrnames=("firm.test",)) for n in range(lookups)),
        alert(700, "mx_slow", rrnames=("firm.test",)),
        alert(800, "rcpt_refused", to=server(1), **REFUSED),
        alert(900, "helo_odd", to=server(1)),
    ]
    assert verdict(events).level is level


def test_one_odd_greeting_and_one_guess_of_names_agree():
    guess = alert(950, "name_guess", rrnames=("mail.firm.test",))
    delivery = ("smtp_attempts", "smtp_slow")
    assert verdict(counted(guess, signals=delivery)).level is Level.SUSPECTED
    found = verdict(counted(guess, alert(900, "helo_odd"), signals=delivery))
    assert found.level is Level.INFECTED


def test_an_odd_greeting_of_servers_that_are_met_again_is_a_monitor_s():
    hourly = [alert(n * 3601, "helo_odd", to=server(n % 9)) for n in range(20)]
    found = verdict(counted(*hourly, signals=("smtp_slow", "smtp_very_slow")))
    assert found.level is Level.SUSPECTED
    assert next(i for i in found.evidence if i.signal is Signal.HELO_ODD).weight == 0


def test_guessed_names_tell_without_mx_lookups():
    guesses = ("name_guess", "submission_attempts", "smtp_attempts")
    assert verdict(counted(signals=guesses)).level is Level.INFECTED
    assert verdict(counted(signals=(*guesses, "mx_slow"))).level is Level.SUSPECTED


def test_a_flood_that_nobody_answers_convicts_by_alerts_alone():
    blocked = ("mx_flood", "smtp_attempts", "smtp_slow", "mx_then_smtp")
    assert verdict(counted(signals=blocked)).level is Level.INFECTED
    assert verdict(counted(signals=(*blocked, "smtp_sessions"))).level is Level.SUSPECTED


def test_records_of_deliveries_lift_the_limit_of_alerts():
    assert verdict([*flood(60), *counted()]).level is Level.INFECTED


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("smtp_sessions", "smtp_rejects"),
        ("name_guess", "smtp_attempts"),
        ("name_guess", "smtp_slow"),
        ("mx_slow", "mx_then_smtp"),
    ],
)
@pytest.mark.parametrize("windows", [1, 2, 3, 10])
def test_two_families_about_one_server_do_not_convict_by_alerts_alone(one, other, windows):
    about = {
        "name_guess": {"rrnames": ("smtp.provider.test",)},
        "mx_slow": {"rrnames": ("provider.test",)},
    }
    events = [
        alert(n * 3601, signal, **about.get(signal, {}))
        for n in range(windows)
        for signal in (one, other)
    ]
    assert verdict(events).level is not Level.INFECTED


def test_one_alert_is_not_enough():
    assert verdict([alert(0, "smtp_attempts")]).level is Level.CLEAN


def test_repeated_alerts_of_one_kind_saturate():
    few, more, many = (
        verdict([alert(n * 61, "smtp_attempts", to=server(n)) for n in range(count)])
        for count in (3, 12, 60)
    )
    assert few.level is Level.SUSPECTED
    assert many.score - more.score < 0.01
    assert many.families == (Family.DELIVERY,)


def test_alerts_about_one_server_do_not_add_up():
    stuck = verdict([alert(n * 61, "smtp_attempts", to=server(1)) for n in range(60)])
    assert stuck.level is Level.CLEAN


def test_alerts_about_the_same_few_servers_do_not_convict():
    events = [e for n in range(40) for e in (alert(n * 301, "smtp_sessions", to=server(n % 6)),)]
    names = [alert(n * 301, "name_guess", rrnames=(f"mail.firm{n % 6}.test",)) for n in range(40)]
    assert verdict(events + names).level is Level.CLEAN


@pytest.mark.parametrize("signal", ["mx_flood", "mx_slow"])
def test_an_alert_of_repeated_lookups_weighs_no_more_than_its_records(signal):
    """A resolver that asks again with the same port and id counts in the rule each time."""
    repeated = [replace(lookup(0, "provider.test"), time=START + n) for n in range(15)]
    fired = alert(14, signal, to=RESOLVER, rrnames=("provider.test",))
    delivery = [alert(n * 61, "smtp_attempts", to=server(n)) for n in range(5)]
    assert verdict([*repeated, fired]).evidence[-1].weight == 0
    found = verdict([*repeated, fired, *delivery])
    assert found.families == (Family.DELIVERY,)
    # Without those records, or with alerts of more domains than they hold, the alert counts.
    assert Family.LOOKUP in verdict([fired, *delivery]).families
    other = alert(90, signal, to=RESOLVER, rrnames=("another.test",))
    assert Family.LOOKUP in verdict([*repeated, fired, other, *delivery]).families
    later = replace(fired, time=fired.time + 3 * 3600)
    assert Family.LOOKUP in verdict([*repeated, later, *delivery]).families


def test_alerts_whose_records_are_logged_are_not_counted_twice():
    tunnel = [lookup(n, f"x{n}.tunnel.example.org") for n in range(70)]
    found = verdict([*tunnel, alert(10, "mx_flood"), alert(80, "mx_slow")])
    assert found.level is Level.CLEAN
    assert [item.weight for item in found.evidence] == [0, 0, 0]


def test_content_and_rejection_count_as_families():
    mails = [mail(n * 200, server(n), rcpt=f"a@d{n}.test", body_md5="d" * 32) for n in range(5)]
    found = verdict([*mails, alert(900, "smtp_rejects", side="dest_ip")])
    assert found.level is Level.INFECTED
    assert Family.REJECTION in found.families
    assert Family.CONTENT in found.families


def test_decided_at_is_when_a_live_watcher_would_have_known():
    events = flood(60)
    found = verdict(events)
    before = verdict([e for e in events if e.time < found.decided_at])
    at = verdict([e for e in events if e.time <= found.decided_at])
    assert before.level is not Level.INFECTED
    assert at.level is Level.INFECTED


def test_exempt_evidence_is_not_used():
    site = site_of(
        "home_networks: [10.20.0.0/16]\nexempt: [{address: 10.20.1.7, reason: test rig, until: "
        "2026-03-02}]\n"
    )
    assert verdict(flood(60) + web("10.20.1.8"), site=site).evidence == ()


def test_exemption_ends():
    site = site_of(
        "home_networks: [10.20.0.0/16]\nexempt: [{address: 10.20.1.7, reason: test rig, until: "
        "2026-03-01}]\n"
    )
    assert verdict(flood(60), site=site).level is Level.INFECTED


def test_every_item_says_why_with_figures_and_where_to_look():
    found = verdict([*flood(60), alert(30, "mx_flood")])
    mx = next(
        i for i in found.evidence if i.signal is Signal.MX_FLOOD and i.source is EvidenceSource.LOG
    )
    assert (mx.count, mx.distinct) == (60, 60)
    assert "60 domains" in mx.why
    assert len(mx.flow_ids) == 8
    fired = next(i for i in found.evidence if i.source is EvidenceSource.ALERT)
    assert fired.sids == (1_250_001,)


def through(servers, mails, gap, **more):
    return [
        e
        for n in range(mails)
        for e in (
            flow(n * gap, server(n % servers)),
            mail(
                n * gap + 0.1,
                server(n % servers),
                **{k: v(n) if callable(v) else v for k, v in more.items()},
            ),
        )
    ]


OWN = site_of(SITE + "internal_domains: [corp.test]\n")


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(
            through(2, 20, 0.5, rcpt=lambda n: f"a@d{n}.test", body_md5="d" * 32),
            id="newsletter through two addresses",
        ),
        pytest.param(
            through(1, 4, 100, rcpt=lambda n: f"a@d{n}.test", attachments=("app.jar",)),
            id="programs through one relay",
        ),
        pytest.param(
            [
                *through(1, 20, 5, rcpt=lambda n: f"a@d{n}.test", body_md5="d" * 32),
                alert(60, "smtp_rejects", side="dest_ip"),
            ],
            id="a newsletter to dead addresses",
        ),
        pytest.param(
            [
                e
                for n in range(14)
                for e in (
                    lookup(n * 2000, "acme.mail.protection.outlook.com", "A", query_id=n),
                    flow(n * 2000 + 1, server(n)),
                    mail(n * 2000 + 1, server(n), rcpt="boss@acme.test"),
                )
            ],
            id="one provider's many addresses on port 25",
        ),
        pytest.param(
            [
                e
                for n in range(30)
                for e in (
                    lookup(n * 900, "outlook.office365.com", "A", query_id=n),
                    flow(n * 900 + 1, server(n), 587),
                )
            ],
            id="one provider's many addresses on 587",
        ),
    ],
)
def test_own_relays_and_providers_are_clean(events):
    found = verdict(events, site=OWN)
    assert found.level is Level.CLEAN, found.why


PROVIDER = "email-smtp.relay.test"


@pytest.mark.parametrize("port", [25, 465, 587])
@pytest.mark.parametrize(
    "named",
    [
        lambda n: answer(n * 20, PROVIDER, server(n)),
        lambda n: answer(n * 20, PROVIDER, server(n), host="10.20.0.9"),
        lambda n: answer(n * 20, PROVIDER, server(n), host=RESOLVER, resolver="203.0.113.53"),
        lambda n: handshake(n * 20, server(n), PROVIDER),
    ],
    ids=["own answers", "answers to another host", "a border sensor", "TLS"],
)
def test_one_organisation_is_one_peer_however_many_addresses_it_has(named, port):
    events = [e for n in range(60) for e in (named(n), flow(n * 20 + 1, server(n), port))]
    found = verdict(events)
    assert found.level is Level.CLEAN, found.why
    assert "sends its mail only through relay.test" in found.why


@pytest.mark.parametrize("port", [25, 465, 587])
def test_as_many_organisations_are_as_many_peers(port):
    events = [
        e
        for n in range(60)
        for e in (answer(n, f"smtp.d{n}.test", server(n)), flow(n + 0.5, server(n), port))
    ]
    assert verdict(events).level is Level.INFECTED


def test_mail_exchangers_of_one_organisation_are_not_one_peer():
    """What is sent to those goes to many people; no account is needed."""
    events = [
        e
        for n in range(60)
        for e in (answer(n, f"mx{n}.relay.test", server(n)), flow(n + 0.5, server(n)))
    ]
    assert verdict(events).level is Level.INFECTED


def test_a_name_that_is_kept_for_an_hour_leads_to_all_that_follows():
    """A printer that mails scans all day, as its stub resolver remembers; no answer is logged."""
    asked = [lookup(n * 3600, "smtp.provider.test", "A") for n in range(8)]
    sent = [flow(n * 480 + 30, server(n), 587) for n in range(60)]
    found = verdict(asked + sent)
    assert found.level is Level.CLEAN, found.why


def test_a_program_that_sends_in_the_sites_name_is_suspected():
    events = through(
        40,
        40,
        700,
        rcpt=lambda n: f"a@d{n}.test",
        mail_from="shop@corp.test",
        helo="shop.corp.test",
    )
    found = verdict(events, site=OWN)
    assert found.level is Level.SUSPECTED
    assert "only from the site's own domains" in found.why


def test_a_slow_sender_in_the_sites_name_is_infected():
    events = through(
        40, 40, 180, rcpt=lambda n: f"a@d{n}.test", mail_from="boss@corp.test", helo="pc7.corp.test"
    )
    assert verdict(events, site=OWN).level is Level.INFECTED


def test_a_flood_in_the_sites_name_is_infected():
    events = through(
        40, 40, 1, rcpt=lambda n: f"a@d{n}.test", mail_from="boss@corp.test", helo="pc7.corp.test"
    )
    assert verdict(events, site=OWN).level is Level.INFECTED


def test_a_sender_that_tries_mailboxes_in_vain_is_no_scanner():
    events = [
        e
        for n in range(60)
        for e in (
            lookup(n * 5, f"smtp.firm{n}.test", "A"),
            flow(n * 5 + 1, server(n), 25 if n % 2 else 587),
            flow(n * 5 + 2, server(n), 993, answered=False, established=False),
            flow(n * 5 + 3, server(n), 2525, answered=False, established=False),
        )
    ]
    assert verdict(events).level is Level.INFECTED


def test_a_sender_that_talks_is_no_scanner():
    talk = [mail(n * 2, server(n), rcpt=f"a@d{n}.test") for n in range(60)]
    tries = [
        e
        for n in range(60)
        for e in (
            flow(n * 2, server(n)),
            flow(n * 2, server(n), 445, answered=False, established=False),
        )
    ]
    assert verdict(talk + tries).level is Level.INFECTED


def test_the_first_recipient_cannot_hide_the_others():
    events = []
    for n in range(60):
        one = mail(n * 2, server(n % 9), subject="hi")
        events.append(
            type(one)(
                **{f: getattr(one, f) for f in one.__struct_fields__}
                | {"rcpt_to": ("me@corp.test", f"you@d{n}.test")}
            )
        )
    found = verdict(events, site=OWN)
    burst = next(i for i in found.evidence if i.signal is Signal.MAIL_BURST)
    assert burst.distinct == 60
    assert found.level is Level.INFECTED


def test_a_connection_logged_from_the_servers_end():
    flipped = [flow(n * 3, HOST, 40000 + n, host=server(n)) for n in range(40)]
    flipped = [
        type(f)(**{k: getattr(f, k) for k in f.__struct_fields__} | {"client_port": 25})
        for f in flipped
    ]
    assert verdict(flipped).level is Level.INFECTED


def from_servers(count, client_flags, server_flags):
    """Flows from port 25 of external servers to the host, as a sensor logs what it joins midway."""
    return [
        replace(
            flow(n * 3, HOST, 40000 + n, host=server(n), established=False),
            client_port=25,
            client_flags=client_flags,
            server_flags=server_flags,
            sent=4,
            received=4 if server_flags else 0,
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("answered_with", [0, RST, RST | ACK], ids=["nothing", "RST", "RST, ACK"])
def test_backscatter_and_reflection_are_no_connections_of_the_host(answered_with):
    assert verdict([*web(), *from_servers(80, SYN_ACK, answered_with)]).level is Level.CLEAN


@pytest.mark.parametrize("sent", [PSH | ACK, FIN | PSH | ACK, RST | PSH | ACK])
def test_a_connection_that_a_sensor_joined_midway_is_the_hosts(sent):
    assert verdict(from_servers(80, PSH | ACK, sent)).level is Level.INFECTED


def test_port_scanners_make_no_mail_server():
    probed = [flow(n * 20, HOST, host=server(900 + n)) for n in range(3)]
    assert verdict(flood(80) + probed).level is Level.INFECTED


@pytest.mark.parametrize("gap", [1, 5, 60, 600])
def test_somebody_who_tries_five_mail_servers_is_not_infected(gap):
    assert verdict([*web(), *flood(5, step=gap)]).level is not Level.INFECTED


@pytest.mark.parametrize("gap", [1, 5, 60, 180])
def test_nine_partners_are_no_mass_mailing(gap):
    """A file server tells them that it has something, an ERP sends their invoices."""
    assert verdict([*web(), *flood(9, step=gap)]).level is Level.CLEAN


@pytest.mark.parametrize("gap", [1, 5, 60, 180])
def test_fourteen_are_enough(gap):
    assert verdict([*web(), *flood(14, step=gap)]).level is Level.INFECTED


@pytest.mark.parametrize("gap", [1, 5, 60, 180])
def test_a_lookup_and_its_connection_are_one_act(gap):
    """The lookups of 12 deliveries add next to nothing; names that do not exist add up."""
    delivered = [flow(n * gap + 0.5, server(n)) for n in range(12)]
    assert abs(verdict(flood(12, step=gap)).score - verdict(delivered).score) < 0.12
    guessed = [
        lookup(n * gap + 0.2, f"mail.other{n}.test", "A", rcode="NXDOMAIN", answer=True)
        for n in range(12)
    ]
    assert verdict(delivered + guessed).level is Level.INFECTED


def test_two_mails_an_hour_are_found_within_half_a_day():
    found = verdict(flood(48, step=1800))
    assert found.level is Level.INFECTED
    assert found.decided_at - START <= 12 * 3600


def test_a_program_that_checks_an_address_before_it_submits_is_clean():
    """A form asks for the MX of each address, then sends through its provider's three servers."""
    events = [
        e
        for n in range(60)
        for e in (
            lookup(n * 60, f"firm{n}.test"),
            lookup(n * 60 + 0.2, "smtp.provider.test", "A"),
            flow(n * 60 + 0.5, server(n % 3)),
        )
    ]
    assert verdict([*web(), *events]).level is Level.CLEAN


@given(st.integers(0, 10**6))
def test_no_score_is_higher_than_what_is_told_quickly(seed):
    rng = random.Random(seed)
    events = [
        *(
            lookup(
                rng.randrange(4000), f"smtp.firm{rng.randrange(30)}.test", rng.choice(("A", "MX"))
            )
            for _ in range(rng.randrange(30))
        ),
        *(
            flow(rng.randrange(4000), server(rng.randrange(30)), rng.choice((25, 465)))
            for _ in range(rng.randrange(30))
        ),
        *(
            mail(
                rng.randrange(4000),
                server(rng.randrange(9)),
                f"a@f{rng.randrange(30)}.test",
                helo="x",
            )
            for _ in range(rng.randrange(30))
        ),
        *(
            alert(rng.randrange(4000), rng.choice(list(ALERTS)), to=server(rng.randrange(9)))
            for _ in range(rng.randrange(3))
        ),
    ]
    store = gather(events)
    for machine in machines(store, site_of()):
        found = assess(machine.evidence, context_of(machine, store, site_of()))
        assert found.score <= score_at_most(machine.evidence) + 1e-12


def session(at, to, payload, port=25, app_proto="smtp", packets=9):
    """A connection in which the client sends `payload` bytes in so many packets."""
    return replace(
        flow(at, to, port), sent=packets, sent_bytes=54 * packets + payload, app_proto=app_proto
    )


def test_a_survey_of_mail_servers_is_not_infected():
    """EHLO, MAIL, RCPT, QUIT at 60 exchangers: addresses are verified, none gets a mail."""
    asked = [
        e
        for n in range(60)
        for e in (
            session(n * 5, server(n), 220),
            mail(n * 5 + 0.2, server(n), rcpt=f"a@d{n}.test", mail_from="check@corp.test"),
        )
    ]
    found = verdict(asked)
    assert found.level is Level.SUSPECTED
    assert "hands over no mail, as a survey does" in found.why


def test_a_survey_logged_from_the_servers_end_hands_nothing_over():
    """The sensor joined each connection midway; the servers sent 3,000 bytes each, the host few."""
    turned = [
        replace(
            session(n * 5, HOST, 3000, port=40_000 + n),
            client=server(n),
            client_port=25,
            received=9,
            received_bytes=54 * 9 + 150,
        )
        for n in range(60)
    ]
    found = verdict(turned)
    assert found.level is Level.SUSPECTED
    assert "hands over no mail, as a survey does" in found.why


@pytest.mark.parametrize("payload", [500, 5000])
def test_mails_are_no_survey(payload):
    assert verdict([session(n * 5, server(n), payload) for n in range(60)]).level is Level.INFECTED


def test_a_tls_check_of_several_ports_is_clean():
    checked = [
        session(n * 20 + part, server(n), 700, port, "tls", packets=12)
        for n in range(60)
        for part, port in enumerate((25, 465, 587))
    ]
    assert verdict(checked).level is Level.CLEAN


def test_a_login_and_a_mail_over_tls_are_no_survey():
    logins = [session(n * 20, server(n), 1300, 587, "tls", packets=16) for n in range(60)]
    assert verdict(logins).level is Level.INFECTED


def test_a_mailer_whose_servers_do_not_answer_is_no_survey():
    dead = [flow(n * 5, server(100 + n), answered=False, established=False) for n in range(60)]
    asked = [session(n * 5, server(n), 20) for n in range(12)]
    assert verdict(dead + asked).level is Level.INFECTED


def test_changing_senders_speak_against_a_survey():
    asked = [
        e
        for n in range(60)
        for e in (
            session(n * 5, server(n), 220),
            mail(n * 5 + 0.2, server(n), f"a@d{n}.test", mail_from=f"x@s{n}.test", helo=f"h{n}"),
        )
    ]
    found = verdict([*asked, alert(60, "smtp_rejects", side="dest_ip")])
    assert found.level is Level.INFECTED


def account_setup(domains, label="autoconfig"):
    """Settings, servers by their usual names, every mail port, and one test mail for each domain."""
    events = []
    for n in range(domains):
        at, domain = n * 90, f"firm{n}.test"
        events += [
            lookup(at, f"{label}.{domain}", "A", rcode="NXDOMAIN", answer=True),
            lookup(at + 0.1, domain),
            answer(at + 0.2, f"mail.{domain}", server(n)),
            *(session(at + 1 + p / 10000, server(n), 60, p) for p in (25, 465, 587)),
            session(at + 30, server(n), 2500, 587, "tls"),
        ]
    return events


def test_the_set_up_of_accounts_is_clean():
    found = verdict(account_setup(16))
    assert found.level is Level.CLEAN, found.why
    assert "queries mail client settings of 16 domains" in found.why


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(account_setup(40, label="www"), id="no settings asked for"),
        pytest.param(account_setup(3) + flood(40), id="a flood besides"),
        pytest.param(
            account_setup(16)
            + [session(2000 + n * 5, server(n % 16), 3000) for n in range(100)]
            + flood(40),
            id="mails afterwards",
        ),
    ],
)
def test_the_set_up_of_accounts_excuses_nothing_else(events):
    assert verdict(events).level is Level.INFECTED


def mailbox_reads(count, hours, port=993):
    """So many mailboxes, each read in each of these hours."""
    return [flow(hour * 3600 + n * 40 + 9, server(n), port) for n in range(count) for hour in hours]


def submissions(count, gap):
    return [flow(n * gap + 30, server(n), 587) for n in range(count)]


def test_mailboxes_that_are_read_again_are_a_users_own():
    """A help desk looks after the mailboxes of 40 customers, and answers through each."""
    found = verdict(submissions(40, 60) + mailbox_reads(40, (0, 2, 4)))
    assert found.level is Level.CLEAN, found.why
    assert "40 of them its users' own providers" in found.why


def test_mailboxes_that_are_held_open_are_a_users_own():
    held = [replace(e, end=e.time + 1500) for e in mailbox_reads(40, (0,))]
    assert verdict(submissions(40, 60) + held).level is Level.CLEAN


def test_stolen_mailboxes_are_read_once():
    """Each is tried before it is used, none is read again."""
    reads = [flow(n * 300, server(n), 993) for n in range(60)]
    assert verdict(submissions(60, 300) + reads).level is Level.INFECTED


def shared_files(peers, on_mail_ports, ports=200):
    lost = [
        flow(n * 5, server(500 + n), 6000 + 37 * n % ports, answered=False, established=False)
        for n in range(peers)
    ]
    return lost + [flow(n * 60, server(n), (25, 465, 587)[n % 3]) for n in range(on_mail_ports)]


def test_peers_of_file_sharing_on_mail_ports_are_no_mail_servers():
    found = verdict(shared_files(900, 40))
    assert found.level is Level.CLEAN
    assert "other peers on 200 ports without an answer, as a file sharing program does" in found.why


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(shared_files(900, 60, ports=2), id="a scan of two ports"),
        pytest.param(shared_files(100, 60), id="few lost peers"),
        pytest.param(
            [
                *shared_files(900, 40),
                *(mail(n * 60, server(n), f"a@d{n}.test", helo="pc") for n in range(40)),
            ],
            id="speaks SMTP",
        ),
        pytest.param(
            [*shared_files(900, 40), *(lookup(n * 60, f"d{n}.test") for n in range(40))],
            id="looks up mail servers",
        ),
    ],
)
def test_what_file_sharing_does_not_excuse(events):
    assert verdict(events).level is Level.INFECTED


def used_again(servers, hours):
    """Programs behind one address: each submits to its own provider once in each of these hours."""
    return [
        flow(hour * 3600 + n * 60, server(n), 587) for hour in range(hours) for n in range(servers)
    ]


def test_accounts_that_are_used_hour_after_hour_are_no_stolen_ones():
    found = verdict(used_again(45, 6))
    assert found.level is Level.SUSPECTED
    assert "used 45 of its 45 submission servers in 3 or more distinct hours" in found.why


def devices(hours, port=25):
    """Devices behind one address: each mails its owner through its own provider once an hour."""
    return [
        e
        for n in range(16)
        for hour in range(hours)
        for at in [hour * 3600 + n * 60]
        for e in (
            answer(at, f"smtp.isp{n}.test", server(n)),
            session(at, server(n), 2500, port),
            mail(
                *(at, server(n), f"me@isp{n}.test"),
                **{"port": port, "mail_from": f"cam@isp{n}.test", "has_message": True},
            ),
        )
    ]


def test_devices_that_use_their_accounts_on_port_25_hour_after_hour_are_suspected():
    found = verdict(devices(6))
    assert found.level is Level.SUSPECTED
    assert "used 16 of its 16 servers on port 25 in 3 or more distinct hours" in found.why
    assert verdict(devices(2)).level is Level.INFECTED


def test_devices_on_port_25_excuse_no_spam():
    direct = [e for n in range(40) for e in spam_to(n)]
    assert verdict(devices(6) + direct).level is Level.INFECTED


def spam_to(n):
    at = n * 120 + 30
    return [session(at, server(100 + n), 2500), mail(at, server(100 + n), rcpt=f"a@d{n}.test")]


@pytest.mark.parametrize("hours", [1, 2])
def test_accounts_that_are_used_for_an_hour_or_two_are_not_explained(hours):
    assert verdict(used_again(45, hours)).level is Level.INFECTED


def test_regular_accounts_do_not_excuse_new_ones():
    stolen = [flow(7 * 3600 + n * 60, server(100 + n), 587) for n in range(60)]
    assert verdict(used_again(45, 6) + stolen).level is Level.INFECTED


def test_a_monitor_that_hands_nothing_over_is_clean_however_many_it_watches():
    visits = [session(n * 5 + t, server(n), 60) for t in range(0, 28800, 600) for n in range(60)]
    found = verdict(visits)
    assert found.level is Level.CLEAN
    assert "as monitoring does" in found.why


def test_sessions_on_a_submission_port_are_those_of_a_client_by_alerts_too():
    programs = [
        replace(alert(n * 600, "smtp_sessions", to=server(n)), dest_port=587) for n in range(30)
    ]
    found = verdict(programs)
    assert found.level is not Level.INFECTED
    assert {item.signal for item in found.evidence} == {Signal.SUBMISSION_ATTEMPTS}
    direct = [alert(n * 600, "smtp_sessions", to=server(n)) for n in range(30)]
    assert {item.signal for item in verdict(direct).evidence} == {Signal.SMTP_SESSIONS}


def test_an_alert_of_lookups_is_no_second_act_where_connections_are_logged():
    """14 partners in eight hours, and no dns record: as little as with dns records."""
    partners = [flow(n * 1900, server(n)) for n in range(14)]
    found = verdict([*partners, alert(3000, "mx_slow", rrnames=("p1.test",))])
    assert found.level is not Level.INFECTED
    lookups = [lookup(n * 1900 - 1, f"p{n}.test") for n in range(14)]
    assert verdict(partners + lookups).level is found.level
