"""A page with console blocks -> the same as a terminal recording, in asciinema's cast format v2.

The times are those of somebody who types and reads; they are computed, so that the same page gives
the same recording.
"""

import json
import re
from collections.abc import Iterator
from itertools import accumulate

WIDTH, HEIGHT = 120, 34
PROMPT = "$ "
# Seconds: for a typed character, before a command runs, for a line of output that scrolls by, and
# to read what it said.
KEY, RUN, LINE, READ = 0.03, 0.4, 0.05, 3.0

_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)


def cast_of(page: str, title: str) -> str:
    """The recording: a header, then one line for each event (time, "o", text)."""
    header = {"version": 2, "width": WIDTH, "height": HEIGHT, "title": title}
    events = list(_events(page))
    times = accumulate(pause for pause, _ in events)
    lines = [
        json.dumps([round(time, 2), "o", text])
        for time, (_, text) in zip(times, events, strict=True)
    ]
    return "".join(f"{line}\n" for line in [json.dumps(header), *lines])


def _events(page: str) -> Iterator[tuple[float, str]]:
    """What appears on the screen, and the pause before it."""
    pause = 0.0
    for line in "".join(_BLOCK.findall(page)).splitlines():
        if not line.startswith(PROMPT):
            yield pause or LINE, f"{line}\r\n"
            pause = 0.0
            continue
        yield READ, PROMPT
        yield from ((KEY, key) for key in line.removeprefix(PROMPT))
        yield RUN, "\r\n"
        pause = RUN
    yield READ, PROMPT
