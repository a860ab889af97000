"""gzip and zstd archives, whole, joined, padded and cut anywhere -> every byte that can be
recovered.
"""

import gzip
import zlib
from io import BufferedReader, BytesIO
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eveproc.input import decompress
from eveproc.input.decompress import GzipStream, ZstdStream
from tests.eveproc.framing import packed as packed_by

CONTENT = b"".join(
    b'{"n":%d,"x":"%s"}\n' % (n, Random(n).randbytes(6).hex().encode()) for n in range(400)
)


def unpack(
    packed: bytes, size: int, stream_of: type[GzipStream | ZstdStream] = GzipStream
) -> tuple[bytes, str]:
    """What came out, and what was said at the end."""
    stream, out = stream_of(BufferedReader(BytesIO(packed))), b""  # type: ignore[arg-type]  # reads like a file
    try:
        while block := stream.read1(size):
            assert len(block) <= size
            out += block
    except EOFError as error:
        return out, str(error)
    return out, ""


@pytest.mark.parametrize("library", ["the fastest", "zlib"])
@given(
    level=st.integers(0, 9),
    members=st.integers(1, 3),
    padding=st.integers(0, 600),
    size=st.sampled_from([1, 100, 4096, 1 << 20]),
)
def test_members_one_after_the_other(
    library: str, level: int, members: int, padding: int, size: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if library == "zlib":
            patch.setattr(decompress, "_gzip_member", lambda: zlib.decompressobj(decompress.GZIP))
        patch.setattr(decompress, "PACKED", 200)
        assert unpack(gzip.compress(CONTENT, level) * members + bytes(padding), size) == (
            CONTENT * members,
            "",
        )


@given(cut=st.integers(20, 4000), size=st.sampled_from([64, 4096, 1 << 20]))
def test_an_archive_cut_off_gives_as_much_as_zlib_can(cut: int, size: int) -> None:
    packed = gzip.compress(CONTENT)[:-cut]
    out, said = unpack(packed, size)
    assert said == "it ends within the archive"
    # isal may keep back the last few symbols, never a block.
    assert len(zlib.decompressobj(decompress.GZIP).decompress(packed)) - len(out) < 16
    assert CONTENT.startswith(out)


def test_without_isal_zlib_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "isal", None)
    assert unpack(gzip.compress(CONTENT), 4096) == (CONTENT, "")


@pytest.mark.parametrize("stream_of", [GzipStream, ZstdStream])
def test_nothing_at_all(stream_of: type[GzipStream | ZstdStream]) -> None:
    assert unpack(b"", 10, stream_of) == (b"", "")


@given(
    members=st.integers(1, 3),
    size=st.sampled_from([1, 100, 4096, 1 << 20]),
    at_once=st.sampled_from([1, 7, 200, 1 << 17]),
)
def test_frames_of_zstd_one_after_the_other(members: int, size: int, at_once: int) -> None:
    skippable = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"notes"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decompress, "PACKED", at_once)
        assert unpack((packed_by(CONTENT, "zst") + skippable) * members, size, ZstdStream) == (
            CONTENT * members,
            "",
        )


@given(cut=st.integers(1, 3000), size=st.sampled_from([64, 4096, 1 << 20]))
def test_what_is_left_of_zstd_that_is_cut_off(cut: int, size: int) -> None:
    out, said = unpack((packed_by(CONTENT, "zst") * 2)[:-cut], size, ZstdStream)
    assert said == "it ends within the archive"
    assert out.startswith(CONTENT)
    assert (CONTENT * 2).startswith(out)


def test_zstd_that_is_damaged_says_so_after_what_is_whole() -> None:
    with pytest.raises(Exception, match=r"(?i)frame|magic|unknown"):
        unpack(packed_by(CONTENT, "zst") + b"no frame at all", 4096, ZstdStream)


def test_a_wide_window_of_zstd_is_taken() -> None:
    from backports import zstd

    wide = zstd.compress(
        CONTENT * 3,
        options={
            zstd.CompressionParameter.window_log: 30,
            zstd.CompressionParameter.content_size_flag: 0,
        },
    )
    assert unpack(wide, 4096, ZstdStream) == (CONTENT * 3, "")
