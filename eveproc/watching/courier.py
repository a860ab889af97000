"""Notification URL and messages -> delivered or not, by a child bounded in time and memory.

Apprise reads a service's answer to its end, in one piece, and follows redirects. A broken or
hostile service could keep it busy for ever, or fill the machine's memory. So a child process sends:
it ends itself after DELIVERY_SECONDS a message, may not take more than MOST_MEMORY, reads
ANSWER_BYTES of an answer, and follows no redirect to another host.
"""

import hmac
import json
import logging
import os
import signal
import smtplib
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import BytesIO
from threading import Lock
from time import monotonic, time
from typing import IO, TYPE_CHECKING, Protocol
from urllib.parse import urljoin

import msgspec
from msgspec import to_builtins

from eveproc.state.message import Message
from eveproc.watching.refusal import Refusal, of_answer, of_error

if TYPE_CHECKING:
    from apprise import Apprise
    from requests import PreparedRequest, Response

# Apprise waits 4 s to connect; some services take several requests a message, with pauses between.
DELIVERY_SECONDS = 60
# For each piece of an answer. With Apprise's own 4 s, a receiver that starts slowly is given up and
# sent the same again, over and over.
READ_SECONDS = 15.0
# Address space, not memory in use: with Apprise and TLS, Python maps some 300 MiB.
MOST_MEMORY = 1 << 30
# Maximum number of bytes of an answer; the status tells whether the message was accepted.
ANSWER_BYTES, ANSWER_SECONDS = 1 << 16, 5.0

TAKEN = b"1\n"
UNKNOWN = Refusal("the service gave no reason")

# The environment variable with the key that signs what webhooks get, and the header for it.
SECRET, SIGNATURE = "MXHOUND_NOTIFY_SECRET", "X-Hub-Signature-256"


class Courier:
    """Delivers to one URL. The child process is started when it is needed; `rest` ends it."""

    def __init__(self, url: str, seconds: int = DELIVERY_SECONDS) -> None:
        self._order = {"url": url, "seconds": seconds}
        self._child: subprocess.Popen[bytes] | None = None
        self._ended = False
        self._turn = Lock()
        # Why the last message was not taken.
        self.refusal = Refusal()

    def deliver(self, message: Message) -> bool:
        """True if the service took the message. Takes no longer than the given seconds."""
        self.refusal = Refusal()
        child = self._started()
        if child is None or child.stdin is None or child.stdout is None:
            self.refusal = Refusal("no process can be started to send it")
            return False
        try:
            child.stdin.write(json.dumps(to_builtins(message)).encode() + b"\n")
            child.stdin.flush()
            answer = child.stdout.readline()
        except (OSError, ValueError):  # the child has ended, or another thread has called `end`
            answer = b""
        if not answer:
            self.rest()
        elif answer != TAKEN:
            with suppress(msgspec.MsgspecError):  # a service of Apprise printed something
                self.refusal = msgspec.json.decode(answer, type=Refusal)
        return answer == TAKEN

    def rest(self) -> None:
        """End the child process; the next message starts another."""
        with self._turn:
            child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                with suppress(OSError):  # unwritten data is lost
                    if pipe is not None:
                        pipe.close()

    def end(self) -> None:
        """End the child process and start no other, also while a message is being delivered."""
        self._ended = True
        with self._turn:
            if self._child is not None:
                self._child.kill()

    def _started(self) -> subprocess.Popen[bytes] | None:
        with self._turn:
            if self._child is None and not self._ended:
                self._child = _start(self._order)
            return self._child


def _start(order: dict[str, object]) -> subprocess.Popen[bytes] | None:
    """Start a child, and send it its URL by the pipe: command lines are visible to all users."""
    try:
        child = subprocess.Popen(
            # -P: nothing of the working folder is imported.
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C at a terminal is for the watch, which ends it
        )
    except OSError:  # no more processes, or no memory: tried again with the message
        return None
    assert child.stdin is not None
    with suppress(OSError):
        child.stdin.write(json.dumps(order).encode() + b"\n")
        child.stdin.flush()
    return child


class Answer(Protocol):
    """What urllib3 gives for an answer whose body is still to be read."""

    def stream(self, amt: int, decode_content: bool | None = None) -> Iterator[bytes]: ...


def run(orders: IO[bytes], answer_to: int) -> None:
    """The child process: reads the URL, then messages, one a line; answers each with a line."""
    order = json.loads(orders.readline())
    # The default action ends the process, wherever it is; also when the watch was killed.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(order["seconds"])
    _limit_memory()
    heard = _Heard()
    _bound_answers(_signing_key(order["url"]), heard)
    _hear_mail_servers(heard)
    service = service_of(order["url"])
    attach = _attacher(service) if service and _is_webhook(order["url"]) else lambda _data: None
    for line in orders:
        signal.alarm(order["seconds"])
        message = json.loads(line)
        attach(message["data"])
        heard.refusal = UNKNOWN
        taken = service is not None and _send(service, message)
        signal.alarm(0)
        os.write(answer_to, TAKEN if taken else msgspec.json.encode(heard.refusal) + b"\n")


class _Heard:
    """What was last heard of a service, for a message that it does not take."""

    refusal = UNKNOWN

    def answer(self, status: int, headers: Mapping[str, str]) -> None:
        self.refusal = of_answer(status, headers, time())

    @contextmanager
    def error(self) -> Iterator[None]:
        """Note an exception of the body, and let it through."""
        try:
            yield
        except Exception as error:
            self.refusal = of_error(error)
            raise


def service_of(url: str) -> "Apprise | None":
    """The service of a URL, None if Apprise does not know it.

    Raises ImportError if Apprise is not installed.
    """
    from apprise import Apprise, URLBase

    URLBase.socket_read_timeout = READ_SECONDS  # `rto` of a URL comes before it
    # Apprise logs URLs with their passwords.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    service = Apprise()
    return service if service.add(url) else None


def _limit_memory() -> None:
    import resource

    with suppress(ValueError, OSError):  # a lower limit is in force, or the system has none
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def _send(service: "Apprise", message: dict[str, str]) -> bool:
    from apprise import NotifyFormat, NotifyType

    try:
        return bool(
            service.notify(
                title=message["title"],
                body=message["body"],
                notify_type=NotifyType(message["kind"]),
                body_format=NotifyFormat.TEXT,
            )
        )
    except Exception:  # noqa: BLE001  any of a hundred services may raise anything: not delivered
        return False


def _is_webhook(url: str) -> bool:
    return url.lower().startswith(("json://", "jsons://"))


def _attacher(service: "Apprise") -> Callable[[str], None]:
    """What puts the data of the next message into the body, beside what the URL itself adds.

    Apprise adds `payload_extras` of a webhook to its body as JSON has them.
    """
    from apprise.plugins.custom_json import NotifyJSON

    hooks = [one for one in service if isinstance(one, NotifyJSON)]
    extras = [(hook, dict(hook.payload_extras)) for hook in hooks]

    def attach(data: str) -> None:
        for hook, of_url in extras:
            hook.payload_extras = {**of_url, **json.loads(data or "{}")}

    return attach


def _signing_key(url: str) -> bytes:
    """What a webhook's body is signed with; empty for other services, and where it is not set."""
    return os.environ.get(SECRET, "").encode() if _is_webhook(url) else b""


def signature(key: bytes, body: bytes) -> str:
    """HMAC-SHA256 of the body, as webhooks of GitHub have it."""
    return f"sha256={hmac.new(key, body, sha256).hexdigest()}"


def _bound_answers(key: bytes, heard: _Heard) -> None:
    """Make `requests`, which Apprise uses, read only the start of an answer, and stay on its host.

    With a key, each body that is sent is signed. Answers and errors are noted.
    Apprise's services call the library directly, so there is no other place to hook in.
    """
    try:
        from requests import Session
        from requests.adapters import HTTPAdapter
    except ImportError:  # a requirement of Apprise; without it no service uses HTTP
        return
    send, target = HTTPAdapter.send, Session.get_redirect_target

    def send_bounded(
        self: HTTPAdapter, request: "PreparedRequest", stream: bool = False, **options: object
    ) -> "Response":
        body = request.body.encode() if isinstance(request.body, str) else request.body
        if key and isinstance(body, bytes):  # it could be a stream; a webhook's is not
            request.headers[SIGNATURE] = signature(key, body)
        with heard.error():
            response = send(self, request, stream=True, **options)  # type: ignore[arg-type]  # given
        heard.answer(response.status_code, response.headers)
        whole = response.raw
        response.raw = BytesIO(_beginning(whole))
        whole.close()
        return response

    def target_on_host(self: Session, response: "Response") -> str | None:
        url = target(self, response)
        # True for another host or port, and from https to http; False from http to https.
        is_elsewhere = url and self.should_strip_auth(response.url, urljoin(response.url, url))
        return None if is_elsewhere or not _keeps_body(response) else url

    HTTPAdapter.send = send_bounded  # type: ignore[method-assign,assignment]  # above
    Session.get_redirect_target = target_on_host  # type: ignore[method-assign,assignment]  # above


def _keeps_body(response: "Response") -> bool:
    """True if what was sent is sent again to where a redirect leads.

    `requests` would follow 301, 302 and 303 with a GET: the message would be lost, and the page
    that comes in its place would pass for a service that took it.
    """
    if response.request.body and response.status_code in (301, 302):
        response.status_code = 308
    return not response.request.body or response.status_code in (307, 308)


def _hear_mail_servers(heard: _Heard) -> None:
    """Note what smtplib, with which Apprise sends mail, is answered."""
    connect, getreply = smtplib.SMTP.connect, smtplib.SMTP.getreply

    def connect_noted(self: smtplib.SMTP, *arguments: object, **options: object) -> object:
        with heard.error():
            return connect(self, *arguments, **options)  # type: ignore[arg-type]  # as given

    def getreply_noted(self: smtplib.SMTP) -> tuple[int, bytes]:
        with heard.error():
            code, text = getreply(self)
        if code >= 400:
            heard.answer(code, {})
        return code, text

    smtplib.SMTP.connect = connect_noted  # type: ignore[method-assign,assignment]  # above
    smtplib.SMTP.getreply = getreply_noted  # type: ignore[method-assign]  # above


def _beginning(answer: Answer) -> bytes:
    """At most ANSWER_BYTES of a body, up to ANSWER_SECONDS or the first error."""
    until, body = monotonic() + ANSWER_SECONDS, bytearray()
    with suppress(
        Exception
    ):  # of the library or of the system: whether the message was taken, the status has told
        # Byte by byte: for larger reads the library waits until all bytes have come.
        for piece in answer.stream(1, decode_content=True):
            body += piece
            if len(body) >= ANSWER_BYTES or monotonic() >= until:
                break
    return bytes(body[:ANSWER_BYTES])


if __name__ == "__main__":
    run(sys.stdin.buffer, sys.stdout.fileno())
