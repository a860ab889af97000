"""A block of JSON with a blank behind each colon and comma -> one to search, as Suricata writes it.

Many encoders write these blanks, for example Python's. Strings may lose a blank, too, so matching
lines are decoded from the original block.
"""

from collections.abc import Iterator, Sequence

# The first records of a block show how all are written.
HEAD = 1 << 12
_BLANKS = ((b'": ', b'":'), (b', "', b',"'))


def unspaced(block: bytes, end: int) -> bytes:
    """The same lines of block[:end] without those blanks, or the block if it has none."""
    if not all(spaced in block[: min(end, HEAD)] for spaced, _ in _BLANKS):
        return block
    text = block[:end]
    for spaced, plain in _BLANKS:
        text = text.replace(spaced, plain)
    return text


def same_lines(block: bytes, text: bytes, places: Sequence[int]) -> Iterator[bytes]:
    """Each line of a block, with its newline if it has one, that holds a place of the text.

    The text has the same lines without blanks. Places are in ascending order, each after a byte.
    """
    lines = block.split(b"\n")
    number = counted = behind = 0
    for place in places:
        if behind < place <= len(text):
            number += text.count(b"\n", counted, place - 1)
            counted = place - 1
            behind = (text.find(b"\n", counted) + 1) or len(text)
            yield lines[number] + (b"\n" if number + 1 < len(lines) else b"")
