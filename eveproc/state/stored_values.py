"""Columns of a state file -> values that eveproc can have written, or a ValueError."""

from ipaddress import ip_address
from math import inf

from rulegen.units import DAY, HOUR

# Seconds since 1970 UTC of the years 1 to 9999, the range of datetime.
EARLIEST, LATEST = -62_135_596_800, 253_402_300_799


def as_address(value: object) -> str:
    """An address of IPv4 or IPv6."""
    ip_address(str(value))
    return str(value)


def as_text(value: object) -> str:
    """Any text."""
    if isinstance(value, str):
        return value
    raise ValueError(f"expected text, got {value!r}")


def as_time(value: object) -> float:
    """Seconds since 1970 UTC."""
    if isinstance(value, int | float) and EARLIEST <= value <= LATEST:
        return float(value)
    raise ValueError(f"expected a time, got {value!r}")


def as_hour(value: object) -> int:
    """Hours since 1970 UTC."""
    return as_number(value, EARLIEST // HOUR, LATEST // HOUR)


def as_day(value: object) -> int:
    """Days since 1970-01-01."""
    return as_number(value, EARLIEST // DAY, LATEST // DAY)


def as_number(value: object, least: float = -inf, most: float = inf) -> int:
    """A whole number within bounds."""
    if isinstance(value, int) and least <= value <= most:
        return value
    raise ValueError(f"expected a number, got {value!r}")
