"""suricata.yaml of several sites -> the site.yaml drafted for them, which loads as it is."""

from pathlib import Path

import pytest

from rulegen.engines import find_engine
from rulegen.errors import InputError, MxhoundError
from rulegen.init import ProfileDraft, draft_site, write_draft
from rulegen.site_profile import SiteProfile, build_profile
from rulegen.suricata_yaml import read_suricata_yaml
from rulegen.vocabulary import Engine
from rulegen.yamlfile import parse_yaml


def drafted(folder: Path, **groups: str) -> ProfileDraft:
    path = folder / "suricata.yaml"
    listed = "".join(f'    {name}: "{value}"\n' for name, value in groups.items())
    path.write_text(f"%YAML 1.1\n---\nvars:\n  address-groups:\n{listed}")
    return draft_site(read_suricata_yaml(path))


def loaded(draft: ProfileDraft) -> SiteProfile:
    return build_profile(parse_yaml(draft.text, "site.yaml"))


def words(networks: object) -> list[str]:
    assert isinstance(networks, tuple)
    return [str(network) for network in networks]


def test_without_a_suricata_the_private_networks_are_a_start() -> None:
    draft = draft_site()
    assert words(loaded(draft).home_networks) == [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fc00::/7",
    ]
    assert draft.notes == (
        "home_networks: These are all private networks: replace them with the networks of this "
        "site.",
    )


def test_the_examples_in_its_comments_load_when_uncommented() -> None:
    lines = draft_site().text.splitlines()
    shown = [
        line.removeprefix("# ")
        for line in lines
        if line.startswith(
            (
                "# exempt",
                "#   - {",
                "# thresholds",
                "#   mx_flood",
                "# ports",
                "# sid_base",
                "# sensors",
            )
        )
    ]
    home = "home_networks: [10.20.0.0/16]"
    site = build_profile(parse_yaml("\n".join([home, *shown]), "site.yaml"))
    assert (len(site.exempt), len(site.thresholds), len(site.network_thresholds)) == (1, 1, 1)


def test_debian_s_own_configuration_names_no_server(suricata_7: Engine) -> None:
    engine = find_engine(suricata_7)
    assert engine is not None
    path = (engine.etc or Path("/etc/suricata")) / "suricata.yaml"
    draft = draft_site(read_suricata_yaml(path))
    site = loaded(draft)
    assert words(site.home_networks) == ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
    assert (site.mail_servers, site.resolvers) == ((), ())
    assert [note.partition(" in ")[0].partition(" (")[0] for note in draft.notes] == [
        "home_networks: HOME_NET",
        "mail_servers: SMTP_SERVERS",
        "resolvers: DNS_SERVERS",
    ]
    assert all(f"{path}:" in note and note.partition(": ")[2] in draft.text for note in draft.notes)


def test_networks_and_servers_are_taken_over(tmp_path: Path) -> None:
    draft = drafted(
        tmp_path,
        HOME_NET="[10.20.0.0/16,!10.20.128.0/17,2001:db8:20::/48]",
        SMTP_SERVERS="[10.20.0.25,2001:db8:20::25]",
        DNS_SERVERS="[10.20.0.53,9.9.9.9]",
    )
    site = loaded(draft)
    assert words(site.home_networks) == ["10.20.0.0/17", "2001:db8:20::/48"]
    assert words(site.mail_servers) == ["10.20.0.25/32", "2001:db8:20::25/128"]
    assert words(site.resolvers) == ["9.9.9.9/32", "10.20.0.53/32"]
    assert draft.notes == ()


def test_a_single_home_host_stays_a_network(tmp_path: Path) -> None:
    draft = drafted(tmp_path, HOME_NET="192.0.2.7")
    assert words(loaded(draft).home_networks) == ["192.0.2.7/32"]
    assert "If they are NAT addresses" in draft.notes[0]


def test_addresses_that_a_firewall_adds_are_left_out_and_said(tmp_path: Path) -> None:
    """As pfSense and OPNsense write HOME_NET: WAN address, DNS servers, loopback, link-local."""
    listed = "192.168.1.0/24,10.8.0.1/32,203.0.113.5/32,9.9.9.9,127.0.0.1,::1,fe80::1,2001:db8::5"
    draft = drafted(
        tmp_path,
        HOME_NET=f"[{listed}]",
        SMTP_SERVERS="[203.0.113.5]",
        DNS_SERVERS="[192.168.1.53]",
    )
    site = loaded(draft)
    assert words(site.home_networks) == ["10.8.0.1/32", "192.168.1.0/24"]
    assert (site.mail_servers, words(site.resolvers)) == ((), ["192.168.1.53/32"])
    local, public, ipv6, servers = draft.notes
    assert local.endswith("because loopback or link-local: 127.0.0.1, ::1, fe80::1")
    assert public.endswith("add them if they are hosts: 9.9.9.9, 203.0.113.5, 2001:db8::5")
    assert "holds no IPv6 network" in ipv6
    assert "because not in home_networks" in servers
    assert all(note.partition(": ")[2] in draft.text for note in draft.notes)


def test_a_home_of_loopback_only_is_a_blank_to_fill_in(tmp_path: Path) -> None:
    draft = drafted(tmp_path, HOME_NET="[127.0.0.0/8,::1]")
    assert draft.notes[0].startswith("home_networks: FILL IN: HOME_NET in ")
    with pytest.raises(InputError, match="missing or empty"):
        loaded(draft)


@pytest.mark.parametrize(
    ("home", "missing"),
    [("10.20.0.0/16", "IPv6"), ("2001:db8:20::/48", "IPv4"), ("[10.20.0.0/16,fd00::/48]", "")],
)
def test_an_ip_version_without_a_network_is_named(tmp_path: Path, home: str, missing: str) -> None:
    draft = drafted(tmp_path, HOME_NET=home, SMTP_SERVERS="[]", DNS_SERVERS="[]")
    said = [note for note in draft.notes if note.startswith("home_networks: ")]
    assert [f"holds no {missing} network" in note for note in said] == [True] * bool(missing)


def test_mail_servers_outside_are_left_out_and_said(tmp_path: Path) -> None:
    draft = drafted(
        tmp_path,
        HOME_NET="10.20.0.0/16",
        SMTP_SERVERS="[10.20.0.25,192.0.2.1]",
        DNS_SERVERS="$HOME_NET",
    )
    assert words(loaded(draft).mail_servers) == ["10.20.0.25/32"]
    assert (
        "Left out, because not in home_networks "
        f"(SMTP_SERVERS in {tmp_path}/suricata.yaml:6): 192.0.2.1" in draft.notes[1]
    )
    assert draft.notes[1].removeprefix("mail_servers: ") in draft.text


def test_groups_that_are_not_set_are_said(tmp_path: Path) -> None:
    assert [
        note.partition(" in ")[0]
        for note in drafted(tmp_path, HOME_NET="[10.0.0.0/8,fc00::/7]").notes
    ] == [
        "mail_servers: SMTP_SERVERS is not set",
        "resolvers: DNS_SERVERS is not set",
    ]


@pytest.mark.parametrize("home", ["any", "!192.0.2.0/24", "0.0.0.0/0"])
def test_a_home_of_every_address_is_a_blank_to_fill_in(tmp_path: Path, home: str) -> None:
    draft = drafted(tmp_path, HOME_NET=home, SMTP_SERVERS="10.20.0.25", DNS_SERVERS="$HOME_NET")
    assert draft.notes[0].startswith("home_networks: FILL IN: HOME_NET in ")
    with pytest.raises(InputError, match="missing or empty"):
        loaded(draft)
    filled = draft.text.replace("home_networks: []", "home_networks: [10.20.0.0/16]")
    assert words(build_profile(parse_yaml(filled, "site.yaml")).mail_servers) == ["10.20.0.25/32"]


def test_a_group_that_cannot_be_read_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"suricata\.yaml:5: \[vars\.address-groups\.HOME_NET\]: 'tenslash8' cannot be read",
    ):
        drafted(tmp_path, HOME_NET="tenslash8")
    with pytest.raises(InputError, match=r"\[vars\.address-groups\.HOME_NET\]: is not set"):
        drafted(tmp_path, X="10.0.0.0/8")


def test_a_path_with_odd_characters_cannot_break_out_of_its_comment(tmp_path: Path) -> None:
    odd = tmp_path / "a\nsid_base: 5 \x07"
    odd.mkdir()
    draft = drafted(odd, HOME_NET="10.20.0.0/16", SMTP_SERVERS="$HOME_NET")
    assert loaded(draft).sid_base == 1250000


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    write_draft(draft_site(), path)
    assert path.read_text() == draft_site().text
    path.write_text("mine")
    with pytest.raises(InputError, match="is there already and is never overwritten"):
        write_draft(draft_site(), path)
    assert path.read_text() == "mine"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    why = r"gone/site\.yaml: cannot be written: there is no folder .*/gone$"
    with pytest.raises(MxhoundError, match=why):
        write_draft(draft_site(), tmp_path / "gone" / "site.yaml")
