"""A function that plays a machine -> HardKind: a scenario with source, label, tellable."""

from collections.abc import Callable
from functools import partial
from inspect import getdoc

from rulegen.simulate.actor import Actor
from rulegen.simulate.scenarios import BENIGN, GREY, INFECTED, Act, Scenario

Play = Callable[[Actor], None]
_SOURCE = "Source:"


class HardKind(Scenario, frozen=True):
    """One kind of the harder mirror, played by name only; see `simulate(..., scenarios=...)`.

    `tellable`: an expert could tell from logs alone what it is. A benign kind that is not tellable
    has the label `grey`. `whole_day`: its behaviour shows in a day, not in an hour or two; play it
    for 86,400 seconds.
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


# Innocent, and an expert could tell.
benign = partial(_kind, BENIGN)
# Innocent, but the logs show nothing that a mass mailer could not show: suspected at most.
grey = partial(_kind, GREY, tellable=False)
# A mass mailer; `tellable` says whether an expert could call it one from logs.
infected = partial(_kind, INFECTED)
