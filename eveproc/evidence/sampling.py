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
    """Rounds of sampling to go on with when what is too old was dropped, and `kept` are left.

    None where all of them, those left out included, would be half of the bound at most.
    """
    return sampled if (kept << sampled) * 2 > most else 0


@lru_cache(maxsize=1 << 16)
def _bits(address: str) -> int:
    return fingerprint((address,))
