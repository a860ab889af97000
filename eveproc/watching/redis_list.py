"""A list in redis that Suricata pushes EVE to (filetype redis, mode list) -> its records; removed from it once they are kept.

Suricata puts each record at the left end. They are read from the right end and stay there until
`commit`, so that a watch that dies, and what it did not save with it, reads them again. The list
must be this reader's alone.
"""

from collections.abc import Iterator
from types import ModuleType
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from eveproc.input.read_stats import ReadStats
from eveproc.watching.tail import Piece
from rulegen.errors import MxhoundError

# Suricata's own name for the list, unless `redis: key` in suricata.yaml says otherwise.
DEFAULT_KEY = "suricata"
AT_ONCE = 2000
TIMEOUT_SECONDS = 5.0


class RedisList:
    """Reads the list that `url` names: redis://[USER:PASSWORD@]HOST[:PORT][/DB][?key=NAME]. Raises MxhoundError at once where it cannot."""

    def __init__(self, url: str, stats: ReadStats) -> None:
        self._redis = _library()
        server, self.key = _without_key(url)
        self.name = f"redis list {self.key} on {urlsplit(url).hostname or ''}"
        self._stats = stats
        self._taken = 0
        self._last = b""
        self._is_away = False
        try:
            self._client = self._redis.Redis.from_url(
                server, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
            )
            kind = self._client.type(self.key)
        except (self._redis.RedisError, ValueError) as error:
            raise MxhoundError(f"{self.name}: {error}") from error
        if kind not in (b"none", b"list"):
            raise MxhoundError(
                f"{self.name}: is a {kind.decode()}; allowed is Suricata's `mode: list`"
            )

    def poll(self, _now: float) -> Iterator[Piece]:
        """Every record since the last call. Where the server is away, that is a problem told once, and it is asked again the next time."""
        try:
            while records := self._next():
                block = b"".join(record + b"\n" for record in reversed(records))
                yield block, len(block)
                self._stats.bytes += len(block)
                self._taken, self._last = self._taken + len(records), records[0]
                if len(records) < AT_ONCE:
                    break
            self._is_away = False
        except self._redis.RedisError as error:
            if not self._is_away:
                self._stats.note_problem(self.name, f"cannot be read, and is tried again: {error}")
            self._is_away = True

    def commit(self) -> None:
        """What was read is kept elsewhere by now: take it from the list."""
        if not self._taken:
            return
        try:
            self._client.ltrim(self.key, 0, -(self._taken + 1))
        except self._redis.RedisError as error:
            self._stats.note_problem(self.name, f"what was read stays in it for now: {error}")
            return
        self._taken, self._last = 0, b""

    def close(self) -> None:
        self._client.close()

    def _next(self) -> list[bytes]:
        """The oldest records not yet read, at most AT_ONCE, newest first, if they follow on what was read last."""
        if not self._taken:
            records: list[bytes] = self._client.lrange(self.key, -AT_ONCE, -1)
            return records
        *records, last = self._client.lrange(self.key, -(self._taken + AT_ONCE), -self._taken) or [
            b""
        ]
        if last == self._last:
            return records
        # Evidence read twice counts once: beginning again is right whatever happened.
        what = "changed at its right end and is read anew: another program takes records, redis began anew, or Suricata's mode is not list"
        self._stats.note_problem(self.name, what)
        self._taken, self._last = 0, b""
        return []


def _library() -> ModuleType:
    try:
        import redis
    except ImportError as error:
        raise MxhoundError(
            "reading from redis needs the extra redis: pip install 'mxhound[redis]'"
        ) from error
    return redis


def _without_key(url: str) -> tuple[str, str]:
    """(the server's URL, the list's name)."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    key = options.pop("key", DEFAULT_KEY)
    return urlunsplit(parts._replace(query=urlencode(options))), key
