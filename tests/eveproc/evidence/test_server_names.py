"""Who runs a server: names from DNS and TLS, in any order, within bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.evidence import server_names
from eveproc.evidence.server_names import ServerNames
from eveproc.input.events import Dns, Tls
from eveproc.signals.domains import is_exchange_name
from tests.eveproc.evidence_of import RESOLVER, START, gather, site_of

A, B = "192.0.2.1", "192.0.2.2"
SEEN = st.tuples(
    st.sampled_from([f"192.0.2.{n}" for n in range(8)]),
    st.sampled_from([f"{host}.{d}.example" for host in ("mx1", "smtp") for d in "abcdef"]),
    st.floats(0, 9),
)


def named(*seen):
    names = ServerNames()
    for address, name, time in seen:
        names.note(address, name, time)
    return names


def test_one_provider_answers_from_many_addresses():
    names = named((A, "smtp.mail.example.com", 1), (B, "smtp2.example.com", 2))
    peer_of = names.peers()
    assert peer_of(A) == peer_of(B) == "example.com"
    assert peer_of("192.0.2.3") == "192.0.2.3"


def test_the_providers_own_name_counts_before_a_customers():
    names = named((A, "mail.a.example", 1), (A, "smtp.zz.example", 1), (B, "smtp.zz.example", 1))
    assert names.peers()(A) == "zz.example"


def test_names_of_private_zones_say_nothing_of_who_runs_a_server():
    assert named((A, "mail.corp.localdomain", 1)).peers()(A) == A


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gmail-smtp-in.l.google.com", True),
        ("mx00.gmx.net", True),
        ("mta5.am0.yahoodns.net", True),
        ("contoso-com.mail.protection.outlook.com", True),
        ("alt1.aspmx.l.google.com", True),
        ("mail.gmx.net", False),
        ("smtp.office365.com", False),
        ("smtp-relay.gmail.com", False),
        ("mail.example.org", False),
    ],
)
def test_exchangers_are_told_by_their_names(name, expected):
    assert is_exchange_name(name) is expected
    assert (named((A, name, 1)).peers()(A) == A) is expected


@given(st.lists(SEEN, max_size=40), st.integers(0, 40), st.sampled_from([2, 100]))
def test_merging_is_order_free_within_the_bound(seen, cut, bound):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server_names, "MOST_SERVERS", bound)
        parts = named(*reversed(seen[cut:]))
        parts.merge(named(*seen[:cut]))
        assert parts == named(*seen)
        assert len(parts.names) <= bound


def test_old_names_are_forgotten():
    names = named((A, "smtp.a.example", 1), (A, "smtp.b.example", 5), (B, "smtp.a.example", 1))
    names.forget(5)
    assert names == named((A, "smtp.b.example", 5))


def answer(**told):
    told = {"client": "10.20.71.91", "server": RESOLVER, "is_answer": True} | told
    return Dns(time=START, **told)


def test_answers_to_anybody_and_tls_names_are_kept_of_external_mail_servers_alone():
    events = [
        answer(questions=(("smtp.a.example", "A"),), addresses=(("smtp.a.example", A),)),
        answer(
            client="203.0.113.7",
            questions=(("mail.b.example", "A"),),
            addresses=(("relay.b.example", "192.0.2.9"), ("relay.b.example", "10.20.0.25")),
        ),
        answer(questions=(("www.c.example", "A"),), addresses=(("www.c.example", "192.0.2.8"),)),
        Tls(time=START, client="10.20.71.91", server=B, server_port=465, name="smtp.d.example"),
        Tls(time=START, client="10.20.71.91", server=B, server_port=443, name="www.d.example"),
    ]
    names = gather(events, site_of()).server_names.names
    assert {address: [org for org, _ in known] for address, known in names.items()} == {
        A: ["a.example"],
        "192.0.2.9": ["b.example"],
        B: ["d.example"],
    }
