"""A local web server -> what was posted to it, with the time; it can be told to refuse or to
dawdle."""

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class Post:
    """One notification, as Apprise's json:// sends it; `time` is in seconds since 1970 UTC."""

    time: float
    body: dict[str, Any]
    raw: bytes = b""
    signature: str | None = None


@dataclass(slots=True)
class Webhook:
    """Listens on a free local port until it is closed."""

    refusing: bool = False
    slow: float = 0.0
    # Status by the title of a message.
    refuse_by: dict[str, int] = field(default_factory=dict)
    retry_after: str = ""
    refused: int = 0
    posts: list[Post] = field(default_factory=list)
    server: ThreadingHTTPServer = field(init=False)

    def __enter__(self) -> "Webhook":
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                arrived = time.time()
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                signature = self.headers["X-Hub-Signature-256"]
                time.sleep(hook.slow)
                body = json.loads(raw) if raw.startswith(b"{") else {}
                status = 503 if hook.refusing else hook.refuse_by.get(body.get("title"), 200)
                hook.refused += status != 200
                self.send_response(status)
                if hook.retry_after:
                    self.send_header("Retry-After", hook.retry_after)
                self.end_headers()
                if status == 200:
                    hook.posts.append(Post(arrived, body, raw, signature))

            def log_message(self, *_: object) -> None:
                """Nothing: the tests' own output says what is wrong."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server.server_address[1]}/"

    def wait_for(self, count: int, seconds: float) -> list[Post]:
        """Until so many have come, or the time is over."""
        until = time.monotonic() + seconds
        while len(self.posts) < count and time.monotonic() < until:
            time.sleep(0.02)
        return list(self.posts)
