"""Seconds since 1970 UTC <-> the ways reports write them."""

from datetime import UTC, datetime


def iso(seconds: float) -> str:
    """`2024-03-01T10:00:00.250000Z`: always microseconds, always Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def short(seconds: float) -> str:
    """`2024-03-01 10:00:00Z`, for people."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
