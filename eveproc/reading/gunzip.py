"""A .gz file -> its bytes, by the fastest library present, to the last one that can be had of a file that is cut off.

Not through a file object of isal or zlib-ng: those keep back up to a block of what they unpacked before the cut.
"""

import zlib
from io import BufferedIOBase, BufferedReader
from typing import Protocol

PACKED = 1 << 17
# With a gzip header (RFC 1952), in the numbering of zlib's `wbits`.
GZIP = 31


class _Member(Protocol):
    """What zlib and isal call a decompressobj."""

    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes:
        """At most `max_length` bytes; the input that was not needed for them stays in `unconsumed_tail`."""


def _member() -> _Member:
    try:
        from isal import isal_zlib
    except ImportError:  # no wheel for this processor
        return zlib.decompressobj(GZIP)
    fast: _Member = isal_zlib.decompressobj(GZIP)
    return fast


class GzipStream(BufferedIOBase):
    """Members one after the other, as appending leaves them; zeros behind the last one are padding (GNU gzip, 2.3).

    `read1` raises EOFError when the file ends within a member, and the library's own error where it is damaged.
    """

    def __init__(self, raw: BufferedReader) -> None:
        self._raw = raw
        self._packed = b""
        self._member: _Member | None = None

    def read1(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; b"" at the end."""
        # What was unpacked beyond `size` is still in the member, even where all input went into it.
        if self._member and (block := self._unpack(self._member, self._packed, size)):
            return block
        while packed := self._packed or self._raw.read1(PACKED):
            if self._member is None:
                self._packed = packed.lstrip(b"\0")
                self._member = _member() if self._packed else None
            elif block := self._unpack(self._member, packed, size):
                return block
        if self._member:
            raise EOFError("it ends before its archive does")
        return b""

    def _unpack(self, member: _Member, packed: bytes, size: int) -> bytes:
        block = member.decompress(packed, size)
        self._packed = member.unused_data if member.eof else member.unconsumed_tail
        if member.eof:
            self._member = None
        return block
