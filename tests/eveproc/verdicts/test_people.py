"""Many people behind one address -> a bot among them is found, and the report says where to look."""

import json

import pytest

from eveproc.input.events import Kerberos
from eveproc.report import FORMATS
from rulegen.vocabulary import Level
from tests.eveproc.evidence_of import HOST, START, flow, lookup, mail, report, server, web

HOURS, PROVIDERS = 6, 50


def people(number):
    """Each reads mail at one of 50 providers in every hour, and submits some there."""
    for person in range(number):
        own = f"192.0.{2 + person % PROVIDERS}.9"
        for hour in range(HOURS):
            time = hour * 3600 + person * 7
            yield flow(time, own, 993)
            if (person + hour) % 3 == 0:
                yield flow(time + 2, own, 587)


def bot():
    for number in range(60):
        time = 7200 + number * 10
        yield lookup(time, f"d{number}.example")
        yield flow(time + 0.2, server(number))
        yield mail(time + 0.4, server(number), f"ann@d{number}.example", subject="Offer")


def of_host(events):
    found = report([*web(), *events])
    return found, next(v for v in found.verdicts if v.host == HOST)


@pytest.mark.parametrize("number", [20, 120, 400])
def test_a_bot_among_many_people_is_found_and_the_next_step_is_behind_the_address(number):
    found, verdict = of_host([*people(number), *bot()])
    assert verdict.level is Level.INFECTED
    assert verdict.people == -(-min(number, PROVIDERS) // 3) <= number
    assert f"At least {verdict.people} people use this address" in verdict.why
    flows = ", ".join(map(str, verdict.evidence[0].flow_ids[:3]))
    assert verdict.next_step.endswith(
        "Look behind the address translation: find in its log which machine had the source ports "
        f"of the flows {flows}, from 2026-03-02 10:00:00Z to 2026-03-02 10:09:50Z. eveproc explain "
        "lists them."
    )
    told = json.loads(FORMATS["json"](found, (verdict,)))
    assert told["people_at_least"] == verdict.people


@pytest.mark.parametrize("number", [20, 120, 400])
def test_people_alone_are_clean(number):
    _, verdict = of_host(people(number))
    assert (verdict.level, verdict.people) == (Level.CLEAN, 0)


def test_mailboxes_that_are_read_once_show_nobody():
    """A mass mailer that tries stolen mailboxes reads each once."""
    stolen = [flow(7000 + n * 5, f"192.0.{2 + n}.9", 993) for n in range(40)]
    _, verdict = of_host([*stolen, *bot()])
    assert (verdict.level, verdict.people) == (Level.INFECTED, 0)
    assert "people" not in json.dumps(verdict.why)


def test_users_who_log_in_from_it_are_people_too():
    """A branch behind one address whose mail is not seen: ten users get tickets of the home KDC."""
    users = [
        Kerberos(
            time=START + n * 60,
            client=HOST,
            server="10.20.0.10",
            names=(("user", f"user{n}@example.org"),),
        )
        for n in range(10)
    ]
    _, verdict = of_host([*users, *bot()])
    assert (verdict.level, verdict.people) == (Level.INFECTED, 10)
    assert "At least 10 people use this address: so many users logged in from it." in verdict.why
    assert "Look behind the address translation" in verdict.next_step
    _, verdict = of_host([*users[:2], *bot()])
    assert verdict.people == 0


def test_one_person_with_two_mailboxes_is_no_crowd():
    own = [flow(h * 3600, f"192.0.2.{n}", 993) for h in range(HOURS) for n in (7, 8)]
    _, verdict = of_host([*own, *bot()])
    assert (verdict.level, verdict.people) == (Level.INFECTED, 0)
