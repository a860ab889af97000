"""docs/tour.cast is a valid asciinema recording with the content of docs/tour.md."""

import json
from itertools import pairwise

from tests.cast import WIDTH, cast_of
from tests.pages import ROOT

PAGE = "# T\n```console\n$ ls\na\nb\n```\nText.\n```sh\nnot this\n```\n```console\n$ pwd\n/\n```\n"


def test_a_recording_types_each_command_and_shows_its_output() -> None:
    header, *events = map(json.loads, cast_of(PAGE, "T").splitlines())
    assert header == {"version": 2, "width": 120, "height": 34, "title": "T"}
    assert "".join(text for _, _, text in events) == "$ ls\r\na\r\nb\r\n$ pwd\r\n/\r\n$ "
    assert {kind for _, kind, _ in events} == {"o"}
    assert all(one[0] < other[0] for one, other in pairwise(events))


def test_the_tour_fits_its_screen_and_three_minutes() -> None:
    page = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
    _, *events = map(json.loads, cast_of(page, "").splitlines())
    shown = "".join(text for _, _, text in events)
    assert events[-1][0] < 180
    assert [line for line in shown.split("\r\n") if len(line) > WIDTH and line[:2] != "$ "] == []
