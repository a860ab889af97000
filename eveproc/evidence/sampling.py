"""Too many hosts -> those of them that are kept: in every process, in any order, the same ones.

When there are more than a bound, every second host goes, by a bit of its fingerprint; if that is
not enough, every second of the rest. How often that was needed depends on the set of hosts alone,
so what is merged is sampled alike (adaptive sampling: Flajolet 1990, after Wegman).
"""

from functools import lru_cache

from eveproc.evidence.sketch import fingerprint


def keeps(address: str, sampled: int) -> bool:
    """Is the host still kept after so many thinnings?"""
    return not sampled or not _bits(address) & ((1 << sampled) - 1)


@lru_cache(maxsize=1 << 16)
def _bits(address: str) -> int:
    return fingerprint((address,))
