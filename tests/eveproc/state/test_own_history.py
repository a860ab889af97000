"""Nightly reports with a state -> what a machine sends is compared with its own earlier days."""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from eveproc.cli import main
from tests.eveproc.office import CLERK, MAILER, RELAY, SITE

HOUR, DAY = 3600, 86400
EVENT = dict[str, object]


def stamp(time: float) -> str:
    """Seconds since the first of March, 00:00 UTC, as EVE writes them."""
    day, rest = divmod(time, DAY)
    hour, rest = divmod(rest, HOUR)
    month = 3 + int(day) // 31
    return f"2024-{month:02}-{1 + int(day) % 31:02}T{int(hour):02}:{int(rest) // 60:02}:{rest % 60:09.6f}+0000"


def event(kind: str, time: float, host: str, to: str, port: int, **more: object) -> EVENT:
    return {
        "timestamp": stamp(time),
        "flow_id": int(time * 100) + 1,
        "event_type": kind,
        "src_ip": host,
        "src_port": 10000 + int(time) * 7919 % 50000,
        "dest_ip": to,
        "dest_port": port,
        "proto": "TCP",
        **more,
    }


def flow(time: float, host: str, to: str, port: int = 25, app: str = "smtp") -> EVENT:
    seen = {
        "start": stamp(time),
        "pkts_toserver": 12,
        "pkts_toclient": 11,
        "bytes_toserver": 4000,
        "bytes_toclient": 2000,
        "state": "closed",
    }
    tcp = {"tcp_flags_ts": "1b", "tcp_flags_tc": "1b"}
    return event("flow", time, host, to, port, app_proto=app, flow=seen, tcp=tcp)


def mail(
    time: float,
    host: str,
    to: str,
    rcpt: Sequence[str],
    text: str = "",
    is_taken: bool = True,
    helo: str = "desk.firm.test",
) -> EVENT:
    smtp = {"helo": helo, "mail_from": "<ann@firm.test>", "rcpt_to": [f"<{r}>" for r in rcpt]}
    message = {
        "status": "PARSE_DONE",
        "from": "ann@firm.test",
        "body_md5": text or f"{time:032.3f}",
    }
    return event(
        "smtp", time, host, to, 25, tx_id=0, smtp=smtp, **({"email": message} if is_taken else {})
    )


class Nights:
    """A folder with a log that grows, and the report of each night."""

    def __init__(self, folder: Path, site: str = SITE) -> None:
        self._eve, self._state = folder / "eve.json", folder / "state.db"
        self._site = folder / "site.yaml"
        self._site.write_text(site)
        self.with_state = True

    def report(self, *events: EVENT) -> dict[str, dict[str, object]]:
        """What the report says of each host above clean, or seen, by address."""
        with self._eve.open("a") as stream:
            stream.writelines(json.dumps(e) + "\n" for e in sorted(events, key=_time))
        more = ["--state", str(self._state)] if self.with_state else []
        command = ["report", str(self._eve), "-s", str(self._site), "-f", "json", "--all", *more]
        done = CliRunner().invoke(main, command)
        assert (done.exit_code, done.exception) == (0, None), done.output
        verdicts = [json.loads(line) for line in done.stdout.splitlines()]
        return {verdict["host"]: verdict for verdict in verdicts if "host" in verdict}


def _time(one: EVENT) -> str:
    return str(one["timestamp"])


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path)


def mails_of_day(
    day: int, host: str, to: str, count: int, each: int = 1, text: str = "", refused: int = 0
) -> Iterator[EVENT]:
    """So many mails from eight o'clock on, each to `each` strangers, each domain once."""
    for number in range(count):
        rcpt = [f"p{day}.{number}.{n}@d{number}-{n}.example" for n in range(each)]
        time = day * DAY + 8 * HOUR + 90 * number
        yield mail(time, host, to, rcpt, text, is_taken=number >= refused)
        yield flow(time, host, to)


def usual(day: int, host: str = CLERK, to: str = RELAY, about: int = 8) -> list[EVENT]:
    return list(mails_of_day(day, host, to, about + day % 3))


def test_a_client_that_sends_many_times_as_much_through_the_relay_is_suspected(
    nights: Nights,
) -> None:
    for day in range(6):
        assert nights.report(*usual(day))[CLERK]["verdict"] == "clean"
    found = nights.report(*mails_of_day(6, CLERK, RELAY, 150, each=2, text="a" * 32))[CLERK]
    assert (found["verdict"], found["score"]) == ("suspected", 0.5)
    assert (
        "Far above its own history: 300 recipients on 2024-03-07, at most 10 on any of the 6 days "
        "known before, since 2024-03-01"
    ) in str(found["why"])
    assert "its mail account may be stolen, or this is a mailing" in str(found["why"])
    assert "lock the mail account" in str(found["next_step"])
    # The fiftieth mail is the one that brings it to a hundred recipients.
    assert str(found["decided_at"]).startswith("2024-03-07T09:13:30")


@pytest.mark.parametrize(
    ("signal", "level"), [("relay_spread", "clean"), ("mx_flood", "suspected")]
)
def test_who_is_exempt_from_a_signal_of_delivery_is_not_judged_by_history(
    tmp_path: Path, signal: str, level: str
) -> None:
    exempt = f"exempt:\n- {{address: {CLERK}, signals: [{signal}], reason: newsletters}}\n"
    nights = Nights(tmp_path, SITE + exempt)
    for day in range(6):
        nights.report(*usual(day))
    assert nights.report(*mails_of_day(6, CLERK, RELAY, 150))[CLERK]["verdict"] == level


def test_the_same_mails_are_clean_where_no_history_is_kept(nights: Nights) -> None:
    nights.with_state = False
    days = [one for day in range(6) for one in usual(day)]
    found = nights.report(*days, *mails_of_day(6, CLERK, RELAY, 150, each=2, text="a" * 32))
    assert found[CLERK]["verdict"] == "clean"


def test_nobody_is_suspected_by_history_within_the_first_days(nights: Nights) -> None:
    for day in range(4):
        nights.report(*usual(day))
    found = nights.report(*mails_of_day(4, CLERK, RELAY, 300, each=2))
    assert found[CLERK]["verdict"] == "clean"


@pytest.mark.parametrize("times", [1, 3, 9])
def test_who_sends_a_few_times_as_much_stays_clean(nights: Nights, times: int) -> None:
    for day in range(6):
        nights.report(*usual(day, about=20))
    found = nights.report(*mails_of_day(6, CLERK, RELAY, times * 22))
    assert found[CLERK]["verdict"] == "clean"


def test_who_hardly_ever_mails_may_write_to_some_dozens_of_people(nights: Nights) -> None:
    for day in range(6):
        nights.report(*usual(day, about=0), flow(day * DAY + 9 * HOUR, CLERK, RELAY))
    assert nights.report(*mails_of_day(6, CLERK, RELAY, 90))[CLERK]["verdict"] == "clean"


def test_days_on_which_a_known_client_did_nothing_are_days_of_its_history(nights: Nights) -> None:
    nights.report(*usual(0), *usual(0, MAILER))
    for day in range(1, 6):
        nights.report(*usual(day, MAILER))
    found = nights.report(*mails_of_day(6, CLERK, RELAY, 150))[CLERK]
    assert found["verdict"] == "suspected"
    assert "at most 8 on any of the 6 days known before" in str(found["why"])


def test_a_client_that_never_mailed_is_known_by_its_other_connections(nights: Nights) -> None:
    for day in range(6):
        nights.report(flow(day * DAY + 9 * HOUR, CLERK, "198.51.100.80", 443, "tls"))
    found = nights.report(*mails_of_day(6, CLERK, RELAY, 150))[CLERK]
    assert found["verdict"] == "suspected"
    assert "150 recipients on 2024-03-07, at most 0 on any of the 6 days" in str(found["why"])


def test_of_a_client_that_was_never_met_there_is_no_history(nights: Nights) -> None:
    for day in range(6):
        nights.report(*usual(day, MAILER))
    assert nights.report(*mails_of_day(6, CLERK, RELAY, 150))[CLERK]["verdict"] == "clean"


def test_a_mailing_that_comes_back_every_week_is_a_habit(nights: Nights) -> None:
    verdicts = []
    for day in range(21):
        big = mails_of_day(day, CLERK, RELAY, 200) if day % 7 == 6 else usual(day)
        verdicts.append(nights.report(*big)[CLERK]["verdict"])
    assert [day for day, verdict in enumerate(verdicts) if verdict != "clean"] == [6]


def test_a_theft_that_goes_on_is_no_habit_by_the_next_day(nights: Nights) -> None:
    for day in range(6):
        nights.report(*usual(day))
    for day in range(6, 11):
        assert nights.report(*mails_of_day(day, CLERK, RELAY, 200))[CLERK]["verdict"] == "suspected"
    assert nights.report(*usual(11))[CLERK]["verdict"] == "clean"


def test_what_tls_hides_is_counted_by_connection(nights: Nights) -> None:
    def sends(day: int, count: int) -> list[EVENT]:
        start = day * DAY + 8 * HOUR
        return [flow(start + 60 * n, CLERK, RELAY, 587, "tls") for n in range(count)]

    for day in range(6):
        nights.report(*sends(day, 5))
    found = nights.report(*sends(6, 240))[CLERK]
    assert found["verdict"] == "suspected"
    assert "240 mail sessions on 2024-03-07, at most 5" in str(found["why"])


def test_a_storm_of_alerts_to_the_own_team_stays_clean(tmp_path: Path) -> None:
    nights = Nights(tmp_path, SITE + "internal_domains: [firm.test]\n")
    alerts = [
        one
        for n in range(700)
        for time in (6 * DAY + 60 * n,)
        for one in (mail(time, CLERK, RELAY, ["ops@firm.test"], "b" * 32), flow(time, CLERK, RELAY))
    ]
    for day in range(6):
        nights.report(*usual(day))
    assert nights.report(*alerts)[CLERK]["verdict"] == "clean"


def of_server(day: int, count: int, refused: int = 0) -> Iterator[EVENT]:
    """So many mails of the relay to external servers."""
    for number in range(count):
        time, to = day * DAY + 8 * HOUR + 60 * number, f"198.51.{number % 200}.25"
        rcpt = f"p{day}.{number}@d{number % 200}.example"
        is_taken = number >= refused
        yield mail(time, RELAY, to, [rcpt], is_taken=is_taken, helo="mail.firm.test")
        yield flow(time, RELAY, to)


def test_a_declared_server_far_above_its_own_days_may_be_hijacked(nights: Nights) -> None:
    for day in range(6):
        found = nights.report(*of_server(day, 30 + 5 * (day % 2)))
        assert found[RELAY]["verdict"] == "clean"
    found = nights.report(*of_server(6, 400, refused=50))[RELAY]
    assert (found["verdict"], found["families"]) == ("suspected", [])
    why = str(found["why"])
    assert "400 recipients on 2024-03-07, at most 35 on any of the 6 days known before" in why
    assert "50 refused recipients (at most 0 before)" in why
    assert "new to it: rcpt_refused; it may be hijacked" in why
    assert "the server's own log" in str(found["next_step"])


def test_a_declared_server_that_is_only_refused_far_more_may_be_hijacked(nights: Nights) -> None:
    for day in range(6):
        nights.report(*of_server(day, 150, refused=1))
    found = nights.report(*of_server(6, 160, refused=40))[RELAY]
    assert found["verdict"] == "suspected"
    assert "40 refused recipients on 2024-03-07, at most 1 on any" in str(found["why"])


@pytest.mark.parametrize(("count", "refused"), [(150, 8), (300, 0), (900, 12)])
def test_a_declared_server_that_grows_stays_clean(nights: Nights, count: int, refused: int) -> None:
    for day in range(6):
        nights.report(*of_server(day, 100, refused=1))
    assert nights.report(*of_server(6, count, refused))[RELAY]["verdict"] == "clean"


def test_hourly_reports_say_the_same_as_nightly_ones(nights: Nights) -> None:
    for day in range(6):
        nights.report(*usual(day))
    found: dict[str, dict[str, object]] = {}
    mails = sorted(mails_of_day(6, CLERK, RELAY, 150), key=_time)
    verdicts = []
    for start in range(0, len(mails), 50):
        found = nights.report(*mails[start : start + 50])
        verdicts.append(found[CLERK]["verdict"])
    assert verdicts == ["clean"] * 3 + ["suspected"] * 3


def test_the_history_is_the_machines_and_not_the_addresses(nights: Nights) -> None:
    """Two machines use an address in turn: each has its own days."""

    def lease(day: int, mac: str) -> EVENT:
        dhcp = {
            "type": "reply",
            "dhcp_type": "ack",
            "client_mac": mac,
            "assigned_ip": CLERK,
            "hostname": mac[-1],
            "lease_time": DAY,
        }
        return {**event("dhcp", day * DAY + 60, "10.20.0.1", "255.255.255.255", 68), "dhcp": dhcp}

    busy, calm = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
    for day in range(12):
        is_busy = day % 2 == 0
        count = 200 if is_busy else 5
        mac = busy if is_busy else calm
        found = nights.report(lease(day, mac), *mails_of_day(day, CLERK, RELAY, count))
        assert found[CLERK]["verdict"] == "clean"
    found = nights.report(lease(13, calm), *mails_of_day(13, CLERK, RELAY, 200))
    assert found[CLERK]["verdict"] == "suspected"


def few_servers(day: int, host: str, count: int, start: int) -> Iterator[EVENT]:
    """Direct mails, one an hour and a half, each to a server of its own."""
    for number in range(count):
        time, peer = day * DAY + 7 * HOUR + 5000 * number, start + number
        yield flow(time, host, f"198.{18 + peer // 250}.{peer % 250}.25", app="tls")


def test_a_few_new_servers_each_night_are_found_over_several(nights: Nights) -> None:
    verdicts = []
    for day in range(7):
        found = nights.report(*few_servers(day, MAILER, 7, 7 * day))[MAILER]
        verdicts.append(found["verdict"])
    assert verdicts == ["clean"] * 3 + ["suspected"] + ["infected"] * 3
    assert "49 new external servers within 7 days, counting at most 12 a day" in str(found["why"])


def test_after_an_incident_the_week_begins_anew(nights: Nights) -> None:
    for day in range(5):
        nights.report(*few_servers(day, MAILER, 7, 7 * day))
    quiet = flow(5 * DAY + 9 * HOUR, MAILER, "198.51.100.80", 443, "tls")
    assert nights.report(quiet)[MAILER]["verdict"] == "clean"
    assert nights.report(*few_servers(6, MAILER, 7, 70))[MAILER]["verdict"] == "clean"


def test_a_flood_of_one_night_is_not_found_again_in_the_next(nights: Nights) -> None:
    flood = (flow(9 * HOUR + n, MAILER, f"198.18.{n}.25", app="tls") for n in range(60))
    assert nights.report(*flood)[MAILER]["verdict"] == "infected"
    for day in (1, 2):
        found = nights.report(*few_servers(day, MAILER, 2, 100 * day))[MAILER]
        assert found["verdict"] == "clean"


def test_a_program_that_greets_under_the_sites_name_is_suspected_at_most(nights: Nights) -> None:
    """Invoices of a few new customers a day, encrypted: nothing but the greeting is readable."""
    verdicts = []
    for day in range(7):
        flows = list(few_servers(day, MAILER, 7, 7 * day))
        greetings = [_greeting(one) for one in flows]
        verdicts.append(nights.report(*flows, *greetings)[MAILER]["verdict"])
    assert verdicts == ["clean"] * 3 + ["suspected"] * 4


def _greeting(connection: EVENT) -> EVENT:
    smtp = {"helo": "erp.firm.test"}
    rest = {k: v for k, v in connection.items() if k not in ("flow", "tcp", "app_proto")}
    return {**rest, "event_type": "smtp", "tx_id": 0, "smtp": smtp}


def test_a_device_that_mails_two_people_at_large_providers_stays_clean(nights: Nights) -> None:
    """Exchangers of large providers answer from ever new addresses, each for millions of people."""
    names = ("gmail-smtp-in.l.google.com", "firm-test.mail.protection.outlook.com")
    for day in range(10):
        events = []
        for number, connection in enumerate(few_servers(day, MAILER, 8, 8 * day)):
            time = day * DAY + 7 * HOUR + 5000 * number
            events += [_answer(time - 1, names[number % 2], str(connection["dest_ip"])), connection]
        assert nights.report(*events)[MAILER]["verdict"] == "clean"


def _answer(time: float, name: str, address: str) -> EVENT:
    dns = {
        "version": 3,
        "type": "response",
        "id": int(time) % 60_000,
        "rcode": "NOERROR",
        "queries": [{"rrname": name, "rrtype": "A"}],
        "answers": [{"rrname": name, "rrtype": "A", "rdata": address}],
    }
    return {**event("dns", time, MAILER, "10.20.0.53", 53), "proto": "UDP", "dns": dns}


def test_the_same_servers_each_night_are_partners(nights: Nights) -> None:
    for day in range(7):
        found = nights.report(*few_servers(day, MAILER, 9, 0))[MAILER]
        assert found["verdict"] == "clean"


def test_few_new_contacts_each_night_are_a_persons(nights: Nights) -> None:
    numbers = random.Random(20)
    known = 0
    for day in range(14):
        new = numbers.randint(0, 3)
        again = few_servers(day, MAILER, 4, 0)
        found = nights.report(*again, *few_servers(day, MAILER, new, 10 + known))[MAILER]
        known += new
        assert found["verdict"] == "clean"
