"""One serving process: Sanic on an inherited socket, with everything it needs opened before and closed after.

`danqing serve` starts it as `python -m danqing_server.serving --fd N`, N being the listening socket.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from sanic import Sanic

from danqing_server.api.app import create_app
from danqing_server.composition import open_process
from danqing_server.errors import SettingsError
from danqing_server.log import configure_logging
from danqing_server.registry import Registry, load_registry
from danqing_server.settings import Settings, read_environment
from danqing_server.supervision.processes import end_with_parent

__all__ = ["main"]

SETTINGS_REFUSED = 2
LISTEN_BACKLOG = 4096  # the supervisor's; Sanic's own default would lower it


def _attach(app: Sanic[Any, Any], settings: Settings, registry: Registry) -> None:
    """Open the resources before the app serves, and drain and close them before it stops."""
    stack = AsyncExitStack()

    @app.before_server_start
    async def open_resources(app: Sanic[Any, Any]) -> None:
        process = await stack.enter_async_context(open_process(settings, registry))
        app.ctx.services = process.services
        app.ctx.process = process
        process.start()

    @app.before_server_stop
    async def drain(app: Sanic[Any, Any]) -> None:
        await app.ctx.process.stop(settings.stop_grace_s)

    @app.after_server_stop
    async def close_resources(_app: Sanic[Any, Any]) -> None:
        await stack.aclose()


def main(argv: list[str] | None = None) -> int:
    """Serve on an inherited socket until told to stop; 2 when a setting is wrong."""
    parser = argparse.ArgumentParser(prog="python -m danqing_server.serving")
    parser.add_argument("--fd", type=int, required=True, help="the listening socket, inherited")
    parser.add_argument("--index", type=int, default=0, help="which of the serving processes this is")
    arguments = parser.parse_args(argv)
    end_with_parent()
    try:
        settings = Settings.read(read_environment(os.environ, Path(".env")))
        configure_logging(settings.log_level, json_lines=settings.environment_name == "production" or None)
        registry = load_registry(settings)
    except SettingsError as error:
        sys.stderr.write(f"danqing: {error}\n")
        return SETTINGS_REFUSED
    app = create_app(settings)
    _attach(app, settings, registry)
    listening = socket.socket(fileno=arguments.fd)
    app.run(sock=listening, single_process=True, motd=False, access_log=False, backlog=LISTEN_BACKLOG)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
