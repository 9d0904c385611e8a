"""A receiver of webhooks, as a process of its own: what it was sent it writes to a file before it answers.

The path says how it behaves: see `ANSWERS`. Run by `run_receiver`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import orjson
from aiohttp import web
from standardwebhooks import Webhook

from danqing_server.supervision.embedded.servers import free_port
from danqing_server.supervision.processes import Command
from tests.support.servers import RunningServer, answers_http

__all__ = ["Received", "Receiver", "run_receiver"]

HOSTILE = b"<script>alert(1)</script>\r\n\x1b[2J\x00\xff" + b"A" * 4096
FLAKY_TIMES = 1


@attrs.frozen(kw_only=True)
class Received:
    """One request that a receiver was sent."""

    path: str
    headers: Mapping[str, str]
    body: bytes = attrs.field(repr=False)

    @property
    def id(self) -> str:
        """The header `webhook-id`."""
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)

    def signature_with(self, secret: str) -> str:
        """Return how the official library signs it, however long ago it came."""
        at = datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)
        return Webhook(secret).sign(self.id, at, self.body.decode())

    def verify(self, secret: str) -> Any:
        """Return the body after the official library took its signature for good; raises what that raises."""
        return Webhook(secret).verify(self.body, dict(self.headers))


@attrs.define(eq=False)
class Receiver:
    """A receiver in the test's hands; `server` is started, killed and paused."""

    server: RunningServer
    record: Path

    @property
    def url(self) -> str:
        """How it is reached, without a trailing slash."""
        return self.server.url

    def received(self, path: str | None = None) -> list[Received]:
        """Return what it was sent, over all its lives; a line that a kill cut is none."""
        if not self.record.exists():
            return []
        found = []
        for line in self.record.read_bytes().split(b"\n")[:-1]:
            try:
                entry = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            body = base64.b64decode(entry["body"])
            found.append(Received(path=entry["path"], headers=entry["headers"], body=body))
        return [each for each in found if path is None or each.path == path]


@contextmanager
def run_receiver(directory: Path, port: int | None = None, host: str = "127.0.0.1") -> Iterator[Receiver]:
    """Run a receiver at that address of this machine while the block lasts; its record is kept in *directory*."""
    port = port or free_port()
    directory.mkdir(parents=True, exist_ok=True)
    record, url = directory / f"received-{port}.jsonl", f"http://{host}:{port}"
    where = ("--host", host, "--port", str(port), "--record", str(record))
    argv = (sys.executable, "-m", "tests.support.receiver", *where)
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {**kept, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = Command(name="receiver", argv=argv, environment=environment, log_path=directory / "receiver.log")
    server = RunningServer(command=command, answers=lambda: answers_http(f"{url}/"), url=url, data_dir=directory)
    try:
        server.start()
        yield Receiver(server, record)
    finally:
        server.kill()


@attrs.define(eq=False)
class _Answering:
    record: Any
    seen: Counter[str] = attrs.field(factory=Counter)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Write the request down and answer as its path says."""
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        entry = {"path": request.path, "headers": headers, "body": base64.b64encode(body).decode()}
        self.record.write(orjson.dumps(entry) + b"\n")
        self.record.flush()
        self.seen[headers.get("webhook-id", "")] += 1
        return await getattr(self, f"_{request.path.strip('/').partition('/')[0]}", self._ok)(request)

    async def _ok(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text="thanks")

    async def _gone(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=410)

    async def _error(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text="no")

    async def _busy(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=429, headers={"Retry-After": "3600"})

    async def _redirect(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/ok"})

    async def _flaky(self, request: web.Request) -> web.StreamResponse:
        failed = self.seen[request.headers["webhook-id"]] <= FLAKY_TIMES
        return web.Response(status=503 if failed else 204)

    async def _hostile(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=500, body=HOSTILE, headers={"Content-Encoding": "gzip"})

    async def _hang(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(3600)
        return web.Response()

    async def _huge(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)


async def _alive(request: web.Request) -> web.StreamResponse:
    return web.Response()


def main() -> None:
    """Receive until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--record", type=Path, required=True)
    arguments = parser.parse_args()
    app = web.Application()
    with arguments.record.open("ab") as record:
        app.router.add_get("/", _alive)
        app.router.add_post("/{path:.*}", _Answering(record).answer)
        web.run_app(app, host=arguments.host, port=arguments.port, print=None)


if __name__ == "__main__":
    main()
