"""The HTTP API of a whole process, in the test's own event loop, on a loopback port."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import attrs
import orjson
import pytest
from multidict import CIMultiDict
from sanic.http import Stage

from danqing_server.http.services import Services
from danqing_server.serving.app import listen
from danqing_server.settings.server import Settings
from danqing_server.telemetry.meters import open_meters
from tests.support.apps import borrowed_app, start
from tests.support.contract import Contract
from tests.support.hanging_up import hang_up
from tests.support.providers import ScriptedProvider
from tests.support.system import MakeSettings, System, running_system


@attrs.define(eq=False, repr=False)
class Client:
    """Talks HTTP to one running application, and reaches behind it."""

    base: str
    port: int
    session: aiohttp.ClientSession
    system: System
    server: Any
    app: Any
    contract: Contract | None = None

    @property
    def services(self) -> Services:
        """What the routes use."""
        return self.system.services

    def waiting_to_write(self) -> list[int]:
        """Return, of each connection whose client does not keep up, the bytes held for it."""
        protocols = list(self.server.connections)
        return [each.transport.get_write_buffer_size() for each in protocols if not each._can_write.is_set()]

    def answering(self) -> int:
        """Return how many requests a route is at work on."""
        return sum(
            1 for each in self.server.connections if each._http is not None and each._http.stage is Stage.HANDLER
        )

    async def ask(self, method: str, path: str, **options: Any) -> Reply:
        """Send one request and read its answer, which has to be as the OpenAPI document says (R8)."""
        async with self.session.request(method, self.base + path, **options) as answer:
            reply = Reply(answer.status, CIMultiDict(answer.headers), await answer.read())
        if self.contract is not None:
            faults = self.contract.faults(method, path, answer.status, answer.content_type, reply.body)
            assert not faults, faults
        if "Accept-Language" not in (options.get("headers") or {}) and path.startswith("/api/v1/"):
            assert english_of(reply) == []
        return reply


@attrs.frozen
class Reply:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)


ENGLISH = re.compile(r"(?:^|\s)(?:a|an|the|is|are|was|must|may|not|of|to|be|it|and|or|known|unknown)(?=\s|$|:)")
TEXTS = frozenset({"message", "error", "title", "notes", "reason"})


def english_of(reply: Reply) -> list[str]:
    """Return what an answer to a client that reads Chinese says in English (U3); quoted names are no words."""
    if not reply.headers.get("Content-Type", "").startswith("application/json") or not reply.body:
        return []
    return [text for text in _texts(reply.json) if ENGLISH.search(re.sub(r"`[^`]*`", "", text))]


def _texts(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, str) and name in TEXTS:
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, name)


Open = Callable[..., AbstractAsyncContextManager[Client]]


@asynccontextmanager
async def opened(
    settings: Settings, provider: ScriptedProvider, *, workers: bool, dead_after_s: float | None = None
) -> AsyncIterator[Client]:
    """Yield a client of a running application."""
    meters = open_meters({}) if settings.metrics else None
    running = running_system(settings, [provider], workers=workers, dead_after_s=dead_after_s, meters=meters)
    async with running as system, borrowed_app(settings) as app:
        app.ctx.services = system.services
        if system.watched is not None:
            app.ctx.meters, app.ctx.scrape = meters, system.watched.scrape
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        server = await listen(app, listening)
        assert server is not None
        await start(app, server)
        async with aiohttp.ClientSession(skip_auto_headers=["Accept-Language"]) as session:
            try:
                contract = Contract.of(app) if settings.serves_api else None
                yield Client(f"http://127.0.0.1:{port}", port, session, system, server, app, contract)
            finally:
                await hang_up(server)


@pytest.fixture
def open_api(make_settings: MakeSettings) -> Open:
    """Open an application: settings by name, `workers=True` to carry tasks out."""

    def open_(*, workers: bool = False, provider: ScriptedProvider | None = None, **variables: str) -> Any:
        return opened(make_settings(**variables), provider or ScriptedProvider(), workers=workers)

    return open_


@pytest.fixture
async def api(open_api: Open) -> AsyncIterator[Client]:
    """An application without workers: what is submitted stays pending."""
    async with open_api() as client:
        yield client
