"""Alerts of one rule and host that several packet threads logged -> one alert per threshold window.

Each packet thread of Snort 3 and each process of Snort 2.9 has an event_filter of its own, so one
window can be logged once per thread, each time with another peer. The first alert of a window is
known only when all files are read. Until then the key of such an alert holds its sid, the length of
the window, the second of the alert and the peer.
"""

import re
from collections.abc import Iterable, Iterator

_MARK = "\x1e"
_KEY = re.compile(r"\x1e\d{1,20}\x1e[1-9]\d{0,19}\x1e\d{1,20}\x1e(?!\x1e)", re.ASCII)


def window_key(sid: int, seconds: int, time: float, peer: str) -> str:
    """The key under which an alert is kept until its window is known; windows last `seconds`."""
    return _MARK.join(("", str(sid), str(seconds), str(int(time)), plain_key(peer)))


def plain_key(key: str) -> str:
    """The key, made distinct from those of window_key, whatever name was asked for."""
    return key.lstrip(_MARK)


def is_window_key(key: str) -> bool:
    """True for a key of window_key."""
    return _KEY.match(key) is not None


def identity_of(key: str) -> tuple[int, int]:
    """The sid, and the number of the aligned window: the identity of the alert (own_alerts.py)."""
    sid, seconds, second = _numbers(key)
    return sid, second // seconds


def peer_of(key: str) -> str:
    """The peer in a key of window_key."""
    return key.split(_MARK, 4)[4]


def first_of_windows(alerts: Iterable[tuple[float, str]]) -> Iterator[tuple[float, str]]:
    """The first alert of each window, of (time, key of window_key) in any order.

    A window starts with the first alert that no earlier window of the sid holds. Snort compares
    whole seconds.
    """
    started: dict[int, int] = {}
    for time, key in sorted(alerts):
        sid, seconds, second = _numbers(key)
        if sid not in started or second - started[sid] >= seconds:
            started[sid] = second
            yield time, key


def _numbers(key: str) -> tuple[int, int, int]:
    _, sid, seconds, second, _ = key.split(_MARK, 4)
    return int(sid), int(seconds), int(second)
