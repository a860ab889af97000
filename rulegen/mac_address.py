"""A MAC in any usual spelling -> the one spelling used everywhere."""

import re
from functools import lru_cache

_MAC = re.compile(
    r"[0-9a-f]{12}|[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}"
)


@lru_cache(maxsize=65536)
def canonical_mac(text: str) -> str:
    """A MAC in any usual spelling -> lower case with colons; "" if it is no MAC.

    Usual are a4:bb:6d:e9:13:a1, a4-bb-6d-e9-13-a1, a4bb.6de9.13a1 and a4bb6de913a1.
    """
    lower = text.lower()
    if not _MAC.fullmatch(lower):
        return ""
    digits = re.sub("[^0-9a-f]", "", lower)
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))
