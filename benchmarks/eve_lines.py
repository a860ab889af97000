"""A site -> sorted lines of eve.json that a real Suricata wrote about it.

The parts that change from host to host are marked.

Relevant lines are those that may be evidence: alerts of our rules, smtp and dhcp records, anything
on a mail or mailbox port, lookups of MX records, PTR records and names that look like those of mail
servers, and outbound connections that were not accepted. All other lines are ordinary.
"""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from types import MappingProxyType

from benchmarks.ordinary import Web, ordinary
from rulegen.build import build
from rulegen.simulate import PCAP_NAME, Simulation, simulate, write_simulation
from rulegen.site_profile import SiteProfile, load_site
from rulegen.vocabulary import GUESSED_LABELS, Engine
from tests.engines.replay import replay

SITE = Path(__file__).with_name("speed-site.yaml")
# A site that logs everything: Debian's suricata.yaml without the protocols that do not occur here.
EVE_TYPES: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "alert": {"metadata": True},
        "anomaly": {},
        "http": {"extended": True},
        "dns": {},
        "tls": {"extended": True},
        "files": {},
        "smtp": {"extended": True, "md5": ["body", "subject"]},
        "flow": {},
        "dhcp": {"extended": True},
        "stats": {"totals": True, "threads": False},
    }
)
# Mail, mailboxes, and DHCP, which is named in its flows.
PORTS = frozenset((25, 465, 587, 110, 143, 993, 995, 67, 68))
SYN = 0x02
MAIL_WORDS = ("mail", "smtp", "mx", "imap", "outlook", "exchange")
VISITS, DESKS, SECONDS = 4_000, 100, 3_600.0
MAIL_SECONDS = 1_800.0

_PLACE = re.compile(
    rb'"(?P<key>timestamp|start|end|flow_id|src_port|dest_port|src_ip|dest_ip|ip|assigned_ip|requested_ip|client_mac|client_id)"'
    rb': ?"?(?P<value>[^",}]+)'
)
_DATE = re.compile(rb"\d{4}-\d\d-\d\dT")


class LineKind(Enum):
    """What a marked part is."""

    TIME = auto()
    FLOW = auto()
    PORT = auto()
    ADDRESS = auto()
    MAC = auto()


_KINDS: Mapping[bytes, LineKind] = MappingProxyType(
    dict.fromkeys((b"timestamp", b"start", b"end"), LineKind.TIME)
    | dict.fromkeys((b"flow_id",), LineKind.FLOW)
    | dict.fromkeys((b"src_port", b"dest_port"), LineKind.PORT)
    | dict.fromkeys(
        (b"src_ip", b"dest_ip", b"ip", b"assigned_ip", b"requested_ip"), LineKind.ADDRESS
    )
    | dict.fromkeys((b"client_mac", b"client_id"), LineKind.MAC)
)


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a line that changes.

    `text` is what Suricata wrote; `late` is, for a time, by how many seconds it precedes the record.
    """

    kind: LineKind
    text: bytes
    late: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """One record; its pieces are alternately fixed and changing."""

    event_type: str
    pieces: tuple[bytes | Place, ...]

    def __str__(self) -> str:
        return b"".join(
            piece.text if isinstance(piece, Place) else piece for piece in self.pieces
        ).decode()


@dataclass(frozen=True, slots=True)
class Lines:
    """Recorded lines, in the order of the log."""

    ordinary: Mapping[str, tuple[Line, ...]]
    relevant: tuple[Line, ...]


def record_lines(engine: Engine, work: Path, seed: int = 1) -> tuple[Path, Path]:
    """Logs of an ordinary hour and of half an hour with every scenario.

    Files that exist in `work` are used again. Raises EngineError.
    """
    site = load_site(SITE)
    logs = (
        work / f"recorded-{engine}-{seed}-ordinary.json",
        work / f"recorded-{engine}-{seed}-mail.json",
    )
    if not all(log.exists() for log in logs):
        with tempfile.TemporaryDirectory(prefix="mxhound-") as name:
            _record(
                ordinary(site, seed, Web(VISITS, SECONDS), clients=DESKS),
                engine,
                site,
                Path(name) / "ordinary",
                logs[0],
            )
            _record(
                simulate(site, seed, seconds=MAIL_SECONDS, clients=30),
                engine,
                site,
                Path(name) / "mail",
                logs[1],
            )
    return logs


def _record(
    simulation: Simulation, engine: Engine, site: SiteProfile, folder: Path, log: Path
) -> None:
    write_simulation(simulation, folder)
    build(site, [engine], folder / "rules", simulation.start.date())
    eve = replay(
        engine,
        folder / PCAP_NAME,
        folder / "log",
        folder / "rules" / engine / "mxhound.rules",
        eve_types=EVE_TYPES,
    )
    log.write_bytes(eve.read_bytes())


def sort_lines(logs: tuple[Path, Path], site: SiteProfile, *, spaced: bool = False) -> Lines:
    """Ordinary lines of the first log, relevant lines of both.

    `spaced`: written with a space after each colon and comma.
    """
    quiet: dict[str, list[Line]] = {}
    relevant: list[tuple[str, Line]] = []
    for log in logs:
        for text, record in _records(log):
            if is_relevant(record):
                relevant.append(
                    (str(record["timestamp"]), mark(record, _spaced(record) if spaced else text))
                )
            elif log == logs[0]:
                quiet.setdefault(str(record["event_type"]), []).append(
                    mark(record, _spaced(record) if spaced else text)
                )
    relevant.sort(key=lambda pair: pair[0])
    return Lines(
        {name: tuple(lines) for name, lines in sorted(quiet.items())},
        tuple(line for _, line in relevant),
    )


def is_relevant(record: Mapping[str, object]) -> bool:
    """True if a line may be evidence, as defined in the docstring of this module."""
    if record["event_type"] in ("alert", "smtp", "dhcp"):
        return True
    if {record.get("src_port"), record.get("dest_port")} & PORTS:
        return True
    match record:
        case {"event_type": "dns", "dns": dict(dns)}:
            return any(map(_is_about_mail, dns.get("queries", [dns])))
        case {"event_type": "flow", "tcp": dict(tcp)}:
            return not int(str(tcp.get("tcp_flags_tc", "0")), 16) & SYN
    return False


def _is_about_mail(question: Mapping[str, str]) -> bool:
    name = question.get("rrname", "").lower()
    return (
        question.get("rrtype") in ("MX", "PTR")
        or any(word in name for word in MAIL_WORDS)
        or name.partition(".")[0] in GUESSED_LABELS
    )


def mark(record: Mapping[str, object], text: bytes) -> Line:
    """The line, split into pieces."""
    now = datetime.fromisoformat(str(record["timestamp"])).timestamp()
    pieces: list[bytes | Place] = []
    behind = 0
    for found in _PLACE.finditer(text):
        kind, value = _KINDS[found["key"]], found["value"]
        if kind is LineKind.TIME and not _DATE.match(value):
            continue
        late = (
            now - datetime.fromisoformat(value.decode()).timestamp()
            if kind is LineKind.TIME
            else 0.0
        )
        pieces += (text[behind : found.start("value")], Place(kind, value, late))
        behind = found.end()
    return Line(str(record["event_type"]), (*pieces, text[behind:]))


def _records(log: Path) -> Iterator[tuple[bytes, dict[str, object]]]:
    with log.open("rb") as file:
        for text in file:
            record = json.loads(text)
            if (
                record["event_type"] == "stats"
            ):  # the only record that depends on the duration of the replay
                record["stats"]["uptime"] = 3600
                text = json.dumps(record, separators=(",", ":")).encode() + b"\n"
            yield text, record


def _spaced(record: Mapping[str, object]) -> bytes:
    return json.dumps(record).encode() + b"\n"
