"""A function that plays a machine -> HardKind: a scenario with source, label, tellable."""

from collections.abc import Callable
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


def benign(
    play: Play,
    act: Act = Act.CLIENTS,
    *,
    version: int | None = None,
    desk: bool = False,
    needs_relay: bool = False,
    whole_day: bool = True,
) -> HardKind:
    """Innocent, and an expert could tell."""
    return HardKind(play.__name__, BENIGN, play, act, version, desk, needs_relay, True, whole_day)


def grey(
    play: Play,
    act: Act = Act.CLIENTS,
    *,
    version: int | None = None,
    desk: bool = False,
    needs_relay: bool = False,
    whole_day: bool = True,
) -> HardKind:
    """Innocent, but the logs show nothing that a mass mailer could not show: suspected at most."""
    return HardKind(play.__name__, GREY, play, act, version, desk, needs_relay, False, whole_day)


def infected(
    play: Play,
    act: Act = Act.CLIENTS,
    *,
    version: int | None = None,
    desk: bool = False,
    needs_relay: bool = False,
    tellable: bool = True,
    whole_day: bool = True,
) -> HardKind:
    """A mass mailer; `tellable` says whether an expert could call it one from logs."""
    return HardKind(
        play.__name__, INFECTED, play, act, version, desk, needs_relay, tellable, whole_day
    )
