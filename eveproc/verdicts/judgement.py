"""How far verdicts can be trusted: the outcome, and its causes with their remedies."""

from enum import StrEnum

from msgspec import Struct


class Outcome(StrEnum):
    """How far verdicts can be trusted."""

    JUDGED = "judged"
    IN_PART = "judged in part"
    NOT_JUDGED = "could not judge"
    NOTHING_NEW = "nothing new"


class Cause(Struct, frozen=True):
    """Why something could not be seen.

    `name` is for programs; `remedy` is what to change ("" if nothing).
    """

    name: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.text}; {self.remedy}" if self.remedy else self.text


class Judgement(Struct, frozen=True):
    """The outcome; `causes` is empty if it is JUDGED."""

    outcome: Outcome = Outcome.JUDGED
    causes: tuple[Cause, ...] = ()

    @property
    def is_blind(self) -> bool:
        return self.outcome is Outcome.NOT_JUDGED

    @property
    def is_whole(self) -> bool:
        return self.outcome is Outcome.JUDGED

    @property
    def has_verdicts(self) -> bool:
        """True if the number of clean hosts is meaningful."""
        return self.outcome in (Outcome.JUDGED, Outcome.IN_PART)


JUDGED = Judgement()
