"""One raw EVE line -> one typed event with the client, the server and the time it happened, whatever version wrote it.

The `client` of an event is who asked or connected, never merely the source of the packet that was logged.
"""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct


class Event(Struct, frozen=True, kw_only=True):
    """What all events share. `time` is seconds since 1970 UTC of when it happened (for a flow: its start)."""

    TYPE: ClassVar[str] = ""

    time: float
    sensor: str = ""
    flow_id: int = 0
    community_id: str = ""


class Alert(Event, frozen=True, kw_only=True):
    """A fired rule of any author. Addresses are the packet's; `flow_src` is who opened the flow ("" if not logged)."""

    TYPE: ClassVar[str] = "alert"

    sid: int
    gid: int
    src_ip: str
    dest_ip: str
    dest_port: int
    proto: str
    flow_src: str
    metadata: Mapping[str, tuple[str, ...]]
    rrnames: tuple[str, ...] = ()


class Dns(Event, frozen=True, kw_only=True):
    """A question or its answer. `client` asked, also in 8.0's answers; `questions` are (name, type) in lower and upper case."""

    TYPE: ClassVar[str] = "dns"

    client: str
    server: str
    is_answer: bool
    questions: tuple[tuple[str, str], ...]
    rcode: str = ""
    tx_id: int = -1


class Smtp(Event, frozen=True, kw_only=True):
    """One SMTP transaction (or a session without a mail: no `mail_from`, no `rcpt_to`)."""

    TYPE: ClassVar[str] = "smtp"

    client: str
    server: str
    server_port: int
    helo: str = ""
    mail_from: str = ""
    rcpt_to: tuple[str, ...] = ()
    subject: str = ""
    subject_md5: str = ""
    body_md5: str = ""
    attachments: tuple[str, ...] = ()
    tx_id: int = -1


class Flow(Event, frozen=True, kw_only=True):
    """A connection. `answered` is whether the server sent anything; `established` whether TCP's handshake was seen whole."""

    TYPE: ClassVar[str] = "flow"

    client: str
    server: str
    server_port: int
    proto: str
    answered: bool
    established: bool
    app_proto: str = ""


class Dhcp(Event, frozen=True, kw_only=True):
    """A lease given: from `time` on, `address` is the machine `mac` (lower case, colons), called `hostname` ("" unknown)."""

    TYPE: ClassVar[str] = "dhcp"

    mac: str
    address: str
    hostname: str = ""
    lease_seconds: int = 0


class Stats(Event, frozen=True, kw_only=True):
    """The counters of a sensor since it started, dotted names as in "capture.kernel_drops"."""

    TYPE: ClassVar[str] = "stats"

    counters: Mapping[str, int]
