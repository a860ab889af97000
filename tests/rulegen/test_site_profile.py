"""site.yaml texts -> profiles, or every fault with its file, line, key and what is allowed."""

import os
from datetime import date
from ipaddress import ip_address, ip_network
from itertools import permutations
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rulegen.errors import InputError, Problem
from rulegen.site_profile import Ports, SiteProfile, Threshold, build_profile, load_site
from rulegen.vocabulary import Signal
from rulegen.yamlfile import parse_yaml

THREE_LINES = """\
home_networks: [10.20.0.0/16, "2001:db8:20::/48"]
mail_servers: [10.20.0.25]
resolvers: [10.20.0.53, "2001:db8:20::53"]
"""
EVERYTHING = """\
home_networks: [10.20.0.0/16, "2001:db8:20::/48"]
mail_servers: [10.20.0.25, 10.20.9.0/29, "2001:db8:20::25"]
resolvers: [10.20.0.53, 9.9.9.9]
internal_domains: [Example.org, corp.example.net.]
exempt:
  - {address: 10.20.0.80, signals: [mx_flood, mx_slow], reason: "address checker", until: 2027-01-31}
  - {network: 10.20.30.0/24, reason: laboratory}
thresholds:
  mx_flood: {count: 12, seconds: 60, networks: {10.20.64.0/20: {count: 30, seconds: 60}}}
  smtp_attempts: {networks: {10.20.64.0/20: {count: 40, seconds: 60}, "2001:db8:20:1::/64": {count: 2, seconds: 9}}}
sid_base: 1300000
ports: {smtp: [25, 2525], submission: [587]}
sensors: [edge-1, edge-2]
"""
HOME = "home_networks: [10.20.0.0/16]\n"


def profile(text: str, overlay: str | None = None) -> SiteProfile:
    return build_profile(
        parse_yaml(text, "site.yaml"),
        parse_yaml(overlay, "thresholds.yaml") if overlay is not None else None,
    )


def faults(text: str, overlay: str | None = None) -> list[str]:
    with pytest.raises(InputError) as caught:
        profile(text, overlay)
    return [str(problem) for problem in caught.value.problems]


def test_three_lines_are_enough() -> None:
    site = profile(THREE_LINES)
    assert site.home_networks == (ip_network("10.20.0.0/16"), ip_network("2001:db8:20::/48"))
    assert (site.ports, site.sid_base, site.exempt, dict(site.thresholds)) == (
        Ports((25,), (465, 587)),
        1250000,
        (),
        {},
    )
    assert site.is_home(ip_address("2001:db8:20::1"))
    assert not site.is_home(ip_address("10.21.0.1"))
    assert site.is_mail_server(ip_address("10.20.0.25"))
    assert not site.is_mail_server(ip_address("10.20.0.53"))
    assert site.is_resolver(ip_address("2001:db8:20::53"))


def test_everything_set() -> None:
    site = profile(EVERYTHING)
    assert site.internal_domains == ("example.org", "corp.example.net")
    assert site.thresholds == {Signal.MX_FLOOD: Threshold(12, 60)}
    assert {str(n.network): dict(n.thresholds) for n in site.network_thresholds} == {
        "10.20.64.0/20": {
            Signal.MX_FLOOD: Threshold(30, 60),
            Signal.SMTP_ATTEMPTS: Threshold(40, 60),
        },
        "2001:db8:20:1::/64": {Signal.SMTP_ATTEMPTS: Threshold(2, 9)},
    }
    assert (site.sid_base, site.ports, site.sensors) == (
        1300000,
        Ports((25, 2525), (587,)),
        ("edge-1", "edge-2"),
    )


def test_exemptions_end_after_their_last_day() -> None:
    site, host, lab = profile(EVERYTHING), ip_address("10.20.0.80"), ip_address("10.20.30.7")
    last, after = date(2027, 1, 31), date(2027, 2, 1)
    assert site.exemption_for(host, Signal.MX_FLOOD, last) is not None
    assert site.exemption_for(host, Signal.MX_FLOOD, after) is None
    assert site.exemption_for(host, Signal.SMTP_ATTEMPTS, last) is None
    assert site.exemption_for(lab, Signal.SMTP_REJECTS, after) is not None
    assert site.exemption_for(ip_address("2001:db8:20::1"), Signal.MX_FLOOD, last) is None


def test_thresholds_are_laid_over() -> None:
    network = "networks: {10.20.64.0/20: {count: 9, seconds: 30}}"
    overlay = f"thresholds: {{mx_flood: {{count: 5, seconds: 30, {network}}}, mx_slow: {{count: 3, seconds: 60}}}}"
    site = profile(EVERYTHING, overlay)
    assert site.thresholds == {Signal.MX_FLOOD: Threshold(5, 30), Signal.MX_SLOW: Threshold(3, 60)}
    first = site.network_thresholds[0]
    assert dict(first.thresholds) == {
        Signal.MX_FLOOD: Threshold(9, 30),
        Signal.SMTP_ATTEMPTS: Threshold(40, 60),
    }
    assert profile(EVERYTHING, "thresholds: {}") == profile(EVERYTHING)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "site.yaml: is empty; expected a mapping with the keys home_networks,"),
        ("[a]", "site.yaml:1: holds a list; expected a mapping"),
        (
            "home_networks: []",
            "site.yaml:1: [home_networks]: missing or empty: expected a list of at least one "
            "network",
        ),
        ("resolvers: [10.0.0.1]", "site.yaml: [home_networks]: missing or empty"),
        (
            "home_networks: 10.20.0.0/16",
            "[home_networks]: invalid type: is text; expected a list, for example home_networks: "
            "[...]",
        ),
        (
            "home_networks: [10.20.0.1]",
            "site.yaml:1: [home_networks.0]: invalid network 10.20.0.1: it is a single address; "
            "expected CIDR notation",
        ),
        (
            "home_networks: [10.20.0.1/16]",
            "[home_networks.0]: invalid network 10.20.0.1/16: it has host bits set; expected "
            "10.20.0.0/16",
        ),
        (
            "home_networks: [10.20.0.0/33]",
            "[home_networks.0]: invalid address '10.20.0.0/33': expected a network in CIDR "
            "notation",
        ),
        (
            "home_networks: ['fe80::%eth0/64']",
            "[home_networks.0]: invalid address 'fe80::%eth0/64'",
        ),
        (
            "home_networks: [10]",
            "[home_networks.0]: invalid type: is a number; expected a network in CIDR notation",
        ),
        (
            "home_networks: [10.0.0.0/8, 10.20.0.0/16]",
            "[home_networks]: invalid networks: 10.0.0.0/8 and 10.20.0.0/16 overlap; expected each "
            "address once",
        ),
        (
            "home_networks: [10.20.0.0/16, 10.20.0.0/16]",
            "[home_networks.1]: duplicate item '10.20.0.0/16': expected each item once",
        ),
        (
            "home_networks: [0.0.0.0/0]",
            "[home_networks]: invalid network 0.0.0.0/0: it covers all addresses",
        ),
        (
            "home_networks: [0.0.0.0/1, 128.0.0.0/1]",
            "[home_networks]: invalid network 0.0.0.0/0: it covers all addresses",
        ),
        (
            "home_networks: ['::/0']",
            "[home_networks]: invalid network ::/0: it covers all addresses",
        ),
        (
            HOME + "mail_servers: [192.0.2.1]",
            "site.yaml:2: [mail_servers.0]: invalid server 192.0.2.1: it is not in home_networks; "
            "expected a home address",
        ),
        (
            HOME + "mail_servers: ['2001:db8::25']",
            "[mail_servers.0]: invalid server 2001:db8::25: it is not in home_networks",
        ),
        (
            HOME + "mail_servers: [10.20.0.0/16]",
            "[mail_servers.0]: invalid server 10.20.0.0/16: it covers 10.20.0.0/16, so none of its "
            "hosts",
        ),
        (
            HOME + "resolvers: [10.0.0.0/8]",
            "[resolvers.0]: invalid server 10.0.0.0/8: it covers 10.20.0.0/16, so none of its "
            "hosts",
        ),
        (
            HOME + "resolvers: [dns.example.org]",
            "[resolvers.0]: invalid address 'dns.example.org': expected an address or a network",
        ),
        (HOME + "resolvers: {a: 1}", "[resolvers]: invalid type: is a mapping; expected a list"),
        (
            HOME + "mailservers: []",
            "site.yaml:2: [mailservers]: unknown key: expected one of home_networks, mail_servers,",
        ),
        (
            HOME + "internal_domains: [exa mple.org]",
            "[internal_domains.0]: invalid domain name 'exa mple.org'",
        ),
        (
            HOME + "internal_domains: [no]",
            "[internal_domains.0]: invalid type: is true or false; expected text: write it in quotes",
        ),
        (HOME + "internal_domains: [[a]]", "invalid type: is a list; expected text"),
        (HOME + "sensors: [17]", "[sensors.0]: invalid type: is a number; expected text: write it"),
        (
            HOME + "exempt: [&lab {address: 10.20.0.1, reason: lab}, *lab]",
            "[exempt.1]: duplicate item (the same as exempt.0): expected each item once",
        ),
        (
            HOME + "exempt: [{address: 10.20.0.1, reason: 4711}]",
            "[exempt.0.reason]: invalid type: is a number; expected text: write it in quotes",
        ),
        (
            'home_networks: ["::ffff:10.20.0.0/112"]',
            "[home_networks.0]: invalid network ::ffff:a14:0/112: it is an IPv4 address in IPv6 "
            "notation, which no packet has; expected 10.20.0.0/16",
        ),
        (HOME + 'resolvers: ["::ffff:10.20.0.53"]', "which no packet has; expected 10.20.0.53"),
        (
            HOME + "exempt: [{network: 10.20.0.0/17, reason: x}]\nresolvers: [10.20.128.0/17]",
            "[home_networks]: invalid home network 10.20.0.0/16: mail_servers, resolvers and "
            "exempt together cover all of it",
        ),
        (
            HOME + f"ports: {{smtp: {list(range(2000, 2149))}}}",
            "site.yaml:2: [ports]: invalid ports: 151 of smtp and submission together; expected "
            "150 at most",
        ),
        (
            "home_networks: [224.0.0.0/4]",
            "[home_networks.0]: invalid network 224.0.0.0/4: it is multicast, so no host sends from it",
        ),
        (
            HOME + "internal_domains: [10.20.0.1]",
            "invalid domain name '10.20.0.1': expected a name",
        ),
        (HOME + "internal_domains: ['7']", "invalid domain name '7': expected a name"),
        (HOME + "internal_domains: [münchen.example]", "non-ASCII names in their xn-- form"),
        (HOME + "internal_domains: ['a\"; sid:1;)']", "invalid domain name"),
        (HOME + "internal_domains: ['*.example.org']", "invalid domain name"),
        (
            HOME + "sensors: ['edge 1']",
            "[sensors.0]: invalid sensor name 'edge 1': expected letters",
        ),
        (
            HOME + "sid_base: 2000000",
            "[sid_base]: invalid sid 2000000: expected a whole number from 1000000 to 1999000",
        ),
        (HOME + "sid_base: '1250000'", "[sid_base]: invalid sid '1250000'"),
        (HOME + "sid_base: true", "[sid_base]: invalid sid true"),
        (HOME + "sid_base:", "[sid_base]: invalid sid nothing"),
        (
            HOME + f"sid_base: 0x{'f' * 5000}",
            "[sid_base]: is longer than 100 characters; expected less",
        ),
        (HOME + "ports: {smtp: [25:30]}", "site.yaml:2: [ports.smtp.0]: invalid port '25:30'"),
        (HOME + "ports: {smtp: [0465]}", "site.yaml:2: [ports.smtp.0]: invalid port '0465'"),
        (
            HOME + "thresholds: {mx_flood: {count: 1}}",
            "site.yaml:2: [thresholds.mx_flood.seconds]: missing",
        ),
        (
            HOME + f"sid_base: 0x{'f' * 90}",
            "[sid_base]: invalid sid a number of more than 20 digits",
        ),
        (
            HOME + "ports: [25]",
            "[ports]: invalid type: is a list; expected a mapping with the keys smtp, submission",
        ),
        (
            HOME + "ports: {smtp: []}",
            "[ports.smtp]: empty: expected a list of at least one port",
        ),
        (
            HOME + "ports: {smtp: [0]}",
            "[ports.smtp.0]: invalid port 0: expected a whole number from 1 to 65535",
        ),
        (
            HOME + "ports: {smtp: [465]}",
            "[ports]: invalid port 465: it is in both smtp and submission; expected one of them",
        ),
        (
            HOME + "ports: {imap: [143]}",
            "[ports.imap]: unknown key: expected one of smtp, submission",
        ),
        (
            HOME + "thresholds: {mx_flod: {count: 1, seconds: 1}}",
            "[thresholds.mx_flod]: unknown key: expected one of mx_flood,",
        ),
        (
            HOME + "thresholds: {mx_flood: {count: 0, seconds: 1}}",
            "[thresholds.mx_flood.count]: invalid number 0: expected a whole number from 1",
        ),
        (
            HOME + "thresholds: {mx_flood: {count: 1, seconds: -1}}",
            "[thresholds.mx_flood.seconds]: invalid number -1",
        ),
        (
            HOME + "thresholds: {mx_flood: {count: 1.5, seconds: 1}}",
            "[thresholds.mx_flood.count]: invalid number 1.5",
        ),
        (
            HOME + "thresholds: {mx_flood: {count: 3}}",
            "[thresholds.mx_flood.seconds]: missing: expected a whole number",
        ),
        (HOME + "thresholds: {mx_flood: {}}", "[thresholds.mx_flood.count]: missing"),
        (
            HOME + "thresholds: {mx_flood: 3}",
            "[thresholds.mx_flood]: invalid type: is a number; expected a mapping with the keys "
            "count, seconds, networks",
        ),
        (
            HOME + "thresholds: {mx_flood: {networks: [1]}}",
            "[thresholds.mx_flood.networks]: invalid type: is a list; expected a mapping from a "
            "network",
        ),
        (
            HOME + "thresholds: {mx_flood: {networks: {192.0.2.0/24: {count: 1, seconds: 1}}}}",
            "[thresholds.mx_flood.networks.192.0.2.0/24]: invalid network: it is not in "
            "home_networks; expected a part of them",
        ),
        (
            HOME + "thresholds: {mx_flood: {networks: {10.20.0.0/24: {count: 1, seconds: 1}, "
            "10.20.0.0/25: {count: 1, seconds: 1}}}}",
            "[thresholds]: invalid networks: 10.20.0.0/24 and 10.20.0.0/25 overlap",
        ),
        (
            HOME + "exempt: [10.20.0.1]",
            "[exempt.0]: invalid type: is text; expected a mapping with the keys address, network,",
        ),
        (
            HOME + "exempt: [{reason: x}]",
            "[exempt.0]: invalid exemption: expected exactly one of the keys address, network",
        ),
        (
            HOME + "exempt: [{address: 10.20.0.1, network: 10.20.0.0/24, reason: x}]",
            "[exempt.0]: invalid exemption: expected exactly one of",
        ),
        (
            HOME + "exempt: [{address: 10.20.0.1}]",
            "[exempt.0.reason]: missing or invalid reason: expected one line",
        ),
        (
            HOME + 'exempt: [{address: 10.20.0.1, reason: "a\\nsuppress gen_id 1"}]',
            "[exempt.0.reason]: missing or invalid reason",
        ),
        (
            HOME + "exempt: [{address: 10.20.0.1, reason: x, until: 2027-02-30}]",
            "[exempt.0.until]: invalid date '2027-02-30': expected YYYY-MM-DD",
        ),
        (
            HOME + "exempt: [{address: 10.20.0.1, reason: x, until: 2026-W01-1}]",
            "[exempt.0.until]: invalid date '2026-W01-1': expected",
        ),
        (
            HOME + "exempt: [{address: 10.20.0.1, reason: x, until: 20270131}]",
            "[exempt.0.until]: invalid date 20270131: expected",
        ),
        (
            HOME + "exempt: [{address: 192.0.2.1, reason: x}]",
            "[exempt.0]: invalid exemption 192.0.2.1: it is not in home_networks",
        ),
        (
            HOME + "exempt: [{network: 'fd00::/8', signals: [mx_slow], reason: x}]",
            "[exempt.0]: invalid exemption fd00::/8: it is not in home_networks",
        ),
        (
            HOME + "exempt: [{network: 10.20.0.0/16, reason: x}]",
            "site.yaml:2: [exempt.0]: invalid exemption 10.20.0.0/16: it covers 10.20.0.0/16, so "
            "none of its hosts",
        ),
        (
            HOME + "exempt: [{network: 10.0.0.0/8, reason: x}]",
            "[exempt.0]: invalid exemption 10.0.0.0/8: it covers 10.20.0.0/16, so none of its "
            "hosts",
        ),
        (
            HOME + "mail_servers: [10.20.0.0/17]\nresolvers: [10.20.128.0/17]",
            "site.yaml:1: [home_networks]: invalid home network 10.20.0.0/16: mail_servers and "
            "resolvers "
            "together cover all of it, so none of its hosts would be monitored",
        ),
        (
            HOME + "exempt: [{address: 10.20.0.1, reason: x, signals: [mx]}]",
            "[exempt.0.signals.0]: invalid signal 'mx': expected one of mx_flood,",
        ),
        (
            HOME + "exempt: [{address: 10.20.0.1, reason: x, signals: []}]",
            "[exempt.0.signals]: empty: expected at least one signal, or omit the key",
        ),
    ],
)
def test_a_fault_is_refused_with_its_place_and_what_is_allowed(text: str, expected: str) -> None:
    found = faults(text)
    assert any(expected in fault for fault in found), found
    assert len(found) <= 2  # what follows from the first fault is not told as ten more


def test_all_faults_at_once_in_both_files() -> None:
    text = "home_networks: [10.20.0.0/16, 10.20.1.0/24]\nmail_servers: [8.8.8.8]\nhme: 1\nsid_base: 5\nports: {smtp: [0]}\n"
    overlay = "thresholds: {mx_flood: {count: 0, seconds: 0}}\nsid_base: 1\n"
    found = faults(text, overlay)
    assert [fault.partition(": [")[2].partition("]")[0] for fault in found] == [
        *("hme", "home_networks", "mail_servers.0", "sid_base", "ports.smtp.0"),
        *("sid_base", "thresholds.mx_flood.count", "thresholds.mx_flood.seconds"),
    ]
    assert [fault.partition(":")[0] for fault in found] == ["site.yaml"] * 5 + [
        "thresholds.yaml"
    ] * 3


def test_an_overlay_may_not_overlap_the_networks_of_the_site() -> None:
    found = faults(
        EVERYTHING, "thresholds: {mx_slow: {networks: {10.20.64.0/24: {count: 1, seconds: 1}}}}"
    )
    assert found == [
        "thresholds.yaml:1: [thresholds]: invalid networks: 10.20.64.0/20 and 10.20.64.0/24 "
        "overlap; "
        "expected each address in one network only"
    ]


def test_files_that_cannot_be_read_are_both_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_site(tmp_path / "a.yaml", tmp_path / "b.yaml")
    assert [problem.file for problem in caught.value.problems] == [
        str(tmp_path / "a.yaml"),
        str(tmp_path / "b.yaml"),
    ]


def test_load_site_reads_what_a_person_wrote(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + EVERYTHING.replace("\n", "\r\n").encode())
    assert load_site(path) == profile(EVERYTHING)


LEAVES = st.one_of(
    *(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.dates().map(str),
    ),
    *(
        st.ip_addresses().map(str),
        st.sampled_from(
            ["10.20.0.0/16", "10.0.0.0/8", "0.0.0.0/0", "::/0", "mx_flood", "fe80::1%0"]
        ),
    ),
)
WORDS = (
    *(
        "home_networks",
        "mail_servers",
        "resolvers",
        "internal_domains",
        "exempt",
        "thresholds",
        "sid_base",
        "ports",
        "sensors",
    ),
    *(
        "smtp",
        "count",
        "seconds",
        "networks",
        "address",
        "network",
        "reason",
        "until",
        "signals",
        "mx_flood",
        "10.20.1.0/24",
    ),
)
KEYS = st.sampled_from(WORDS) | st.text(max_size=4)
TREES = st.recursive(
    LEAVES,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, TREES, max_size=6), TREES)
def test_any_yaml_is_a_profile_or_an_input_error(site: object, overlay: object) -> None:
    for text in map(str, problems_of(yaml.safe_dump(site), yaml.safe_dump(overlay))):
        assert text.startswith(("site.yaml", "thresholds.yaml"))
        assert text.isprintable()


def problems_of(site: str, overlay: str) -> tuple[Problem, ...]:
    try:
        profile(site, overlay)
    except InputError as error:
        return error.problems
    return ()


def test_sids_of_networks_do_not_depend_on_the_order_of_the_file() -> None:
    places = ["10.20.64.0/20", "10.20.7.0/24", '"2001:db8:20:1::/64"']
    sites = []
    for order in permutations(places):
        listed = ", ".join(f"{place}: {{count: 3, seconds: 60}}" for place in order)
        text = f"{THREE_LINES}thresholds: {{mx_flood: {{networks: {{{listed}}}}}}}"
        sites += [profile(text), profile(THREE_LINES, text.partition('::53"]\n')[2])]
    assert [str(part.network) for part in sites[0].network_thresholds] == [
        "10.20.7.0/24",
        "10.20.64.0/20",
        "2001:db8:20:1::/64",
    ]
    assert all(site == sites[0] for site in sites)


def test_more_networks_than_sids_in_the_overlay_are_told_of_the_site() -> None:
    found = faults(
        HOME + "sid_base: 1999000\n",
        "thresholds: {mx_flood: {networks: {10.20.1.0/24: {count: 1, seconds: 1}}}}",
    )
    assert found[0].startswith(
        "site.yaml:2: [sid_base]: invalid sid 1999000: 1 network has its own thresholds, and each "
        "needs 1000 more sids"
    )
    two = "{10.20.1.0/24: {count: 1, seconds: 1}, 10.20.2.0/24: {count: 1, seconds: 1}}"
    found = faults(HOME + f"sid_base: 1998000\nthresholds: {{mx_flood: {{networks: {two}}}}}")
    assert "2 networks have their own thresholds" in found[0]
    assert found[0].endswith("expected 1997000 at most")


def test_a_whole_home_network_may_be_exempt_from_signals_that_are_named() -> None:
    text = "home_networks: [10.20.0.0/16, 10.21.0.0/16]\nexempt: [{network: NET, signals: [mx_slow], reason: x}]"
    for network in ("10.20.0.0/16", "10.20.0.0/15", "10.0.0.0/8"):
        assert profile(text.replace("NET", network)).exempt[0].network == ip_network(network)


def test_a_pipe_nobody_writes_to_is_refused_and_one_of_the_shell_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "site.yaml"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match=r"site\.yaml: is a pipe; expected a file"):
        load_site(pipe)
    reading, writing = os.pipe()
    os.write(writing, THREE_LINES.encode())
    os.close(writing)
    assert load_site(Path(f"/dev/fd/{reading}")) == profile(THREE_LINES)
    os.close(reading)


@given(st.sets(st.integers(0, 2**16 - 1), min_size=1, max_size=40))
def test_apart_networks_load_in_their_order(numbers: set[int]) -> None:
    networks = [f"10.{number >> 8}.{number & 255}.0/24" for number in sorted(numbers)]
    assert [
        str(network)
        for network in profile(yaml.safe_dump({"home_networks": networks})).home_networks
    ] == networks


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", None),
        ("separate_by: []\n", ()),
        ("separate_by: [vlan, host]\n", ("vlan", "host")),
        (
            "separate_by: [vxlan.vni, branch, metadata.flowints.x]\n",
            ("vxlan.vni", "branch", "metadata.flowints.x"),
        ),
    ],
)
def test_fields_that_separate_networks(text, fields):
    document = parse_yaml(f"home_networks: [10.0.0.0/8]\n{text}", "site.yaml")
    assert build_profile(document).separate_by == fields


@pytest.mark.parametrize("given", ["7", "[hosts.csv]", '""', '"a\\x1bb"'])
def test_an_inventory_that_is_no_file_name_is_refused(given):
    (fault,) = faults(f"{HOME}inventory: {given}\n")
    assert fault.startswith("site.yaml:2: [inventory]: invalid file ")
    assert fault.endswith(": expected the name of a CSV file")


@pytest.mark.parametrize(
    "given", ["src_ip", "dns.rrname", "a b", ".vni", "a..b", "x=1", '"a,b"', "7", '"a\\n"', "é"]
)
def test_a_field_that_separates_nothing_is_refused(given):
    (fault,) = faults(f"{HOME}separate_by: [vlan, {given}]\n")
    assert fault.startswith("site.yaml:2: [separate_by")
    assert "invalid field " in fault
    assert "expected vlan, tenant_id, host, in_iface, or a field that says in which net" in fault
