"""One raw EVE line, of any version -> one typed event with client, server and time.

A line that gives no event gives a Skipped with its reason, so every line of the input is accounted
for.

Lines as Suricata writes them are decoded straight into structs. A line with any oddity (a wrong
type, invalid bytes) is decoded into plain values first: wrong values are left out, and the line is
lost only if one of them was needed.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any, NoReturn, Protocol

import msgspec
from msgspec import Struct

from eveproc.input.addresses import canonical_address, is_address
from eveproc.input.client_sample import in_order, is_sampled, platform_of
from eveproc.input.eve_record import (
    RECORD_TYPES,
    CounterFields,
    DhcpFields,
    DnsFields,
    EmailFields,
    EveRecord,
    FlowFields,
    HostFields,
    Moment,
    QuestionFields,
    RecordType,
    StatsFields,
    TcpFields,
    TcpFlow,
    TlsFields,
)
from eveproc.input.events import (
    ACK,
    BEFORE_SURICATA,
    COUNTERS,
    DNS_PORT,
    FIN,
    MAX_ANSWERS,
    MAX_DETAIL,
    MAX_NAME,
    MAX_SUBJECT,
    MAX_TAGS,
    NO_ORIGIN,
    PSH,
    SYN_ACK,
    YEARS,
    Alert,
    Arp,
    Dhcp,
    Dns,
    Event,
    Flow,
    Http,
    Kerberos,
    LoggedIn,
    Mdns,
    Ntlm,
    Origin,
    Skipped,
    SkipReason,
    Smtp,
    Stats,
    Tls,
)
from eveproc.input.times import read_time
from eveproc.input.wire_text import header_text, host_name, mailbox, plain_text, valid_utf8
from rulegen.mac_address import canonical_mac

_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
# A state file keeps counters as 64-bit numbers.
MAX_COUNTER = (1 << 63) - 1


def decode(line: bytes) -> Event | Skipped:
    """Read one line of EVE JSON (UTF-8, without BOM or syslog prefix).

    Never raises, whatever the bytes are.
    """
    try:
        wire = _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _decode_odd(line)
    except RecursionError:
        return Skipped(SkipReason.NOT_JSON)
    return _event(wire)


def tcp_client(line: bytes) -> str:
    """The client of a TCP flow whose flags were logged: the same answer as `decode`, in a third of
    the time.

    "" for other lines, and for any line with an oddity, which only `decode` can read.
    """
    try:
        wire = _decode_tcp(line)
        if (
            wire.event_type == Flow.TYPE
            and wire.proto == "TCP"
            and _are_flags(wire.tcp.tcp_flags_ts)
            and _are_flags(wire.tcp.tcp_flags_tc)
        ):
            _time(wire.timestamp)
            return canonical_address(wire.src_ip) if is_address(wire.dest_ip) else ""
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, _UnusableError):
        pass
    return ""


def decode_value(value: object) -> Event | Skipped:
    """Read one event that another JSON parser already turned into plain values.

    Never raises; wrong values are removed from `value`.
    """
    if not isinstance(value, dict):
        return Skipped(SkipReason.NOT_AN_OBJECT)
    wrong: set[str] = set()
    while True:
        try:
            event = _event(msgspec.convert(value, EveRecord, strict=False))
            break
        except msgspec.ValidationError as error:
            path = _path(error)
            if path and _repair(value, path, str(error)):
                continue
            if not path or not _take_out(value, path):
                return Skipped(SkipReason.NOT_AN_OBJECT)
            wrong.add(".".join(path))
    return _blame(event, wrong)


# Not strict: shippers write numbers as text ("25") and as floats (25.0).
_DECODER = msgspec.json.Decoder(EveRecord, strict=False)
_decode_tcp = msgspec.json.Decoder(TcpFlow).decode
_NO_EMAIL, _NO_TCP, _NO_FLOW = EmailFields(), TcpFields(), FlowFields()
_PROTOCOLS = MappingProxyType(
    {"1": "ICMP", "6": "TCP", "17": "UDP", "58": "IPV6-ICMP", "132": "SCTP"}
)


class _UnusableError(Exception):
    """A field that this event needs is missing or has the wrong type."""

    def __init__(self, reason: SkipReason, detail: str = "") -> None:
        self.skipped = Skipped(reason, detail)


def _event(wire: EveRecord) -> Event | Skipped:
    build = _BUILD.get(wire.event_type) or _BUILD.get(wire.event_type.lower())
    stamp = wire.timestamp or wire.shipped
    if build is None or (build is _http and not is_sampled(stamp)):
        return _not_ours(wire)
    try:
        return build(wire, _time(stamp))
    except _UnusableError as error:
        return error.skipped


def _not_ours(wire: EveRecord) -> Skipped:
    if not wire.event_type:
        return Skipped(SkipReason.MISSING_FIELD, "event_type")
    kind, sensor = wire.event_type[:MAX_DETAIL], _sensor(wire.host)
    return Skipped(SkipReason.OTHER_EVENT_TYPE, kind, sensor)


def _sensor(host: str | HostFields) -> str:
    return (host if isinstance(host, str) else host.name)[:MAX_NAME]


def _alert(wire: EveRecord, time: float) -> Alert:
    alert = wire.alert or _missing("alert")
    return Alert(
        time=time,
        sensor=_sensor(wire.host),
        flow_id=wire.flow_id,
        community_id=wire.community_id,
        origin=_origin(wire),
        sid=alert.signature_id or _missing("alert.signature_id"),
        gid=alert.gid,
        src_ip=_address(wire.src_ip, "src_ip"),
        src_port=wire.src_port,
        dest_ip=_address(wire.dest_ip, "dest_ip"),
        dest_port=wire.dest_port,
        proto=_protocol(wire.proto),
        flow_src=_address(wire.flow.src_ip, "flow.src_ip")
        if wire.flow and wire.flow.src_ip
        else "",
        metadata={
            key: (value,) if isinstance(value, str) else value
            for key, value in alert.metadata.items()
        },
        rrnames=tuple(sorted(_names_asked(wire.dns))) if wire.dns else (),
    )


def _origin(wire: EveRecord, from_server: bool = False) -> Origin:
    """`from_server`: the record's source is the server."""
    if not (wire.in_iface or wire.vlan or wire.ether) and wire.tenant_id == "":
        return NO_ORIGIN
    ether = wire.ether
    source = _mac(ether.src_mac, ether.src_macs) if ether else ""
    destination = _mac(ether.dest_mac, ether.dest_macs) if ether else ""
    return Origin(
        _tags(wire.vlan),
        str(wire.tenant_id)[:MAX_DETAIL],
        wire.in_iface[:MAX_DETAIL],
        destination if from_server else source,
        source if from_server else destination,
    )


def _tags(vlan: tuple[int | str, ...] | int | str) -> tuple[int, ...]:
    """VLAN tags as numbers; some shippers write one tag alone, or text."""
    tags = vlan if isinstance(vlan, tuple) else (vlan,)
    texts = map(str, tags)
    return tuple(int(text) for text in texts if text.isascii() and text.isdecimal())[:MAX_TAGS]


def _mac(one: str, several: tuple[str, ...]) -> str:
    """The MAC of one side of a record; "" if it changed during the flow or is invalid."""
    text = one or (several[0] if len(several) == 1 else "")
    return canonical_mac(text) if text else ""


def _names_asked(dns: DnsFields) -> set[str]:
    asked = [*dns.queries, *dns.query, dns.answer or QuestionFields(), QuestionFields(dns.rrname)]
    return {name for question in asked if (name := host_name(question.rrname))}


def dns_event(record: Any, time: float, addresses: tuple[tuple[str, str], ...]) -> Dns | None:
    """The event of a record that another decoder read into fields of the same names and types.

    `addresses` is the result of addresses_of. None if `decode` would give no event.
    """
    try:
        return _dns_with(record, time, addresses)
    except _UnusableError:
        return None


def _dns(wire: EveRecord, time: float) -> Dns:
    dns = wire.dns or _missing("dns")
    answers = dns.answers or ((dns,) if dns.rdata else ())
    asked = dns.queries[0].rrname if dns.queries else dns.rrname
    return _dns_with(wire, time, addresses_of(dns.grouped, answers, asked))


def _dns_with(wire: EveRecord, time: float, addresses: tuple[tuple[str, str], ...]) -> Dns:
    dns = wire.dns or _missing("dns")
    from_server = _is_from_server(wire, dns)
    source, destination = _address(wire.src_ip, "src_ip"), _address(wire.dest_ip, "dest_ip")
    return Dns(
        time=time,
        sensor=_sensor(wire.host),
        flow_id=wire.flow_id,
        community_id=wire.community_id,
        origin=_origin(wire, from_server),
        client=destination if from_server else source,
        client_port=wire.dest_port if from_server else wire.src_port,
        server=source if from_server else destination,
        is_answer=_is_answer(dns),
        questions=tuple(
            (host_name(q.rrname), _record_type(q.rrtype)) for q in _asked(dns) if q.rrname
        ),
        rcode=dns.rcode[:MAX_NAME],
        query_id=dns.id,
        tcp=_protocol(wire.proto) == "TCP",
        eight=bool(wire.ip_v) or dns.version >= 3,
        addresses=addresses,
    )


class AddressRecord(Protocol):
    """The fields of a resource record that tell an address."""

    @property
    def rrname(self) -> str: ...

    @property
    def rrtype(self) -> RecordType: ...

    @property
    def rdata(self) -> Any: ...


class GroupedAnswers(Protocol):
    """An answer's records by type, without their names."""

    @property
    def A(self) -> tuple[str, ...]: ...

    @property
    def AAAA(self) -> tuple[str, ...]: ...

    @property
    def CNAME(self) -> tuple[str, ...]: ...


def addresses_of(
    grouped: GroupedAnswers | None, answers: Iterable[AddressRecord], asked: str
) -> tuple[tuple[str, str], ...]:
    """(name, address) of the A and AAAA records of an answer, at most MAX_ANSWERS.

    Answers may be logged in detail, grouped, or both. Grouped answers belong to the name `asked`,
    or to that of the last CNAME; if no name was asked, they tell nothing.
    """
    if grouped and not asked:
        found = []
    elif grouped:
        name = grouped.CNAME[-1] if grouped.CNAME else asked
        of_types = (("A", grouped.A), ("AAAA", grouped.AAAA))
        found = [
            _address_record(name, rrtype, one)
            for rrtype, addresses in of_types
            for one in addresses
        ]
    else:
        found = [_address_record(one.rrname, one.rrtype, one.rdata) for one in answers]
    return tuple(islice(filter(None, found), MAX_ANSWERS))


def _address_record(name: str, rrtype: RecordType, rdata: object) -> tuple[str, str] | None:
    is_address = _record_type(rrtype) in ("A", "AAAA") and isinstance(rdata, str)
    if is_address and (address := canonical_address(rdata)):
        return host_name(name), address
    return None


def _record_type(of: RecordType) -> str:
    """The name of a type of DNS records, which some shippers write as a number: 15, "15", 15.0."""
    name = str(of)[:MAX_NAME].upper()
    return RECORD_TYPES.get(name.removesuffix(".0"), name)


def _asked(dns: DnsFields) -> tuple[QuestionFields, ...]:
    """v3 lists the questions. v1 logs each record of an answer by itself: its name may be the
    target of a CNAME, for which nobody asked. v1 never groups answers, so a grouped record without
    a version has lost it.
    """
    if not (dns.queries or dns.rrname or dns.rrtype or _is_answer(dns)):  # the root has a type
        _missing("dns.rrname")
    is_record = dns.version < 2 and dns.rrtype and not dns.grouped and _is_answer(dns)
    return () if is_record else dns.queries or (QuestionFields(dns.rrname, dns.rrtype),)


# v1 and v2 say query and answer, v3 request and response.
_IS_ANSWER = MappingProxyType({"query": False, "request": False, "answer": True, "response": True})


def _is_answer(dns: DnsFields) -> bool:
    if dns.type not in _IS_ANSWER:
        raise _UnusableError(
            SkipReason.WRONG_TYPE if dns.type else SkipReason.MISSING_FIELD, "dns.type"
        )
    return _IS_ANSWER[dns.type]


def _is_from_server(wire: EveRecord, dns: DnsFields) -> bool:
    """Port 53 tells the server.

    If neither or both ports are 53, only responses of 8.0 (version 3) are logged as sent by the
    server.
    """
    if (wire.src_port == DNS_PORT) != (wire.dest_port == DNS_PORT):
        return wire.src_port == DNS_PORT
    return dns.version >= 3 and _is_answer(dns)


def _smtp(wire: EveRecord, time: float) -> Smtp:
    smtp, email = wire.smtp or _missing("smtp"), wire.email or _NO_EMAIL
    return Smtp(
        time=time,
        sensor=_sensor(wire.host),
        flow_id=wire.flow_id,
        community_id=wire.community_id,
        origin=_origin(wire),
        client=_address(wire.src_ip, "src_ip"),
        client_port=wire.src_port,
        server=_address(wire.dest_ip, "dest_ip"),
        server_port=wire.dest_port,
        helo=host_name(smtp.helo),
        mail_from=mailbox(smtp.mail_from),
        rcpt_to=tuple(map(mailbox, smtp.rcpt_to)),
        subject=header_text(email.subject)[:MAX_SUBJECT],
        subject_md5=email.subject_md5[:MAX_DETAIL].lower(),
        body_md5=email.body_md5[:MAX_DETAIL].lower(),
        attachments=tuple(header_text(name)[:MAX_NAME] for name in email.attachment),
        has_message=email != _NO_EMAIL,
        tx_id=wire.tx_id,
    )


def _tls(wire: EveRecord, time: float) -> Tls:
    tls = wire.tls or _missing("tls")
    return Tls(
        time=time,
        sensor=_sensor(wire.host),
        flow_id=wire.flow_id,
        community_id=wire.community_id,
        origin=_origin(wire),
        client=_address(wire.src_ip, "src_ip"),
        client_port=wire.src_port,
        server=_address(wire.dest_ip, "dest_ip"),
        server_port=wire.dest_port,
        name=host_name(tls.sni) or _common_name(tls.subject),
        client_name=_common_name(tls.client.subject) if tls.client else "",
        fingerprint=_fingerprint(tls) if is_sampled(wire.timestamp or wire.shipped) else "",
    )


def _fingerprint(tls: TlsFields) -> str:
    return tls.ja4[:MAX_DETAIL] or (in_order(tls.ja3.string[:MAX_SUBJECT]) if tls.ja3 else "")


def _http(wire: EveRecord, time: float) -> Http | Skipped:
    """The event of a record in the sample; other http records are skipped."""
    http = wire.http or _missing("http")
    platform = platform_of(plain_text(http.http_user_agent))
    if not platform:
        return _not_ours(wire)
    return Http(
        time=time,
        sensor=_sensor(wire.host),
        flow_id=wire.flow_id,
        community_id=wire.community_id,
        origin=_origin(wire),
        client=_address(wire.src_ip, "src_ip"),
        platform=platform,
    )


def _mdns(wire: EveRecord, time: float) -> Mdns | Skipped:
    """Only names that a host announces for its own address count: what it calls others proves
    nothing.
    """
    mdns = wire.mdns or _missing("mdns")
    client = _address(wire.src_ip, "src_ip")
    names = dict.fromkeys(
        host_name(answer.rrname)
        for answer in mdns.answers[:MAX_ANSWERS]
        if client in (canonical_address(answer.a), canonical_address(answer.aaaa))
    )
    if mdns.type != "response" or not names:
        return _not_ours(wire)
    return Mdns(
        time=time,
        sensor=_sensor(wire.host),
        flow_id=wire.flow_id,
        community_id=wire.community_id,
        origin=_origin(wire),
        client=client,
        names=tuple(name for name in names if name),
    )


def _arp(wire: EveRecord, time: float) -> Arp | Skipped:
    """A probe (RFC 5227) has no address yet."""
    arp = wire.arp or _missing("arp")
    mac, address = canonical_mac(arp.src_mac), canonical_address(arp.src_ip)
    if not (mac and address) or address == "0.0.0.0":
        return _not_ours(wire)
    return Arp(
        time=time,
        sensor=_sensor(wire.host),
        origin=_origin(wire),
        mac=mac,
        address=address,
    )


_COMMON_NAME = re.compile(r"(?:\A|[,/]\s*)CN=([^,/]+)")


def _common_name(subject: str) -> str:
    """`C=US, O=Example, CN=*.mail.example` -> `mail.example`; "" without one."""
    found = _COMMON_NAME.search(subject)
    return host_name(found[1].strip()).removeprefix("*.") if found else ""


# Suricata logs Kerberos by the packet of the answer and SMB by that of the request, so ports tell
# client from server.
_KERBEROS, _SMB = frozenset((88,)), frozenset((139, 445))


def _krb5(wire: EveRecord, time: float) -> LoggedIn | Skipped:
    """A granted ticket; a refusal proves nothing."""
    krb5 = wire.krb5 or _missing("krb5")
    name = host_name(krb5.cname)
    if krb5.msg_type not in ("KRB_AS_REP", "KRB_TGS_REP") or name in ("", "<empty>"):
        return _not_ours(wire)
    realm = "" if krb5.realm == "<empty>" else host_name(krb5.realm)
    is_machine = name.endswith("$") or name.startswith("host/")
    machine = ("machine", name.removeprefix("host/").rstrip("$"))
    named = machine if is_machine else ("user", f"{name}@{realm}" if realm else name)
    return _logged_in(Kerberos, wire, time, (named,), _KERBEROS)


def _smb(wire: EveRecord, time: float) -> LoggedIn | Skipped:
    """A session granted to a user; other commands, refusals and anonymous ones prove nothing."""
    smb = wire.smb or _missing("smb")
    if smb.ntlmssp is None or smb.status != "STATUS_SUCCESS" or not smb.ntlmssp.user:
        return _not_ours(wire)
    domain, host = host_name(smb.ntlmssp.domain), host_name(smb.ntlmssp.host)
    user = host_name(smb.ntlmssp.user)
    names = (("user", f"{domain}\\{user}" if domain else user), ("machine", host))
    return _logged_in(Ntlm, wire, time, tuple(named for named in names if named[1]), _SMB)


def _logged_in(
    kind: type[LoggedIn],
    wire: EveRecord,
    time: float,
    names: tuple[tuple[str, str], ...],
    ports: Collection[int],
) -> LoggedIn | Skipped:
    from_server = wire.src_port in ports
    if from_server == (wire.dest_port in ports):
        return _not_ours(wire)
    ends = _address(wire.src_ip, "src_ip"), _address(wire.dest_ip, "dest_ip")
    return kind(
        time=time,
        sensor=_sensor(wire.host),
        flow_id=wire.flow_id,
        community_id=wire.community_id,
        origin=_origin(wire, from_server),
        client=ends[from_server],
        server=ends[not from_server],
        names=names,
    )


def _flow(wire: EveRecord, time: float) -> Flow:
    flow, tcp = wire.flow or _missing("flow"), wire.tcp or _NO_TCP
    server_flags, client_flags = _flags(tcp.tcp_flags_tc), _flags(tcp.tcp_flags_ts)
    start = _moment(flow.start, time)
    return Flow(
        time=start,
        sensor=_sensor(wire.host),
        flow_id=wire.flow_id,
        community_id=wire.community_id,
        origin=_origin(wire),
        client=_address(wire.src_ip, "src_ip"),
        client_port=wire.src_port,
        server=_address(wire.dest_ip, "dest_ip"),
        server_port=wire.dest_port,
        proto=_protocol(wire.proto),
        answered=flow.pkts_toclient > 0,
        established=_established(server_flags, client_flags, flow),
        app_proto=wire.app_proto,
        flags_logged=server_flags is not None and client_flags is not None,
        end=_moment(flow.end, start),
        sent=flow.pkts_toserver,
        received=flow.pkts_toclient,
        sent_bytes=flow.bytes_toserver,
        received_bytes=flow.bytes_toclient,
        client_flags=_known(client_flags),
        server_flags=_known(server_flags),
    )


def _moment(text: Moment, otherwise: float) -> float:
    """When a flow began or ended; if that is missing or wrong, the other of the two times.

    The other time is when it was logged, or when it began. A time before 2000 beside a later one is
    wrong, too: the clock was set in between.
    """
    try:
        time = _time(text)
    except _UnusableError:
        return otherwise
    return otherwise if time < BEFORE_SURICATA <= otherwise else time


def _known(flags: int | None) -> int:
    return -1 if flags is None else flags


def _established(server: int | None, client: int | None, flow: FlowFields) -> bool:
    """SYN and ACK from the server, ACK from the client.

    A sensor that sees only the client's direction sees data or a FIN with an ACK, which a client
    sends only after the server's answer (RFC 9293). Without flags in the log, Suricata's state of
    the flow decides.
    """
    if server is None or client is None:
        return flow.state == "established"
    if not server:
        return client & ACK == ACK and client & (PSH | FIN) != 0
    return server & SYN_ACK == SYN_ACK and client & ACK == ACK


def _flags(hexadecimal: str) -> int | None:
    """TCP flags as Suricata writes them: two hexadecimal digits."""
    return int(hexadecimal, 16) if _are_flags(hexadecimal) else None


def _are_flags(text: str) -> bool:
    return len(text) == 2 and _HEXADECIMAL.issuperset(text)


def _dhcp(wire: EveRecord, time: float) -> Dhcp | Skipped:
    dhcp = wire.dhcp or _missing("dhcp")
    address = _leased(dhcp) if dhcp.dhcp_type in ("ack", "release") else ""
    if not address and not dhcp.hostname:
        return Skipped(SkipReason.OTHER_EVENT_TYPE, f"dhcp {dhcp.dhcp_type}"[:MAX_DETAIL].rstrip())
    return Dhcp(
        time=time,
        sensor=_sensor(wire.host),
        flow_id=wire.flow_id,
        community_id=wire.community_id,
        origin=_origin(wire),
        mac=_client_mac(dhcp.client_mac),
        address=address,
        hostname=host_name(dhcp.hostname),
        lease_seconds=dhcp.lease_time,
        is_release=dhcp.dhcp_type == "release",
        relay=canonical_address(dhcp.relay_ip),
    )


def _client_mac(text: str) -> str:
    """The client's MAC; hardware addresses of other kinds than Ethernet stay as they are."""
    text = text[:MAX_DETAIL] or _missing("dhcp.client_mac")
    return canonical_mac(text) or text.lower()


def _leased(dhcp: DhcpFields) -> str:
    """The address of an ACK.

    The answer to an INFORM assigns none and confirms the client's own address. 0.0.0.0 is no
    address.
    """
    for value, field in (
        (dhcp.assigned_ip, "dhcp.assigned_ip"),
        (dhcp.client_ip, "dhcp.client_ip"),
    ):
        if value and value != "0.0.0.0":
            return _address(value, field)
    return ""


def _stats(wire: EveRecord, time: float) -> Stats:
    tree = wire.stats or _missing("stats")
    return Stats(time=time, sensor=_sensor(wire.host), counters=_counters(tree))


# Counters by the object that holds them: each name with its path in that object.
_COUNTERS_IN: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = MappingProxyType(
    {
        group: tuple(
            (name, tuple(path))
            for name in COUNTERS
            for first, *path in (name.split("."),)
            if first == group
        )
        for group in dict.fromkeys(name.partition(".")[0] for name in COUNTERS)
    }
)


def _counters(tree: StatsFields) -> dict[str, int]:
    """The totals that were logged, else the sums over the threads."""
    totals = dict(_values(tree))
    if not tree.threads:
        return totals
    sums: dict[str, int] = {}
    for thread in tree.threads.values():
        for name, value in _values(thread):
            sums[name] = min(sums.get(name, 0) + value, MAX_COUNTER)
    return {**sums, **totals}


def _values(tree: CounterFields) -> Iterator[tuple[str, int]]:
    for group, counters in _COUNTERS_IN.items():
        holder = getattr(tree, group)
        if holder is None:
            continue
        for name, path in counters:
            value = holder
            for part in path:
                value = getattr(value, part, None)
            if (number := _counter(value)) is not None and 0 <= number <= MAX_COUNTER:
                yield name, number


def _counter(value: object) -> int | None:
    """A counter, which shippers write as text or as a float, too; None if it is no number."""
    match value:
        case bool():
            return None
        case int(number):
            return number
        case float(number) if number.is_integer():
            return int(number)
        case str(text) if digits := _DIGITS.match(text):
            return int(digits[1])
    return None


_BUILD: Mapping[str, Callable[[EveRecord, float], Event | Skipped]] = MappingProxyType(
    {
        "alert": _alert,
        "dns": _dns,
        "smtp": _smtp,
        "tls": _tls,
        "flow": _flow,
        "dhcp": _dhcp,
        "krb5": _krb5,
        "smb": _smb,
        "http": _http,
        "mdns": _mdns,
        "arp": _arp,
        "stats": _stats,
    }
)


def _missing(field: str) -> NoReturn:
    raise _UnusableError(SkipReason.MISSING_FIELD, field)


def _time(value: Moment) -> float:
    """Seconds since 1970 UTC of "2024-03-01T10:00:00.123456+0000" and of every form in times.py."""
    if value == "":
        raise _UnusableError(SkipReason.NO_TIMESTAMP)
    when = read_time(value)
    if when is None:
        # for example 0000-01-01: datetime has no year 0
        year = str(value)[:4]
        is_other_age = year.isdecimal() and int(year) not in YEARS
        raise _UnusableError(SkipReason.CLOCK_FAULT if is_other_age else SkipReason.BAD_TIMESTAMP)
    if when.year not in YEARS:
        raise _UnusableError(SkipReason.CLOCK_FAULT)
    return when.timestamp()


def time_of(stamp: Moment) -> float | None:
    """A record's `timestamp` in seconds since 1970 UTC; None where it is no usable time."""
    try:
        return _time(stamp)
    except _UnusableError:
        return None


class _Stamp(Struct):
    timestamp: Moment = ""
    shipped: Moment = msgspec.field(default="", name="@timestamp")
    event_type: str = ""


_decode_stamp = msgspec.json.Decoder(_Stamp).decode


def stamp_of(line: bytes, *, around: bool = True) -> float | None:
    """When a record of any type was logged, in seconds since 1970 UTC.

    None if the record has no time; without `around`, also if the time is that of an object around
    the record.

    None for statistics, too: their time is the wall clock, even when the sensor reads an old
    capture.
    """
    try:
        stamp = _decode_stamp(line[line.find(b"{") :])
        if stamp.event_type == Stats.TYPE or not (stamp.event_type or around):
            return None
        return _time(stamp.timestamp or (stamp.event_type and stamp.shipped))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, _UnusableError):
        return None


def _address(text: str, field: str) -> str:
    if not text:
        _missing(field)
    canonical = canonical_address(text)
    if not canonical:
        raise _UnusableError(SkipReason.WRONG_TYPE, field)
    return canonical


def _protocol(proto: str | int) -> str:
    text = str(proto)
    if text[:1] == "0":  # "006": Suricata found no /etc/protocols and wrote the number
        text = text.lstrip("0")
    return _PROTOCOLS.get(text, text[:MAX_DETAIL].upper())


def _decode_odd(line: bytes) -> Event | Skipped:
    try:
        value = msgspec.json.decode(valid_utf8(line))
    except (msgspec.MsgspecError, RecursionError):
        return Skipped(SkipReason.NOT_JSON)
    return decode_value(value)


_AT = re.compile(r" - at `(?:key` in `)?\$\.?([^`]*)`")


def _path(error: msgspec.ValidationError) -> tuple[str, ...]:
    """Where msgspec found the fault, as field names.

    For a fault inside a list or map, the field that holds it. () is the whole line.
    """
    found = _AT.search(str(error))
    return tuple(found[1].partition("[")[0].split(".")) if found and found[1] else ()


def _take_out(value: dict[str, object], path: tuple[str, ...]) -> bool:
    holder = _holder(value, path)
    return holder is not None and holder.pop(path[-1], holder) is not holder


def _holder(value: dict[str, object], path: tuple[str, ...]) -> dict[str, object] | None:
    """The object that holds the last name of the path."""
    for name in path[:-1]:
        inner = value.get(name)
        if not isinstance(inner, dict):
            return None
        value = inner
    return value


_DIGITS = re.compile(r"\s*0*(\d{1,19})(?:\.0*)?\s*\Z", re.ASCII)


def _repair(value: dict[str, object], path: tuple[str, ...], error: str) -> bool:
    """Convert a value of the wrong type whose meaning is clear: "025" for 25, a text or an object
    for a list of one, JSON in a text for an object or for a list of objects.
    """
    holder = _holder(value, path)
    if holder is None:
        return False
    match holder.get(path[-1]):
        case str(text) if "`object" in error and (parsed := _object_in(text)) is not None:
            holder[path[-1]] = parsed
        case str(text) if "`array`" in error and (several := _objects_in(text)):
            holder[path[-1]] = several
        case str() | dict() as one if "`array`" in error:
            holder[path[-1]] = [one]
        case str(text) if "`int`" in error and (digits := _DIGITS.match(text)):
            holder[path[-1]] = int(digits[1])
        case _:
            return False
    return True


def _object_in(text: str) -> dict[str, object] | None:
    """The object of a text, as databases keep it in a column."""
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _objects_in(text: str) -> list[dict[str, object]]:
    """The objects of a list in a text."""
    try:
        return msgspec.json.decode(text, type=list[dict[str, object]])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return []


def _blame(event: Event | Skipped, wrong: set[str]) -> Event | Skipped:
    """Report a removed field as wrong, not as missing."""
    match event:
        case Skipped(SkipReason.MISSING_FIELD, detail) if detail in wrong:
            return Skipped(SkipReason.WRONG_TYPE, detail)
        case Skipped(SkipReason.NO_TIMESTAMP) if "timestamp" in wrong:
            return Skipped(SkipReason.WRONG_TYPE, "timestamp")
        case _:
            return event
