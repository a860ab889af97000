"""Alerts -> the bytes of each log in text or CSV that an engine, barnyard2 or a firewall writes of
them.

docs/inputs.md is made from FORMS, and tests hold the verdicts of each to those of the same alerts
as EVE or alert_json.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address

from msgspec import Struct

from tests.eveproc.input.containers import Record

CLASS = "A Network Trojan was detected"


class Told(Struct, frozen=True):
    """What every form says of an alert; `time` is in seconds since 1970 UTC."""

    time: float
    sid: int
    msg: str
    proto: str
    src: str
    src_port: int
    dst: str
    dst_port: int
    gid: int = 1
    rev: int = 1

    @classmethod
    def of(cls, record: Record) -> "Told":
        """What an EVE record says."""
        alert = record["alert"]
        assert isinstance(alert, dict)
        return cls(
            datetime.fromisoformat(str(record["timestamp"])).timestamp(),
            alert["signature_id"],
            alert["signature"],
            str(record["proto"]),
            str(record["src_ip"]),
            int(str(record["src_port"])),
            str(record["dest_ip"]),
            int(str(record["dest_port"])),
            alert["gid"],
            alert["rev"],
        )

    @property
    def rule(self) -> str:
        return f"[{self.gid}:{self.sid}:{self.rev}]"

    def ends(self, spelled: Callable[[str], str]) -> str:
        src, dst = spelled(self.src), spelled(self.dst)
        return f"{src}:{self.src_port} -> {dst}:{self.dst_port}"

    def stamp(self, form: str) -> str:
        return f"{datetime.fromtimestamp(self.time, UTC):{form}}"


class Form(Struct, frozen=True):
    """`write` gives the bytes of a file. `by_snort`: a Snort, or what reads its unified2, wrote it.

    `whole_seconds`: it has no fractions of seconds. `grows`: it is written line by line.
    """

    title: str
    name: str
    write: Callable[[Iterable[Told]], bytes]
    by_snort: bool = True
    whole_seconds: bool = False
    grows: bool = True


def full(address: str) -> str:
    """IPv6 as Suricata writes it."""
    return ip_address(address).exploded


def short(address: str) -> str:
    return ip_address(address).compressed


def lined(line: Callable[[Told], str]) -> Callable[[Iterable[Told]], bytes]:
    return lambda alerts: "".join(f"{line(alert)}\n" for alert in alerts).encode()


NOTES = f"[Classification: {CLASS}] [Priority: 1]"
DATED, UNDATED = "%m/%d/%Y-%H:%M:%S.%f", "%m/%d-%H:%M:%S.%f"


def fast(
    stamp: str, mark: str = " [**]", spelled: Callable[[str], str] = short, quote: str = ""
) -> Callable[[Told], str]:
    return lambda a: (
        f"{a.stamp(stamp)} {mark} {a.rule} {quote}{a.msg}{quote} [**] {NOTES} "
        f"{{{a.proto}}} {a.ends(spelled)}"
    )


def block(stamp: str, quote: str = "", *, link: bool = False) -> Callable[[Told], str]:
    macs = "00:0C:29:B8:43:CE -> 00:50:56:9D:A5:BE type:0x800 len:0x72"

    def written(a: Told) -> str:
        where = f"{macs}\n{a.ends(short)} " if link else f"{a.ends(short)}\n"
        more = (
            "Len: 55\n"
            if a.proto == "UDP"
            else "***AP*** Seq: 0x1  Ack: 0x2  Win: 0x80B  TcpLen: 20\n"
        )
        return (
            f"[**] {a.rule} {quote}{a.msg}{quote} [**]\n{NOTES} \n{a.stamp(stamp)} {where}"
            f"{a.proto} TTL:64 TOS:0x0 ID:53730 IpLen:20 DgmLen:108 DF\n{more}"
            "[Xref => http://www.example.org/info/1]\n"
        )

    return written


def cells(rows: Iterable[Sequence[object]], separator: str = ",") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def default_29(stamp: str, *more: str) -> Callable[[Told], str]:
    return lambda a: (
        f"{a.stamp(stamp)} "
        f',{a.gid},{a.sid},{a.rev},"{a.msg}",{a.proto},{short(a.src)},{a.src_port},'
        f"{short(a.dst)},{a.dst_port},{','.join(more)}"
    )


def named(
    columns: Mapping[str, Callable[[Told], object]], separator: str = ","
) -> Callable[[Iterable[Told]], bytes]:
    return lambda alerts: cells(
        [list(columns), *([of(alert) for of in columns.values()] for alert in alerts)], separator
    )


def syslog(
    head: str, stamp: str, program: str, colon: str = "", tail: str = ""
) -> Callable[[Told], str]:
    return lambda a: (
        f"{head}{a.stamp(stamp)} {program}{a.rule} {a.msg} {NOTES}{colon} {{{a.proto}}} "
        f"{a.ends(full if 'suricata' in program else short)}{tail}"
    )


def alert_json(alerts: Iterable[Told]) -> bytes:
    """As Snort 3 writes them, without what the packet carried."""
    return lined(
        lambda a: json.dumps(
            {
                "seconds": int(a.time),
                "timestamp": a.stamp(UNDATED),
                "src_addr": a.src,
                "src_port": a.src_port,
                "dst_addr": a.dst,
                "dst_port": a.dst_port,
                "proto": a.proto,
                "sid": a.sid,
                "gid": a.gid,
            }
        )
    )(alerts)


def eve(alerts: Iterable[Told]) -> bytes:
    """EVE records that say no more than text does."""
    return lined(
        lambda a: json.dumps(
            {
                "timestamp": a.stamp("%Y-%m-%dT%H:%M:%S.%f+0000"),
                "event_type": "alert",
                "src_ip": a.src,
                "src_port": a.src_port,
                "dest_ip": a.dst,
                "dest_port": a.dst_port,
                "proto": a.proto,
                "alert": {"gid": a.gid, "signature_id": a.sid, "rev": a.rev},
            }
        )
    )(alerts)


RFC_3164, ISO = "%b %e %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f+00:00"

FORMS = (
    Form("fast.log of Suricata", "fast.log", lined(fast(DATED, spelled=full)), by_snort=False),
    Form(
        "fast.log of Suricata as an IPS",
        "fast.log",
        lined(fast(DATED, " [Drop] [**]", full)),
        by_snort=False,
    ),
    Form("alert_fast of Snort 2.9 and barnyard2", "alert", lined(fast(UNDATED))),
    Form("alert_fast of Snort 2.9 with -y", "alert.fast", lined(fast("%m/%d/%y-%H:%M:%S.%f"))),
    Form("alert_fast of Snort 3", "alert_fast.txt", lined(fast(UNDATED, "[**]", quote='"'))),
    Form(
        "alert_fast of Snort 3 with -y",
        "alert_fast.txt",
        lined(fast("%y/%m/%d-%H:%M:%S.%f", "[would_drop] [**]", quote='"')),
    ),
    Form("alert_full of Snort 2.9", "alert", lined(block(UNDATED))),
    Form("alert_full of Snort 2.9 with -e", "alert.full", lined(block(UNDATED, link=True))),
    Form("alert_full of Snort 3", "alert_full.txt", lined(block(UNDATED, '"'))),
    Form(
        "alert_csv of Snort 2.9 and barnyard2",
        "alert.csv",
        lined(default_29(UNDATED, "00:0C:29:B8:43:CE", "00:50:56:9D:A5:BE", "0x72")),
    ),
    Form(
        "CSV of Snort on pfSense",
        "alert",
        lined(default_29("%m/%d/%y-%H:%M:%S.%f", "54321", "Misc Attack", "2", "alert", "Allow")),
    ),
    Form(
        "alert_csv of Snort 2.9 with a first line of names, in any order",
        "alerts.csv",
        named(
            {
                "msg": lambda a: a.msg,
                "dst": lambda a: short(a.dst),
                "dstport": lambda a: a.dst_port,
                "src": lambda a: short(a.src),
                "srcport": lambda a: a.src_port,
                "sig_id": lambda a: a.sid,
                "proto": lambda a: a.proto,
                "timestamp": lambda a: a.stamp(UNDATED),
                "ttl": lambda a: 64,
            }
        ),
    ),
    Form(
        "alert_csv of Snort 3 with a first line of names",
        "alerts.csv",
        named(
            {
                "timestamp": lambda a: a.stamp("%y/%m/%d-%H:%M:%S.%f"),
                "rule": lambda a: f"{a.gid}:{a.sid}:{a.rev}",
                "src_ap": lambda a: f"{a.src}:{a.src_port}",
                "dst_ap": lambda a: f"{a.dst}:{a.dst_port}",
                "proto": lambda a: a.proto,
            },
            "\t",
        ),
    ),
    Form(
        "CSV of EVE's alerts with a first line of names",
        "alerts.csv",
        named(
            {
                "timestamp": lambda a: a.stamp(ISO),
                "src_ip": lambda a: a.src,
                "src_port": lambda a: a.src_port,
                "dest_ip": lambda a: a.dst,
                "dest_port": lambda a: a.dst_port,
                "proto": lambda a: a.proto,
                "alert.signature_id": lambda a: a.sid,
                "alert.signature": lambda a: a.msg,
            },
            ";",
        ),
        by_snort=False,
    ),
    Form(
        "alert_syslog of Snort, RFC 3164",
        "syslog",
        lined(syslog("", RFC_3164, "fw1 snort[712]: ")),
        whole_seconds=True,
    ),
    Form(
        "alert_syslog of barnyard2",
        "syslog",
        lined(syslog("<33>", RFC_3164, "snort: ", ":")),
        whole_seconds=True,
    ),
    Form(
        "alert_syslog of Snort, RFC 5424",
        "syslog",
        lined(syslog("<33>1 ", ISO, "fw1 snort 712 - - ")),
    ),
    Form(
        "syslog output of Suricata on pfSense",
        "system.log",
        lined(syslog("", RFC_3164, "pfSense suricata[72115]: ")),
        by_snort=False,
        whole_seconds=True,
    ),
    Form(
        "syslog output of Suricata on OPNsense",
        "suricata.log",
        lined(syslog("<173>1 ", ISO, 'OPNsense suricata 2212 - [meta sequenceId="7"] [Drop] ')),
        by_snort=False,
    ),
    Form(
        "fast.log sent through a syslog",
        "syslog",
        lambda alerts: lined(lambda a: f"2026-03-02T12:00:00+00:00 ids suricata: {fast(DATED)(a)}")(
            alerts
        ),
        by_snort=False,
    ),
)
