"""A function that plays a machine -> HardKind: a scenario with source and label."""

from collections.abc import Callable
from functools import partial
from inspect import getdoc

from rulegen.simulate.actor import Actor
from rulegen.simulate.scenarios import BENIGN, GREY, INFECTED, Act, Scenario

Play = Callable[[Actor], None]
_SOURCE = "Source:"


class HardKind(Scenario, frozen=True):
    """One kind that is hard to judge, played by name only; see `simulate(..., scenarios=...)`.

    `tellable`: an expert could identify it from logs alone. A benign kind that is not tellable has
    the label `grey`. `whole_day`: its behaviour shows only over a day; play it for 86,400 seconds.
    """

    tellable: bool = True
    whole_day: bool = True

    @property
    def source(self) -> str:
        """Where its rates, ports, names and shares are from: the end of the function's
        docstring.
        """
        return " ".join((getdoc(self.play) or "").partition(_SOURCE)[2].split())


def _kind(
    label: str,
    play: Play,
    act: Act = Act.CLIENTS,
    *,
    version: int | None = None,
    desk: bool = False,
    needs_relay: bool = False,
    tellable: bool = True,
    whole_day: bool = True,
) -> HardKind:
    return HardKind(
        play.__name__, label, play, act, version, desk, needs_relay, tellable, whole_day
    )


# Benign, and an expert could tell.
benign = partial(_kind, BENIGN)
# Benign, but its logs could be those of a mass mailer: suspected at most.
grey = partial(_kind, GREY, tellable=False)
# A mass mailer; `tellable` says whether an expert could call it one from logs.
infected = partial(_kind, INFECTED)
