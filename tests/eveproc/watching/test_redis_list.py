"""redis:// URLs and servers -> refused with what is expected, and no part of a password."""

import types

import pytest
import redis

from eveproc.input.read_stats import ReadStats
from eveproc.watching import redis_list
from eveproc.watching.redis_list import EXPECTED, PASSWORD, RedisList
from rulegen.errors import MxhoundError

LINE = b'{"event_type": "stats"}'


class Server:
    """A client of a redis with one list; `fault` is raised instead of an answer."""

    def __init__(self) -> None:
        self.fault: redis.RedisError | None = None
        self.records = [LINE]
        self.trimmed = 0
        self.options: dict[str, object] = {}

    def from_url(self, _url: str, **options: object) -> "Server":
        self.options = options
        return self

    def type(self, _key: str) -> bytes:
        return b"list" if self._answers() else b""

    def lrange(self, _key: str, _first: int, last: int) -> list[bytes]:
        return self.records if self._answers() and last == -1 else self.records[:1]

    def ltrim(self, _key: str, _first: int, _last: int) -> None:
        self.trimmed += 1

    def _answers(self) -> bool:
        if self.fault:
            raise self.fault
        return True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    library = types.SimpleNamespace(
        Redis=made, RedisError=redis.RedisError, AuthenticationError=redis.AuthenticationError
    )
    monkeypatch.setattr(redis_list, "_library", lambda: library)
    monkeypatch.delenv(PASSWORD, raising=False)
    return made


@pytest.mark.parametrize(
    "url",
    [
        "redis:list",
        "redis://",
        "redis://:secret@[::1",
        "redis://:secret@127.0.0.1:99999",
        "redis://127.0.0.1/one",
        "redis://127.0.0.1?key=",
        "redis://127.0.0.1?keys=suricata",
        "redis://127.0.0.1?socket_timeout=long",
        # A password with / # or ? ends the host where it begins.
        "redis://me:se/cr@127.0.0.1",
        "redis://me:12#cr@127.0.0.1",
        "redis://me:12?cr@127.0.0.1",
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_without_its_parts(url: str) -> None:
    with pytest.raises(MxhoundError) as refused:
        RedisList(url, ReadStats())
    assert str(refused.value) == f"redis://...: {EXPECTED}"


def test_a_password_that_is_missing_is_told(server: Server) -> None:
    server.fault = redis.AuthenticationError("HELLO must be called with ...")
    with pytest.raises(MxhoundError, match="the password is missing or wrong; expected it in the"):
        RedisList("redis://127.0.0.1", ReadStats())


def test_the_password_may_be_in_the_environment(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    RedisList("redis://127.0.0.1/0?key=a", ReadStats())
    assert "password" not in server.options
    monkeypatch.setenv(PASSWORD, "secret")
    RedisList("redis://127.0.0.1/0?key=a", ReadStats())
    assert server.options["password"] == "secret"


def test_a_server_that_is_away_is_told_once_and_when_it_is_back(server: Server) -> None:
    stats = ReadStats()
    followed = RedisList("redis://127.0.0.1", stats)
    server.fault = redis.ConnectionError("refused")
    assert list(followed.poll(0.0)) == list(followed.poll(1.0)) == []
    server.fault = redis.AuthenticationError("WRONGPASS")  # it was restarted with another one
    assert list(followed.poll(0.0)) == list(followed.poll(1.0)) == []
    server.fault = None
    assert list(followed.poll(2.0)) == [(LINE + b"\n", len(LINE) + 1)]
    assert [str(problem) for problem in stats.problems] == [
        "redis list suricata on 127.0.0.1: cannot be read, and is tried again: refused",
        "redis list suricata on 127.0.0.1: cannot be read, and is tried again: the password is "
        "missing or wrong; expected it in the URL or in MXHOUND_REDIS_PASSWORD",
        "redis list suricata on 127.0.0.1: is read again",
    ]


def test_nothing_is_removed_from_a_list_that_may_be_another(server: Server) -> None:
    followed = RedisList("redis://127.0.0.1", ReadStats())
    assert list(followed.poll(0.0))
    server.fault = redis.ConnectionError("refused")
    assert list(followed.poll(1.0)) == []
    server.fault = None  # restarted, and empty but for what was pushed since
    followed.commit()
    assert server.trimmed == 0
    assert list(followed.poll(2.0)) == []
    followed.commit()
    assert server.trimmed == 1
