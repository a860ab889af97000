"""Archives of gzip, whole, joined, padded and cut anywhere -> every byte that can be had of them."""

import gzip
import zlib
from io import BufferedReader, BytesIO
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.reading import gunzip
from eveproc.reading.gunzip import GzipStream

CONTENT = b"".join(b'{"n":%d,"x":"%s"}\n' % (n, Random(n).randbytes(6).hex().encode()) for n in range(400))


def unpack(packed: bytes, size: int) -> tuple[bytes, str]:
    """What came out, and what was said at the end."""
    stream, out = GzipStream(BufferedReader(BytesIO(packed))), b""  # type: ignore[arg-type]  # reads like a file
    try:
        while block := stream.read1(size):
            assert len(block) <= size
            out += block
    except EOFError as error:
        return out, str(error)
    return out, ""


@pytest.mark.parametrize("library", ["the fastest", "zlib"])
@given(level=st.integers(0, 9), members=st.integers(1, 3), padding=st.integers(0, 600), size=st.sampled_from([1, 100, 4096, 1 << 20]))
def test_members_one_after_the_other(library: str, level: int, members: int, padding: int, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if library == "zlib":
            patch.setattr(gunzip, "_member", lambda: zlib.decompressobj(gunzip.GZIP))
        patch.setattr(gunzip, "PACKED", 200)
        assert unpack(gzip.compress(CONTENT, level) * members + bytes(padding), size) == (CONTENT * members, "")


@given(cut=st.integers(20, 4000), size=st.sampled_from([64, 4096, 1 << 20]))
def test_an_archive_cut_off_gives_as_much_as_zlib_can(cut: int, size: int) -> None:
    packed = gzip.compress(CONTENT)[:-cut]
    out, said = unpack(packed, size)
    assert said == "it ends before its archive does"
    # isal may keep back the last few symbols, never a block.
    assert len(zlib.decompressobj(gunzip.GZIP).decompress(packed)) - len(out) < 16
    assert CONTENT.startswith(out)


def test_without_isal_zlib_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "isal", None)
    assert unpack(gzip.compress(CONTENT), 4096) == (CONTENT, "")


def test_nothing_at_all() -> None:
    assert unpack(b"", 10) == (b"", "")
