"""Text -> value, for many values of which few are in use; the others are kept packed.

A packed value is compressed as well, in some 10 us, and takes a thirtieth of the memory.
"""

import zlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from typing import Generic, Protocol, Self, TypeVar

import msgspec

# Number of unpacked values: more hosts than have evidence in an hour.
IN_USE = 4096
# Deflate without a header, with a window of 4 kB: most values are shorter, and repetitive. Values
# sent to another process are compressed faster, since they are soon unpacked again.
WINDOW, LEVEL, SENT_LEVEL, MEMORY = -12, 6, 1, 4
# Number of packed parts of a value that wait to be merged.
MOST_PARTS = 8


class Packable(Protocol):
    """A value that is empty when new, and can be kept as bytes."""

    def __init__(self) -> None: ...

    def packed(self) -> bytes: ...

    def merge(self, other: Self) -> None: ...

    def trim(self) -> None: ...

    @classmethod
    def unpacked(cls, packed: bytes) -> Self: ...


V = TypeVar("V", bound=Packable)


class PackedStore(Generic[V]):
    """A dict of Packable values, most of them packed.

    A value from `open` may be changed until IN_USE others were opened; values from other methods
    must not be changed. Packed values that `merge` adds to a value are merged with it when it is
    needed: unpacking and packing again takes much longer, and most values are read once.
    """

    __slots__ = ("_in_use", "_packed", "_parts", "_type")

    def __init__(self, of: type[V]) -> None:
        self._type = of
        self._in_use: OrderedDict[str, V] = OrderedDict()
        self._packed: dict[str, bytes] = {}
        # Further packed parts of values.
        self._parts: dict[str, list[bytes]] = {}

    def open(self, key: str) -> V:
        """The value of the key, for changes; empty if it is new."""
        value = self.get(key)
        if value is None:
            value = self._type()
        if key in self._in_use:
            self._in_use.move_to_end(key)
        else:
            self[key] = value
        return value

    def get(self, key: str) -> V | None:
        """The value of the key, read-only."""
        value = self._in_use.get(key)
        if value is not None:
            return self._whole(value, self._parts.pop(key, ())) if self._parts else value
        packed = self._packed.get(key)
        if packed is None:
            return None
        return self._whole(self._restored(packed), self._parts.get(key, ()))

    def merge(self, other: "PackedStore[V]", is_kept: Callable[[str], bool]) -> None:
        """Merge the values of another store, those of keys that are kept."""
        for key in filter(is_kept, other):
            if (value := other._in_use.get(key)) is not None:
                self.open(key).merge(value)
            else:
                self._add_packed(key, other._packed[key])
            for packed in other._parts.get(key, ()):
                self._add_packed(key, packed)

    def _add_packed(self, key: str, packed: bytes) -> None:
        if key not in self:
            self._packed[key] = packed
            return
        parts = self._parts.setdefault(key, [])
        parts.append(packed)
        if len(parts) > MOST_PARTS:
            self.open(key)

    def _whole(self, value: V, parts: Collection[bytes]) -> V:
        for packed in parts:
            value.merge(self._restored(packed))
        if parts:
            value.trim()
        return value

    def __getitem__(self, key: str) -> V:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: V) -> None:
        self._packed.pop(key, None)
        self._parts.pop(key, None)
        self._in_use[key] = value
        if len(self._in_use) > IN_USE:
            oldest, unused = self._in_use.popitem(last=False)
            self._packed[oldest] = _compressed(unused.packed())

    def keep(self, is_kept: Callable[[str], bool]) -> None:
        """Drop every other key."""
        for key in [key for key in self if not is_kept(key)]:
            if self._in_use.pop(key, None) is None:
                del self._packed[key]
            self._parts.pop(key, None)

    def items(self) -> Iterator[tuple[str, V]]:
        """Every key with its value, read-only."""
        yield from ((key, self[key]) for key in self)

    def packed(self) -> Iterator[tuple[str, bytes]]:
        """Every key with its value in packed form."""
        for key in self:
            is_ready = key in self._packed and key not in self._parts
            yield key, _unzipped(self._packed[key]) if is_ready else self[key].packed()

    def values(self) -> Iterator[V]:
        return (value for _, value in self.items())

    def that_may_hold(self, *texts: str) -> Iterator[tuple[str, V]]:
        """Keys and values whose packed form contains one of the texts, read-only.

        The others are not unpacked.
        """
        yield from ((key, self[key]) for key in self._in_use)
        wanted = [text.encode() for text in texts]
        for key, packed in self._packed.items():
            unzipped = map(_unzipped, (packed, *self._parts.get(key, ())))
            if any(text in part for part in unzipped for text in wanted):
                yield key, self[key]

    def in_use(self) -> Iterator[V]:
        """The values that are not packed; they may be changed."""
        return (self[key] for key in self._in_use)

    def _restored(self, packed: bytes) -> V:
        return self._type.unpacked(_unzipped(packed))

    def __iter__(self) -> Iterator[str]:
        yield from self._in_use
        yield from self._packed

    def __len__(self) -> int:
        return len(self._in_use) + len(self._packed)

    def __contains__(self, key: object) -> bool:
        return key in self._in_use or key in self._packed

    def __eq__(self, other: object) -> bool:
        return dict(self.items()) == dict(
            other.items() if isinstance(other, PackedStore | dict) else ()
        )

    __hash__ = None  # type: ignore[assignment]  # as of a dict

    def __getstate__(self) -> tuple[type[V], bytes]:
        """Pickled packed and in one piece.

        Otherwise pickle would memoize each key and value, which doubles the memory.
        """
        changed = {
            key: _compressed(self[key].packed(), SENT_LEVEL)
            for key in self._in_use.keys() | self._parts.keys()
        }
        return self._type, msgspec.msgpack.encode(self._packed | changed)

    def __setstate__(self, state: tuple[type[V], bytes]) -> None:
        self._type, packed = state
        self._packed = msgspec.msgpack.decode(packed, type=dict[str, bytes])
        self._in_use, self._parts = OrderedDict(), {}


def _unzipped(packed: bytes) -> bytes:
    return zlib.decompress(packed, WINDOW)


def _compressed(packed: bytes, level: int = LEVEL) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, WINDOW, MEMORY)
    return packer.compress(packed) + packer.flush()
