"""Numbers -> words: the one place for plurals and for units of time."""

HOUR = 3600
DAY = 24 * HOUR


def count_of(number: int, noun: str) -> str:
    """`1 host`, `2 hosts`, `2,000 hosts`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
