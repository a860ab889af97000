"""Alert logs in text, also mixed -> Alerts; a line that gives none is a Skipped.

alert_full writes a block of lines for an alert:

    [**] [1:1250104:1] Many servers [**]
    [Classification: A Network Trojan was Detected] [Priority: 1]
    03/02-08:00:00.250000 10.20.1.7:58474 -> 195.238.85.167:25
    TCP TTL:64 TOS:0x0 ID:18723 IpLen:20 DgmLen:56
    ...

and an empty line behind it. With -e the third line holds MACs, and the addresses come before the
protocol.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from eveproc.input.events import Event, Skipped, SkipReason
from eveproc.input.snort.clock import alert_time
from eveproc.input.snort.lines import MAX_LINE, RecordSource, ended_lines
from eveproc.input.snort.text_alert import (
    NO_ADDRESSES,
    NO_ALERT,
    OTHER_PROGRAM,
    PAIR,
    RULE,
    STAMP,
    Rule,
    begins_alert,
    built,
    decode,
)

Result = Event | Skipped

_TITLE = re.compile(rf"\[\*\*\] {RULE}.*\[\*\*\]\s*\Z", re.ASCII)
_TITLE_BEGINS = re.compile(rf"\[\*\*\] {RULE}", re.ASCII)
_WHEN = re.compile(rf"(?P<stamp>{STAMP})(?: +{PAIR})?(?=\s|\Z)", re.ASCII)
_PACKET = re.compile(rf"(?:{PAIR} )?(?P<proto>[\w:.-]{{1,64}}) TTL:\d", re.ASCII)
# Maximum number of lines of a block after its first; most of them are references.
_BLOCK_AT_MOST = 64
# Lines that "packet" of alert_fast, or -A cmg, adds: MACs, headers, and the content in hexadecimal.
_DUMP = re.compile(
    r"[0-9A-Fa-f]{2}(?: [0-9A-Fa-f]{2}){0,15}(?:  |\Z)|0x[0-9A-F]{4}:|[- ]{9}|[\w.]+\[\d+\]:"
    rf"|[0-9A-F]{{1,2}}(?::[0-9A-F]{{1,2}}){{5}} -> |{PAIR} [\w:.-]+ TTL:\d|[*12UAPRSF]{{8}} Seq:"
    r"|(?:TCP|IP) Options|Len: \d|Type:\d|\w+ reassembled packet",
    re.ASCII,
)
_IN_DUMP = Skipped(SkipReason.OTHER_EVENT_TYPE, "packet dump")
_HALF = Skipped(SkipReason.HALF_LINE)
_NOTHING = (NO_ALERT, OTHER_PROGRAM)
# Text that alerts have and few other lines; all rules of a build are about one of these protocols.
_TOKEN = re.compile(rb"\{(?:TCP|UDP)\} ")


class _Block(Struct):
    """The content of a block's lines so far; `is_told`: its alert was already returned."""

    rule: Rule
    when: float | Skipped | None = None
    ends: tuple[str, str] | None = None
    is_told: bool = False
    lines: int = 0

    def note(self, text: str, written: float) -> Iterator[Result]:
        """Add a line; returns the alert once it is complete."""
        self.lines += 1
        if self.is_told:
            return
        if self.when is None and (found := _WHEN.match(text)):
            self.when = alert_time(None, found["stamp"], written, self.rule.with_year)
            self.ends = (found["src"], found["dst"]) if found["src"] else None
        elif found := _PACKET.match(text):
            self.ends = (found["src"], found["dst"]) if found["src"] else self.ends
            yield from self.alert(found["proto"])

    def alert(self, proto: str) -> Iterator[Result]:
        """The alert, or why there is none; returned once."""
        if not self.is_told:
            self.is_told = True
            if self.when is None or self.ends is None:
                yield NO_ADDRESSES
            else:
                yield built(self.rule, self.when, self.ends, proto, by_snort=True)


class TextReader:
    """Reads sources one after the other: a block that begins in one may end in the next."""

    def __init__(self) -> None:
        self._block: _Block | None = None

    def read(self, source: RecordSource, written: float) -> Iterator[Result]:
        """See eveproc.input.snort."""
        for line, is_ended in ended_lines(source):
            if len(line) > MAX_LINE:
                yield Skipped(SkipReason.TOO_LONG)
            elif is_ended:
                yield from self._line(_text(line), written)
            elif self._block is None or not self._block.is_told:
                self._block = None
                yield _HALF
        if not source.goes_on and self._block and not self._block.is_told:
            yield _HALF

    def _line(self, text: str, written: float) -> Iterator[Result]:
        if title := _TITLE.match(text):
            yield from self._end_block()
            self._block = _Block(Rule.of(title))
        elif self._block is None:
            yield _plain(text, written)
        elif not text:
            yield from self._end_block()
        elif self._block.lines >= _BLOCK_AT_MOST or begins_alert(text):
            yield from self._end_block()
            yield _plain(text, written)
        else:
            yield from self._block.note(text, written)

    def _end_block(self) -> Iterator[Result]:
        block, self._block = self._block, None
        if block:
            yield from block.alert("")


def begins(head: bytes) -> bool:
    """True if a line of the first bytes begins an alert of fast.log, alert_fast or alert_full.

    If other lines may be records of EVE, only the first line counts.
    """
    first, *lines = map(_text, head.split(b"\n"))
    return _begins(first) or (b"event_type" not in head and any(map(_begins, lines)))


def _begins(text: str) -> bool:
    """True if the line begins an alert; a title may be cut off at the end of the first bytes."""
    return begins_alert(text) or _TITLE_BEGINS.match(text) is not None


def alerts_in(block: bytes, end: int, written: float) -> Iterator[Result]:
    """The alerts about TCP or UDP among the lines of block[:end], which several programs wrote."""
    found = _TOKEN.search(block, 0, end)
    while found:
        start = block.rfind(b"\n", 0, found.start()) + 1
        stop = block.find(b"\n", found.end(), end)
        line = block[start : stop if stop >= 0 else end]
        if len(line) > MAX_LINE:
            yield Skipped(SkipReason.TOO_LONG)
        elif (result := decode(_text(line), written)) not in _NOTHING:
            yield result if stop >= 0 else _HALF
        found = _TOKEN.search(block, stop, end) if stop >= 0 else None


def _plain(text: str, written: float) -> Result:
    """The result of a line that is in no block."""
    if not text:
        return Skipped(SkipReason.BLANK)
    result = decode(text, written)
    return _IN_DUMP if result == NO_ALERT and _DUMP.match(text) else result


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace").strip("\ufeff\0\r\n\t ")
