"""Baseline (a History, and hosts not to count) <-> a file that is kept between tunings."""

import os
import re
import zlib
from base64 import b64decode, b64encode
from ipaddress import ip_address
from pathlib import Path

import msgspec
from msgspec import Struct, field

from eveproc.tuning.history import WIDTHS, History
from eveproc.tuning.rows import MOST_ROWS, HistoryRows
from rulegen.errors import InputError, Problem
from rulegen.files import locked, read_bounded, write_whole

VERSION = 1
# It is decoded in one piece.
MAX_BYTES = 1 << 30


class ExcludedHost(Struct, frozen=True, order=True):
    """A host that does not count as benign, and why.

    It is not counted from `first` to `last` (microseconds since 1970 UTC). `why` begins with the
    kind of host, up to the first colon or comma.
    """

    host: str
    first: int
    last: int
    why: str

    @property
    def kind(self) -> str:
        """`judged infected`."""
        return re.split("[:,]", self.why, maxsplit=1)[0]


class Baseline(Struct):
    """Everything that tuning needs from logs. Merging is order-free."""

    history: History = field(default_factory=History)
    left_out: set[ExcludedHost] = field(default_factory=set)

    def merge(self, other: "Baseline") -> None:
        self.history.merge(other.history)
        self.left_out |= other.left_out


class _Rows(msgspec.Struct, forbid_unknown_fields=True):
    columns: list[str]
    is_cut: bool = False


class _LeftOut(msgspec.Struct, forbid_unknown_fields=True):
    host: str
    first: int
    last: int
    why: str


class _File(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    sevens: list[int]
    eights: list[int]
    hours: list[int]
    active: list[str]
    is_thinned: bool
    left_out: list[_LeftOut]
    hosts: dict[str, dict[str, _Rows]]


def save(baseline: Baseline, path: Path) -> None:
    """Write the file atomically; the same baseline gives the same bytes."""
    history = baseline.history
    history.trim()
    hosts = {
        host: {what: _packed(kinds[what]) for what in WIDTHS if what in kinds}
        for host, kinds in sorted(history.hosts.items())
    }
    left_out = [
        _LeftOut(one.host, one.first, one.last, one.why) for one in sorted(baseline.left_out)
    ]
    kept = _File(
        VERSION,
        sorted(history.sevens),
        sorted(history.eights),
        sorted(history.hours),
        sorted(history.active),
        history.is_thinned,
        left_out,
        hosts,
    )
    write_whole(path, msgspec.json.encode(kept).decode() + "\n")


def load(path: Path) -> Baseline:
    """Read a file that `save` wrote. Raises InputError for anything else."""
    try:
        kept = msgspec.json.decode(read_bounded(path, MAX_BYTES), type=_File)
        if kept.version != VERSION:
            raise ValueError(f"version {kept.version}, expected {VERSION}")
        return _unpacked(kept)
    except (msgspec.MsgspecError, ValueError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            [
                Problem(
                    str(path),
                    f"invalid baseline of eveproc tune: {error}; expected a file that --baseline "
                    "wrote",
                )
            ]
        ) from error


def update(path: Path, new: Baseline) -> Baseline:
    """Add a baseline to that of the file, if there is one, and save both together.

    Adding the same logs again changes nothing. Another process that updates a file of this folder
    is waited for, so that neither loses what the other has added.
    """
    with locked(Path(os.path.realpath(path)).parent):
        if path.exists():
            known = load(path)
            known.merge(new)
            new = known
        save(new, path)
    return new


def _packed(rows: HistoryRows) -> _Rows:
    return _Rows([b64encode(zlib.compress(column)).decode() for column in rows.dump()], rows.is_cut)


def _unpacked(kept: _File) -> Baseline:
    hosts = {
        host: {what: _rows(what, packed) for what, packed in kinds.items()}
        for host, kinds in kept.hosts.items()
    }
    for host in (*hosts, *kept.active):
        _refuse_no_address(host)
    history = History(
        hosts,
        set(kept.active),
        set(kept.hours),
        eights=set(kept.eights),
        sevens=set(kept.sevens),
        is_thinned=kept.is_thinned,
    )
    return Baseline(
        history, {ExcludedHost(one.host, one.first, one.last, one.why) for one in kept.left_out}
    )


def _rows(what: str, packed: _Rows) -> HistoryRows:
    if what not in WIDTHS:
        raise ValueError(f"{what!r} is not a kind of rows")
    if len(packed.columns) != WIDTHS[what]:
        raise ValueError(f"{what} has {len(packed.columns)} columns, expected {WIDTHS[what]}")
    return HistoryRows.load((_inflated(column) for column in packed.columns), packed.is_cut)


def _inflated(column: str) -> bytes:
    """The unpacked bytes, at most as many as HistoryRows hold: a small file must not fill the
    memory.
    """
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(b64decode(column, validate=True), MOST_ROWS * 8 + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(raw) > MOST_ROWS * 8 or len(raw) % 8:
        raise ValueError(f"a column of {len(raw)} bytes is not allowed")
    return raw


def _refuse_no_address(host: str) -> None:
    ip_address(host)
