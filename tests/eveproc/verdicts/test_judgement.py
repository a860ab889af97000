"""Logs from which something is missing -> a report that says what; a complete log -> no such
sentence.
"""

import gzip
import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from eveproc.cli import main
from eveproc.report import FORMATS, reading_stats, shown
from eveproc.verdicts.analyze import Report, analyze
from eveproc.verdicts.judge_silence import judge_silence
from eveproc.verdicts.judgement import Outcome
from rulegen.units import DAY, HOUR
from rulegen.vocabulary import Level
from tests.eveproc import eve_lines, office
from tests.eveproc.evidence_of import site_of

DATA = Path(__file__).parents[2] / "data"
START = 1_772_438_400.0  # 2026-03-02T08:00:00Z
HOMES = 'home_networks: [10.20.0.0/16, "2001:db8:20::/48"]\nmail_servers: [10.20.0.25]\n'
SNORT = ("office-snort-2.9.csv.gz", "office-snort-2.9.u2.gz", "office-snort-3.json.gz")
V4, V6 = b'_ip":"10.20.', b"2001:0db8:0020"


@cache
def recorded(version: int) -> tuple[bytes, ...]:
    content = gzip.decompress((DATA / f"office-suricata-{version}.eve.json.gz").read_bytes())
    return tuple(content.splitlines(keepends=True))


def judged(folder: Path, lines: Iterable[bytes], site: str = HOMES) -> Report:
    path = folder / "eve.json"
    path.write_bytes(b"".join(lines))
    return analyze([str(path)], site_of(site), drawn=False)


def names(report: Report) -> list[str]:
    return [cause.name for cause in report.judgement.causes]


def is_of(kind: str) -> Callable[[bytes], bool]:
    return lambda line: f'"event_type":"{kind}"'.encode() in line


@pytest.mark.parametrize("version", [7, 8])
class TestRecordings:
    """Both real engines, the same office."""

    def test_nothing_is_said_where_nothing_is_missing(self, version: int, tmp_path: Path) -> None:
        report = judged(tmp_path, recorded(version))
        assert names(report) == []
        assert report.judgement.outcome is Outcome.JUDGED

    @pytest.mark.parametrize(
        ("kind", "said"),
        [
            ("dns", ["no_dns_records"]),
            ("smtp", ["no_smtp_records"]),
            ("flow", ["no_flow_records"]),
            ("dhcp", ["no_dhcp_records"]),
            ("alert", []),
            ("stats", []),
        ],
    )
    def test_each_kind_of_record_taken_away(
        self, version: int, kind: str, said: list[str], tmp_path: Path
    ) -> None:
        lost = is_of(kind)
        report = judged(tmp_path, (line for line in recorded(version) if not lost(line)))
        assert names(report) == said
        if kind in ("dns", "smtp"):
            assert "looks like a mass mailer" in report.judgement.causes[0].text

    @pytest.mark.parametrize(("lost", "network"), [(V4, "10.20.0.0/16"), (V6, "2001:db8:20::/48")])
    def test_each_home_network_taken_away(
        self, version: int, lost: bytes, network: str, tmp_path: Path
    ) -> None:
        report = judged(tmp_path, (line for line in recorded(version) if lost not in line))
        assert names(report) == ["home_network_not_seen"]
        assert f"home network {network}:" in report.judgement.causes[0].text

    @pytest.mark.parametrize(
        ("site", "name", "network"),
        [
            ("home_networks: [10.20.0.0/16]\n", "no_ipv6_home", "2001:db8:20::/48"),
            ('home_networks: ["2001:db8:20::/48"]\n', "no_ipv4_home", "10.20.0.0/16"),
        ],
    )
    def test_each_home_network_left_out_of_the_profile(
        self, version: int, site: str, name: str, network: str, tmp_path: Path
    ) -> None:
        report = judged(tmp_path, recorded(version), site)
        assert names(report) == [name]
        assert network in report.judgement.causes[0].text

    def test_a_part_of_the_home_networks(self, version: int, tmp_path: Path) -> None:
        site = 'home_networks: [192.168.7.0/24, "2001:db8:20::/48", "10.20.8.0/21"]\n'
        report = judged(tmp_path, recorded(version), site)
        assert names(report) == ["home_network_not_seen", "clients_not_home"]
        assert "10.20.0.0/16" in report.judgement.causes[1].text

    def test_alerts_alone_are_judged_in_part(self, version: int, tmp_path: Path) -> None:
        report = judged(tmp_path, filter(is_of("alert"), recorded(version)))
        assert names(report) == ["alerts_only"]
        assert "a single alert is too little for a verdict" in report.judgement.causes[0].text
        assert report.judgement.outcome is Outcome.IN_PART

    def test_envelopes_without_a_message(self, version: int, tmp_path: Path) -> None:
        records = map(json.loads, filter(is_of("smtp"), recorded(version)))
        bare = {r["flow_id"]: {k: v for k, v in r.items() if k != "email"} for r in records}
        lines = (json.dumps(record).encode() + b"\n" for record in bare.values())
        rest = (line for line in recorded(version) if not is_of("smtp")(line))
        report = judged(tmp_path, [*rest, *lines])
        assert names(report) == ["no_messages"]
        assert "look like mass mailers" in report.judgement.causes[0].text

    def test_nothing_at_all_of_the_home_networks(self, version: int, tmp_path: Path) -> None:
        report = judged(tmp_path, recorded(version), "home_networks: [192.168.7.0/24]\n")
        assert report.judgement.outcome is Outcome.NOT_JUDGED
        assert names(report) == ["home_networks_wrong"]
        assert "10.20.0.0/16" in report.judgement.causes[0].text
        assert "192.168.7.0/24" in report.judgement.causes[0].text


@pytest.mark.parametrize("name", SNORT)
def test_snort_logs_alerts_alone(name: str) -> None:
    report = analyze([str(DATA / name)], site_of(HOMES), drawn=False)
    assert names(report) == ["alerts_only"]


def test_alerts_alone_of_a_labelled_network(tmp_path: Path) -> None:
    tagged = (
        line.replace(b"{", b'{"vlan":[7],', 1) for line in recorded(8) if is_of("alert")(line)
    )
    assert names(judged(tmp_path, tagged)) == ["alerts_only"]


# A network by the hour.


@cache
def an_hour(start: float, *kinds: str, sensor: str = "", number: int = 1200) -> tuple[bytes, ...]:
    """Ordinary lookups and connections of twenty clients."""
    lines = []
    for n in range(number):
        time, host = start + n * HOUR / number, f"10.20.1.{n % 20}"
        asked = {"type": "query", "rrname": "example.org", "rrtype": "A"}
        if "dns" in kinds:
            to = {"dest_ip": "10.20.0.53", "dest_port": 53, "proto": "UDP"}
            lines.append(eve_lines.line(time, "dns", host, dns=asked, **to))
        if "flow" in kinds:
            stamp = f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%S.%f}+0000"
            to = {"dest_ip": "198.51.100.7", "dest_port": 443, "proto": "TCP"}
            flow = {"start": stamp, "pkts_toclient": 9}
            made = eve_lines.line(time, "flow", host, flow=flow, tcp=eve_lines.FLAGS, **to)
            lines.append(made)
    if sensor:
        named = f'{{"host":"{sensor}",'.encode()
        return tuple(line.replace(b"{", named, 1) for line in lines)
    return tuple(lines)


def hours(*numbers: int, kinds: tuple[str, ...] = ("dns", "flow"), sensor: str = "") -> list[bytes]:
    return [
        line for hour in numbers for line in an_hour(START + hour * HOUR, *kinds, sensor=sensor)
    ]


def stamp_of(line: bytes) -> str:
    return str(json.loads(line)["timestamp"])


ONE_NETWORK = "home_networks: [10.20.0.0/16]\n"


def test_hours_without_records(tmp_path: Path) -> None:
    report = judged(tmp_path, hours(0, 1, 2, 6, 7, 8), ONE_NETWORK)
    assert names(report) == ["hours_without_records"]
    assert (
        "from 2026-03-02 10:59Z to 2026-03-02 14:00Z (3 hours)" in report.judgement.causes[0].text
    )


def test_a_network_that_goes_to_sleep_slowly_has_no_gap(tmp_path: Path) -> None:
    evening = [
        an_hour(START + h * HOUR, "dns", "flow", number=n) for h, n in enumerate((400, 50, 9))
    ]
    morning = [
        an_hour(START + (9 + h) * HOUR, "dns", "flow", number=n) for h, n in enumerate((9, 50, 400))
    ]
    report = judged(tmp_path, (line for hour in (*evening, *morning) for line in hour), ONE_NETWORK)
    assert names(report) == []


@pytest.mark.parametrize(("lost", "left"), [("dns", "flow"), ("flow", "dns")])
def test_one_kind_of_record_stops(lost: str, left: str, tmp_path: Path) -> None:
    lines = [*hours(0, 1, 2), *hours(3, 4, 5, kinds=(left,))]
    report = judged(tmp_path, lines, ONE_NETWORK)
    assert names(report) == [f"{lost}_records_stopped"]
    assert "from 2026-03-02 11:00Z to 2026-03-02 14:00Z" in report.judgement.causes[0].text


def mails(hour: int, number: int, *, packets: int = 14, logged: bool = True) -> list[bytes]:
    """Mails of clients through the site's server, with other records of that hour."""
    lines = list(an_hour(START + hour * HOUR, "dns", "flow"))
    to = {"dest_ip": "10.20.0.25", "dest_port": 25, "proto": "TCP"}
    for n in range(number):
        time, host = START + hour * HOUR + n * HOUR / number, f"10.20.1.{n % 20}"
        stamp = f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%S.%f}+0000"
        flow = {"start": stamp, "pkts_toserver": packets, "pkts_toclient": packets}
        lines.append(
            eve_lines.line(
                time, "flow", host, app_proto="smtp", flow=flow, tcp=eve_lines.FLAGS, **to
            )
        )
        if logged:
            said = {"helo": "pc", "mail_from": "<a@site.example>", "rcpt_to": ["<b@x.example>"]}
            message = {"status": "PARSE_DONE", "subject": "Hello"}
            lines.append(eve_lines.line(time, "smtp", host, smtp=said, email=message, **to))
    return sorted(lines, key=stamp_of)


def test_smtp_records_stop_while_mail_goes_on(tmp_path: Path) -> None:
    hours_of_mail = (mails(hour, 20, logged=hour < 3) for hour in range(6))
    report = judged(tmp_path, (line for hour in hours_of_mail for line in hour), ONE_NETWORK)
    assert names(report) == ["smtp_records_stopped"]
    assert report.judgement.causes[0].text == (
        "there are no smtp records from 2026-03-02 11:00Z to 2026-03-02 14:00Z (3 hours), while "
        "there are mail connections"
    )


def test_a_night_without_mail_is_no_stop_of_its_records(tmp_path: Path) -> None:
    """Health checks go on: they greet and leave, and give no record."""
    evening = [mails(hour, 20) for hour in range(2)]
    night = [mails(hour, 360, packets=4, logged=False) for hour in range(2, 8)]
    morning = [mails(hour, 20) for hour in range(8, 10)]
    day = (line for hour in (*evening, *night, *morning) for line in hour)
    assert names(judged(tmp_path, day, ONE_NETWORK)) == []


def test_one_of_two_sensors_falls_silent(tmp_path: Path) -> None:
    north, south = hours(*range(8), sensor="north"), hours(0, 1, 2, sensor="south")
    report = judged(tmp_path, sorted([*north, *south], key=stamp_of), ONE_NETWORK)
    assert names(report) == ["sensor_silent"]
    assert "sensor south wrote nothing from 2026-03-02 11:00Z" in report.judgement.causes[0].text


def statistics(*at: float, sensor: str = "") -> list[bytes]:
    """A record of statistics at each of these hours."""
    counters = {"uptime": 9, "decoder": {"pkts": 100}}
    made = (eve_lines.line(START + h * HOUR, "stats", "", stats=counters) for h in at)
    return [line.replace(b"}}}", f'}}}},"host":"{sensor}"}}'.encode()) for line in made]


@pytest.mark.parametrize("often", [1, 60])
def test_a_sensor_that_gets_no_more_packets(often: int, tmp_path: Path) -> None:
    """Nothing but its statistics goes on, for more lines than are decoded in search of a time."""
    lines = [*hours(0, 1, 2), *statistics(*(n / often for n in range(9 * often)))]
    report = judged(tmp_path, sorted(lines, key=stamp_of), ONE_NETWORK)
    assert names(report) == ["hours_without_records"]
    assert "from 2026-03-02 10:59Z" in report.judgement.causes[0].text
    assert report.records_span is not None


def test_statistics_of_another_time_than_an_old_capture(tmp_path: Path) -> None:
    report = judged(tmp_path, [*hours(0, 1, 2), *statistics(900, 905, 910)], ONE_NETWORK)
    assert names(report) == []


def test_one_of_two_sensors_writes_statistics_alone(tmp_path: Path) -> None:
    lines = [*hours(0, 1, 2, sensor="north"), *statistics(0, 1, 2, sensor="south")]
    report = judged(tmp_path, sorted(lines, key=stamp_of), ONE_NETWORK)
    assert names(report) == ["sensor_silent"]
    assert "sensor south wrote statistics" in report.judgement.causes[0].text


def of_kind(kind: str, *numbers: int, sensor: str) -> list[bytes]:
    """The records of some hours, as another kind."""
    return [
        re.sub(rb'"event_type":"\w+"', f'"event_type":"{kind}"'.encode(), line).replace(
            b'"flow":{', b'"alert":{"signature_id":2000328},"flow":{'
        )
        for line in hours(*numbers, sensor=sensor, kinds=("flow",))
    ]


def test_flows_of_which_a_shipper_drops_the_flags(tmp_path: Path) -> None:
    lines = [re.sub(rb',"tcp":\{[^}]*\}', b"", line) for line in hours(0, 1)]
    assert names(judged(tmp_path, lines, ONE_NETWORK)) == ["no_tcp_flags"]


@pytest.mark.parametrize("some", [False, True])
def test_answers_that_do_not_name_what_was_asked(some: bool, tmp_path: Path) -> None:
    named = b'"type":"query","rrname":"example.org","rrtype":"A"'
    answer = b'"version":2,"type":"answer","grouped":{"A":["192.0.2.1"]}'
    lines = [line.replace(named, answer) for line in hours(0, 1)]
    report = judged(tmp_path, [*lines, *hours(2) * some], ONE_NETWORK)
    assert names(report) == ([] if some else ["no_dns_questions"])


@pytest.mark.parametrize("kind", ["netflow", "alert", "anomaly"])
@pytest.mark.parametrize("sensor", ["south", ""])
def test_one_of_two_sensors_logs_nothing_that_shows_mail(
    kind: str, sensor: str, tmp_path: Path
) -> None:
    lines = [*hours(0, 1, 2, sensor="north"), *of_kind(kind, 0, 1, 2, sensor=sensor)]
    report = judged(tmp_path, sorted(lines, key=stamp_of), ONE_NETWORK)
    assert names(report) == ["sensor_without_evidence"]
    who = f"sensor {sensor}" if sensor else "a sensor without a name"
    told = f"{who} logs no dns, smtp or flow records (types seen: {kind})"
    assert report.judgement.causes[0].text.startswith(told)


@pytest.mark.parametrize(("lost", "left"), [("dns", "flow"), ("flow", "dns")])
def test_one_kind_of_record_of_one_of_two_sensors_stops(
    lost: str, left: str, tmp_path: Path
) -> None:
    south = [
        *hours(0, 1, 2, sensor="south"),
        *hours(3, 4, 5, sensor="south", kinds=(left,)),
    ]
    lines = sorted([*hours(*range(6), sensor="north"), *south], key=stamp_of)
    report = judged(tmp_path, lines, ONE_NETWORK)
    assert names(report) == [f"{lost}_records_stopped"]
    told = f"there are no {lost} records of sensor south from 2026-03-02 11:00Z"
    assert report.judgement.causes[0].text.startswith(told)


def test_one_of_two_sensors_sees_broadcasts_only(tmp_path: Path) -> None:
    south = [
        line.replace(b'"TCP"', b'"UDP"').replace(b'"pkts_toclient":9', b'"pkts_toclient":0')
        for line in hours(0, 1, 2, sensor="south", kinds=("flow",))
    ]
    lines = sorted([*hours(0, 1, 2, sensor="north"), *south], key=stamp_of)
    report = judged(tmp_path, lines, ONE_NETWORK)
    assert names(report) == ["only_broadcasts"]
    assert report.judgement.causes[0].text.startswith("sensor south logs unanswered datagrams")


def test_a_small_sensor_of_which_few_records_are_sampled_is_not_silent(tmp_path: Path) -> None:
    """A handful of records in one hour proves nothing about the others."""
    south = hours(0, sensor="south")[::16]
    lines = sorted([*hours(*range(8), sensor="north"), *south], key=stamp_of)
    assert names(judged(tmp_path, lines, ONE_NETWORK)) == []


def test_one_of_two_sensors_logs_no_flows(tmp_path: Path) -> None:
    south = hours(0, 1, 2, sensor="south", kinds=("dns",))
    report = judged(
        tmp_path, sorted([*hours(0, 1, 2, sensor="north"), *south], key=stamp_of), ONE_NETWORK
    )
    assert names(report) == ["no_flow_records"]
    assert report.judgement.causes[0].text.startswith("sensor south logs no flow records")


@pytest.mark.parametrize("rest", ["dns", "flow"])
def test_a_sensor_with_few_records_that_show_mail_logs_them(rest: str, tmp_path: Path) -> None:
    few = [line for line in hours(1, sensor="south") if f'"{rest}"'.encode() in line][::400]
    few = [line.replace(b"example.org", b"mail.example.org") for line in few]
    many = of_kind("alert", 0, 1, 2, sensor="south")
    lines = [*hours(0, 1, 2, sensor="north"), *many, *few]
    missing = ["no_flow_records"] if rest == "dns" else []
    assert names(judged(tmp_path, sorted(lines, key=stamp_of), ONE_NETWORK)) == missing


def test_other_programs_of_other_hosts_are_no_sensors(tmp_path: Path) -> None:
    lines = [*hours(0, 1, 2, sensor="north"), *of_kind("login", 0, 1, 2, sensor="server")]
    assert names(judged(tmp_path, sorted(lines, key=stamp_of), ONE_NETWORK)) == []


def test_an_address_of_all_clients_that_is_declared_as_mail_server(tmp_path: Path) -> None:
    """A sensor outside of the NAT."""
    lines = (re.sub(rb"10\.20\.1\.\d+", b"203.0.113.7", line) for line in hours(0, 1))
    site = "home_networks: [203.0.113.0/24]\nmail_servers: [203.0.113.7]\n"
    assert names(judged(tmp_path, lines, site)) == ["only_servers_seen"]


@pytest.mark.parametrize(
    ("domains", "causes"),
    [
        ("[firm.example, com]", ["internal_domain_public"]),
        ("[co.uk]", ["internal_domain_public"]),
        ("[corp, lan, ibm.com, firm.co.uk, example]", []),
    ],
)
def test_a_public_suffix_as_the_domain_of_the_site(
    domains: str, causes: list[str], tmp_path: Path
) -> None:
    site = f"{ONE_NETWORK}internal_domains: {domains}\n"
    assert names(judged(tmp_path, hours(0, 1), site)) == causes


def test_a_sensor_that_sees_internal_traffic_only(tmp_path: Path) -> None:
    lines = [
        re.sub(rb'"dest_ip":"(?!10\.)[^"]+"', b'"dest_ip":"10.20.0.60"', line)
        for line in hours(*range(6))
    ]
    report = judged(tmp_path, lines, ONE_NETWORK)
    assert names(report) == ["no_external_traffic"]


def test_a_sensor_of_the_profile_that_wrote_nothing(tmp_path: Path) -> None:
    lines = hours(0, 1, sensor="north")
    report = judged(tmp_path, lines, f"{ONE_NETWORK}sensors: [north, south]\n")
    assert names(report) == ["sensor_missing"]


def test_clients_that_never_ask_dns(tmp_path: Path) -> None:
    report = judged(tmp_path, hours(0, 1, kinds=("flow",)), ONE_NETWORK)
    assert names(report) == ["no_dns_traffic"]


def test_a_tenth_of_the_lines_is_cut_off(tmp_path: Path) -> None:
    lines = [line if n % 10 else line[:60] + b"\n" for n, line in enumerate(hours(0, 1))]
    report = judged(tmp_path, lines, ONE_NETWORK)
    assert names(report) == ["lines_not_usable"]
    assert "cut off" in report.judgement.causes[0].text


def test_records_are_cut_off_behind_their_kind(tmp_path: Path) -> None:
    """The rest of each names its event type, as with a limit of 200 bytes and more."""
    lines = [line if n % 10 else line[:200] + b"\n" for n, line in enumerate(hours(0, 1))]
    report = judged(tmp_path, lines, ONE_NETWORK)
    assert names(report) == ["lines_not_usable"]
    assert "cut off" in report.judgement.causes[0].text


def test_most_lines_are_cut_off(tmp_path: Path) -> None:
    """What is left may be the part without the mass mailer."""
    lines = [line if n % 3 else line[:200] + b"\n" for n, line in enumerate(hours(0, 1))]
    whole = judged(tmp_path, lines, ONE_NETWORK)
    assert whole.judgement.outcome is Outcome.IN_PART
    lines = [line[:200] + b"\n" if n % 3 else line for n, line in enumerate(hours(0, 1))]
    report = judged(tmp_path, lines, ONE_NETWORK)
    assert report.judgement.outcome is Outcome.NOT_JUDGED
    assert names(report) == ["lines_not_usable"]
    assert "cut off" in report.judgement.causes[0].text


def test_most_records_lack_a_field(tmp_path: Path) -> None:
    unnamed = (line.replace(b'"src_ip"', b'"srcip"') for line in eve_lines.mailing(START, 60))
    report = judged(tmp_path, [*unnamed, *hours(0, 1)], ONE_NETWORK)
    assert report.judgement.outcome is Outcome.NOT_JUDGED
    assert "missing field src_ip" in report.judgement.causes[0].text
    assert "renames" in report.judgement.causes[0].remedy


def test_only_the_long_records_are_cut_off_and_they_are_few(tmp_path: Path) -> None:
    sent = {"mail_from": "<a@spam.example>", "rcpt_to": ["<b@victim.example>"]}
    mails = [
        eve_lines.line(
            START + n, "smtp", eve_lines.HOST, dest_ip="198.51.100.7", dest_port=25, smtp=sent
        )
        for n in range(10)
    ]
    lines = [*(mail.rstrip()[:-40] + b"\n" for mail in mails), *hours(0, 1)]
    report = judged(tmp_path, lines, ONE_NETWORK)
    assert names(report) == ["lines_not_usable"]
    assert "of the lines that can be evidence" in report.judgement.causes[0].text


def test_many_lines_of_another_program_that_speak_of_event_types(tmp_path: Path) -> None:
    """More of them in a block than are tried to see whether the input is EVE at all."""
    mailing = eve_lines.mailing(START, 60)
    report = judged(tmp_path, [*[b'app: {event_type "login"}\n'] * 300, *mailing], ONE_NETWORK)
    assert report.verdicts[0].level is not Level.CLEAN
    assert names(report) == ["lines_not_usable"]


def test_a_last_line_that_is_being_written_is_usual(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"eve.{number}.json").write_bytes(b"".join(hours(number))[:-30])
    report = analyze([str(tmp_path)], site_of(ONE_NETWORK), drawn=False)
    assert names(report) == []


def test_a_found_host_stays_found_where_the_rest_is_not_seen(tmp_path: Path) -> None:
    mailing = [*eve_lines.mailing(START, 60)]
    report = judged(tmp_path, (line for line in mailing if b'"flow"' in line), ONE_NETWORK)
    assert report.verdicts[0].level is not Level.CLEAN
    assert report.judgement.outcome is not Outcome.NOT_JUDGED


# What follows, in every form.

CASES = {
    "bad checksums": (
        {"capture": {"kernel_packets": 900_000}, "tcp": {"invalid_checksum": 450_000}},
        "checksum",
    ),
    "DPDK": ({"capture": {"packets": 900_000, "dpdk": {"imissed": 700_000}}}, "DPDK"),
    "DPDK, errors": ({"capture": {"packets": 900_000, "dpdk": {"ierrors": 700_000}}}, "optics"),
    "per thread": (
        {"threads": {"W#01": {"capture": {"kernel_packets": 900_000, "kernel_drops": 800_000}}}},
        "dropped",
    ),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("case", CASES)
def test_a_sensor_that_loses_packets_is_told_in_every_form(
    case: str, form: str, tmp_path: Path
) -> None:
    counters, word = CASES[case]
    stats = eve_lines.line(START, "stats", "", stats=counters)
    report = judged(tmp_path, [*hours(0, 1), stats], ONE_NETWORK)
    assert report.judgement.outcome is Outcome.IN_PART
    text = FORMATS[form](report, shown(report, everyone=False))
    if form == "json":  # one object per host, and no host is listed: the statistics have it
        text = reading_stats.render_json(report)
    assert "judged in part" in text.lower()
    assert word in text


@pytest.mark.parametrize("form", FORMATS)
def test_a_quiet_night_that_was_seen_is_told_without_reservation(form: str, tmp_path: Path) -> None:
    report = judged(tmp_path, hours(0, 1), ONE_NETWORK)
    text = FORMATS[form](report, shown(report, everyone=False)).lower()
    assert "in part" not in text
    assert "could not" not in text


def test_every_host_of_the_json_form_tells_its_coverage(tmp_path: Path) -> None:
    lines = (line for line in recorded(7) if not is_of("dns")(line))
    report = judged(tmp_path, lines)
    told = [json.loads(line) for line in FORMATS["json"](report, report.verdicts).splitlines()]
    assert len(told) == len(report.verdicts)
    assert all(one["coverage"]["judgement"] == "judged in part" for one in told)


def test_tls_alone_is_not_enough_to_say_that_nobody_sends(tmp_path: Path) -> None:
    """Submission is seen, but neither port 25 nor lookups; infected hosts are reported
    nevertheless.
    """

    def handshakes(servers: int) -> list[bytes]:
        return [
            json.dumps(
                {
                    "timestamp": f"2026-03-02T08:{n % 60:02}:00.000000+0000",
                    "event_type": "tls",
                    "src_ip": "10.20.7.7",
                    "src_port": 40000 + n,
                    "dest_ip": f"198.51.100.{n % servers}",
                    "dest_port": 465,
                    "proto": "TCP",
                    "tls": {"version": "TLS 1.3"},
                }
            ).encode()
            + b"\n"
            for n in range(60)
        ]

    few = judged(tmp_path, handshakes(2))
    assert (few.judgement.outcome, names(few)) == (Outcome.NOT_JUDGED, ["no_evidence_records"])
    many = judged(tmp_path, handshakes(40))
    assert many.judgement.outcome is Outcome.IN_PART
    assert [v.level for v in many.verdicts if v.host == "10.20.7.7"] == [Level.SUSPECTED]


# With a state.


@pytest.mark.parametrize(
    ("reports", "now", "outcome"),
    [
        ((), START, Outcome.NOT_JUDGED),
        ((START,), START + 9 * DAY, Outcome.NOTHING_NEW),
        ((START, START - DAY, START - 2 * DAY), START + 600, Outcome.NOTHING_NEW),
        ((START, START - DAY, START - 2 * DAY), START + DAY, Outcome.NOT_JUDGED),
        ((START, START - 600, START - 1200), START + 900, Outcome.NOTHING_NEW),
        ((START, START - 600, START - 1200), START + HOUR, Outcome.NOT_JUDGED),
        ((START, START, START), START + 9 * DAY, Outcome.NOTHING_NEW),
    ],
)
def test_nothing_new_is_odd_after_three_reports_with_news(
    reports: tuple[float, ...], now: float, outcome: Outcome
) -> None:
    assert judge_silence(reports, now).outcome is outcome


def test_nothing_new_is_said_as_such(tmp_path: Path) -> None:
    eve, site = office.write(tmp_path)
    arguments = ["report", eve, "-s", site, "--state", str(tmp_path / "state")]
    first = CliRunner().invoke(main, arguments)
    again = CliRunner().invoke(main, arguments)
    assert first.stdout.startswith("1 infected")
    assert (again.exit_code, again.stdout) == (0, "Nothing new since 2024-03-01 10:00Z.\n")
    assert again.stderr.splitlines()[-1] == "coverage: nothing new since 2024-03-01 10:00Z"


def test_nothing_new_after_a_run_that_could_not_judge_is_no_quiet_night(tmp_path: Path) -> None:
    eve, site = office.write(tmp_path)
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("home_networks: [203.0.113.0/24]")
    arguments = ["report", eve, "--state", str(tmp_path / "state")]
    assert CliRunner().invoke(main, [*arguments, "-s", str(wrong)]).exit_code == 4
    for profile in (str(wrong), site):
        again = CliRunner().invoke(main, [*arguments, "-s", profile])
        assert again.exit_code == 4
        assert again.stdout.startswith("Could not judge: nothing new since the last run, and no")
        assert "delete the state file" in again.stdout


def test_three_nights_with_news_and_one_without(tmp_path: Path) -> None:
    eve, site = office.write(tmp_path)
    arguments = ["report", eve, "-s", site, "--state", str(tmp_path / "state")]
    night = Path(eve).read_bytes()
    for day in (2, 3):
        assert CliRunner().invoke(main, arguments).exit_code == 0
        with Path(eve).open("ab") as more:
            more.write(night.replace(b"2024-03-01T", f"2024-03-0{day}T".encode()))
    assert CliRunner().invoke(main, arguments).exit_code == 0
    odd = CliRunner().invoke(main, arguments)
    assert odd.exit_code == 4
    assert odd.stdout.startswith("Could not judge: nothing new since 2024-03-03 10:00Z")


@pytest.mark.parametrize("left", [60, 200])
def test_a_night_whose_records_are_all_cut_off_is_not_nothing_new(
    tmp_path: Path, left: int
) -> None:
    """If an update introduced a syslog limit, every later night would look quiet."""
    eve, site = office.write(tmp_path)
    arguments = ["report", eve, "-s", site, "--state", str(tmp_path / "state")]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    with Path(eve).open("ab") as more:
        more.writelines(line[:left] + b"\n" for line in hours(24))
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 4
    assert result.stdout.startswith("Could not judge: every record is cut off")


# A sensor whose mirror port is set up wrong (tests/test_half_mirror.py has what real engines log).

SENT, SILENT = {"tcp_flags_ts": "1b", "tcp_flags_tc": "00"}, {"start": "", "pkts_toclient": 0}


def flows(number: int, *, every: float = 1.0, **fields: object) -> list[bytes]:
    """Flows of twenty clients."""
    ordinary = {"dest_ip": "198.51.100.7", "dest_port": 443, "proto": "TCP", "flow": SILENT}
    return [
        eve_lines.line(START + n * every, "flow", f"10.20.1.{n % 20}", **{**ordinary, **fields})
        for n in range(number)
    ]


NEIGHBORS = [
    eve_lines.line(
        START + n,
        "flow",
        f"2001:db8:20::{n:x}",
        **{"dest_ip": "ff02::1:ff00:1", "proto": "IPv6-ICMP", "flow": SILENT},
    )
    for n in range(400)
]
BROADCASTS = flows(400, dest_ip="239.255.255.250", dest_port=1900, proto="UDP")
NO_ANSWER = flows(400, tcp=SENT)
ATTEMPTS = flows(400, tcp={"tcp_flags_ts": "02", "tcp_flags_tc": "00"})
LATE = {"tcp_flags_ts": "00", "tcp_flags_tc": "00"}
REPLIES = [
    eve_lines.line(
        START + n,
        "flow",
        "198.51.100.7",
        **{"src_port": 443, "dest_ip": f"10.20.1.{n % 20}", "dest_port": 40_000 + n},
        **{"proto": "TCP", "flow": SILENT, "tcp": LATE},
    )
    for n in range(400)
]
ORDINARY = list(an_hour(START, "dns", "flow", number=800))


@pytest.mark.parametrize(
    ("lines", "cause"), [(BROADCASTS, "only_broadcasts"), (REPLIES, "one_direction")]
)
def test_nothing_is_judged_where_no_connection_is_seen(
    lines: list[bytes], cause: str, tmp_path: Path
) -> None:
    report = judged(tmp_path, lines, ONE_NETWORK)
    assert (report.judgement.outcome, names(report)) == (Outcome.NOT_JUDGED, [cause])


LEASES = [
    eve_lines.lease(START + n, f"10.20.1.{n}", mac=f"02:00:00:00:00:{n:02x}") for n in range(20)
]


@pytest.mark.parametrize("lines", [BROADCASTS, LEASES], ids=["broadcasts", "leases"])
def test_the_sensor_s_own_connections_are_no_mirror(lines: list[bytes], tmp_path: Path) -> None:
    one = [line for line in an_hour(START, "dns", "flow") if b'"10.20.1.0"' in line]
    own = [line.replace(b'"10.20.1.0"', b'"10.20.0.9"') for line in one]
    report = judged(tmp_path, sorted([*lines, *own], key=stamp_of), ONE_NETWORK)
    assert (report.judgement.outcome, names(report)) == (Outcome.IN_PART, ["only_broadcasts"])
    assert re.match(r"at least (1[0-9]|20) home hosts", report.judgement.causes[0].text)


def test_leases_without_flow_records_say_nothing_of_connections(tmp_path: Path) -> None:
    lines = sorted([*LEASES, *an_hour(START, "dns")], key=stamp_of)
    assert names(judged(tmp_path, lines, ONE_NETWORK)) == ["no_flow_records"]


@pytest.mark.parametrize("half", [NO_ANSWER, REPLIES])
def test_connections_seen_in_one_direction_only(half: list[bytes], tmp_path: Path) -> None:
    report = judged(tmp_path, sorted([*ORDINARY, *half], key=stamp_of), ONE_NETWORK)
    assert names(report) == ["one_direction"]
    assert re.search(r"about [2-6][0-9]% of the connections", report.judgement.causes[0].text)


@pytest.mark.parametrize(
    ("more", "site"),
    [
        (NO_ANSWER[::20], ONE_NETWORK),
        (REPLIES[::20], ONE_NETWORK),
        (ATTEMPTS, ONE_NETWORK),
        (BROADCASTS, ONE_NETWORK),
        (NEIGHBORS, HOMES),
    ],
)
def test_what_ordinary_networks_hold_beside_their_connections(
    more: list[bytes], site: str, tmp_path: Path
) -> None:
    """A few packets of connections that ended before, attempts that nobody answered, broadcasts,
    neighbors that are looked for."""
    report = judged(tmp_path, sorted([*ORDINARY, *more], key=stamp_of), site)
    assert names(report) == []


@pytest.mark.parametrize(
    ("clients", "said"), [(4, []), (20, ["clients_not_home"])], ids=["gateways", "a network"]
)
def test_public_clients_that_are_not_home(clients: int, said: list[str], tmp_path: Path) -> None:
    """Half of a university."""
    others = [
        re.sub(rb"10\.20\.1\.([0-9]+)", lambda n: b"192.88.7.%d" % (int(n[1]) % clients), line)
        for line in ORDINARY
    ]
    report = judged(tmp_path, sorted([*ORDINARY, *others], key=stamp_of), ONE_NETWORK)
    assert names(report) == said
    assert all("192.88.7.0/24" in cause.text for cause in report.judgement.causes)


@pytest.mark.parametrize("network", ["100.64.7", "172.30.7"])
def test_one_client_with_an_address_that_is_not_global(network: str, tmp_path: Path) -> None:
    """Shared address space (RFC 6598) is used inside of sites, too."""
    client = f"{network}.9".encode()
    others = [line.replace(b"10.20.1.3", client) for line in hours(0, 1)]
    report = judged(tmp_path, others, ONE_NETWORK)
    assert names(report) == ["clients_not_home"]
    assert f"clients of {network}.0/24 were seen" in report.judgement.causes[0].text


@pytest.mark.parametrize("name", [b"example.org", b"smtp.example.org"])
def test_a_sensor_that_sees_lookups_only(name: bytes, tmp_path: Path) -> None:
    """Also of mail servers, as every mail program makes them."""
    answered = {"start": "", "pkts_toclient": 1}
    asked = flows(1000, every=3.47, dest_port=53, proto="UDP", flow=answered)
    lookups = [line.replace(b"example.org", name) for line in an_hour(START, "dns")]
    report = judged(tmp_path, sorted([*lookups, *asked], key=stamp_of), ONE_NETWORK)
    assert names(report) == ["no_connections"]
