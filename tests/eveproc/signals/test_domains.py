"""Registered domains, mail-looking names, recipients' domains."""

import pytest
from publicsuffixlist import PublicSuffixList

from eveproc.signals import domains
from eveproc.signals.domains import (
    NO_PUBLIC_SUFFIX,
    domain_of_address,
    is_below,
    looks_like_mail_server,
    registered_domain,
)


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("mail.example.co.uk", "example.co.uk"),
        ("example.org", "example.org"),
        ("co.uk", "co.uk"),
        ("a.b.firm7.test", "firm7.test"),
        ("fileserver.corp", NO_PUBLIC_SUFFIX),
        ("dnscat.546b03f5.19e4d098", NO_PUBLIC_SUFFIX),
        ("", NO_PUBLIC_SUFFIX),
    ],
)
def test_registered_domain(name, domain):
    assert registered_domain(name) == domain


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("mx.a.test", True), ("mail1.a.test", True), ("www.a.test", False), ("mail.test", False)],
)
def test_looks_like_mail_server(name, is_one):
    assert looks_like_mail_server(name) is is_one


@pytest.mark.parametrize(
    ("mailbox", "domain"),
    [("<Ann@Example.org>", "example.org"), ("<>", ""), ("ann", ""), ("a@b@c.test.", "c.test")],
)
def test_domain_of_address(mailbox, domain):
    assert domain_of_address(mailbox) == domain


def test_is_below_takes_whole_labels():
    assert is_below("mail.corp.test", ("corp.test",))
    assert is_below("corp.test", ("corp.test",))
    assert not is_below("notcorp.test", ("corp.test",))


def test_the_list_is_what_the_library_makes_of_it():
    ours, theirs = domains._suffixes(True), PublicSuffixList(accept_unknown=False)
    assert ours._publicsuffix == theirs._publicsuffix
    assert {suffix for suffix in ours._publicsuffix if "xn--" not in suffix} == domains._suffixes(
        False
    )._publicsuffix
    assert (
        registered_domain("www.a.xn--55qx5d.cn")
        == theirs.privatesuffix("www.a.xn--55qx5d.cn")
        == "a.xn--55qx5d.cn"
    )
