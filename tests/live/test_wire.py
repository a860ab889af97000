"""The network that tests lay: frames arrive, and nothing of it is left."""

import subprocess

import pytest

from tests.live.wire import LISTENS, NAMESPACES, SENDS, laid_wire, why_no_wire
from tests.missing import refuse

pytestmark = pytest.mark.engine


def test_a_wire_has_two_ends_and_leaves_nothing_behind() -> None:
    if missing := why_no_wire():
        refuse(missing)
    with laid_wire() as wire:
        shown = subprocess.run(
            wire.command("ip", "-brief", "link"), capture_output=True, check=True, text=True
        ).stdout
        assert {SENDS, LISTENS} <= {line.partition("@")[0] for line in shown.splitlines()}
        assert (NAMESPACES / wire.name).exists()
    assert not (NAMESPACES / wire.name).exists()


def test_a_wire_that_breaks_leaves_nothing_either() -> None:
    if missing := why_no_wire():
        refuse(missing)
    with pytest.raises(KeyError), laid_wire() as wire:
        raise KeyError
    assert not (NAMESPACES / wire.name).exists()
