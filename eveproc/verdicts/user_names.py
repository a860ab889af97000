"""HostNames of a machine -> a sentence with its users and names. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from eveproc.evidence.host_names import ANNOUNCED, HostName
from rulegen.units import count_of

# Number of users, and of names of the machine, in a sentence.
NAMED = 3
_PROTOCOL = MappingProxyType({"krb5": "Kerberos", "smb": "NTLM", "tls": "TLS certificate"})


def sentence(names: Sequence[HostName]) -> str:
    """The users who logged in there last, and what the machine called itself; "" without any."""
    users = [name for name in names if name.kind == "user"]
    confirmed = [name.name for name in names if name.kind != "user" and name.source != ANNOUNCED]
    announced = [f"{name.name} (mDNS)" for name in names if name.source == ANNOUNCED]
    machines = list(dict.fromkeys(confirmed or announced))
    said = f"Logged in there: {_listed([_user(name) for name in users])}." if users else ""
    called = f"It calls itself {_listed(machines)}." if machines else ""
    return " ".join(filter(None, (said, called)))


def _user(name: HostName) -> str:
    when = datetime.fromtimestamp(name.last_seen, UTC)
    return f"{name.name} ({_PROTOCOL[name.source]}, last in the hour from {when:%Y-%m-%d %H:%MZ})"


def _listed(texts: Sequence[str]) -> str:
    more = len(texts) - NAMED
    rest = f", and {count_of(more, 'other')}" if more > 0 else ""
    return ", ".join(texts[:NAMED]) + rest
