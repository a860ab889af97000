"""A .gz, .zst, .xz or .bz2 file -> its bytes, up to the end of what is there if it is cut off.

The file objects of the libraries are not used: that of isal withholds up to a block of what it
unpacked before the cut, that of zstd takes 1.5 times as long as the unpacking itself, and that of
xz takes as much memory as the file asks for.
"""

import sys
import zlib
from bz2 import BZ2Decompressor
from collections.abc import Callable
from io import BufferedIOBase, BufferedReader
from lzma import FORMAT_XZ, LZMADecompressor
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from backports.zstd import ZstdDecompressor

PACKED = 1 << 17
# With a gzip header (RFC 1952), in the numbering of zlib's `wbits`.
GZIP = 31
# The widest window that zstd --long makes. The memory is allocated as it is needed.
WINDOW_LOG = 31
# xz -9 needs 65 MiB; a file may ask for 4 GiB.
XZ_MEMORY = 256 << 20
# A log that repeats one line for ever packs to a hundredth of its size. A byte of gzip unpacks to
# 1,032 bytes at most, one of zstd to some 40,000. Large content of more than BOMB_RATIO times its
# packed size is no log.
BOMB_RATIO, BOMB_BYTES = 500, 256 << 20


class _Member(Protocol):
    """What zlib and isal call a decompressobj."""

    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes:
        """At most `max_length` bytes.

        Input that was not needed for them stays in `unconsumed_tail`.
        """


class BombError(Exception):
    """A small file that was made to fill memory or to keep its reader busy."""


class _Unpacked(BufferedIOBase):
    """Members one after the other, as in files that were appended to.

    `padding` between or after them is skipped.

    `read1` raises EOFError when the file ends within a member, BombError when it unpacks to far too
    much, and the library's own error where it is damaged.
    """

    padding = b""

    def __init__(self, raw: BufferedReader, begin: Callable[[], _Member]) -> None:
        self._raw = raw
        self._begin = begin
        self._taken = self._given = 0
        self._packed = b""
        self._member: _Member | None = None

    def read1(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; b"" at the end."""
        block = self._next(size)
        self._given += len(block)
        if self._given > max(BOMB_BYTES, BOMB_RATIO * self._taken):
            raise BombError(
                f"{self._taken} bytes unpack to more than {BOMB_RATIO} times as many; no log does"
            )
        return block

    def _next(self, size: int) -> bytes:
        # The member may hold more output beyond `size`, even after it consumed all input.
        if self._member and (block := self._unpack(self._member, self._packed, size)):
            return block
        while packed := self._packed or self._read_packed():
            if self._member is None:
                self._packed = packed.lstrip(self.padding) if self.padding else packed
                self._member = self._begin() if self._packed else None
            elif block := self._unpack(self._member, packed, size):
                return block
        if self._member:
            raise EOFError("it ends within the archive")
        return b""

    def _read_packed(self) -> bytes:
        packed = self._raw.read1(PACKED)
        self._taken += len(packed)
        return packed

    def _unpack(self, member: _Member, packed: bytes, size: int) -> bytes:
        block = member.decompress(packed, size)
        self._packed = member.unused_data if member.eof else member.unconsumed_tail
        if member.eof:
            self._member = None
        return block


class GzipStream(_Unpacked):
    """Unpacks gzip. Zeros after the last member are padding (GNU gzip, 2.3)."""

    padding = b"\0"

    def __init__(self, raw: BufferedReader) -> None:
        super().__init__(raw, _gzip_member)


class ZstdStream(_Unpacked):
    """Unpacks zstd."""

    def __init__(self, raw: BufferedReader) -> None:
        super().__init__(raw, lambda: _Buffering(_zstd_decompressor()))


class XzStream(_Unpacked):
    """Unpacks xz. Zeros after a stream are padding (xz file format, 2.2)."""

    padding = b"\0"

    def __init__(self, raw: BufferedReader) -> None:
        super().__init__(
            raw,
            lambda: _Buffering(LZMADecompressor(format=FORMAT_XZ, memlimit=XZ_MEMORY)),
        )


class Bzip2Stream(_Unpacked):
    """Unpacks bzip2."""

    def __init__(self, raw: BufferedReader) -> None:
        super().__init__(raw, lambda: _Buffering(BZ2Decompressor()))


def _gzip_member() -> _Member:
    try:
        from isal import isal_zlib
    except ImportError:  # no wheel for this processor
        return zlib.decompressobj(GZIP)
    fast: _Member = isal_zlib.decompressobj(GZIP)
    return fast


class _Frame(Protocol):
    """What zstd, lzma and bz2 call a decompressor; it keeps input that it does not need yet."""

    @property
    def unused_data(self) -> bytes: ...
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        """At most `max_length` bytes."""


class _Buffering:
    """A frame with the interface of zlib."""

    unconsumed_tail = b""

    def __init__(self, frame: _Frame) -> None:
        self._frame = frame

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data

    @property
    def eof(self) -> bool:
        return self._frame.eof

    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes:
        return self._frame.decompress(data, max_length)


def _zstd_decompressor() -> "ZstdDecompressor":
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG})
