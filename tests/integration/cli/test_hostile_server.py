"""`danqing` beside a server that means no good, or hands on what others wrote."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.integration.cli.conftest import Danqing

ORDERS = "\x1b[2J\x9b31m\x07\u202etxt"
"""Clears a terminal, colours it (in one byte of Latin-1), rings, and turns what follows around."""

CONTENT = b"a picture"
MOMENT = "2026-11-29T00:00:00Z"


def task(task_id: str, base: str) -> dict[str, Any]:
    """Return a finished task, each of whose words gives orders."""
    picture = {
        "index": 0,
        "url": f"{base}/picture",
        "media_type": "image/png",
        "size_bytes": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }
    return {
        "id": task_id,
        "status": "completed",
        "type": "image",
        "provider": f"acme{ORDERS}",
        "model": f"one{ORDERS}",
        "user_id": f"u{ORDERS}",
        "created_at": MOMENT,
        "output": {"images": [picture], "text": f"two\nlines{ORDERS}"},
        "input": {"prompt": f"a fox{ORDERS}"},
    }


class _Hostile(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/picture":
            return self._answer(200, CONTENT)
        if self.path.endswith("/page"):
            return self._answer(404, b"<h1>Not found</h1>")
        if self.path.endswith("/refused"):
            said = {"code": f"no{ORDERS}", "message": f"no{ORDERS}", "error": f"no{ORDERS}", "details": []}
            return self._answer(404, json.dumps({"success": False, **said}).encode())
        found = task("../outside" if self.path.endswith("/climber") else "t1", f"http://{self.headers['Host']}")
        return self._answer(200, json.dumps({"success": True, "data": found}).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_said: object) -> None:
        """Say nothing."""


@pytest.fixture
def hostile(alone: Danqing) -> Iterator[Danqing]:
    """The command, which asks such a server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hostile) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield alone.with_variables(DANQING_URL=f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()


class TestHostileServer:
    @pytest.mark.parametrize("words", [("watch", "t1"), ("watch", "t1", "--json"), ("watch", "refused")])
    def test_a_terminal_is_given_no_orders(self, hostile: Danqing, words: tuple[str, ...]) -> None:
        """Not by texts, JSON, nor refusals."""
        _, seen = hostile.on_terminal(*words)
        assert "lines" in seen or "no" in seen
        assert [order for order in ("\x1b[2J", "\x9b", "\x07", "\u202e") if order in seen] == []

    def test_a_program_is_given_what_was_said(self, hostile: Danqing) -> None:
        """JSON means the same, and a text that is sent on is as it was made."""
        assert hostile.run("watch", "t1", "--json").json["input"]["prompt"] == f"a fox{ORDERS}"
        assert f"lines{ORDERS}" in hostile.run("watch", "t1").out

    def test_another_server_is_told_apart(self, hostile: Danqing) -> None:
        """A mistyped port: what answers there knows nothing of tasks."""
        done = hostile.run("watch", "page")
        assert done.err == "danqing: what answered is no danqing server, or something before it (http_404)\n"

    def test_files_stay_in_their_folder(self, hostile: Danqing) -> None:
        """Whatever the task calls itself."""
        folder = hostile.folder / "pictures"
        folder.mkdir()
        done = hostile.run("watch", "climber", "-o", str(folder))
        assert done.code == 0, done.err
        assert [path.read_bytes() for path in folder.iterdir()] == [CONTENT]
        assert list(hostile.folder.glob("outside*")) == []
