"""The fields of an alert in a Snort log -> Alert, with one spelling per address.

Snort logs no metadata and no flow: eveproc identifies such an alert by its sid, and the host by the
rule's side and the home networks.
"""

from types import MappingProxyType

from eveproc.input.addresses import canonical_address
from eveproc.input.events import DNS_PORT, MAX_DETAIL, MAX_NAME, Alert, Skipped, SkipReason

_NO_METADATA = MappingProxyType[str, tuple[str, ...]]({})
_HEADER = 12
_POINTER = 0xC0


def alert(
    time: float,
    gid: int,
    sid: int,
    src: tuple[str, int],
    dst: tuple[str, int],
    proto: str,
    payload: bytes = b"",
    *,
    by_snort: bool = True,
) -> Alert | Skipped:
    """`src` and `dst` are address and port of the packet, `payload` is its content, as far as
    logged.

    `by_snort`: False for alerts that Suricata wrote as text, which say as little.
    """
    src_ip, dest_ip = canonical_address(src[0]), canonical_address(dst[0])
    for address, said, name in (
        (src_ip, src[0], "source address"),
        (dest_ip, dst[0], "destination address"),
    ):
        if not address:
            return Skipped(SkipReason.WRONG_TYPE if said else SkipReason.MISSING_FIELD, name)
    is_dns = payload and DNS_PORT in (src[1], dst[1])
    name = question_name(payload[2:] if proto.upper() == "TCP" else payload) if is_dns else ""
    return Alert(
        time=time,
        sid=sid,
        gid=gid,
        src_ip=src_ip,
        src_port=src[1],
        dest_ip=dest_ip,
        dest_port=dst[1],
        proto=proto[:MAX_DETAIL].upper(),
        flow_src="",
        metadata=_NO_METADATA,
        rrnames=(name,) if name else (),
        filtered_per_thread=by_snort,
        names_no_sensor=True,
    )


def question_name(message: bytes) -> str:
    """The name a DNS message asks for (RFC 1035, 4.1.2), in lower case; "" if it is cut off, or
    compressed, which no question is.
    """
    labels: list[str] = []
    at = _HEADER
    while at < len(message) and message[at] < _POINTER and at - _HEADER < MAX_NAME:
        size = message[at]
        if size == 0:
            return ".".join(labels)
        labels.append(message[at + 1 : at + 1 + size].decode("ascii", "backslashreplace").lower())
        at += 1 + size
    return ""
