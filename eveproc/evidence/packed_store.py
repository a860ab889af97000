"""Text -> value, for many values of which few are in use; the others are kept packed.

A packed value is compressed as well, in some 10 us, and takes a thirtieth of the memory.
"""

import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, Self, TypeVar

import msgspec

# Number of unpacked values: more hosts than have evidence in an hour.
IN_USE = 4096
# Deflate without a header, with a window of 4 kB: most values are shorter, and repetitive. Values
# sent to another process are compressed faster, since they are soon unpacked again.
WINDOW, LEVEL, SENT_LEVEL, MEMORY = -12, 6, 1, 4


class Packable(Protocol):
    """A value that is empty when new, and can be kept as bytes."""

    def __init__(self) -> None: ...

    def packed(self) -> bytes: ...

    @classmethod
    def unpacked(cls, packed: bytes) -> Self: ...


V = TypeVar("V", bound=Packable)


class PackedStore(Generic[V]):
    """A dict of Packable values, most of them packed.

    A value from `open` may be changed until IN_USE others were opened; values from other methods
    must not be changed.
    """

    __slots__ = ("_in_use", "_packed", "_type")

    def __init__(self, of: type[V]) -> None:
        self._type = of
        self._in_use: OrderedDict[str, V] = OrderedDict()
        self._packed: dict[str, bytes] = {}

    def open(self, key: str) -> V:
        """The value of the key, for changes; empty if it is new."""
        value = self._in_use.get(key)
        if value is not None:
            self._in_use.move_to_end(key)
            return value
        packed = self._packed.pop(key, None)
        self[key] = value = self._type() if packed is None else self._restored(packed)
        return value

    def get(self, key: str) -> V | None:
        """The value of the key, read-only."""
        value = self._in_use.get(key)
        if value is None and key in self._packed:
            return self._restored(self._packed[key])
        return value

    def __getitem__(self, key: str) -> V:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: V) -> None:
        self._packed.pop(key, None)
        self._in_use[key] = value
        if len(self._in_use) > IN_USE:
            oldest, unused = self._in_use.popitem(last=False)
            self._packed[oldest] = _compressed(unused.packed())

    def keep(self, is_kept: Callable[[str], bool]) -> None:
        """Drop every other key."""
        for key in [key for key in self if not is_kept(key)]:
            if self._in_use.pop(key, None) is None:
                del self._packed[key]

    def items(self) -> Iterator[tuple[str, V]]:
        """Every key with its value, read-only."""
        yield from self._in_use.items()
        for key, packed in self._packed.items():
            yield key, self._restored(packed)

    def packed(self) -> Iterator[tuple[str, bytes]]:
        """Every key with its value in packed form."""
        yield from ((key, zlib.decompress(packed, WINDOW)) for key, packed in self._packed.items())
        yield from ((key, value.packed()) for key, value in self._in_use.items())

    def values(self) -> Iterator[V]:
        return (value for _, value in self.items())

    def that_may_hold(self, *texts: str) -> Iterator[tuple[str, V]]:
        """Keys and values whose packed form contains one of the texts, read-only.

        The others are not unpacked.
        """
        yield from self._in_use.items()
        wanted = [text.encode() for text in texts]
        for key, packed in self._packed.items():
            text = zlib.decompress(packed, WINDOW)
            if any(each in text for each in wanted):
                yield key, self._type.unpacked(text)

    def in_use(self) -> Iterator[V]:
        """The values that are not packed; they may be changed."""
        return iter(self._in_use.values())

    def _restored(self, packed: bytes) -> V:
        return self._type.unpacked(zlib.decompress(packed, WINDOW))

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
        in_use = {
            key: _compressed(value.packed(), SENT_LEVEL) for key, value in self._in_use.items()
        }
        return self._type, msgspec.msgpack.encode(self._packed | in_use)

    def __setstate__(self, state: tuple[type[V], bytes]) -> None:
        self._type, packed = state
        self._packed = msgspec.msgpack.decode(packed, type=dict[str, bytes])
        self._in_use = OrderedDict()


def _compressed(packed: bytes, level: int = LEVEL) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, WINDOW, MEMORY)
    return packer.compress(packed) + packer.flush()
