"""A message -> a service that never ends its answer, or redirects: bounded in time and memory, and
sent nowhere else."""

import hmac
import io
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eveproc.state.message import Message
from eveproc.watching import courier
from eveproc.watching.courier import ANSWER_BYTES, Courier
from tests.live import mad_webhook
from tests.live.mad_webhook import MadWebhook
from tests.live.webhook import Webhook

MESSAGE = Message("title", "body")
WITH_DATA = Message("title", "body", data='{"verdicts": [], "coverage": {"judgement": "judged"}}')
SECONDS = 5  # in place of DELIVERY_SECONDS
FEW_SECONDS = 3  # where they are waited for
MOST_RESIDENT = 300 << 20


def most_resident(pid: int) -> int:
    """The most memory that a process had in use so far, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) << 10


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        ("endless_body", True),  # the status said that it was taken: sending it again is wrong
        ("packed_bomb", True),
        ("endless_header", False),
    ],
)
def test_an_answer_without_end_is_read_to_a_bound(answer: str, taken: bool) -> None:
    with MadWebhook(getattr(mad_webhook, answer)) as hook:
        sent = Courier(hook.url, SECONDS)
        began = time.monotonic()
        assert sent.deliver(MESSAGE) is taken
        assert time.monotonic() - began < 3 * SECONDS
        if sent._child:
            assert most_resident(sent._child.pid) < MOST_RESIDENT
        sent.rest()


@pytest.mark.parametrize("answer", ["slow_header", "no_answer"])
def test_an_answer_that_does_not_come_is_waited_for_to_a_bound(answer: str) -> None:
    with MadWebhook(getattr(mad_webhook, answer)) as hook:
        sent = Courier(hook.url, FEW_SECONDS)
        began = time.monotonic()
        assert sent.deliver(MESSAGE) is False
        assert time.monotonic() - began < 3 * FEW_SECONDS
        assert hook.requests == 1
        sent.rest()


def test_a_body_that_comes_byte_by_byte_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        def stream(self, amt: int, decode_content: bool | None = None) -> Iterator[bytes]:
            while True:
                time.sleep(0.02)
                yield b"x" * amt

    monkeypatch.setattr(courier, "ANSWER_SECONDS", 0.1)
    assert 1 <= len(courier._beginning(Slow())) <= 6


def test_of_a_body_that_breaks_off_the_beginning_is_used() -> None:
    class Broken:
        def stream(self, amt: int, decode_content: bool | None = None) -> Iterator[bytes]:
            yield b"x" * amt
            raise ConnectionResetError

    class Endless:
        def stream(self, amt: int, decode_content: bool | None = None) -> Iterator[bytes]:
            while True:
                yield b"x" * (amt + 999)

    assert courier._beginning(Broken()) == b"x"
    assert len(courier._beginning(Endless())) == ANSWER_BYTES


def test_a_redirect_to_another_host_or_port_is_not_followed() -> None:
    with Webhook() as victim, MadWebhook(mad_webhook.redirect) as hook:
        hook.target = victim.url.replace("json:", "http:")
        sent = Courier(hook.url, SECONDS)
        assert sent.deliver(MESSAGE) is False
        sent.rest()
        assert (hook.requests, victim.posts) == (1, [])


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_followed_with_the_message(status: int) -> None:
    """A GET in its place gets a page, which passes for a service that took the message."""
    bodies: list[bytes] = []

    def elsewhere_once(hook: MadWebhook) -> Iterator[bytes]:
        bodies.append(hook.received)
        if len(bodies) == 1:
            return iter([b"HTTP/1.1 %d No\r\nLocation: /new\r\n" % status + mad_webhook.EMPTY])
        return iter([mad_webhook.OK + mad_webhook.EMPTY])

    with MadWebhook(elsewhere_once) as hook:
        sent = Courier(hook.url, SECONDS)
        assert sent.deliver(MESSAGE) is True
        sent.rest()
    first, second = (body.partition(b"\r\n\r\n") for body in bodies)
    assert second[0].startswith(b"POST /new ")
    assert second[2] == first[2] != b""


def test_a_redirect_to_a_page_is_a_refusal() -> None:
    answer = b"HTTP/1.1 303 See Other\r\nLocation: /login\r\n" + mad_webhook.EMPTY
    with MadWebhook(lambda _: iter([answer])) as hook:
        sent = Courier(hook.url, SECONDS)
        assert sent.deliver(MESSAGE) is False
        sent.rest()
        assert (hook.requests, sent.refusal.why) == (
            1,
            "it answered 303, a redirect that is not followed",
        )


def test_a_receiver_that_starts_slowly_gets_the_message_once() -> None:
    with Webhook(slow=6) as hook:
        sent = Courier(hook.url)
        assert sent.deliver(MESSAGE) is True
        sent.rest()
        assert len(hook.posts) == 1


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("json://127.0.0.1:9/secret", "Connection refused"),
        ("json://nobody.invalid/secret", "Name or service not known"),
        ("mailto://me:secret@127.0.0.1:9?from=a@example.org&mode=insecure", "Connection refused"),
    ],
)
def test_why_a_service_is_not_reached_is_told(url: str, why: str) -> None:
    sent = Courier(url, SECONDS)
    assert sent.deliver(MESSAGE) is False
    sent.rest()
    assert sent.refusal.why == why


def test_what_a_mail_server_answers_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"554 secret\r\n")
                connection.recv(100)

        threading.Thread(target=refuse, daemon=True).start()
        port = server.getsockname()[1]
        sent = Courier(f"mailto://me:secret@127.0.0.1:{port}?from=a@example.org&mode=insecure", 5)
        assert sent.deliver(MESSAGE) is False
        sent.rest()
    assert sent.refusal.why == "it answered 554"


def test_tls_that_fails_is_told() -> None:
    with Webhook() as hook:  # it speaks none
        sent = Courier(hook.url.replace("json:", "jsons:"), SECONDS)
        assert sent.deliver(MESSAGE) is False
        sent.rest()
    assert sent.refusal.why.startswith("TLS: ")


def test_a_redirect_within_the_host_is_followed() -> None:
    def elsewhere_once(hook: MadWebhook) -> Iterator[bytes]:
        if hook.requests == 1:
            hook.target = "/new/path"
            return mad_webhook.redirect(hook)
        return iter([mad_webhook.OK + b"Content-Length: 0\r\n\r\n"])

    with MadWebhook(elsewhere_once) as hook:
        sent = Courier(hook.url, SECONDS)
        assert sent.deliver(MESSAGE) is True
        sent.rest()
        assert hook.requests == 2


def test_a_webhook_gets_text_and_data_and_no_signature_without_a_key() -> None:
    text = {"version": "1.0", "title": "title", "message": "body", "attachments": []}
    with Webhook() as hook:
        sent = Courier(f"{hook.url}?:team=soc", SECONDS)
        for message in (MESSAGE, WITH_DATA, MESSAGE):
            assert sent.deliver(message) is True
        sent.rest()
    without = {**text, "type": "info", "team": "soc"}
    data = {"verdicts": [], "coverage": {"judgement": "judged"}}
    assert [post.body for post in hook.posts] == [without, without | data, without]
    assert [post.signature for post in hook.posts] == [None] * 3


def test_what_the_url_adds_takes_the_place_of_no_data() -> None:
    with Webhook() as hook:
        sent = Courier(f"{hook.url}?:verdicts=none&:message=text", SECONDS)
        assert sent.deliver(WITH_DATA) is True
        sent.rest()
        (post,) = hook.posts
    assert (post.body["verdicts"], post.body["text"]) == ([], "body")


def test_services_that_are_no_webhook_get_the_text_alone() -> None:
    with Webhook() as hook:
        sent = Courier(hook.url.replace("json://", "form://"), SECONDS)
        assert sent.deliver(WITH_DATA) is True
        sent.rest()
        (post,) = hook.posts
    assert b"message=body" in post.raw
    assert b"verdicts" not in post.raw


def test_a_webhook_s_body_is_signed_with_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXHOUND_NOTIFY_SECRET", "It's a Secret to Everybody")
    with Webhook() as hook:
        sent = Courier(hook.url, SECONDS)
        assert sent.deliver(WITH_DATA) is True
        sent.rest()
        (post,) = hook.posts
    assert "verdicts" in post.body
    expected = hmac.new(b"It's a Secret to Everybody", post.raw, "sha256").hexdigest()
    assert post.signature == f"sha256={expected}"


def test_a_signature_is_that_of_the_example_that_github_documents() -> None:
    assert courier.signature(b"It's a Secret to Everybody", b"Hello, World!") == (
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    )


def test_only_a_webhook_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXHOUND_NOTIFY_SECRET", "key")
    assert courier._signing_key("JSONS://hooks.example.org/a") == b"key"
    assert courier._signing_key("mailto://user:password@example.org") == b""


def test_after_a_bound_was_met_the_next_message_is_sent_as_usual() -> None:
    def silent_once(hook: MadWebhook) -> Iterator[bytes]:
        if hook.requests == 1:
            return mad_webhook.no_answer(hook)
        return iter([mad_webhook.OK + b"Content-Length: 0\r\n\r\n"])

    with MadWebhook(silent_once) as hook:
        sent = Courier(hook.url, FEW_SECONDS)
        assert [sent.deliver(MESSAGE) for _ in range(2)] == [False, True]
        sent.rest()


def test_a_courier_that_was_ended_starts_no_other_child() -> None:
    sent = Courier("json://127.0.0.1:9/", SECONDS)
    sent.end()
    assert sent.deliver(MESSAGE) is False
    assert sent._child is None


def test_where_no_process_can_be_started_the_message_is_not_delivered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(courier.sys, "executable", "/nowhere/python")
    assert Courier("json://127.0.0.1:9/", SECONDS).deliver(MESSAGE) is False


def test_the_url_is_on_no_command_line() -> None:
    sent = Courier("json://user:secret@127.0.0.1:9/", SECONDS)
    child = sent._started()
    assert child is not None
    assert b"secret" not in Path(f"/proc/{child.pid}/cmdline").read_bytes()
    assert b"secret" not in Path(f"/proc/{child.pid}/environ").read_bytes()
    sent.rest()
    assert child.returncode is not None


def test_the_child_ends_when_the_watch_is_gone() -> None:
    """Its orders end: it reads no more and comes to its end by itself."""
    reading, writing = os.pipe()
    orders = io.BytesIO(json.dumps({"url": "json://127.0.0.1:9/", "seconds": 5}).encode() + b"\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(courier, "_limit_memory", lambda: None)
        patch.setattr(courier, "_bound_answers", lambda *_: None)
        patch.setattr(courier, "_hear_mail_servers", lambda _: None)
        courier.run(orders, writing)
    courier.signal.alarm(0)
    os.close(writing)
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_a_service_that_breaks_has_not_taken_it() -> None:
    class Broken:
        def notify(self, **_: object) -> bool:
            raise RuntimeError("a fault of its own")

    assert courier._send(Broken(), {"title": "a", "body": "b", "kind": "info"}) is False
