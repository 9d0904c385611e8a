"""A server in little that makes trouble first, for clients that must get their picture all the same."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs

__all__ = ["Door", "Say", "open_door"]


@attrs.frozen(kw_only=True)
class Say:
    """One answer; `status` 0 hangs up instead, `cut` in the middle of it."""

    status: int
    data: dict[str, Any] = attrs.field(factory=dict)
    retry_after_s: int | None = None
    cut: bool = False


@attrs.define(eq=False, kw_only=True)
class Door:
    """Answers submissions and polls in the order given, the last one for ever, and keeps what it was sent."""

    submissions: list[Say]
    polls: list[Say]
    url: str = ""
    keys: list[str | None] = attrs.field(factory=list)
    prompts: list[str] = attrs.field(factory=list)
    authorizations: list[str | None] = attrs.field(factory=list)
    heard_at_s: list[float] = attrs.field(factory=list)

    def take(self, waiting: list[Say], authorization: str | None) -> Say:
        """Return what is to be said now."""
        self.authorizations.append(authorization)
        self.heard_at_s.append(time.monotonic())
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


class _Handler(BaseHTTPRequestHandler):
    door: Door

    def do_POST(self) -> None:
        """Take a submission."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.door.keys.append(self.headers["Idempotency-Key"])
        self.door.prompts.append(body["prompt"])
        self._say(self.door.take(self.door.submissions, self.headers["Authorization"]))

    def do_GET(self) -> None:
        """Answer a poll."""
        self._say(self.door.take(self.door.polls, self.headers["Authorization"]))

    def log_message(self, *_arguments: object) -> None:
        """Say nothing on the terminal."""

    def _say(self, say: Say) -> None:
        if not say.status:
            return
        body = json.dumps({"data": say.data, "message": "busy"}).encode()
        self.send_response(say.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if say.retry_after_s is not None:
            self.send_header("Retry-After", str(say.retry_after_s))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if say.cut else body)


@contextmanager
def open_door(submissions: list[Say], polls: list[Say]) -> Iterator[Door]:
    """Serve while the block lasts."""
    door = Door(submissions=submissions, polls=polls)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"door": door}))
    door.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield door
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
