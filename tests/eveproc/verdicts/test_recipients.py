"""Recipients: many mailboxes at few providers, refused ones, and what is sent through a relay."""

import pytest
from msgspec.structs import replace

from eveproc.input.events import NO_ORIGIN, Flow, Origin
from rulegen.vocabulary import Family, Level, Signal
from tests.eveproc.evidence_of import (
    HOST,
    RELAY,
    SITE,
    answer,
    flow,
    gather,
    mail,
    server,
    site_of,
    verdict,
)

PROVIDERS = ("freemail.test", "bigmail.test")


def spam(mails, each=20, servers=8, refused=3, gap=40, **more):
    """To two big providers, some mailboxes a mail; every third mail is refused."""
    events = []
    for n in range(mails):
        domain = PROVIDERS[n % 2]
        at, to = n * gap, server(n % servers)
        boxes = tuple(f"user{n}x{m}@{domain}" for m in range(each))
        is_taken = refused == 0 or n % refused > 0
        sent = replace(mail(at + 0.2, to, has_message=is_taken, **more), rcpt_to=boxes)
        events += [flow(at, to), sent]
    return events


def item(found, signal):
    return next((i for i in found.evidence if i.signal is signal), None)


def test_spam_to_two_providers_is_seen_by_its_mailboxes():
    found = verdict(spam(149))
    assert found.level is Level.INFECTED
    assert Family.REJECTION in found.families
    assert item(found, Signal.RECIPIENT_SPREAD).weight > 12
    assert "ecipients" in found.why


@pytest.mark.parametrize(
    ("ports", "named"),
    [("", "(ports 25, 465, 587)"), ("ports: {submission: [587, 2525]}", "(ports 25, 587, 2525)")],
)
def test_the_next_step_names_the_mail_ports_of_the_site(ports, named):
    assert named in verdict(spam(149), site=site_of(SITE + ports)).next_step


def test_spam_over_built_in_names_of_exchangers():
    names = [answer(n, "gmail-smtp-in.l.google.com", server(n)) for n in range(8)]
    assert verdict(names + spam(149)).level is Level.INFECTED


def test_a_smarthost_is_no_exchanger():
    """Its name shows it, or, without a name, that it accepts mail for many domains."""
    named = [answer(n, "smtp.provider.test", server(n)) for n in range(8)]
    assert verdict(named + spam(149, refused=0)).level is Level.CLEAN
    events = [
        e
        for n in range(200)
        for e in (
            flow(n * 20, server(1)),
            mail(n * 20, server(1), f"a{n}@d{n % 50}.test", has_message=True),
        )
    ]
    assert verdict(events).level is Level.CLEAN


def test_own_people_are_not_counted():
    """A printer hands scans straight to the exchanger of its own domain."""
    events = spam(40, each=1, refused=0, mail_from="scanner@freemail.test")
    own = [e for e in events if not getattr(e, "rcpt_to", ()) or "freemail" in e.rcpt_to[0]]
    evidence = gather(own).hosts[HOST]
    assert evidence.log(Signal.RECIPIENT_SPREAD).distinct() == 0
    declared = site_of(SITE + "internal_domains: [freemail.test]\n")
    other = [replace(e, mail_from="x@y.test") if hasattr(e, "rcpt_to") else e for e in own]
    assert gather(other, declared).hosts[HOST].log(Signal.RECIPIENT_SPREAD).distinct() == 0


def test_a_few_mailboxes_for_alerts_are_no_evidence():
    assert verdict(spam(60, each=1, refused=0)[:20]).level is Level.CLEAN


def refusals(found):
    shown = item(found, Signal.RCPT_REFUSED)
    return shown.weight if shown else 0


@pytest.mark.parametrize(("refused", "counts"), [(0, False), (25, False), (3, True)])
def test_refused_recipients_count_above_those_of_any_list(refused, counts):
    assert (refusals(verdict(spam(50, each=1, refused=refused))) > 2) is counts


def test_nothing_is_refused_where_no_message_is_logged():
    assert refusals(verdict(spam(50, each=1, refused=1))) == 0


def test_greylisted_recipients_are_not_refused():
    first = [
        replace(e, has_message=False) for e in spam(40, each=1, refused=0) if hasattr(e, "helo")
    ]
    again = [replace(e, time=e.time + 3600, has_message=True) for e in first]
    assert refusals(verdict(first + again)) == 0


def through_the_relay(mails, **more):
    return [
        mail(n * 20, RELAY, f"a{n}@d{n}.test", **{"has_message": True, **more})
        for n in range(mails)
    ]


def test_a_newsletter_through_the_relay_is_clean():
    found = verdict([*through_the_relay(300, subject="News"), flow(0, RELAY)])
    assert found.level is Level.CLEAN


def test_one_text_through_the_relay_counts_where_the_mails_speak_for_themselves():
    mails = through_the_relay(120, subject="News")
    assert item(verdict(mails), Signal.LOOK_ALIKE).weight == 0
    refused = [replace(m, has_message=n % 5 > 0) for n, m in enumerate(mails)]
    assert item(verdict(refused), Signal.LOOK_ALIKE).weight > 2
    texts = [replace(m, subject=f"Order {n}") for n, m in enumerate(refused)]
    assert item(verdict(texts), Signal.LOOK_ALIKE).weight == 0


def test_programs_through_the_relay_are_infected():
    found = verdict(through_the_relay(60, attachments=("invoice.js",), subject="Invoice"))
    assert found.level is Level.INFECTED
    assert "through the site's own server" in found.why


def test_refused_recipients_through_the_relay():
    some = through_the_relay(120)
    lost = [replace(e, has_message=False) if n % 4 == 0 else e for n, e in enumerate(some)]
    assert verdict(lost).level is Level.INFECTED


def test_declared_servers_pass_on_what_they_like():
    events = [replace(e, client=RELAY, server="10.20.0.26") for e in through_the_relay(120)]
    assert verdict([*events, flow(0, server(1), host=RELAY)], host=RELAY).level is Level.CLEAN


def business(mails, refused=0, helo="news.shop.test", sender="news@shop.test", **more):
    return [
        e
        for n in range(mails)
        for e in (
            flow(n * 20, server(n)),
            mail(
                n * 20 + 0.2,
                server(n),
                f"a@d{n}.test",
                mail_from=sender,
                helo=helo,
                has_message=not refused or n % refused > 0,
                **more,
            ),
        )
    ]


def test_a_newsletter_that_is_delivered_directly_is_suspected():
    found = verdict(business(150, refused=40, subject="News"))
    assert found.level is Level.SUSPECTED
    assert "only from the domain of its HELO name" in found.why


@pytest.mark.parametrize(
    ("refused", "level"),
    [
        pytest.param(10, Level.SUSPECTED, id="15 of 150"),
        pytest.param(9, Level.INFECTED, id="17 of 150"),
    ],
)  # a twentieth and three standard deviations are 15.7
def test_no_more_recipients_are_refused_than_chance_explains(refused, level):
    assert verdict(business(150, refused=refused, subject="News")).level is level


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(business(150, refused=5), id="a fifth refused"),
        pytest.param(business(150, helo="pc7"), id="a bare name"),
        pytest.param(business(150, sender="bob@bank.test"), id="another's sender"),
        pytest.param(business(150, attachments=("a.exe",)), id="programs"),
        pytest.param(business(150, refused=1), id="nothing known to be accepted"),
    ],
)
def test_what_a_business_program_does_not_do(events):
    assert verdict(events).level is Level.INFECTED


def encrypted(events, shown, small=0):
    """Of every mail but some only the connection is logged; the first servers get too few bytes."""
    flows = [e for e in events if isinstance(e, Flow)]
    mails = [e for e in events if not isinstance(e, Flow)]
    sizes = [100 if n < small else 4000 for n in range(len(flows))]
    sized = [
        replace(f, sent=9, sent_bytes=54 * 9 + size) for f, size in zip(flows, sizes, strict=True)
    ]
    return [*sized, *mails[-shown:]]


def test_a_newsletter_whose_mails_are_mostly_encrypted_is_suspected():
    assert verdict(encrypted(business(150), shown=15)).level is Level.SUSPECTED


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(encrypted(business(150), shown=4), id="too few readable mails"),
        pytest.param(encrypted(business(150), 15, small=23), id="many servers take nothing"),
    ],
)
def test_what_encryption_hides_is_not_excused(events):
    assert verdict(events).level is Level.INFECTED


def brought(domain, origin=NO_ORIGIN, has_message=True):
    """An external host gives the site's server a mail for this domain."""
    return mail(5, RELAY, f"ann@{domain}", host=server(900), origin=origin, has_message=has_message)


def declaring(domain):
    return site_of(f"{SITE}internal_domains: [{domain}]\n")


def test_a_newsletter_in_the_sites_name_is_suspected():
    assert verdict([brought("shop.test"), *business(150)]).level is Level.SUSPECTED
    declared = declaring("shop.test")
    assert verdict(business(150), site=declared).level is Level.SUSPECTED


def test_a_refused_probe_for_an_open_relay_tells_nothing_of_the_sites_domains():
    probe = brought("freemail.test", has_message=False)
    assert verdict([probe, *business(150)]).level is Level.SUSPECTED


@pytest.mark.parametrize("origin", [NO_ORIGIN, Origin(server_mac="02:00:00:00:00:25")])
def test_a_newsletter_in_another_name_is_infected_where_the_sites_is_known(origin):
    """Snowshoe: well-formed names, but of the spammer's own domain."""
    assert verdict([brought("home.test", origin), *business(150)]).level is Level.INFECTED
    declared = declaring("home.test")
    assert verdict(business(150), site=declared).level is Level.INFECTED


def relayed(bringers, domains, passed=True):
    """Hosts bring mail for many domains, and the host sends it on."""
    brought = [
        mail(n * 20, HOST, f"a@d{n}.test", host=server(900 + n % bringers), has_message=True)
        for n in range(domains)
    ]
    sent = [
        e
        for n in range(domains)
        for e in (
            flow(n * 20 + 2, server(n)),
            mail(n * 20 + 3, server(n), f"a@{'d' if passed else 'e'}{n}.test"),
        )
    ]
    return brought + sent


def test_an_open_relay_is_no_mail_server():
    assert verdict(relayed(5, 80)).level is Level.INFECTED


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(relayed(60, 80), id="a backup server of many senders"),
        pytest.param(relayed(5, 80, passed=False), id="mail of its own"),
    ],
)
def test_mail_servers_are_suspected_at_most(events):
    found = verdict(events)
    assert found.level is Level.SUSPECTED
    assert "as a mail server does" in found.why


def test_recipients_of_mail_that_a_provider_passes_on_are_no_domains_delivered_to():
    """People behind one address submit on port 25, each to the provider named smtp."""
    events = [
        e
        for n in range(60)
        for e in (
            answer(n * 60, f"smtp.p{n % 4}.test", server(n)),
            flow(n * 60 + 1, server(n)),
            mail(n * 60 + 2, server(n), f"a@d{n}.test", has_message=True),
        )
    ]
    assert verdict(events).level is Level.CLEAN
