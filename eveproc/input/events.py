"""The typed events: one for each kind of record that can be evidence, and why a line gave none.

The `client` of an event is the host that asked or connected, which is not always the source of the
logged packet.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from msgspec import Struct

# Maximum length of texts: a domain name (RFC 1035), a header line (RFC 5322), a mailbox (RFC 5321:
# 64 + 1 + 255, less the limit on the path).
MAX_NAME = 255
MAX_SUBJECT = 998
MAX_MAILBOX = 320
MAX_DETAIL = 64
# Number of VLAN tags that Suricata decodes in one packet.
MAX_TAGS = 3
MAX_ANSWERS = 64
# Counters of a stats record that say how much a sensor saw and what it missed. They are registered
# in Suricata's src/source-*.c (one set per capture method), decode.c, stream-tcp.c, flow.c and
# detect-engine*.c; a sensor logs those that its version and capture method have.
COUNTERS = (
    "capture.kernel_packets",  # AF_PACKET, pcap, netmap, nflog
    "capture.kernel_drops",
    "capture.kernel_ifdrops",
    "capture.packets",  # DPDK
    "capture.dpdk.imissed",
    "capture.dpdk.no_mbufs",
    "capture.dpdk.ierrors",
    "capture.afxdp_packets",  # AF_XDP
    "capture.dag_packets",  # Endace DAG
    "capture.dag_drops",
    "napa_total.pkts",  # Napatech
    "napa_total.overflow_drop_pkts",
    "decoder.pkts",
    "decoder.invalid",
    "tcp.sessions",
    "tcp.invalid_checksum",
    "tcp.reassembly_gap",
    "tcp.segment_memcap_drop",
    "tcp.ssn_memcap_drop",
    "flow.memcap",
    "detect.alert_queue_overflow",
    "detect.alerts_suppressed",
    "detect.thresholds.memuse",  # 8.0: use of the threshold table, and its limit
    "detect.thresholds.memcap",
)
DNS_PORT = 53
# Lower ports belong to services (RFC 6335); clients and file sharing programs choose higher ones.
FIRST_USER_PORT = 1024
# Prefix of the addresses in 127.0.0.0/8.
LOOPBACK = "127."
# Every event type of Suricata 4 to 8 (etc/schema.json of 8.0 and the manuals of the earlier ones).
EVENT_TYPES = frozenset(
    [
        "alert",
        "anomaly",
        "arp",
        "bittorrent_dht",
        "dcerpc",
        "dhcp",
        "dnp3",
        "dns",
        "doh2",
        "drop",
        "email",
        "engine",
        "enip",
        "fileinfo",
        "flow",
        "frame",
        "ftp",
        "ftp_data",
        "http",
        "http2",
        "ike",
        "ikev1",
        "ikev2",
        "krb5",
        "ldap",
        "mdns",
        "metadata",
        "modbus",
        "mqtt",
        "netflow",
        "nfs",
        "packetinfo",
        "pgsql",
        "pop3",
        "quic",
        "rdp",
        "rfb",
        "sip",
        "smb",
        "smtp",
        "snmp",
        "ssh",
        "stats",
        "stream",
        "template",
        "tftp",
        "tls",
        "websocket",
    ]
)
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
SYN_ACK = SYN | ACK
# A time outside these years is invalid. Suricata writes 1970 where a capture has no times or a
# clock was never set, and years before 2000 where an old capture is replayed: such records are
# used, and the report says that they are dated BEFORE_SURICATA (2000-01-01, UTC).
YEARS = range(1970, 2100)
BEFORE_SURICATA = 946_684_800.0


class SkipReason(StrEnum):
    """Why a line gave no event. The first three concern a line's bytes, the others what it says.

    FAILED is a fault of this program: reading or using the record raised an exception.
    """

    BLANK = "blank"
    TOO_LONG = "too_long"
    HALF_LINE = "half_line"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    NO_TIMESTAMP = "no_timestamp"
    BAD_TIMESTAMP = "bad_timestamp"
    CLOCK_FAULT = "clock_fault"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OTHER_EVENT_TYPE = "other_event_type"
    FAILED = "failed"


class Skipped(Struct, frozen=True):
    """A line that gave no event.

    `detail` names the field, or the event type when that is not one of ours (text from the wire);
    then `sensor` is the one that the record names.
    """

    reason: SkipReason
    detail: str = ""
    sensor: str = ""


def failed(what: str, error: Exception) -> Skipped:
    """A record that raised an exception; `what` names it, as "line" or "dhcp"."""
    return Skipped(SkipReason.FAILED, f"{what}: {type(error).__name__}: {error}"[:MAX_DETAIL])


class Origin(Struct, frozen=True):
    """Where in the network a record was taken, as far as logged.

    `vlan` lists VLAN tags, the outer one first; `tenant_id` and `interface` are "" if not logged.
    `fields` are other fields that the site names, by path, with their values (named_fields.py).
    The MACs (lower case, colons, "" if not logged) are those of the client and the server; of an
    alert, those of the packet's source and destination.
    """

    vlan: tuple[int, ...] = ()
    tenant_id: str = ""
    interface: str = ""
    client_mac: str = ""
    server_mac: str = ""
    fields: tuple[tuple[str, str], ...] = ()


NO_ORIGIN = Origin()


class Event(Struct, frozen=True, kw_only=True):
    """Fields that all events share.

    `time` is when the event happened (for a flow: its start), in seconds since 1970 UTC.
    """

    TYPE: ClassVar[str] = ""

    time: float
    sensor: str = ""
    flow_id: int = 0
    community_id: str = ""
    origin: Origin = NO_ORIGIN


class Alert(Event, frozen=True, kw_only=True):
    """An alert of any rule, whoever wrote it.

    Addresses are the packet's; `flow_src` is who opened the flow ("" if not logged).

    `filtered_per_thread`: each packet thread of the engine may log the same window once (Snort).
    `names_no_sensor`: the log's form has no place for the sensor's name (Snort, and text).
    `log`: the file of such an alert whose sensor cannot be told, where the site has sensors.
    """

    TYPE: ClassVar[str] = "alert"

    sid: int
    gid: int
    src_ip: str
    dest_ip: str
    src_port: int = 0
    dest_port: int
    proto: str
    flow_src: str
    metadata: Mapping[str, tuple[str, ...]]
    rrnames: tuple[str, ...] = ()
    filtered_per_thread: bool = False
    names_no_sensor: bool = False
    log: str = ""


class Dns(Event, frozen=True, kw_only=True):
    """A DNS question or its answer.

    `client` asked, also in 8.0's answers; `questions` are (name, type) in lower and upper case.

    Version 1 logs no type if the answer is a failure, and no question if it is not.

    `query_id` is the 16 bits that a question and its answer share. `eight`: Suricata 8 or later
    wrote it. `addresses` are the (name, address) pairs of the A and AAAA records of an answer, at
    most MAX_ANSWERS; behind CNAMEs the name is the last one, which is the server's own.
    """

    TYPE: ClassVar[str] = "dns"

    client: str
    client_port: int = 0
    server: str
    is_answer: bool
    questions: tuple[tuple[str, str], ...]
    rcode: str = ""
    query_id: int = 0
    tcp: bool = False
    eight: bool = False
    addresses: tuple[tuple[str, str], ...] = ()

    def asked_names(self) -> tuple[str, ...]:
        """The names asked for; if no question is logged (version 1), those of the addresses."""
        return tuple(name for name, _ in self.questions or self.addresses)


class Smtp(Event, frozen=True, kw_only=True):
    """One SMTP transaction (or a session without a mail: no `mail_from`, no `rcpt_to`).

    `has_message`: headers or a body were logged, so the server let the client send the message.
    """

    TYPE: ClassVar[str] = "smtp"

    client: str
    client_port: int = 0
    server: str
    server_port: int
    helo: str = ""
    mail_from: str = ""
    rcpt_to: tuple[str, ...] = ()
    subject: str = ""
    subject_md5: str = ""
    body_md5: str = ""
    attachments: tuple[str, ...] = ()
    has_message: bool = False
    tx_id: int = -1


class Tls(Event, frozen=True, kw_only=True):
    """A TLS handshake; `name` is the server's: the one the client asked for (SNI), else the one in
    its certificate, else "". `client_name` is the name in the client's certificate, "" without one.
    `fingerprint` is JA4, or JA3 with its extensions sorted; "" outside the sample
    (client_sample.py).
    """

    TYPE: ClassVar[str] = "tls"

    client: str
    client_port: int = 0
    server: str
    server_port: int
    name: str = ""
    client_name: str = ""
    fingerprint: str = ""


class Http(Event, frozen=True, kw_only=True):
    """An HTTP request of the sample; `platform` is the system that the browser claims to run on."""

    TYPE: ClassVar[str] = "http"

    client: str
    platform: str


class Mdns(Event, frozen=True, kw_only=True):
    """Names that a host announced for its own address. Any host may announce any name."""

    TYPE: ClassVar[str] = "mdns"

    client: str
    names: tuple[str, ...]


class Arp(Event, frozen=True, kw_only=True):
    """A machine (`mac`: lower case, colons) claimed an IPv4 address."""

    TYPE: ClassVar[str] = "arp"

    mac: str
    address: str


class LoggedIn(Event, frozen=True, kw_only=True):
    """A user or a machine authenticated itself to a server.

    `names` are pairs of "user" or "machine", and the name.
    """

    client: str
    server: str
    names: tuple[tuple[str, str], ...]


class Kerberos(LoggedIn, frozen=True, kw_only=True):
    """A Kerberos ticket was granted."""

    TYPE: ClassVar[str] = "krb5"


class Ntlm(LoggedIn, frozen=True, kw_only=True):
    """An SMB session was granted to a user who authenticated by NTLM."""

    TYPE: ClassVar[str] = "smb"


class Flow(Event, frozen=True, kw_only=True):
    """A connection.

    `answered`: the server sent anything; `established`: the complete TCP handshake was seen.

    A port that refuses (RST) has answered and is not established. `flags_logged`: the TCP flags of
    both sides were in the record; `client_flags` and `server_flags` are all flags that each side
    showed (-1: not logged). `end` is the time of the last packet, `sent` and `received` count the
    packets of client and server, `sent_bytes` and `received_bytes` their bytes with all headers (0:
    not logged).
    """

    TYPE: ClassVar[str] = "flow"

    client: str
    client_port: int = 0
    server: str
    server_port: int
    proto: str
    answered: bool
    established: bool
    app_proto: str = ""
    flags_logged: bool = True
    end: float = 0.0
    sent: int = 0
    received: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0
    client_flags: int = -1
    server_flags: int = -1


class Dhcp(Event, frozen=True, kw_only=True):
    """A lease: from `time` on, the machine `mac` (lower case, colons), called `hostname` ("" if
    unknown), has `address`.

    Suricata logs a machine's name only in its requests (`extended: yes`). Such a request gives an
    event without a lease: a `hostname`, and "" as `address`. `is_release`: the machine gives the
    address back. `relay` is the address of the relay agent that the machine is behind, "" without
    one.
    """

    TYPE: ClassVar[str] = "dhcp"

    mac: str
    address: str
    hostname: str = ""
    lease_seconds: int = 0
    is_release: bool = False
    relay: str = ""


class Stats(Event, frozen=True, kw_only=True):
    """The COUNTERS that a sensor logged, counted since its start: totals, or the sum over its
    threads.
    """

    TYPE: ClassVar[str] = "stats"

    counters: Mapping[str, int]
