"""Too many hosts -> a sample that is the same in every process and order.

Above a bound, every second host is dropped by a bit of its fingerprint; if needed, again every
second of the rest. The number of rounds depends only on the set of hosts, so merged sets are
sampled alike (adaptive sampling: Flajolet 1990, after Wegman).
"""

from functools import lru_cache

from eveproc.evidence.sketch import fingerprint


def keeps(address: str, sampled: int) -> bool:
    """True if the host is kept after this many rounds of sampling."""
    return not sampled or not _bits(address) & ((1 << sampled) - 1)


def still_sampled(kept: int, sampled: int, most: int) -> int:
    """Number of sampling rounds that stay in force after old entries were dropped and `kept` are
    left. 0 if all entries, including those left out, would be at most half of the bound.
    """
    return sampled if (kept << sampled) * 2 > most else 0


@lru_cache(maxsize=1 << 16)
def _bits(address: str) -> int:
    return fingerprint((address,))
