"""What the real engines said -> the error that the tests and benchmarks raise for it."""

from rulegen.errors import MxhoundError


class EngineError(MxhoundError):
    """An IDS engine is missing, or refused what it was given; the text carries its own words."""
