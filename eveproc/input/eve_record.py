"""The fields of an EVE record that are read, of any version of Suricata -> structs for msgspec.

All fields of EveRecord are optional: decode.py checks what an event needs.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, inspect

# Suricata writes no number of more bits.
Int64 = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
# A time as text, or as a number since 1970 (times.py).
Moment = str | int | float
# A type of DNS records by name, or by number.
RecordType = str | int | float
# Those that matter here (RFC 1035, 3.2.2; RFC 3596, 2.1).
RECORD_TYPES: Mapping[str, str] = MappingProxyType(
    {"1": "A", "12": "PTR", "15": "MX", "28": "AAAA"}
)


class QuestionFields(Struct):
    """A question in a DNS message."""

    rrname: str = ""
    rrtype: RecordType = ""


class _Answer(Struct):
    rrname: str = ""
    rrtype: RecordType = ""
    rdata: Any = None


class _Grouped(Struct):
    A: tuple[str, ...] = ()
    AAAA: tuple[str, ...] = ()
    CNAME: tuple[str, ...] = ()


class DnsFields(Struct):
    """`dns`, in the forms of all versions."""

    type: str = ""
    version: Int64 = 0
    rrname: str = ""
    rrtype: RecordType = ""
    rcode: str = ""
    id: Int64 = 0
    queries: tuple[QuestionFields, ...] = ()  # 8.0
    query: tuple[QuestionFields, ...] = ()  # inside alerts of 6 and 7
    answer: QuestionFields | None = None  # inside alerts of 6 and 7
    answers: tuple[_Answer, ...] = ()
    grouped: _Grouped | None = None
    rdata: Any = None  # version 1: a line for each record


class _Alert(Struct):
    signature_id: Int64 = 0
    gid: Int64 = 1
    metadata: dict[str, tuple[str, ...] | str] = {}  # msgspec copies an empty default


class _Smtp(Struct):
    helo: str = ""
    mail_from: str = ""
    rcpt_to: tuple[str, ...] = ()


class _TlsClient(Struct):
    subject: str = ""


class _Ja3(Struct):
    string: str = ""


class TlsFields(Struct):
    """`tls`."""

    sni: str = ""
    subject: str = ""
    client: _TlsClient | None = None
    ja3: _Ja3 | None = None
    ja4: str = ""


class _Http(Struct):
    http_user_agent: str = ""


class _MdnsAnswer(Struct):
    rrname: str = ""
    a: str = ""
    aaaa: str = ""


class _Mdns(Struct):
    type: str = ""
    answers: tuple[_MdnsAnswer, ...] = ()


class _Arp(Struct):
    src_mac: str = ""
    src_ip: str = ""


class _Krb5(Struct):
    msg_type: str = ""
    cname: str = ""
    realm: str = ""


class _Ntlmssp(Struct):
    domain: str = ""
    user: str = ""
    host: str = ""


class _Smb(Struct):
    status: str = ""
    ntlmssp: _Ntlmssp | None = None


class EmailFields(Struct):
    """`email`, which accompanies `smtp`."""

    from_: str = msgspec.field(name="from", default="")
    subject: str = ""
    subject_md5: str = ""
    body_md5: str = ""
    attachment: tuple[str, ...] = ()


class FlowFields(Struct):
    """`flow`, in flow records and alerts."""

    src_ip: str = ""
    start: Moment = ""
    end: Moment = ""
    state: str = ""
    pkts_toserver: Int64 = 0
    pkts_toclient: Int64 = 0
    bytes_toserver: Int64 = 0
    bytes_toclient: Int64 = 0


class TcpFields(Struct):
    """`tcp`: flags as two hexadecimal digits."""

    tcp_flags_ts: str = ""
    tcp_flags_tc: str = ""


class DhcpFields(Struct):
    """`dhcp`."""

    dhcp_type: str = ""
    client_mac: str = ""
    assigned_ip: str = ""
    client_ip: str = ""
    hostname: str = ""
    lease_time: Int64 = 0
    relay_ip: str = ""


class _Dpdk(Struct):
    imissed: Any = None
    no_mbufs: Any = None
    ierrors: Any = None


class _Ether(Struct):
    """Records of packets and transactions hold one MAC per side; records of flows list them."""

    src_mac: str = ""
    dest_mac: str = ""
    src_macs: tuple[str, ...] = ()
    dest_macs: tuple[str, ...] = ()


class _Capture(Struct):
    kernel_packets: Any = None
    kernel_drops: Any = None
    kernel_ifdrops: Any = None
    packets: Any = None
    dpdk: _Dpdk | None = None
    afxdp_packets: Any = None
    dag_packets: Any = None
    dag_drops: Any = None


class _Napatech(Struct):
    pkts: Any = None
    overflow_drop_pkts: Any = None


class _Decoder(Struct):
    pkts: Any = None
    invalid: Any = None


class _Thresholds(Struct):
    memuse: Any = None
    memcap: Any = None


class _Detect(Struct):
    alert_queue_overflow: Any = None
    alerts_suppressed: Any = None
    thresholds: _Thresholds | None = None


class _TcpCounters(Struct):
    sessions: Any = None
    invalid_checksum: Any = None
    reassembly_gap: Any = None
    segment_memcap_drop: Any = None
    ssn_memcap_drop: Any = None


class _FlowCounters(Struct):
    memcap: Any = None


class CounterFields(Struct):
    """The objects that hold COUNTERS; some thousand other counters are ignored."""

    capture: _Capture | None = None
    napa_total: _Napatech | None = None
    decoder: _Decoder | None = None
    detect: _Detect | None = None
    tcp: _TcpCounters | None = None
    flow: _FlowCounters | None = None


class StatsFields(CounterFields):
    """With `totals: no` only the counters of each thread are logged; `threads: yes` adds these."""

    threads: dict[str, CounterFields] = {}  # msgspec copies an empty default


class HostFields(Struct):
    """`host` as Beats and Logstash write it."""

    name: str = ""


class EveRecord(Struct):
    """One record."""

    event_type: str = ""
    timestamp: Moment = ""
    shipped: Moment = msgspec.field(default="", name="@timestamp")
    host: str | HostFields = ""
    in_iface: str = ""
    vlan: tuple[Int64 | str, ...] | Int64 | str = ()
    tenant_id: Int64 | str = ""
    ether: _Ether | None = None
    flow_id: Int64 = 0
    community_id: str = ""
    src_ip: str = ""
    src_port: Int64 = 0
    dest_ip: str = ""
    dest_port: Int64 = 0
    proto: str | Int64 = ""
    ip_v: Int64 = 0  # 8.0
    app_proto: str = ""
    tx_id: Int64 = -1
    alert: _Alert | None = None
    dns: DnsFields | None = None
    smtp: _Smtp | None = None
    email: EmailFields | None = None
    tls: TlsFields | None = None
    flow: FlowFields | None = None
    tcp: TcpFields | None = None
    dhcp: DhcpFields | None = None
    krb5: _Krb5 | None = None
    smb: _Smb | None = None
    http: _Http | None = None
    mdns: _Mdns | None = None
    arp: _Arp | None = None
    stats: StatsFields | None = None


class _Object(Struct):
    """An object whose content is ignored."""


class TcpFlow(Struct):
    """The fields that `_flow` needs: a record without one of them is no flow."""

    event_type: str
    timestamp: str
    src_ip: str
    dest_ip: str
    proto: str
    flow: _Object
    tcp: TcpFields


def record_fields() -> dict[tuple[str, ...], bool]:
    """The path of every field of a record that is read, and whether it is a list."""
    return dict(_fields_of(inspect.type_info(EveRecord), ()))


def _fields_of(kind: inspect.Type, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], bool]]:
    match kind:
        case inspect.StructType(fields=fields):
            for field in fields:
                yield from _fields_of(field.type, (*path, field.encode_name))
        case inspect.UnionType(types=types):
            yield from max((list(_fields_of(one, path)) for one in types), key=len)
        case inspect.VarTupleType(item_type=item):
            yield path, True
            yield from (found for found in _fields_of(item, path) if found[0] != path)
        case _:
            yield path, False
