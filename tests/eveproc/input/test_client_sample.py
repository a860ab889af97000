"""http, tls, mdns and arp records -> the result of decoding all, from decoding few."""

import json

import pytest

from eveproc.evidence.collector import Collector
from eveproc.input.client_sample import in_order, is_sampled, platform_of
from eveproc.input.decode import decode
from eveproc.input.events import Arp, Http, Mdns, Skipped, Tls
from eveproc.input.prefilter import Prefilter
from rulegen.site_profile import build_profile
from rulegen.yamlfile import parse_yaml
from tests.eveproc.clients import (
    BROWSER,
    PASSED_OVER,
    announcement,
    claim,
    handshake,
    request,
)
from tests.eveproc.eve_lines import HOST, SITE, START

SITE_PROFILE = build_profile(parse_yaml(SITE, "site.yaml"))
JA3 = "771,4865-4866,{},29-23-24,0"
MAC = "02:00:00:00:00:07"


def traffic():
    """Of everything some is looked at: 20 platforms and fingerprints, names and claims."""
    for n in range(20):
        agent, ja4 = BROWSER.format(f"X11; CrOS {n}"), f"t13d15{n:02}h2_8daaf6152771_e5627efa2ab1"
        for part in (0.337, 0.3371, PASSED_OVER, 0.733):
            second = START + 60 * n
            yield request(second, agent, part=part)
            yield handshake(second, ja4, part=part)
            yield handshake(second + 1, ja3=JA3.format(f"{n}-35-16"), part=part)
        for minute in range(50):
            yield announcement(START + n + 60 * minute, f"lap-{n % 3}.local")
            yield claim(START + n + 60 * minute, MAC, f"10.20.1.{n % 5}")


def spaced(line):
    return json.dumps(json.loads(line)).encode() + b"\n"


def backwards(line):
    return json.dumps(dict(reversed(json.loads(line).items()))).encode() + b"\n"


def in_text(line):
    return json.dumps({"message": line.decode().strip()}, separators=(",", ":")).encode() + b"\n"


def of_millis(line):
    record = json.loads(line)
    record["timestamp"] = record["timestamp"][:23] + "Z"
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def told(lines):
    collector = Collector(SITE_PROFILE)
    for line in lines:
        record = json.loads(line)
        event = decode(record["message"].encode() if "message" in record else line)
        if not isinstance(event, Skipped):
            collector.add(event)
    store = collector.store
    return store.clients, store.host_names, store.macs


@pytest.mark.parametrize("spelling", [bytes, spaced, backwards, in_text, of_millis])
def test_what_is_passed_over_would_have_told_nothing_new(spelling):
    lines = [spelling(line) for line in traffic()]
    block = b"".join(lines)
    few, _ = Prefilter(Collector(SITE_PROFILE).line_filter, lambda: ()).lines(block, len(block))
    clients, names, macs = told(few)
    assert (clients, names, macs) == told(lines)
    kinds = [login.kind for login in clients.logins[HOST]]
    assert (kinds.count("platform"), kinds.count("tls_client")) == (20, 40)
    assert {login.name for login in names.logins[HOST]} == {f"lap-{n}.local" for n in range(3)}
    assert len({address for address, *_ in macs.claims}) == 5


def test_few_lines_are_decoded():
    lines = list(traffic())
    block = b"".join(lines)
    few, _ = Prefilter(Collector(SITE_PROFILE).line_filter, lambda: ()).lines(block, len(block))
    kinds = [json.loads(line)["event_type"] for line in few]
    assert kinds.count("http") == 40
    assert kinds.count("tls") == 80
    assert kinds.count("mdns") == 3
    assert kinds.count("arp") == 1000


@pytest.mark.parametrize(
    ("text", "is_it"),
    [
        ("2026-03-02T08:00:01.337000+0000", True),
        ("2026-03-02T08:00:01.337999-0500", True),
        ("2026-03-02T08:00:01.337Z", True),
        ("2026-03-02T08:00:01.336999+0000", False),
        ("2026-03-02T08:00:37.000000+0000", False),
        (1_772_438_400.337, False),
        ("", False),
    ],
)
def test_one_in_a_thousand_is_looked_at(text, is_it):
    assert is_sampled(text) is is_it


@pytest.mark.parametrize(
    ("agent", "platform"),
    [
        (BROWSER.format("Windows NT 10.0; Win64; x64"), "windows nt 10.0; win64; x64"),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            "x11; linux x86_64",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:129.0) Gecko/20100101 Firefox/129.0",
            "x11; linux x86_64",
        ),
        ("Microsoft-CryptoAPI/10.0", ""),
        ("Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0)", ""),
        ("Mozilla/5.0 (" + "x" * 9999, "x" * 100),
        ("", ""),
    ],
)
def test_a_platform_is_what_browsers_of_one_device_share(agent, platform):
    assert platform_of(agent) == platform


def test_a_ja3_whose_extensions_come_in_another_order_is_the_same():
    assert in_order(JA3.format("0-35-16")) == in_order(JA3.format("16-0-35"))
    assert in_order(JA3.format("0-35-16")) != in_order(JA3.format("16-0-36"))
    assert in_order("") == ""


def test_records_of_other_times_and_other_programs_are_no_events():
    assert isinstance(decode(request(START, BROWSER.format("X11"), part=PASSED_OVER)), Skipped)
    assert isinstance(decode(request(START, "curl/8.5.0")), Skipped)
    (event,) = [decode(handshake(START, "t13d1516h2_a_b", part=PASSED_OVER))]
    assert isinstance(event, Tls)
    assert event.fingerprint == ""
    event = decode(request(START, BROWSER.format("X11")))
    assert isinstance(event, Http)


@pytest.mark.parametrize(
    "line",
    [
        announcement(START, "evil.local", HOST, source="10.20.1.66"),  # of another's address
        announcement(START, "evil.local").replace(b'"type":"response"', b'"type":"request"'),
        announcement(START, "evil.local").replace(b'"answers":[', b'"authorities":['),
        claim(START, MAC, "0.0.0.0"),  # a probe
        claim(START, "not a MAC"),
    ],
)
def test_what_says_nothing_of_its_sender_is_no_event(line):
    assert isinstance(decode(line), Skipped)


def test_events_of_mdns_and_arp():
    event = decode(announcement(START, "LAP-7.local."))
    assert isinstance(event, Mdns)
    assert (event.client, event.names) == (HOST, ("lap-7.local",))
    event = decode(claim(START, "02-00-00-00-00-07"))
    assert isinstance(event, Arp)
    assert (event.address, event.mac) == (HOST, MAC)
