"""Runs the simulator: `python -m danqing_providers.arksim --port 8210`."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence

from aiohttp import web

from danqing_providers.arksim.app import create_app
from danqing_providers.arksim.config import Config, read_config

__all__ = ["main"]

# Long enough for an answer that is being written, not for one that a fault stalls.
_DRAIN_S = 2.0


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; prints the base URL in one line when ready."""
    config = read_config(sys.argv[1:] if argv is None else argv)
    try:
        asyncio.run(_serve(config))
    except OSError as error:
        sys.stderr.write(f"arksim: {error}\n")
        return 1
    return 0


async def _serve(config: Config) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    runner = web.AppRunner(create_app(config), access_log=None, shutdown_timeout=_DRAIN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, config.host, config.port).start()
        host, port = runner.addresses[0][:2]
        sys.stdout.write(f"http://{f'[{host}]' if ':' in host else host}:{port}\n")
        sys.stdout.flush()
        await stopping.wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
