"""`danqing logs -f` between what is kept and what is told: nothing is missed, and nothing is told twice."""

from __future__ import annotations

import contextlib
import http.client
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.cli.conftest import Danqing
from tests.support.servers import wait_until

pytestmark = pytest.mark.processes

STREAM = "/api/v1/events"


@contextlib.contextmanager
def handing_on(server: str, before_stream: Callable[[], None]) -> Iterator[str]:
    """Yield the URL of a proxy that carries *before_stream* out before it asks *server* for the events."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith(STREAM):
                before_stream()
            there = http.client.HTTPConnection(urlsplit(server).netloc)
            there.request("GET", self.path, headers={**self.headers, "Connection": "close"})
            answer = there.getresponse()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.end_headers()
            with contextlib.suppress(OSError):  # whoever asked is gone
                while part := answer.read1():
                    self.wfile.write(part)
            there.close()

        def log_message(self, *_args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_port}"
        proxy.shutdown()


@pytest.mark.parametrize("tail", [(), ("--tail", "0")])
def test_what_changes_behind_the_list_is_told(
    danqing: Danqing, server: str, tmp_path: Path, tail: tuple[str, ...]
) -> None:
    """Once, and what the list had is not told again, though a stream begins a minute before it is asked for."""
    danqing.run("pause", "replicate", "--reason", "so that nothing is sent")
    user = f"between{len(tail)}"
    words = ("generate", "waits", "--provider", "replicate", "--no-wait", "--user", user)
    first, second = (danqing.run(*words).out.strip() for _ in range(2))
    told = tmp_path / "told.txt"

    def seen() -> list[tuple[str, ...]]:
        return [tuple(line.split("\t")[1:3]) for line in told.read_text().splitlines()]

    with handing_on(server, lambda: danqing.run("cancel", first) and None) as url, told.open("wb") as out:
        process = danqing.with_variables(DANQING_URL=url).start(
            "logs", "-f", "--user", user, *tail, stdout=out, stderr=subprocess.PIPE
        )
        try:
            wait_until(lambda: (first, "cancelled") in seen(), timeout_s=60, what="the end of the first")
            danqing.run("cancel", second)
            wait_until(lambda: (second, "cancelled") in seen(), timeout_s=60, what="that of the second")
        finally:
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
    assert said == b""
    listed = [] if tail else [(first, "made"), (second, "made")]
    assert seen() == [*listed, (first, "cancelled"), (second, "cancelled")]
