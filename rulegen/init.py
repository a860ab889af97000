"""A site's suricata.yaml, or nothing -> the text of a commented site.yaml to start from, and what it could not know."""

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from rulegen.files import write_new
from rulegen.site_profile import Network
from rulegen.suricata_yaml import AddressSet, Setting, address_group

# RFC 1918 and RFC 4193: what nearly every site uses inside, and what Suricata's own example lists.
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")

_TEMPLATE = """\
# What this site looks like, for rulegen and eveproc. Only home_networks has to be set.
# Programs never change this file. Check it with: rulegen build -s site.yaml -o out

# Every network of the site, inside addresses only.
{home}

# Hosts that may send mail to the world. A mail server that is missing here will be reported.
{mail_servers}

# Hosts that may ask for other people's MX records: the site's own resolvers.
{resolvers}

# The site's own domains; looking them up is never evidence.
internal_domains: []

# Further keys, each with its default:
#
# Hosts that may do what a signal describes, with the reason and, if you like, the last day:
# exempt:
#   - {{address: 10.20.0.80, signals: [mx_flood], reason: newsletter address checker, until: 2027-01-31}}
#
# Numbers other than the catalogue's (rulegen list shows them); eveproc tune proposes some from your own logs:
# thresholds:
#   mx_flood: {{count: 10, seconds: 60, networks: {{10.20.7.0/24: {{count: 40, seconds: 60}}}}}}
#
# ports: {{smtp: [25], submission: [465, 587]}}
# sid_base: 1250000
# sensors: []
"""


class ProfileDraft(Struct, frozen=True):
    """`text` is the site.yaml; `notes` say, one sentence each, what a person has to look at."""

    text: str
    notes: tuple[str, ...]


class _Entry(Struct, frozen=True):
    """One key of the draft; `remark` becomes a comment above it and, if set, a note."""

    key: str
    networks: tuple[str, ...]
    remark: str = ""

    def __str__(self) -> str:
        listed = "".join(f'\n  - "{network}"' for network in self.networks) or " []"
        # A path in the remark may hold anything; in a comment it must stay one line of plain text.
        plain = "".join(character if character.isprintable() else "?" for character in self.remark)
        return f"# {plain}\n{self.key}:{listed}" if plain else f"{self.key}:{listed}"


def draft_site(suricata: Setting | None = None) -> ProfileDraft:
    """A site.yaml with what the configuration tells; without one, with the private networks.

    It loads as it is, except where HOME_NET is any: then home_networks is left empty and the notes
    say so. Raises InputError when an address group cannot be read.
    """
    if suricata is None:
        home = _Entry(
            "home_networks",
            PRIVATE,
            "The private networks: replace them with what this site really uses.",
        )
        return _draft(home, _Entry("mail_servers", ()), _Entry("resolvers", ()))
    home = _home(suricata)
    return _draft(home, *(_servers(suricata, key, group) for key, group in _GROUPS.items()))


_GROUPS = {"mail_servers": "SMTP_SERVERS", "resolvers": "DNS_SERVERS"}


def _draft(home: _Entry, mail_servers: _Entry, resolvers: _Entry) -> ProfileDraft:
    notes = tuple(
        f"{entry.key}: {entry.remark}" for entry in (home, mail_servers, resolvers) if entry.remark
    )
    return ProfileDraft(
        _TEMPLATE.format(home=home, mail_servers=mail_servers, resolvers=resolvers), notes
    )


def _home(suricata: Setting) -> _Entry:
    group = address_group(suricata, "HOME_NET")
    if _is_everything(group):
        where = _where(suricata, "HOME_NET")
        return _Entry(
            "home_networks",
            (),
            f"FILL IN: HOME_NET is every address in {where}, which tells nothing of this site.",
        )
    return _Entry("home_networks", _texts(group.networks(), bare=False))


def _is_everything(group: AddressSet) -> bool:
    """Also for !10.0.0.0/8: what is outside somebody else's network is no site."""
    return not group.inside or any(network.prefixlen == 0 for network in group.inside)


def _servers(suricata: Setting, key: str, name: str) -> _Entry:
    if suricata.at("vars", "address-groups", name) is None:
        return _Entry(key, (), f"{name} is not set in {suricata.file}: list them here.")
    home = address_group(suricata, "HOME_NET")
    found = address_group(suricata, name).networks()
    where = _where(suricata, name)
    if _takes_in(found, home.networks()):
        return _Entry(
            key,
            (),
            f"{name} takes in a whole home network in {where}, so it names no server: list them here.",
        )
    outside = [n for n in found if not _within(n, home.networks())] if key == "mail_servers" else []
    kept = _texts(n for n in found if n not in outside)
    if outside:
        left = ", ".join(_texts(outside))
        return _Entry(key, kept, f"Left out, because outside HOME_NET ({name} in {where}): {left}")
    return _Entry(key, kept)


def _where(suricata: Setting, name: str) -> str:
    setting = suricata.at("vars", "address-groups", name)
    return f"{setting.file}:{setting.line}" if setting else suricata.file


def _takes_in(servers: Iterable[Network], home: tuple[Network, ...]) -> bool:
    return any(_within(network, (server,)) for server in servers for network in home)


def _within(network: Network, others: tuple[Network, ...]) -> bool:
    first, last = network.network_address, network.broadcast_address
    return any(first in other and last in other for other in others)


def _texts(networks: Iterable[Network], bare: bool = True) -> tuple[str, ...]:
    """As site.yaml wants them: a server as a bare address, a home network always with its length."""
    return tuple(
        str(n.network_address) if bare and n.num_addresses == 1 else str(n) for n in networks
    )


def write_draft(draft: ProfileDraft, path: Path) -> None:
    """Write a new file. Raises InputError where there is one already: a site.yaml belongs to its author."""
    write_new(path, draft.text)
