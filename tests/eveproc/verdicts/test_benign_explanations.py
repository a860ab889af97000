"""Benign explanations: what each needs, and what it may not excuse."""

import pytest
from msgspec.structs import replace

from eveproc.input.events import Flow
from eveproc.input.read_stats import ReadStats
from eveproc.signals.facts import Fact
from eveproc.verdicts.analyze import judge_evidence
from eveproc.verdicts.incoming import clients_with_mail
from rulegen.vocabulary import Level, Signal
from tests.eveproc.evidence_of import (
    HOST,
    RELAY,
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
)


def session(at, to, payload, port=25, host=HOST):
    """A connection in which the client sends `payload` bytes in nine packets."""
    return replace(flow(at, to, port, host), sent=9, sent_bytes=54 * 9 + payload, app_proto="smtp")


def is_smtp(event):
    return hasattr(event, "helo")


def spam(mails, gap=20, first=0, **more):
    return [
        e
        for n in range(first, first + mails)
        for e in (
            lookup(n * gap, f"d{n}.test"),
            session(n * gap + 1, server(n), 2500),
            mail(n * gap + 1, server(n), f"a@d{n}.test", has_message=True, **more),
        )
    ]


def greeted(hosts, payload, **more):
    """External hosts greet the host's port 25; `payload` is what each of them sends."""
    return [
        e
        for n in range(hosts)
        for e in (
            session(n * 60, HOST, payload, host=server(900 + n)),
            mail(n * 60, HOST, "", host=server(900 + n), mail_from="", helo="scan", **more),
        )
    ]


class TestMailServers:
    def test_scanners_that_greet_port_25_make_no_mail_server(self):
        found = verdict(spam(60) + greeted(20, 60))
        assert found.level is Level.INFECTED
        assert "as a mail server does" not in found.why

    def test_hosts_that_hand_encrypted_mail_in_do(self):
        found = verdict(spam(60) + greeted(20, 4000))
        assert found.level is Level.SUSPECTED
        assert "receives mail from 20 hosts" in found.why

    def test_a_greeting_counts_where_no_connection_to_the_host_is_logged(self):
        sessions = [e for e in greeted(20, 60) if hasattr(e, "helo")]
        assert len(clients_with_mail(gather(sessions).hosts[HOST])) == 20

    def test_a_client_that_came_back_with_its_mail_after_greylisting_counts(self):
        both = [session(0, HOST, 150, host=server(1)), session(900, HOST, 4000, host=server(1))]
        assert clients_with_mail(gather(both).hosts[HOST]) == {server(1)}

    def test_probes_for_an_open_relay_are_no_mail(self):
        probe = replace(mail(1, HOST, "x@gmail.com", host=server(9)), has_message=False)
        evidence = gather([session(1, HOST, 200, host=server(9)), probe]).hosts[HOST]
        assert not evidence.log(Fact.TAKES_MAIL_IN).hours
        assert clients_with_mail(evidence) == set()


def campaign(mails, refused, **more):
    """One text from a declared server; every `refused`-th mail is refused (0: none)."""
    return [
        e
        for n in range(mails)
        for e in (
            flow(n * 20, server(n), host=RELAY),
            mail(
                n * 20,
                server(n),
                f"a@d{n}.test",
                host=RELAY,
                has_message=not refused or n % refused > 0,
                **more,
            ),
        )
    ]


class TestDeclaredMailServers:
    def test_one_text_that_is_refused_often_makes_it_suspected(self):
        found = verdict(campaign(90, 3, subject="Invoice"), host=RELAY)
        assert found.level is Level.SUSPECTED
        assert "the thief of an account" in found.why
        assert "own log" in found.next_step

    def test_however_much_of_its_own_mail_was_taken_at_other_hours(self):
        own = [
            mail(7200 + n * 20, server(n % 90), f"b{n}@d.test", host=RELAY, has_message=True)
            for n in range(900)
        ]
        events = campaign(90, 3, subject="Invoice") + own
        assert verdict(events, host=RELAY).level is Level.SUSPECTED

    @pytest.mark.parametrize(
        "events",
        [
            pytest.param(campaign(300, 0, subject="News"), id="a newsletter"),
            pytest.param(campaign(300, 30, subject="News"), id="a list with some dead addresses"),
            pytest.param(campaign(90, 3), id="bounces and checks, which have no text"),
            pytest.param(campaign(90, 1, subject="Invoice"), id="messages are not logged"),
        ],
    )
    def test_its_ordinary_mail_is_clean(self, events):
        assert verdict(events, host=RELAY).level is Level.CLEAN


def asked(servers, port, sender, helo="verify.corp.test", gap=5):
    """Servers are asked and handed nothing."""
    return [
        e
        for n in range(servers)
        for e in (
            session(n * gap, server(n), 220, port),
            mail(n * gap, server(n), f"a@d{n}.test", port=port, mail_from=sender, helo=helo),
        )
    ]


class TestSurveys:
    @pytest.mark.parametrize("sender", ["check@corp.test", "<>"])
    def test_an_address_verifier_that_says_who_it_is_is_clean(self, sender):
        found = verdict(asked(60, 25, sender))
        assert found.level is Level.CLEAN
        assert "as a survey does" in found.why

    @pytest.mark.parametrize(("sender", "helo"), [("x@bank.test", "pc.corp.test"), ("<>", "pc7")])
    def test_one_that_does_not_is_suspected(self, sender, helo):
        assert verdict(asked(60, 25, sender, helo)).level is Level.SUSPECTED

    def test_a_mailer_that_is_refused_at_the_greeting_has_not_said_who_it_is(self):
        refused = [
            e
            for n in range(60)
            for e in (
                session(n * 5, server(n), 30),
                mail(n * 5, server(n), "", mail_from="", helo="mx.firm.test"),
            )
        ]
        assert verdict(refused).level is Level.SUSPECTED

    @pytest.mark.parametrize(
        ("names", "level"),
        [
            pytest.param(60, Level.INFECTED, id="another name each time"),
            pytest.param(5, Level.SUSPECTED, id="machines behind one address"),
        ],
    )
    def test_who_changes_its_names_is_no_survey(self, names, level):
        """A blocklisted mailer: each server refuses the recipient, as for an address verifier."""
        probes = asked(60, 25, "check@corp.test")
        greets = [
            replace(e, helo=f"pc{int(e.time) // 5 % names}") if is_smtp(e) else e for e in probes
        ]
        sends = [
            replace(e, mail_from=f"a@d{int(e.time) // 5 % names}.test") if is_smtp(e) else e
            for e in probes
        ]
        assert verdict(greets).level is level
        assert verdict(sends).level is level

    def test_guessing_passwords_at_submission_ports_is_no_survey(self):
        """Pushdo: EHLO, some AUTH LOGIN, QUIT, at one port of each server."""
        guesses = [
            e
            for n in range(60)
            for e in (
                answer(n * 8, f"smtp.d{n}.test", server(n)),
                session(n * 8 + 1, server(n), 150, 587),
                mail(n * 8 + 1, server(n), "", port=587, mail_from="", helo="ylmf-pc"),
            )
        ]
        assert verdict(guesses).level is Level.INFECTED

    @pytest.mark.parametrize(
        ("tries", "level"),
        [pytest.param(1, Level.CLEAN, id="once"), pytest.param(9, Level.SUSPECTED, id="again")],
    )
    def test_who_comes_back_to_each_port_at_random_may_be_guessing_passwords(self, tries, level):
        """Both ports of each server are tried, one server after another: that alone is a survey."""
        asked = [
            session(n * 60 + again * 6, server(n), 150, port)
            for n in range(60)
            for again in range(tries)
            for port in (25, 587)
        ]
        assert verdict(asked).level is level


def used(servers, hours):
    """Each server is submitted to once in each of these hours."""
    return [flow(hour * 3600 + n * 30, server(n), 587) for hour in hours for n in range(servers)]


class TestAccounts:
    def test_accounts_in_use_from_morning_to_evening_are_clean(self):
        found = verdict(used(45, (0, 3, 6, 9)))
        assert found.level is Level.CLEAN
        assert "45 of them its users' own providers" in found.why

    def test_those_that_are_used_for_some_hours_are_suspected(self):
        assert verdict(used(45, (0, 2, 4))).level is Level.SUSPECTED

    def test_they_do_not_excuse_accounts_that_are_used_once(self):
        once = [flow(n * 60, server(100 + n), 587) for n in range(30)]
        assert verdict(used(45, (0, 3, 6, 9)) + once).level is Level.INFECTED

    def test_most_of_those_that_are_used_for_some_hours_have_to_be(self):
        once = [flow(n * 60, server(100 + n), 587) for n in range(45)]
        assert verdict(used(45, (0, 2, 4)) + once).level is Level.INFECTED
        assert verdict(used(45, (0, 2, 4)) + once[:44]).level is Level.SUSPECTED

    def test_old_programs_submit_to_their_own_provider_on_port_25(self):
        homes = [
            e
            for n in range(40)
            for e in (
                answer(n * 300, f"mail.p{n}.test", server(n)),
                flow(n * 300 + 1, server(n), 993),
                flow(n * 300 + 3600, server(n), 993),
                flow(n * 300 + 5400, server(n)),
                mail(n * 300 + 5400, server(n), mail_from=f"me@p{n}.test", helo="box"),
            )
        ]
        assert verdict(homes).level is Level.CLEAN
        unread = [e for e in homes if getattr(e, "server_port", 0) != 993]
        assert verdict(unread).level is Level.INFECTED

    def test_the_server_of_the_mailbox_may_have_an_address_and_a_name_of_its_own(self):
        homes = [
            e
            for n in range(40)
            for e in (
                answer(n * 300, f"pop.p{n}.test", server(100 + n)),
                answer(n * 300, f"smtp.p{n}.test", server(n)),
                flow(n * 300 + 1, server(100 + n), 110),
                flow(n * 300 + 3600, server(100 + n), 110),
                flow(n * 300 + 5400, server(n)),
                mail(n * 300 + 5400, server(n), mail_from=f"me@p{n}.test", helo="box"),
            )
        ]
        found = verdict(homes)
        assert found.level is Level.CLEAN
        assert "address checker" not in found.why  # it connected to all of them

    def test_machines_behind_one_address_greet_their_provider_under_their_own_names(self):
        """An office of 40 people with accounts at two providers; TLS hides what follows."""
        office = [
            e
            for n in range(40)
            for e in (
                answer(n * 60, f"smtp.p{n % 2}.test", server(n % 2)),
                session(n * 60 + 1, server(n % 2), 4000, 587),
                mail(n * 60 + 1, server(n % 2), "", port=587, mail_from="", helo=f"pc{n}"),
            )
        ]
        assert verdict(office).level is Level.CLEAN

    def test_they_may_do_so_on_port_25(self):
        """60 meters send their readings to one server of their maker; or a mass mailer to many."""

        def greeted_by(names, servers):
            return [
                e
                for n in range(names)
                for e in (
                    answer(n * 60, f"mail.p{n % servers}.test", server(n % servers)),
                    session(n * 60 + 1, server(n % servers), 400),
                    mail(n * 60 + 1, server(n % servers), mail_from="a@b.test", helo=f"sn{n}"),
                )
            ]

        assert verdict(greeted_by(60, 1)).level is Level.CLEAN
        assert verdict(greeted_by(60, 12)).level is Level.INFECTED

    def test_a_second_explanation_does_not_take_the_first_away(self):
        """A monitor of mail ports, some of them for submission, visits all of them every hour."""
        visits = [
            session(n * 5 + at, server(n), 60, 587 if n % 2 else 25)
            for at in range(0, 21600, 300)
            for n in range(15)
        ]
        found = verdict(visits)
        assert found.level is Level.CLEAN
        assert "as monitoring does" in found.why
        assert "submission servers" in found.why


def business(rounds, partners=11, mails=5, first=0, refusing=0):
    """A file server tells its partners in each round; most mails are encrypted."""
    events = []
    for begin in rounds:
        for n in range(first, first + partners):
            at = begin + (n - first) * 3
            takes = n < first + partners - refusing
            peer = server(n)
            events += [lookup(at, f"p{n}.test"), session(at + 1, peer, 4000 if takes else 100)]
            sent = mail(at + 1, peer, f"a@p{n}.test", helo="files.corp.test")
            seen = {"mail_from": "files@corp.test", "has_message": takes}
            hidden = {"mail_from": "", "rcpt_to": ()}
            events.append(replace(sent, **(seen if n < first + mails else hidden)))
    return events


class TestBlockedQueues:
    """No server answers, as where a provider blocks port 25."""

    @staticmethod
    def tries(rounds, new_each_round):
        return [
            e
            for k in range(rounds)
            for n in range(24)
            for number in [n + 24 * k * new_each_round]
            for e in (
                lookup(k * 3700 + n * 60, f"d{number}.test"),
                flow(k * 3700 + n * 60 + 1, server(number), answered=False, established=False),
            )
        ]

    def test_a_queue_that_tries_the_same_servers_again_is_suspected(self):
        found = verdict(self.tries(4, new_each_round=0))
        assert found.level is Level.SUSPECTED
        assert "as the queue of a mail server does" in found.why

    def test_who_goes_on_to_the_next_recipients_is_infected(self):
        assert verdict(self.tries(4, new_each_round=1)).level is Level.INFECTED

    def test_so_is_who_tries_again_what_answers(self):
        met = [flow(5, server(3))]
        assert verdict(self.tries(4, new_each_round=0) + met).level is Level.INFECTED


class TestMonitors:
    def test_a_flood_of_more_servers_than_are_kept_is_no_monitor(self):
        """Half an hour of STARTTLS to 2,000 servers: of an hour the first 256 are kept."""
        flood = [session(n, server(n), 4000) for n in range(2000)]
        found = verdict(flood)
        assert found.level is Level.INFECTED
        assert "monitoring" not in found.why

    @pytest.mark.parametrize(
        ("names", "level"),
        [
            pytest.param(600, Level.INFECTED, id="another name each time"),
            pytest.param(1, Level.SUSPECTED, id="one name"),
        ],
    )
    def test_who_changes_its_name_is_no_monitor(self, names, level):
        """Mail to a few big providers over TLS, whose servers are met again and again."""
        visits = [
            e
            for n in range(600)
            for e in (
                session(n * 10, server(n % 20), 4000),
                mail(n * 10, server(n % 20), "", mail_from="", helo=f"pc{n % names}"),
            )
        ]
        assert verdict(visits).level is level


def hidden(servers, helo="erp.corp.test", refusing=0):
    """A program delivers to a new server each minute, all over TLS."""
    return [
        e
        for n in range(servers)
        for e in (
            lookup(n * 60, f"p{n}.test"),
            session(n * 60 + 1, server(n), 100 if n < refusing else 4000),
            mail(n * 60 + 1, server(n), "", mail_from="", helo=helo),
        )
    ]


class TestHiddenMails:
    DECLARED = f"{SITE}internal_domains: [corp.test]\n"

    @pytest.mark.parametrize(
        ("events", "level"),
        [
            pytest.param(hidden(60), Level.SUSPECTED, id="the site's name"),
            pytest.param(hidden(60, "pc7"), Level.INFECTED, id="a short name"),
            pytest.param(hidden(60, "mail.bank.test"), Level.INFECTED, id="a name of others"),
            pytest.param(hidden(30) + hidden(60, "x.corp.test"), Level.INFECTED, id="two names"),
            pytest.param(hidden(60, refusing=12), Level.INFECTED, id="servers take nothing"),
            pytest.param(
                [*hidden(60), mail(61, server(1), mail_from="a@bank.test", helo="erp.corp.test")],
                Level.INFECTED,
                id="the sender is of others where it is seen",
            ),
        ],
    )
    def test_one_full_name_of_the_site_is_a_program(self, events, level):
        assert verdict(events, site=site_of(self.DECLARED)).level is level

    def test_the_domain_has_to_be_known(self):
        assert verdict(hidden(60)).level is Level.INFECTED
        brought = [
            replace(mail(n, RELAY, "ann@corp.test", host=server(900 + n)), has_message=True)
            for n in range(3)
        ]
        assert verdict(hidden(60) + brought).level is Level.SUSPECTED


def submitted(servers):
    """Over TLS to the submission server of another provider every two seconds."""
    return [
        e
        for n in range(servers)
        for e in (
            lookup(n * 2, f"smtp.p{n}.test", rrtype="A"),
            session(n * 2 + 1, server(n), 4000, port=587),
            mail(n * 2 + 1, server(n), "", mail_from="", helo="erp.corp.test"),
        )
    ]


class TestOwnPrograms:
    DECLARED = f"{SITE}internal_domains: [corp.test]\n"

    @pytest.mark.parametrize("readable", [0, 1, 10])
    def test_no_program_has_accounts_at_a_hundred_providers(self, readable):
        """Mails in the site's name do not explain submissions, however many are readable."""
        own = [
            mail(
                n * 2 + 1,
                server(n),
                f"a@p{n}.test",
                port=587,
                mail_from="erp@corp.test",
                helo="erp.corp.test",
                has_message=True,
            )
            for n in range(readable)
        ]
        found = verdict(submitted(120) + own, site=site_of(self.DECLARED))
        assert found.level is Level.INFECTED

    @pytest.mark.parametrize(
        "rounds",
        [
            pytest.param((0, 7200), id="in another hour"),
            pytest.param((0, 600), id="in the same hour"),
            pytest.param((0, 20, 300), id="in rounds that overlap"),
        ],
    )
    def test_partners_that_are_told_again_are_clean(self, rounds):
        found = verdict(business(rounds))
        assert found.level is Level.CLEAN
        assert "repeatedly to the same servers" in found.why

    def test_what_is_clean_stays_clean_where_its_domain_is_declared(self):
        """A ticket system that answers a few customers an hour, one after another."""
        slow = [
            e for n in range(60) for e in business((n * 900,), partners=1, mails=1, first=n % 20)
        ]
        declared = site_of(f"{SITE}internal_domains: [corp.test]\n")
        assert verdict(slow).level is Level.CLEAN
        found = verdict(slow, site=declared)
        assert found.level is Level.CLEAN
        assert "repeatedly to the same servers" in found.why

    def test_partners_in_sessions_that_stay_open_are_clean(self):
        """A gateway hands hundreds of mails to each of six partners in one session."""
        opened = [
            e
            for n in range(6)
            for e in (lookup(n, f"p{n}.test"), session(n + 1, server(n), 90_000))
        ]
        mails = [
            replace(
                mail(10 + n * 40, server(n % 6), f"u{n}@p{n % 6}.test", helo="fax.corp.test"),
                mail_from="fax@corp.test",
                has_message=True,
                flow_id=n % 6,
                client_port=2000 + n % 6,
                tx_id=n,
            )
            for n in range(400)
        ]
        found = verdict(opened + mails)
        assert found.level is Level.CLEAN
        assert "repeatedly to the same servers" in found.why
        assert verdict(opened + mails[:60]).level is Level.SUSPECTED

    @pytest.mark.parametrize(
        ("text", "refused", "level"),
        [
            pytest.param("t{}", 0, Level.SUSPECTED, id="accepted"),
            pytest.param("t{}", 20, Level.INFECTED, id="refused"),
            pytest.param("t", 0, Level.INFECTED, id="one text"),
        ],
    )
    def test_its_greeting_may_be_a_short_name(self, text, refused, level):
        """An ERP sends invoices from the site's domain, one each minute."""
        mails = [
            e
            for n in range(60)
            for e in (
                lookup(n * 60, f"p{n}.test"),
                session(n * 60 + 1, server(n), 4000),
                mail(
                    n * 60 + 1,
                    server(n),
                    f"a@p{n}.test",
                    mail_from="erp@corp.test",
                    helo="ERP01",
                    has_message=n >= refused,
                    body_md5=text.format(n),
                    subject_md5=text.format(n),
                ),
            )
        ]
        assert verdict(mails, site=site_of(TestHiddenMails.DECLARED)).level is level

    def test_its_domain_is_known_by_what_is_brought_for_it(self):
        """A telephone system that greets as localhost and mails ten private mailboxes."""
        mails = [
            e
            for n in range(24)
            for e in (
                lookup(n * 900, f"p{n}.test"),
                session(n * 900 + 1, server(n), 4000),
                mail(n * 900 + 1, server(n), mail_from="pbx@corp.test", helo="localhost.local"),
            )
        ]
        assert verdict(mails).level is Level.INFECTED
        brought = [replace(mail(5, RELAY, "a@corp.test", host=server(99)), has_message=True)]
        assert verdict(mails + brought).level is Level.SUSPECTED

    @pytest.mark.parametrize(
        ("helo", "sender", "level"),
        [
            ("pbx.localdomain", "asterisk@pbx.localdomain", Level.CLEAN),
            ("pbx.localdomain", "asterisk@bank.test", Level.INFECTED),
            ("pbx.bank.test", "asterisk@bank.test", Level.INFECTED),
        ],
    )
    def test_a_name_without_a_public_suffix_is_nobody_elses(self, helo, sender, level):
        """A telephone system with the names of its installation mails its partners voicemails."""
        told = [
            replace(e, helo=helo, mail_from=sender if e.mail_from else "") if is_smtp(e) else e
            for e in business((0, 7200), partners=24, mails=12)
        ]
        assert verdict(told, site=site_of(TestHiddenMails.DECLARED)).level is level

    @pytest.mark.parametrize(
        ("helos", "senders", "level"),
        [
            pytest.param(1, 5, Level.SUSPECTED, id="an agency's customers"),
            pytest.param(3, 1, Level.SUSPECTED, id="three programs"),
            pytest.param(1, 60, Level.INFECTED, id="forged senders"),
        ],
    )
    def test_programs_that_greet_as_the_site_may_send_for_others(self, helos, senders, level):
        sent = [
            replace(e, helo=f"p{n % helos}.corp.test", mail_from=f"a@customer{n % senders}.test")
            if is_smtp(e)
            else e
            for n in range(60)
            for e in spam(1, gap=60, first=n)
        ]
        assert verdict(sent, site=site_of(TestHiddenMails.DECLARED)).level is level

    def test_a_site_forwards_some_mails_under_their_own_senders(self):
        sent = [
            replace(
                e,
                helo="mail.corp.test",
                mail_from=f"a@s{n}.test" if n % 8 == 0 else f"u{n}@corp.test",
            )
            if is_smtp(e)
            else e
            for n in range(120)
            for e in spam(1, gap=60, first=n)
        ]
        assert verdict(sent, site=site_of(TestHiddenMails.DECLARED)).level is Level.SUSPECTED
        assert verdict(sent).level is Level.SUSPECTED
        assert verdict(sent, site=site_of(f"{SITE}internal_domains: [x.test]")).level is (
            Level.INFECTED
        )

    @pytest.mark.parametrize(
        ("partners", "boxes", "level"),
        [
            pytest.param(14, 1, Level.SUSPECTED, id="the owners of forms"),
            pytest.param(140, 1, Level.INFECTED, id="ever new servers"),
            pytest.param(14, 10, Level.INFECTED, id="ever new mailboxes"),
        ],
    )
    def test_forms_are_sent_under_their_visitors_names(self, partners, boxes, level):
        """A web server mails what visitors write, with their addresses as senders."""
        sent = [
            replace(
                e,
                helo="www.corp.test",
                mail_from=f"v@visitor{n}.test",
                rcpt_to=(f"box{n // partners % boxes}@d{n % partners}.test",),
            )
            if is_smtp(e)
            else e
            for n in range(140)
            for e in spam(1, gap=120, first=n % partners)
        ]
        sent = [replace(e, time=START + n // 3 * 120 + n % 3) for n, e in enumerate(sent)]
        assert verdict(sent, site=site_of(TestHiddenMails.DECLARED)).level is level

    @pytest.mark.parametrize(
        ("refused", "level"),
        [
            pytest.param(0, Level.SUSPECTED, id="accepted"),
            pytest.param(5, Level.INFECTED, id="a fifth refused"),
        ],
    )
    def test_containers_greet_under_names_of_their_own(self, refused, level):
        sent = [
            replace(
                e,
                helo=f"job-{n}",
                mail_from="jobs@corp.test",
                body_md5=f"t{n}",
                has_message=not refused or n % refused > 0,
            )
            if is_smtp(e)
            else e
            for n in range(60)
            for e in spam(1, gap=300, first=n)
        ]
        assert verdict(sent, site=site_of(TestHiddenMails.DECLARED)).level is level

    @pytest.mark.parametrize("mails", [300, 500, 700, 900])
    def test_numbers_that_are_estimates_may_differ(self, mails):
        """Each mail is in the site's name; of more than 256 an hour a sample is kept."""
        sent = [
            replace(e, helo="ERP01", mail_from="erp@corp.test", body_md5=f"t{n}")
            if is_smtp(e)
            else e
            for n in range(mails)
            for e in spam(1, gap=3, first=n)
        ]
        assert verdict(sent, site=site_of(TestHiddenMails.DECLARED)).level is Level.SUSPECTED

    def test_partners_that_are_told_once_make_it_suspected(self):
        assert verdict(business((0,))).level is Level.SUSPECTED

    def test_new_partners_in_each_round_make_it_suspected(self):
        found = verdict(business((0,)) + business((600,), first=11))
        assert found.level is Level.SUSPECTED

    @pytest.mark.parametrize(
        ("refusing", "level"), [(13, Level.SUSPECTED), (14, Level.INFECTED)]
    )  # a tenth of 80 servers and two standard deviations are 13.7
    def test_as_many_servers_may_refuse_it_as_chance_explains(self, refusing, level):
        found = verdict(business((0,), partners=80, mails=30, refusing=refusing))
        assert found.level is level


def relayed(mails, senders, gap=10, refused=0):
    """One text through one external server that is named as a relay."""
    return [answer(0, "mail.relay.test", server(1))] + [
        e
        for n in range(mails)
        for e in (
            flow(n * gap + 1, server(1)),
            mail(
                n * gap + 1,
                server(1),
                f"a@d{n}.test",
                mail_from=senders[n % len(senders)],
                subject="Buy now",
                has_message=not refused or n % refused > 0,
            ),
        )
    ]


class TestRelays:
    @pytest.mark.parametrize(
        "senders",
        [
            pytest.param([f"{c}{c}@forged.test" for c in "abcdefghijkl"], id="of one domain"),
            pytest.param([f"{c}@{c}.test" for c in "abcdefghijkl"], id="of many domains"),
        ],
    )
    def test_one_text_under_many_senders_through_an_open_relay_is_infected(self, senders):
        assert verdict(relayed(150, senders)).level is Level.INFECTED

    def test_one_that_lets_it_send_from_morning_to_evening_makes_it_suspected(self):
        """A build server sends made-up mails to a sandbox, or an open relay stays open."""
        senders = [f"{c}@{c}.test" for c in "abcdefghijkl"]
        assert verdict(relayed(150, senders, gap=250)).level is Level.SUSPECTED
        assert verdict(relayed(150, senders, gap=250, refused=5)).level is Level.INFECTED

    def test_alerts_name_the_servers_of_one_provider(self):
        """Mails through one provider on port 25, where no smtp record shows them."""
        addresses = [server(n) for n in range(4)]
        events = [answer(0, "smtp.relay.test", *addresses)]
        for n in range(12):
            at = 60 + n * 300
            events += [session(at, addresses[n % 4], 4000)]
            events += [alert(at + 1, "mail_burst", to=addresses[n % 4])] if n < 6 else []
        assert verdict(events).level is Level.CLEAN

    @pytest.mark.parametrize(
        "senders",
        [
            pytest.param(["news@shop.test"], id="one sender"),
            pytest.param([f"bounce-{n}@shop.test" for n in range(150)], id="bounces told apart"),
            pytest.param([f"wordpress@site{n}.test" for n in range(40)], id="one program's sites"),
            pytest.param([f"{c}@{c}.test" for c in "abcdefg"], id="seven people"),
        ],
    )
    def test_a_mailing_through_a_provider_is_clean(self, senders):
        assert verdict(relayed(150, senders)).level is Level.CLEAN

    @pytest.mark.parametrize(
        ("refused", "level"),
        [
            pytest.param(30, Level.CLEAN, id="3 %"),
            pytest.param(5, Level.INFECTED, id="20 %"),
        ],
    )
    def test_the_share_of_refused_recipients_is_that_of_a_large_mailing_too(self, refused, level):
        """Of 2,000 recipients within an hour 256 taken ones are kept, and all refused ones."""
        mailing = relayed(2000, ["news@shop.test"], gap=1.5, refused=refused)
        assert verdict(mailing).level is level


class TestOneCompany:
    def mails(self, count, server_name, refused=9, each=10):
        events = [answer(0, server_name, server(1))]
        for n in range(count):
            boxes = tuple(f"u{n}x{m}@firm.test" for m in range(each))
            sent = mail(n * 30 + 1, server(1), has_message=n % 10 >= refused)
            events += [flow(n * 30 + 1, server(1)), replace(sent, rcpt_to=boxes)]
        return events

    def test_guessing_the_mailboxes_of_one_company_is_infected(self):
        """Its server is called mail, as a provider's may be, but takes mail for it alone."""
        found = verdict(self.mails(40, "mail.firm.test"))
        assert found.level is Level.INFECTED
        assert {Signal.RECIPIENT_SPREAD, Signal.RCPT_REFUSED} <= {i.signal for i in found.evidence}

    def test_mail_to_its_own_provider_is_not(self):
        """Scans to the same few mailboxes of one company."""
        events = [
            e
            for n in range(40)
            for e in (
                flow(n * 30 + 1, server(1)),
                mail(n * 30 + 1, server(1), f"u{n % 4}@firm.test", has_message=True),
            )
        ]
        assert verdict([answer(0, "mail.firm.test", server(1)), *events]).level is Level.CLEAN


def logged_without_flows(events, tls=False):
    """The verdict where no flow is logged; `tls`: TLS records of other hosts are."""
    store = gather([e for e in events if not isinstance(e, Flow)])
    if tls:
        store.coverage.present.add("tls")
    found = judge_evidence(store, site_of(), ReadStats()).verdicts
    return next(v for v in found if v.host == HOST)


def greetings(at, servers, port=25):
    """Sessions that show a greeting and no mail."""
    return [
        mail(at + n * 5, server(n), "", port=port, mail_from="", helo="probe.corp.test")
        for n in range(servers)
    ]


class TestWithoutFlows:
    """No bytes tell whether something was handed over."""

    def test_sessions_that_show_no_mail_make_it_suspected_at_most(self):
        found = logged_without_flows(greetings(0, 40))
        assert found.level is Level.SUSPECTED
        assert "40 sessions with no readable mail, and without flow records" in found.why

    def test_readable_mails_convict(self):
        assert logged_without_flows(spam(40)).level is Level.INFECTED
        some = spam(40)[: 10 * 3] + greetings(800, 30)
        assert logged_without_flows(some).level is Level.INFECTED
        few = spam(40)[: 5 * 3] + greetings(800, 35)
        assert logged_without_flows(few).level is Level.SUSPECTED

    def test_content_convicts_as_well(self):
        mails = [mail(n * 5, RELAY, f"a@d{n}.test", attachments=("a.exe",)) for n in range(30)]
        assert logged_without_flows([*mails, *greetings(200, 2)]).level is Level.INFECTED

    def test_what_is_spoken_in_the_clear_tells_a_survey_where_tls_is_logged(self):
        """Two ports of each server are tried, and nothing follows."""
        asked = greetings(0, 30) + greetings(1, 30, port=587)
        assert logged_without_flows(asked).level is Level.SUSPECTED
        assert logged_without_flows(asked, tls=True).level is Level.CLEAN
        hidden = [handshake(n * 5 + 1, server(n), "", 587) for n in range(30)]
        assert logged_without_flows(asked + hidden, tls=True).level is Level.SUSPECTED

    def test_a_monitor_returns_to_its_servers(self):
        rounds = [e for at in range(0, 14400, 300) for e in greetings(at, 20)]
        found = logged_without_flows(rounds)
        assert found.level is Level.SUSPECTED
        assert "as monitoring does" in found.why
        assert logged_without_flows(rounds, tls=True).level is Level.CLEAN

    def test_what_tls_hides_is_not_refused(self):
        """A file server tells its partners; most of their servers speak TLS."""
        told = business((0,), partners=20)
        hidden = [handshake((n % 20) * 3 + 1, server(n), "", 25) for n in range(5, 20)]
        assert logged_without_flows([*told, *hidden], tls=True).level is Level.SUSPECTED
        assert logged_without_flows(told, tls=True).level is Level.INFECTED
