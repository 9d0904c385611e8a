"""One serving process: Sanic on an inherited socket, with everything it needs opened before and closed after.

`danqing serve` starts as many as it is told to, all on one socket.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import uvloop
from sanic import Sanic
from sanic.application.state import ApplicationServerInfo
from sanic.http.constants import HTTP

from danqing_server.composition.process import open_process
from danqing_server.errors import SettingsError
from danqing_server.log import configure_logging
from danqing_server.plugins.registry import Registry, load_registry
from danqing_server.serving.app import create_app, listen
from danqing_server.settings.reading import read_environment, read_settings
from danqing_server.settings.server import Settings
from danqing_server.supervision.processes import end_with_parent
from danqing_server.telemetry.beginning import NOTHING, Begun

if TYPE_CHECKING:
    from danqing_server.telemetry.traces import Traces

__all__ = ["main", "serve"]

T = TypeVar("T")

SETTINGS_REFUSED = 2
REQUESTS_GRACE_S = 5.0
LEASE_PATIENCE_S = 3.0
COLLECT_EVERY = 50_000
"""More objects than 512 tasks are made of, at work or ending: else each batch begins a search for garbage."""

SWITCH_EVERY_S = 0.0002
CONNECTIONS_CHECK_S = 0.05


async def serve(settings: Settings, registry: Registry, listening: socket.socket, begun: Begun = NOTHING) -> None:
    """Serve on *listening* until SIGTERM or SIGINT, then end in order; *begun* counts and traces.

    The life of the server is in our hands, not in `app.run`'s: a stopping process closes its socket first, so that
    its siblings get what still arrives, while what it has begun is finished.
    """
    stop = asyncio.Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_, stop.set)
    app = create_app(settings)
    # What `app.run` would note: without it every answer carries an empty alt-svc header.
    app.state.server_info.append(ApplicationServerInfo(settings={"version": HTTP.VERSION_1}))
    async with AsyncExitStack() as opened:
        if begun.traces is not None:
            _trace(app, begun.traces)
            opened.push_async_callback(asyncio.to_thread, begun.traces.close)
        opening = open_process(settings, registry, meters=begun.meters, traces=begun.traces)
        process = await _unless_stopped(stop, opened.enter_async_context(opening))
        if process is None:  # told to stop while it waited for MongoDB
            return
        app.ctx.services = process.services
        if process.watched is not None:
            app.ctx.meters, app.ctx.scrape = begun.meters, process.watched.scrape
        process.start()
        await process.until_leased(LEASE_PATIENCE_S)  # who asks from now on is told that all is well
        server = await listen(app, listening)
        await server.startup()
        await server.before_start()
        await server.after_start()
        _share_the_processor()
        await stop.wait()
        server.close()
        await process.stop(settings.stop_grace_s)
        await _finish_requests(server)
        await server.before_stop()
        await server.after_stop()


def _trace(app: Sanic[Any, Any], traces: Traces) -> None:
    from danqing_server.http.tracing import trace_requests  # it loads OpenTelemetry

    trace_requests(app, traces)


async def _unless_stopped(stop: asyncio.Event, opening: Coroutine[Any, Any, T]) -> T | None:
    """Return what *opening* gives; None when *stop* was set before, and what it had opened is closed again."""
    stopped, opened = asyncio.create_task(stop.wait()), asyncio.create_task(opening)
    try:
        await asyncio.wait({stopped, opened}, return_when=asyncio.FIRST_COMPLETED)
        if opened.done():
            return opened.result()
        opened.cancel()
        await asyncio.wait({opened})
        return None
    finally:
        stopped.cancel()


def _share_the_processor() -> None:
    """Spare the event loop what it need not pay for.

    What is loaded for good is left out of garbage collection, and the rest is collected less often: thousands of
    waiting tasks are many objects that live for a while, and walking them every 700 allocations took a tenth of the
    processor time. MongoDB's driver works in threads: who waits for the interpreter gets it 25 times sooner than
    by default. Sources: docs.python.org/3/library/gc.html#gc.freeze, sys.html#sys.setswitchinterval, read
    2026-11-24.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, 8, 50)
    sys.setswitchinterval(SWITCH_EVERY_S)


async def _finish_requests(server: Any) -> None:
    """Let requests under way be answered, and close the connections."""
    deadline_s = asyncio.get_running_loop().time() + REQUESTS_GRACE_S
    while server.connections and asyncio.get_running_loop().time() < deadline_s:
        for connection in list(server.connections):
            connection.close_if_idle()
        await asyncio.sleep(CONNECTIONS_CHECK_S)
    for connection in list(server.connections):
        connection.abort()


def main(argv: list[str] | None = None, begun: Begun = NOTHING) -> int:
    """Serve on an inherited socket until told to stop; 2 when a setting is wrong."""
    parser = argparse.ArgumentParser(prog="python -m danqing_server.serving")
    parser.add_argument("--fd", type=int, required=True, help="the listening socket, inherited")
    parser.add_argument("--index", type=int, default=0, help="which of the serving processes this is")
    arguments = parser.parse_args(argv)
    end_with_parent()
    # Sanic's own switch: on a terminal it would greet every start with advice for Sanic's developers, as a warning.
    os.environ.setdefault("SANIC_IGNORE_PRODUCTION_WARNING", "true")
    try:
        settings = read_settings(read_environment(os.environ, Path(".env")))
        configure_logging(settings.log_level, json_lines=settings.environment_name == "production" or None)
        if settings.traces and begun.traces is None:
            raise SettingsError("DANQING_TRACES: OpenTelemetry is not installed: pip install 'danqing[otel]'")
        registry = load_registry(settings)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings, registry, socket.socket(fileno=arguments.fd), begun))
    except SettingsError as error:
        sys.stderr.write("".join(f"danqing: {line}\n" for line in error.lines))
        return SETTINGS_REFUSED
    return 0
