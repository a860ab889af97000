"""News -> webhooks, mail and chat; each URL has its own queue, thread and courier.

A message that a service does not take is sent again, with pauses that grow to PAUSE_AT_MOST. One
that is refused for itself goes behind the others, so that it does not hold them up.
Messages that still wait at the end are given back to be kept. Messages that do not fit into a full
queue are counted, and the next message that gets through tells their number.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from threading import Condition, Thread
from time import monotonic
from types import MappingProxyType

from msgspec.structs import replace

from eveproc.report.sanitize import safe
from eveproc.report.times import short
from eveproc.report.webhook_data import data_of, with_lost
from eveproc.state.incident import LiveNews
from eveproc.state.message import Message
from eveproc.verdicts.change import Trend
from eveproc.verdicts.judgement import JUDGED, Judgement
from eveproc.watching.courier import Courier, service_of
from rulegen.errors import InputError, MxhoundError, Problem
from rulegen.installation import how_to_add
from rulegen.vocabulary import Level

WAITING_AT_MOST = 1000
# How long a courier is kept for the next message; it takes some 40 MiB and 0.4 s to start.
IDLE_SECONDS = 30.0
FIRST_PAUSE, PAUSE_AT_MOST = 1.0, 300.0
# So often a message is refused for itself before the others get their turn.
BEHIND_AFTER = 3
LONGEST_NAME = 64
# A name comes from the host itself: no mention (@everyone), link or markup of a chat service may be
# made of it.
_MARKUP = re.compile(r"[^\w. :-]")
_SITE_MARKUP = re.compile(r"(?<!\w)@|@(?!\w)|[^\w. :;,()+@-]")
# Apprise's kind of a message, which sets its colour.
_KIND = MappingProxyType(
    {Level.INFECTED: "failure", Level.SUSPECTED: "warning", Level.CLEAN: "success"}
)


def message_of(news: LiveNews, coverage: Judgement = JUDGED) -> Message:
    """Plain text of a few lines, and the verdict as data.

    Text that a host chose, for example its name, holds no markup or link. `coverage` goes into the
    data.
    """
    verdict, change = news.verdict, news.change
    identity = verdict.identity
    named = (
        f" ({_harmless(identity.name) or 'no name'}, {_harmless(identity.mac)})" if identity else ""
    )
    scope = f" in {_harmless(verdict.scope)}" if verdict.scope else ""
    lines = [
        f"{verdict.host}{scope}{named}: {verdict.level}, score {verdict.score:.2f}",
        *([f"decided {short(verdict.decided_at)}"] if verdict.decided_at is not None else []),
        *([f"Inventory: {_of_site(verdict.inventory.text)}"] if verdict.inventory else []),
        safe(verdict.why),
        *([f"Next: {safe(verdict.next_step)}"] if verdict.next_step else []),
        f"Incident {change.incident}, {change.trend.words}.",
    ]
    kind = "info" if change.trend is Trend.GONE_QUIET else _KIND[verdict.level]
    title = f"{verdict.level.upper()} {verdict.host} ({change.trend.words})"
    return Message(title, "\n".join(lines), kind, data_of(coverage, news))


class Notifier:
    """Sends every message to every URL. Raises InputError for URLs that Apprise does not know.

    `say` gets a sentence when a service fails and when it works again. `kept` is what an earlier
    `close` returned.
    """

    def __init__(
        self,
        urls: Sequence[str],
        say: Callable[[str], None],
        kept: Mapping[str, Sequence[Message]] = MappingProxyType({}),
    ) -> None:
        problems = [Problem(masked(url), _UNKNOWN) for url in urls if not _is_known(url)]
        if problems:
            raise InputError(problems)
        known = dict.fromkeys(urls)
        self._outboxes = {
            key_of(url): _Outbox(name, Courier(url), say, kept.get(key_of(url), ()))
            for url, name in zip(known, _names(list(known)), strict=True)
        }

    def send(self, message: Message) -> None:
        """Queue it for each URL; returns at once."""
        for outbox in self._outboxes.values():
            outbox.put(message)

    def name_of(self, key: str) -> str:
        """The name of a URL in messages, without its secrets."""
        return self._outboxes[key].name

    def waiting(self) -> dict[str, tuple[Message, ...]]:
        """What has not been delivered yet, by key_of(url)."""
        return {key: left for key, outbox in self._outboxes.items() if (left := outbox.waiting())}

    def close(self, seconds: float) -> dict[str, tuple[Message, ...]]:
        """Wait up to so many seconds for the queues; then return what is left, as `waiting`."""
        for outbox in self._outboxes.values():
            outbox.close()
        until = monotonic() + seconds
        for outbox in self._outboxes.values():
            outbox.join(until)
        return self.waiting()


class _Outbox:
    """The queue and the thread of one URL."""

    def __init__(
        self, name: str, courier: Courier, say: Callable[[str], None], kept: Sequence[Message]
    ) -> None:
        self.name = name
        self._courier = courier
        self._say = say
        self._queue = deque(kept)
        self._not_kept = 0
        self._refused = 0
        self._closing = False
        self._cut_short = False
        self._failing = False
        self._turn = Condition()
        self._thread = Thread(target=self._deliver_all, name=f"notifies {name}", daemon=True)
        self._thread.start()

    def put(self, message: Message) -> None:
        with self._turn:
            if len(self._queue) < WAITING_AT_MOST:
                self._queue.append(message)
                is_full = False
            else:
                self._not_kept += 1
                is_full = self._not_kept == 1
            self._turn.notify()
        if is_full:
            self._say(f"{self.name}: {WAITING_AT_MOST} messages wait; no more are kept")

    def waiting(self) -> tuple[Message, ...]:
        with self._turn:
            return tuple(self._queue)

    def close(self) -> None:
        with self._turn:
            self._closing = True
            self._turn.notify()

    def join(self, until: float) -> None:
        """Wait until then for the rest of the queue; cut short what is being sent after that."""
        self._thread.join(max(0.0, until - monotonic()))
        self._cut_short = True
        self._courier.end()

    def _deliver_all(self) -> None:
        pauses = _pauses()
        while (message := self._next()) is not None:
            if self._deliver(message):
                pauses = _pauses()
            elif not self._wait(self._pause(next(pauses))):
                break
        self._courier.rest()

    def _pause(self, usual: float) -> float:
        """As long as the service asks for, within bounds.

        A message that it refuses time and again goes behind the others.
        """
        refusal = self._courier.refusal
        self._refused = self._refused + 1 if refusal.is_of_message else 0
        if self._refused == BEHIND_AFTER:
            self._refused = 0
            with self._turn:
                self._queue.rotate(-1)
        return max(usual, min(refusal.after, PAUSE_AT_MOST))

    def _next(self) -> Message | None:
        """The oldest message; None once no more will come."""
        with self._turn:
            if not self._turn.wait_for(lambda: self._queue or self._closing, IDLE_SECONDS):
                self._courier.rest()
                self._turn.wait_for(lambda: self._queue or self._closing)
            return self._queue[0] if self._queue else None

    def _deliver(self, message: Message) -> bool:
        with self._turn:
            lost = self._not_kept
        if lost:
            message = replace(
                message,
                body=f"{message.body}\n{lost} more did not fit into the queue; "
                "eveproc report has them.",
                data=with_lost(message.data, lost),
            )
        delivered = self._courier.deliver(message)
        if delivered:
            with self._turn:
                self._queue.popleft()
                self._not_kept -= lost
            self._refused = 0
        if not self._cut_short:
            self._tell(delivered)
        return delivered

    def _tell(self, delivered: bool) -> None:
        """Say when deliveries begin to fail, and when they work again."""
        if delivered and self._failing:
            self._say(f"{self.name}: accepts notifications again")
        elif not delivered and not self._failing:
            why = self._courier.refusal.why
            self._say(
                f"{self.name}: does not accept a notification ({why}); it is kept and tried again"
            )
        self._failing = not delivered

    def _wait(self, seconds: float) -> bool:
        """Pause; False if the notifier is being closed."""
        with self._turn:
            return not self._turn.wait_for(lambda: self._closing, seconds)


def key_of(url: str) -> str:
    """An identifier of the URL that reveals none of its secrets."""
    return blake2b(url.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def masked(url: str) -> str:
    """Only the service of a URL: the rest may be secret."""
    scheme, separator, _ = url.partition("://")
    return f"{safe(scheme[:32])}://..." if separator else "..."


def _names(urls: Sequence[str]) -> list[str]:
    """A name for each URL in messages; of several, with its place."""
    if len(urls) == 1:
        return [masked(urls[0])]
    return [f"{masked(url)} (URL {n} of {len(urls)})" for n, url in enumerate(urls, 1)]


def _harmless(text: str) -> str:
    return _MARKUP.sub("?", safe(text))[:LONGEST_NAME]


def _of_site(text: str) -> str:
    """Text of the site's inventory: a mail address or a telephone number stays what it is."""
    return _SITE_MARKUP.sub("?", safe(text))


def _pauses() -> Iterator[float]:
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, PAUSE_AT_MOST)


_UNKNOWN = (
    "is no service that Apprise knows; expected a URL as json://HOST/PATH, "
    "mailtos://USER:PASSWORD@HOST and those of its manual"
)


def _is_known(url: str) -> bool:
    try:
        return service_of(url) is not None
    except ImportError as error:
        raise MxhoundError(
            f"--notify needs apprise, which is not installed; {how_to_add('notify')}"
        ) from error
