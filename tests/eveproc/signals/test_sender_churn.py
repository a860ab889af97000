"""Many sender domains from one host: evidence where they are mailed to many servers, and nobody
innocent is accused for it."""

from rulegen.vocabulary import Level, Signal
from tests.eveproc.evidence_of import HOST, RELAY, START, flow, mail, server, verdict, web

DOMAINS = 12


def letters(host=HOST, servers=DOMAINS, domains=DOMAINS):
    return [
        mail(
            number * 200,
            server(number % servers),
            f"bob@r{number % servers}.example",
            host,
            mail_from=f"ann@s{number % domains}.example",
        )
        for number in range(DOMAINS)
    ]


def churn_of(found):
    return next(item for item in found.evidence if item.signal is Signal.SENDER_CHURN)


def test_many_sender_domains_to_many_servers_are_evidence():
    found = churn_of(verdict(web() + letters()))
    assert found.distinct == DOMAINS
    assert found.weight > 2
    assert found.fact.startswith("Sent mail from 12 sender domains (12 times, ")
    assert churn_of(verdict(web() + letters(domains=1))).weight == 0


def test_few_accounts_of_one_person_are_none():
    assert churn_of(verdict(web() + letters(domains=3))).weight == 0


def test_many_senders_through_one_external_relay_are_none():
    found = verdict(web() + letters(servers=1))
    assert found.level is Level.CLEAN
    assert churn_of(found).weight == 0


def test_an_undeclared_forwarder_is_not_called_infected():
    clients = [flow(number, HOST, 25, host=server(100 + number)) for number in range(5)]
    found = verdict(web() + clients + letters())
    assert found.level is not Level.INFECTED
    assert "receives mail" in found.why


def test_senders_are_the_work_of_a_declared_mail_server():
    events = web(RELAY) + letters(RELAY)
    assert max(event.time for event in events) > START
    assert verdict(events, RELAY).evidence == ()
