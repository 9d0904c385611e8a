"""The HTTP API of a whole process, in the test's own event loop, on a loopback port."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import attrs
import orjson
import pytest
from multidict import CIMultiDict

from danqing_server.api.app import create_app, listen
from danqing_server.api.services import Services
from danqing_server.settings import Settings
from tests.support.providers import ScriptedProvider
from tests.support.system import MakeSettings, System, running_system


@attrs.define(eq=False)
class Client:
    """Talks HTTP to one running application, and reaches behind it."""

    base: str
    port: int
    session: aiohttp.ClientSession
    system: System
    server: Any
    app: Any

    @property
    def services(self) -> Services:
        """What the routes use."""
        return self.system.services

    def waiting_to_write(self) -> list[int]:
        """Return, of each connection whose client does not keep up, the bytes held for it."""
        protocols = list(self.server.connections)
        return [each.transport.get_write_buffer_size() for each in protocols if not each._can_write.is_set()]

    async def ask(self, method: str, path: str, **options: Any) -> Reply:
        """Send one request and read its answer."""
        async with self.session.request(method, self.base + path, **options) as answer:
            body = await answer.read()
            return Reply(answer.status, CIMultiDict(answer.headers), body)


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


Open = Callable[..., AbstractAsyncContextManager[Client]]


@asynccontextmanager
async def opened(settings: Settings, provider: ScriptedProvider, *, workers: bool) -> AsyncIterator[Client]:
    """Yield a client of a running application."""
    async with running_system(settings, [provider], workers=workers) as system:
        app = create_app(settings)
        app.ctx.services = system.services
        app.config.TOUCHUP = False  # Sanic rewrites its own classes for one application, and here are many
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        server = await listen(app, listening)
        assert server is not None
        await server.startup()
        await server.before_start()
        async with aiohttp.ClientSession(skip_auto_headers=["Accept-Language"]) as session:
            try:
                yield Client(f"http://127.0.0.1:{port}", port, session, system, server, app)
            finally:
                await server.before_stop()
                server.close()
                await server.wait_closed()


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
