"""A site's suricata.yaml (optional) -> a commented site.yaml and notes on what is missing."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from pathlib import Path

from msgspec import Struct

from rulegen.files import write_new
from rulegen.site_profile import Network
from rulegen.suricata_yaml import AddressSet, Setting, address_group

# RFC 1918 and RFC 4193: used by nearly every site, and listed in Suricata's own example.
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
_PRIVATE = tuple(map(ip_network, PRIVATE))
# Addresses of one host or one link; firewalls list them in HOME_NET beside the site's networks.
_LOCAL = tuple(map(ip_network, ("127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10", "::/128")))

_TEMPLATE = """\
# What this site looks like, for rulegen and eveproc. Only home_networks has to be set.
# Programs never change this file. Check it with: rulegen build -s site.yaml -o out

# Every network of the site: the addresses that its hosts have on the monitored link.
{home}

# Hosts that may send mail to external servers. A mail server that is missing here may be reported.
{mail_servers}

# Hosts that may look up MX records of other domains: the site's own resolvers.
{resolvers}

# The site's own domains; looking them up is never evidence.
internal_domains: []

# Further keys, each with its default:
#
# Hosts exempt from some signals, with the reason and, optionally, the last day:
# exempt:
#   - {{address: 10.20.0.80, signals: [mx_flood], reason: address checker, until: 2027-01-31}}
#
# Thresholds that replace the catalogue's (see rulegen list). eveproc tune proposes them:
# thresholds:
#   mx_flood: {{count: 10, seconds: 60, networks: {{10.20.7.0/24: {{count: 40, seconds: 60}}}}}}
#
# ports: {{smtp: [25], submission: [465, 587]}}
# sid_base: 1250000
# sensors: []
"""


class ProfileDraft(Struct, frozen=True):
    """`text` is the site.yaml; each of the `notes` is one item to check."""

    text: str
    notes: tuple[str, ...]


class _Entry(Struct, frozen=True):
    """One key of the draft; each of the `remarks` becomes a comment above it and a note."""

    key: str
    networks: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        listed = "".join(f'\n  - "{network}"' for network in self.networks) or " []"
        comments = "".join(f"# {_one_line(remark)}\n" for remark in self.remarks)
        return f"{comments}{self.key}:{listed}"


def _one_line(text: str) -> str:
    """Make text safe for a comment: a path in a remark may contain line breaks."""
    return "".join(character if character.isprintable() else "?" for character in text)


def draft_site(suricata: Setting | None = None) -> ProfileDraft:
    """Draft a site.yaml from a Suricata configuration (without one: the private networks).

    The draft is valid unless HOME_NET names no network; then home_networks is empty and a note says
    so. Raises InputError if an address group cannot be read.
    """
    if suricata is None:
        remark = "These are all private networks: replace them with the networks of this site."
        home = _Entry("home_networks", PRIVATE, (remark,))
        return _draft(home, _Entry("mail_servers", ()), _Entry("resolvers", ()))
    home = _home(suricata)
    return _draft(home, *(_servers(suricata, key, group) for key, group in _GROUPS.items()))


_GROUPS = {"mail_servers": "SMTP_SERVERS", "resolvers": "DNS_SERVERS"}


def _draft(home: _Entry, mail_servers: _Entry, resolvers: _Entry) -> ProfileDraft:
    entries = (home, mail_servers, resolvers)
    notes = tuple(f"{entry.key}: {remark}" for entry in entries for remark in entry.remarks)
    text = _TEMPLATE.format(home=home, mail_servers=mail_servers, resolvers=resolvers)
    return ProfileDraft(text, notes)


def _home(suricata: Setting) -> _Entry:
    group = address_group(suricata, "HOME_NET")
    where = _where(suricata, "HOME_NET")
    if _is_everything(group):
        remark = (
            f"FILL IN: HOME_NET in {where} covers all addresses, so it does not identify this site."
        )
        return _Entry("home_networks", (), (remark,))
    kept = _networks_of_site(group)
    if not kept:
        remark = f"FILL IN: HOME_NET in {where} holds loopback or link-local addresses only."
        return _Entry("home_networks", (), (remark,))
    remarks = (*_left_out(group.networks(), kept, where), *_to_check(kept, where))
    return _Entry("home_networks", _texts(kept, bare=False), remarks)


def _networks_of_site(group: AddressSet) -> tuple[Network, ...]:
    """HOME_NET without loopback, link-local and single public addresses.

    Firewalls add the addresses of their WAN interface, of gateways and of public DNS servers. A
    single public address is kept if HOME_NET holds nothing else: it may be the only host.
    """
    networks = tuple(n for n in group.networks() if not _within(n, _LOCAL))
    return tuple(n for n in networks if not _is_single_public(n)) or networks


def _is_single_public(network: Network) -> bool:
    return network.num_addresses == 1 and not _within(network, _PRIVATE)


def _left_out(networks: Iterable[Network], kept: tuple[Network, ...], where: str) -> Iterator[str]:
    left = [network for network in networks if network not in kept]
    local = _texts(network for network in left if _within(network, _LOCAL))
    public = _texts(network for network in left if not _within(network, _LOCAL))
    if local:
        yield f"Left out of HOME_NET ({where}), because loopback or link-local: {', '.join(local)}"
    if public:
        yield (
            f"Left out of HOME_NET ({where}), because single public addresses usually "
            "belong to a firewall, gateway or external server; add them if they are hosts: "
            f"{', '.join(public)}"
        )


def _to_check(kept: tuple[Network, ...], where: str) -> Iterator[str]:
    if all(_is_single_public(network) for network in kept):
        yield (
            f"HOME_NET ({where}) holds single public addresses only. If they are NAT "
            "addresses, the sensor cannot distinguish hosts: list the networks behind the "
            "NAT, and monitor there."
        )
    for version in (4, 6):
        if not any(network.version == version for network in kept):
            yield (
                f"HOME_NET ({where}) holds no IPv{version} network: if hosts use IPv{version}, "
                "add their prefixes; otherwise their mail is not monitored."
            )


def _is_everything(group: AddressSet) -> bool:
    """True if the list covers all or nearly all addresses, as !10.0.0.0/8 does."""
    return not group.inside or any(network.prefixlen == 0 for network in group.inside)


def _servers(suricata: Setting, key: str, name: str) -> _Entry:
    if suricata.at("vars", "address-groups", name) is None:
        return _Entry(key, (), (f"{name} is not set in {suricata.file}: list them here.",))
    home = _networks_of_site(address_group(suricata, "HOME_NET"))
    found = address_group(suricata, name).networks()
    where = _where(suricata, name)
    if _covers(found, home):
        remark = (
            f"{name} in {where} covers a whole home network, so it identifies no server: "
            "list the servers here."
        )
        return _Entry(key, (), (remark,))
    external = [n for n in found if not _within(n, home)] if key == "mail_servers" else []
    kept = _texts(n for n in found if n not in external)
    if external:
        left = ", ".join(_texts(external))
        remark = f"Left out, because not in home_networks ({name} in {where}): {left}"
        return _Entry(key, kept, (remark,))
    return _Entry(key, kept)


def _where(suricata: Setting, name: str) -> str:
    setting = suricata.at("vars", "address-groups", name)
    return f"{setting.file}:{setting.line}" if setting else suricata.file


def _covers(servers: Iterable[Network], home: tuple[Network, ...]) -> bool:
    return any(_within(network, (server,)) for server in servers for network in home)


def _within(network: Network, others: tuple[Network, ...]) -> bool:
    first, last = network.network_address, network.broadcast_address
    return any(first in other and last in other for other in others)


def _texts(networks: Iterable[Network], bare: bool = True) -> tuple[str, ...]:
    """Format as in site.yaml: servers without prefix length, home networks with it."""
    return tuple(
        str(n.network_address) if bare and n.num_addresses == 1 else str(n) for n in networks
    )


def write_draft(draft: ProfileDraft, path: Path) -> None:
    """Write a new file. Raises InputError if it exists: a site.yaml is never overwritten."""
    write_new(path, draft.text)
