"""Applications for the tests of one process: what has served is used again, with other settings.

A third of what a test of the API costs is Sanic's router, which is compiled anew for each application.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from sanic import Sanic

from danqing_server.serving.app import create_app, fit
from danqing_server.settings.server import Settings

__all__ = ["borrowed_app", "start"]

_idle: defaultdict[tuple[bool, ...], list[Sanic[Any, Any]]] = defaultdict(list)


@asynccontextmanager
async def borrowed_app(settings: Settings) -> AsyncIterator[Sanic[Any, Any]]:
    """Yield an application that serves as *settings* say, and nobody else while the block lasts."""
    alike = _idle[settings.metrics, settings.serves_api, settings.studio]
    if alike:
        app = alike.pop()
        fit(app, settings)
    else:
        app = create_app(settings)
        app.config.TOUCHUP = False  # Sanic rewrites its own classes for one application, and here are many
    yield app
    app.ctx = SimpleNamespace()
    alike.append(app)  # one whose test failed is not used again


async def start(app: Sanic[Any, Any], server: Any) -> None:
    """Have *server*, which `listen` returned for *app*, answer."""
    if app.state.is_started:
        _move_signals(app)
    else:
        await server.startup()
    await server.before_start()


def _move_signals(app: Sanic[Any, Any]) -> None:
    """Bind the signals of *app* to the running loop, as its first start did."""
    router = app.signal_router
    router.ctx.loop = asyncio.get_running_loop()
    for signal in router.routes:
        signal.ctx.waiters = deque()
