"""The quick test of what is home says what the site profile says."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.input.addresses import canonical_address
from eveproc.signals.home_net import home_test, network_test
from tests.eveproc.evidence_of import site_of

SITE = site_of(
    'home_networks: [10.20.0.0/16, 192.0.2.0/28, 198.51.100.0/25, "2001:db8:20::/48", "fd00::/8"]\n'
)
NEAR = st.sampled_from(
    [
        "10.20.0.0",
        "10.19.255.255",
        "192.0.2.7",
        "198.51.100.127",
        "198.51.100.128",
        "2001:db8:20:ffff::",
        "fd00::1",
        "fe00::",
    ]
)


# Many groups of zeros, in which spellings differ.
SPARSE = st.lists(st.sampled_from([0, 0, 1, 0xFFFF, 0x20]), min_size=8, max_size=8).map(
    lambda groups: ":".join(f"{group:x}" for group in groups)
)


@given(st.ip_addresses().map(str) | NEAR | SPARSE)
def test_addresses(address: str) -> None:
    assert home_test(SITE)(address) == SITE.is_home(ip_address(address))
    assert canonical_address(address) == str(
        getattr(ip_address(address), "ipv4_mapped", None) or ip_address(address)
    )


@given(
    st.text(max_size=20)
    | st.text("0123456789abcdefF:.%/ ", max_size=45)
    | st.sampled_from(
        [
            "10.20.0",
            "10.20.0.01",
            "010.20.0.1",
            "10.20.0.1 ",
            "10.20.0.1%eth0",
            "fd00::1%eth0",
            "::ffff:10.20.0.1",
        ]
    )
)
def test_what_is_no_address_is_not_home(text: str) -> None:
    try:
        address = ip_address(text)
    except ValueError:
        assert canonical_address(text) == ""
        assert not home_test(SITE)(text)
    else:
        assert home_test(SITE)(text) in (SITE.is_home(address), False)


@pytest.mark.parametrize("text", ["2001:0DB8:0020:0000:0000:0000:0000:0001", "2001:db8:20::1"])
def test_one_spelling(text: str) -> None:
    assert canonical_address(text) == "2001:db8:20::1"


@given(st.ip_addresses().map(str) | NEAR | SPARSE)
def test_networks(address: str) -> None:
    some = SITE.home_networks[1:4]
    asked = ip_address(address)
    expected = any(asked.version == one.version and asked in one for one in some)
    assert network_test(some)(address) == expected
