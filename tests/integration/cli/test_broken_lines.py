"""`danqing generate` where a proxy stands before a server that goes away: nothing is bought again for that."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.integration.cli.conftest import Danqing

CONTENT = b"a picture"
OFFERED = {"default": "acme", "routes": [], "providers": [{"name": "acme", "default_model": "one", "models": []}]}
BROKEN = b"<h1>502 Bad Gateway</h1>"


class _Proxy(BaseHTTPRequestHandler):
    """Answers 502 from the request on that its server calls `broken`."""

    server: _Server

    def do_GET(self) -> None:
        if self.path == "/api/v1/providers":
            self._tell(OFFERED)
        elif self.path == "/picture":
            self._answer("download", CONTENT)
        else:
            self._tell(_task("completed", f"http://{self.headers['Host']}"), "wait")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.keys.append(self.headers["Idempotency-Key"])
        self._tell(_task("pending", ""), "submit")

    def _tell(self, data: Any, what: str = "") -> None:
        self._answer(what, json.dumps({"success": True, "data": data}).encode())

    def _answer(self, what: str, body: bytes) -> None:
        is_broken = what == self.server.broken
        body = BROKEN if is_broken else body
        self.send_response(502 if is_broken else 200)
        self.send_header("Content-Type", "text/html" if is_broken else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_said: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def __init__(self, broken: str) -> None:
        super().__init__(("127.0.0.1", 0), _Proxy)
        self.broken = broken
        self.keys: list[str] = []


def _task(status: str, base: str) -> dict[str, Any]:
    picture = {"index": 0, "url": f"{base}/picture", "media_type": "image/png", "size_bytes": len(CONTENT)}
    outputs = [{**picture, "sha256": hashlib.sha256(CONTENT).hexdigest()}] if status == "completed" else []
    about = {"id": "t1", "type": "image", "provider": "acme", "model": "one", "user_id": "u"}
    return {**about, "status": status, "created_at": "2026-11-30T00:00:00Z", "output": {"images": outputs}}


@pytest.fixture
def proxy(request: pytest.FixtureRequest) -> Iterator[_Server]:
    """A proxy that answers 502 from what the test names on."""
    with _Server(request.param) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _generate(danqing: Danqing, proxy: _Server) -> str:
    done = danqing.with_variables(DANQING_URL=f"http://127.0.0.1:{proxy.server_port}").run(
        "generate", "a hill", "-m", "one", "-o", "hill.png"
    )
    assert done.code == 7
    assert list(danqing.folder.glob("hill*")) == []
    return done.err


@pytest.mark.parametrize("proxy", ["submit"], indirect=True)
def test_a_submission_may_have_arrived(alone: Danqing, proxy: _Server) -> None:
    """The key that was used is told, by which the same command finds its task."""
    said = _generate(alone, proxy)
    assert len(set(proxy.keys)) == 1
    assert f"--idempotency-key {proxy.keys[0]}" in said


@pytest.mark.parametrize("proxy", ["wait", "download"], indirect=True)
def test_a_task_that_is_there_is_named(alone: Danqing, proxy: _Server) -> None:
    """With the command that gets what it made, whether it was waited for or fetched."""
    assert "danqing watch t1 -o hill.png" in _generate(alone, proxy)
