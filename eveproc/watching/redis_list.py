"""Redis list that Suricata pushes EVE to (filetype redis, mode list) -> its records.

Suricata pushes at the left end. Records are read from the right end and stay in the list until
`commit`, so a watch that dies reads again what it had not kept. No other program may take records
from the list.
"""

import os
import re
from collections.abc import Iterator
from types import ModuleType
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from eveproc.input.read_stats import ReadStats
from eveproc.watching.tail import Piece
from rulegen.errors import InputError, MxhoundError, Problem
from rulegen.installation import how_to_add

# Suricata's own name for the list, unless `redis: key` in suricata.yaml says otherwise.
DEFAULT_KEY = "suricata"
AT_ONCE = 2000
TIMEOUT_SECONDS = 5.0


_DATABASE = re.compile("/?[0-9]*")
# The environment variable with the password, which everybody can see on a command line.
PASSWORD = "MXHOUND_REDIS_PASSWORD"
EXPECTED = (
    "invalid URL: expected redis://[USER:PASSWORD@]HOST[:PORT][/DB][?key=NAME] (rediss with TLS), "
    "special characters of the password as %2F"
)


class RedisList:
    """Reads the list of a URL: redis://[USER:PASSWORD@]HOST[:PORT][/DB][?key=NAME].

    The password may be in MXHOUND_REDIS_PASSWORD instead. Raises MxhoundError if it cannot be read.
    """

    def __init__(self, url: str, stats: ReadStats) -> None:
        self._redis = _library()
        server, host, self.key = _parts(url)
        self.name = f"redis list {self.key} on {host}"
        self._stats = stats
        self._taken = 0
        self._last = b""
        self._fault = ""
        secret = {"password": os.environ[PASSWORD]} if os.environ.get(PASSWORD) else {}
        try:
            self._client = self._redis.Redis.from_url(
                server,
                socket_timeout=TIMEOUT_SECONDS,
                socket_connect_timeout=TIMEOUT_SECONDS,
                **secret,
            )
            kind = self._client.type(self.key)
        except (ValueError, TypeError) as error:  # an option of the URL that redis does not know
            raise _invalid() from error
        except self._redis.RedisError as error:
            raise MxhoundError(f"{self.name}: {self._why(error)}") from error
        if kind not in (b"none", b"list"):
            raise MxhoundError(
                f"{self.name}: is a {kind.decode()}; expected Suricata's `mode: list`"
            )

    def poll(self, _now: float) -> Iterator[Piece]:
        """Every record since the last call. A fault is reported once, and its end."""
        try:
            while records := self._next():
                block = b"".join(record + b"\n" for record in reversed(records))
                yield block, len(block)
                self._stats.bytes += len(block)
                self._taken, self._last = self._taken + len(records), records[0]
                if len(records) < AT_ONCE:
                    break
            if self._fault:
                self._stats.note_problem(self.name, "is read again")
            self._fault = ""
        except self._redis.RedisError as error:
            if self._why(error) != self._fault:
                self._fault = self._why(error)
                self._stats.note_problem(
                    self.name, f"cannot be read, and is tried again: {self._fault}"
                )

    def commit(self) -> None:
        """Remove from the list what was read: it is kept elsewhere by now.

        After a fault the list may be another one: the next poll tells.
        """
        if not self._taken or self._fault:
            return
        try:
            self._client.ltrim(self.key, 0, -(self._taken + 1))
        except self._redis.RedisError as error:
            self._stats.note_problem(self.name, f"what was read stays in it for now: {error}")
            return
        self._taken, self._last = 0, b""

    def close(self) -> None:
        self._client.close()

    def _why(self, error: Exception) -> str:
        """What redis says; of a password that is missing it says much of its protocol."""
        if isinstance(error, self._redis.AuthenticationError):
            return f"the password is missing or wrong; expected it in the URL or in {PASSWORD}"
        return str(error)

    def _next(self) -> list[bytes]:
        """The oldest unread records, at most AT_ONCE, newest first; none if another took some."""
        if not self._taken:
            records: list[bytes] = self._client.lrange(self.key, -AT_ONCE, -1)
            return records
        *records, last = self._client.lrange(self.key, -(self._taken + AT_ONCE), -self._taken) or [
            b""
        ]
        if last == self._last:
            return records
        # Evidence that is read twice counts once, so reading again is always safe.
        what = (
            "changed at its right end and is read again: another program takes records, redis was "
            "restarted, or Suricata's mode is not list"
        )
        self._stats.note_problem(self.name, what)
        self._taken, self._last = 0, b""
        return []


def _library() -> ModuleType:
    try:
        import redis
    except ImportError as error:
        raise MxhoundError(
            f"redis:// needs the package redis, which is not installed; {how_to_add('redis')}"
        ) from error
    return redis


def _parts(url: str) -> tuple[str, str, str]:
    """(the server's URL, its host, the list's name)."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
        options = dict(
            parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        )
    except ValueError as error:
        raise _invalid() from error
    key = options.pop("key", DEFAULT_KEY)
    if not (host and key and _DATABASE.fullmatch(parts.path)) or parts.fragment:
        raise _invalid()
    return urlunsplit(parts._replace(query=urlencode(options))), host, key


def _invalid() -> MxhoundError:
    """Without the URL: any of its parts may be one of the password."""
    return InputError([Problem("redis://...", EXPECTED)])
