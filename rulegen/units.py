"""Numbers -> words: plurals of nouns; and units of time in seconds."""

HOUR = 3600
DAY = 24 * HOUR


def count_of(number: int, noun: str) -> str:
    """`1 host`, `2 hosts`, `2 addresses`, `2,000 hosts`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun}{'es' if noun.endswith('s') else 's'}"
