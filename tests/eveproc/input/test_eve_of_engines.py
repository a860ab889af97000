"""The same packets through each real Suricata -> the same events, and no line unaccounted for."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from eveproc.input.events import Alert, Dhcp, Dns, Event, Flow, Smtp, Stats
from eveproc.input.read_stats import ReadStats
from eveproc.input.reader import read_events
from rulegen.vocabulary import Engine
from tests.engines.replay import EVE_TYPES, replay
from tests.eveproc import odd_traffic as odd

SHARED = Path(__file__).parents[4] / "shared" / "traffic"
# `custom: [subject]`: extended alone logs no subject, in neither version.
EXTENDED: Mapping[str, Mapping[str, object]] = {
    **EVE_TYPES,
    "dhcp": {"extended": True},
    "smtp": {**EVE_TYPES["smtp"], "custom": ["subject"]},
}
RULES = """
alert dns any any -> any any (msg:"an answer"; flow:to_client; metadata:mxhound_signal name_guess_nx, mxhound_host dest_ip; sid:1250001;)
alert tcp any any -> any 25 (msg:"a SYN"; flow:not_established,to_server; flags:S,CE; sid:1250002;)
alert ip any any -> any any (msg:"cut short"; decode-event:ipv4.trunc_pkt; sid:1250003;)
"""


@pytest.fixture(scope="session")
def pcap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("odd") / "odd.pcap"
    odd.write(path)
    return path


def read(eve: Path) -> tuple[list[Event], ReadStats]:
    stats = ReadStats()
    events = list(read_events([str(eve)], stats))
    assert stats.lines == eve.read_bytes().count(b"\n")
    assert stats.lines == stats.events.total() + stats.skipped.total()
    assert not stats.problems
    return events, stats


@pytest.fixture(scope="session")
def events(suricata: Engine, pcap: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    folder = tmp_path_factory.mktemp("eve")
    rules = folder / "test.rules"
    rules.write_text(RULES)
    return read(replay(suricata, pcap, folder / "out", rules=rules, eve_types=EXTENDED))[0]


def of(events: list[Event], kind: type[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


def test_the_client_is_who_asked_in_every_version_over_udp_tcp_and_ipv6(
    events: list[Event],
) -> None:
    seen = [
        (e.client, e.server, e.is_answer, e.questions, e.rcode)
        for e in events
        if isinstance(e, Dns) and e.is_answer
    ]
    assert seen == [
        (odd.PC, odd.RESOLVER, True, (("example.org", "MX"),), "NOERROR"),
        (odd.PC, odd.RESOLVER, True, (("no\\xff\\xfesuch.example.net", "MX"),), "NXDOMAIN"),
        (odd.PC_6, odd.RESOLVER_6, True, (("six.example.org", "MX"),), "SERVFAIL"),
        (odd.PC, odd.RESOLVER, True, (("tcp.example.org", "MX"),), "NXDOMAIN"),
    ]
    asked = [
        (e.client, e.server, e.questions) for e in events if isinstance(e, Dns) and not e.is_answer
    ]
    assert asked == [(client, server, questions) for client, server, _, questions, _ in seen]


def test_mails_with_their_envelope_attachment_and_digests(events: list[Event]) -> None:
    # 7 logs the QUIT as one more transaction, without anything in it.
    mails = [e for e in events if isinstance(e, Smtp) and e.rcpt_to]
    assert [
        (e.client, e.server, e.server_port, e.mail_from, e.rcpt_to, e.attachments) for e in mails
    ] == [
        (odd.PC, odd.SERVER, 25, "a@example.org", ("b@example.net", "c@example.net"), ("a.pif",))
    ] * 2
    assert mails[0].helo == "pc.example.org"
    assert [e.subject for e in mails] == ["caf\ufffd", "café"]
    assert mails[0].body_md5 == mails[1].body_md5 != ""
    assert mails[0].subject_md5 != mails[1].subject_md5


def test_flows_tell_refused_from_silent_from_established(events: list[Event]) -> None:
    flows = {
        e.server: (e.answered, e.established)
        for e in events
        if isinstance(e, Flow) and e.server_port == 25
    }
    assert flows == {
        odd.SERVER: (True, True),
        odd.REFUSING: (True, False),
        odd.SILENT: (False, False),
    }


def test_a_lease_has_mac_and_address_and_the_requests_tell_the_name(events: list[Event]) -> None:
    leases = of(events, Dhcp)
    assert {e.mac for e in leases if isinstance(e, Dhcp)} == {"02:00:00:00:00:11"}
    told = Counter((e.address, e.hostname, e.lease_seconds) for e in leases if isinstance(e, Dhcp))
    assert told == {("", "laptop-7", 0): 3, (odd.LEASED, "", 3600): 1, (odd.LEASED, "", 0): 1}


def test_an_alert_on_an_answer_knows_who_opened_the_flow_and_what_was_asked(
    events: list[Event],
) -> None:
    alerts = [e for e in events if isinstance(e, Alert) and e.sid == 1250001 and e.rrnames]
    assert [(e.src_ip, e.dest_ip, e.flow_src, e.rrnames) for e in alerts][:3] == [
        (odd.RESOLVER, odd.PC, odd.PC, ("example.org",)),
        (odd.RESOLVER, odd.PC, odd.PC, ("no\\xff\\xfesuch.example.net",)),
        (odd.RESOLVER_6, odd.PC_6, odd.PC_6, ("six.example.org",)),
    ]
    assert alerts[0].metadata == {
        "mxhound_signal": ("name_guess_nx",),
        "mxhound_host": ("dest_ip",),
    }
    assert {e.dest_ip for e in events if isinstance(e, Alert) and e.sid == 1250002} == {
        odd.SERVER,
        odd.REFUSING,
        odd.SILENT,
    }


def test_stats_have_the_counters_of_what_was_missed(events: list[Event]) -> None:
    (stats,) = [e for e in events if isinstance(e, Stats)]
    assert {
        "detect.alert_queue_overflow",
        "tcp.ssn_memcap_drop",
        "flow.memcap",
    } <= stats.counters.keys()


@pytest.mark.parametrize(
    "capture", ["dns-tunnel-mx", "emotet-2021-12", "m57-office", "nmap-scan", "one-mail-600-rcpt"]
)
def test_no_line_of_a_real_capture_is_unaccounted_for(
    suricata: Engine, capture: str, tmp_path: Path
) -> None:
    if not SHARED.is_dir():
        pytest.skip(f"the captures are not here: {SHARED.name} beside the project")
    _, stats = read(replay(suricata, SHARED / f"{capture}.pcap", tmp_path / "out"))
    assert set(stats.details.get("other_event_type", ())) <= {"anomaly"}
    assert stats.skipped.total() == stats.skipped["other_event_type"]


def test_a_real_log_of_2021_is_read_whole() -> None:
    log = SHARED / "foreign-alerts.eve.json.gz"
    if not log.exists():
        pytest.skip(f"the log is not here: {SHARED.name} beside the project")
    stats = ReadStats()
    sensors = {event.sensor for event in read_events([str(log)], stats)}
    assert stats.events == {"alert": 745, "dns": 680, "flow": 3512, "tls": 1}
    assert stats.lines == 5000
    assert len(sensors) == 1
