"""Many logins -> the names that decoding all gives, from decoding few."""

import json
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eveproc.evidence.collector import Collector
from eveproc.evidence.host_names import NAMES_EACH, HostNames, Login
from eveproc.input.parallel import Gatherer
from eveproc.input.prefilter import Prefilter
from rulegen.site_profile import build_profile
from rulegen.yamlfile import parse_yaml
from tests.eveproc.eve_lines import SITE, START
from tests.eveproc.logins import certificate, session, ticket

HOSTS = [f"10.20.1.{number}" for number in range(1, 21)]


def site_of(more=""):
    return build_profile(parse_yaml(SITE + more, "site.yaml"))


def a_day():
    """Twenty workstations: a ticket a minute each, two users, and a session an hour."""
    for minute in range(24 * 60):
        time = START + 60 * minute
        for number, host in enumerate(HOSTS):
            user = "ann" if minute < 720 else "bob"
            yield ticket(time + number, host, f"{user}{number}", msg="KRB_TGS_REP")
            if minute % 60 == 0:
                yield session(time + number, host, f"{user}{number}", f"PC-{number}")
                yield certificate(time, host, f"CN={user}{number}")


def tagged(line, number):
    record = json.loads(line)
    record["vlan"] = [10 + number % 3]
    record["host"] = f"ids{number % 2}"
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def in_text(line, _):
    return json.dumps({"message": line.decode().strip()}).encode() + b"\n"


def spaced(line, _):
    return json.dumps(json.loads(line)).encode() + b"\n"


def of_nepal(line, _):
    return line.replace(b'+0000"', b'+0545"', 1)


def backwards(line, _):
    ordered = dict(reversed(json.loads(line).items()))
    return json.dumps(ordered, separators=(",", ":")).encode() + b"\n"


WAYS = [lambda line, _: line, tagged, in_text, spaced, of_nepal, backwards]


def names_of(lines, more="", *, plainly):
    gatherer = Gatherer(Collector(site_of(more)))
    block = b"".join(lines)
    (gatherer.take_plainly if plainly else gatherer.take)(block, len(block))
    store, _, _ = gatherer.found()
    return store.host_names.logins


@pytest.mark.parametrize("way", WAYS)
def test_every_name_is_found_as_if_each_line_were_decoded(way):
    lines = [way(line, n) for n, line in enumerate(a_day()) if n % 29 == 0]
    plainly = names_of(lines, plainly=True)
    assert len(plainly) == len(HOSTS)
    assert names_of(lines, plainly=False) == plainly


ODD_NAMES = [
    "a}b",
    "a}c",
    "sname1",
    "sname2",
    'a"}b',
    'a"}c',
    "a\\",
    "}",
    "},",
    'a","sname":"x',
    "a}\\b",
]


@pytest.mark.parametrize("way", WAYS)
def test_no_sign_in_a_name_hides_another_name(way):
    for first, second in permutations(ODD_NAMES, 2):
        lines = [
            way(line, 0)
            for name in (first, second)
            for line in (
                ticket(START, HOSTS[0], name),
                session(START, HOSTS[1], name, name),
                certificate(START, HOSTS[2], f"CN={name}"),
            )
        ]
        assert names_of(lines, plainly=False) == names_of(lines, plainly=True)


def test_fields_that_the_site_names_are_not_overlooked():
    lines = [
        json.dumps({**json.loads(line), "vxlan": {"vni": n % 5}}).encode() + b"\n"
        for n, line in enumerate(a_day())
        if n % 29 == 0
    ]
    more = "separate_by: [vxlan.vni]\n"
    assert names_of(lines, more, plainly=False) == names_of(lines, more, plainly=True)


def test_few_of_many_lines_are_decoded():
    block = b"".join(a_day())
    wanted, _ = Prefilter(Collector(site_of()).line_filter, set).lines(block, len(block))
    hours = 24 * len(HOSTS) * 3
    assert len(wanted) <= hours + len(HOSTS) < block.count(b"\n") / 20


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 200), st.integers(0, 9)), max_size=400),
    st.randoms(use_true_random=False),
)
def test_names_merge_in_any_order(notes, rng):
    whole = HostNames()
    parts = [HostNames() for _ in range(3)]
    for host, name, hour in notes:
        entry = (f"10.20.1.{host}", Login("user", f"u{name}", "krb5"), hour)
        whole.note(*entry)
        rng.choice(parts).note(*entry)
    rng.shuffle(parts)
    merged = HostNames()
    for part in parts:
        merged.merge(part)
    assert _kept(merged) == _kept(whole)


def _kept(names):
    return {
        address: sorted(known.items(), key=lambda e: (-e[1], e[0]))[:NAMES_EACH]
        for address, known in names.logins.items()
    }
