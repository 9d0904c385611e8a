"""The command: `python -m danqing_providers.sandbox`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import Final

from aiohttp import web

from danqing_providers.sandbox.app import create_app
from danqing_providers.sandbox.config import DEFAULT_BAD_KEY, DEFAULT_PORT, SandboxConfig

__all__ = ["main", "parse_arguments"]

_STOP_GRACE_S: Final = 2.0
_EPILOG: Final = """\
The prompt can ask for trouble: "a cat [sandbox:429 x2]" is refused twice, then painted. GET /sandbox lists all such
words. What the services would have billed is at GET /sandbox/ledger.
"""


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status: 0 after a stop, 1 when it could not start."""
    config = parse_arguments(argv)
    logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(_serve(config))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 1
    return 0


def parse_arguments(argv: list[str] | None) -> SandboxConfig:
    """Return the configuration in *argv* (None: the command line). Raises: SystemExit 2, the reason on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m danqing_providers.sandbox",
        description="Local simulators of image services: real pictures and films, no key, no cost.",
        epilog=_EPILOG,
    )
    _add_server_options(parser)
    _add_behaviour_options(parser)
    arguments = parser.parse_args(argv)
    return SandboxConfig(
        host=arguments.host,
        port=arguments.port,
        data_dir=arguments.data_dir,
        api_keys=frozenset(arguments.api_key),
        bad_keys=frozenset(arguments.bad_key or [DEFAULT_BAD_KEY]),
        enable_3_0=arguments.enable_3_0,
        endpoints=dict(arguments.endpoint),
        url_ttl_s=arguments.url_ttl_s,
        latency_s=arguments.latency_s,
        jitter_s=arguments.jitter_s,
        queued_s=arguments.queued_s,
        running_s=arguments.running_s,
        images_per_minute=arguments.ipm,
        vary=arguments.vary,
        stream_done=arguments.stream_done,
        stream_completed=arguments.stream_completed,
        control=arguments.control,
    )


def _add_server_options(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    option("--port", type=_port, default=DEFAULT_PORT, help="port; 0 picks a free one (%(default)s)")
    option("--data-dir", type=Path, metavar="DIR", help="keeps ledger and pictures (a temporary folder)")
    option("--api-key", action="append", default=[], metavar="KEY", help="accept only this key; repeatable")
    option("--bad-key", action="append", metavar="KEY", help=f"refuse this key ({DEFAULT_BAD_KEY}); repeatable")
    option("--no-control", dest="control", action="store_false", help="no /sandbox/ledger and /sandbox/faults")


def _add_behaviour_options(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option("--enable-3-0", action="store_true", help="keep the shut-down models alive")
    option(
        "--endpoint",
        action="append",
        default=[],
        type=_endpoint,
        metavar="ep-ID=MODEL",
        help="accept this endpoint id as a model; repeatable",
    )
    option("--url-ttl-s", type=_positive, default=86_400, help="how long links are good (%(default)s)")
    option("--latency-s", type=_seconds, default=0.5, help="seconds for each image (%(default)s)")
    option("--jitter-s", type=_seconds, default=0.0, help="up to so many seconds more (%(default)s)")
    option("--queued-s", type=_seconds, default=0.5, help="seconds that a job waits (%(default)s)")
    option("--running-s", type=_seconds, default=2.0, help="seconds that a job takes (%(default)s)")
    option("--ipm", type=_positive, default=500, help="images per minute and model (%(default)s)")
    option("--vary", action="store_true", help="paint another picture for every request without a seed")
    option("--no-stream-done", dest="stream_done", action="store_false", help="streams end without [DONE]")
    option(
        "--no-stream-completed",
        dest="stream_completed",
        action="store_false",
        help="streams end without the completed event",
    )


def _endpoint(text: str) -> tuple[str, str]:
    name, mark, model = text.partition("=")
    if not mark or not name.startswith("ep-") or not model:
        raise argparse.ArgumentTypeError(f"{text!r} does not look like ep-ID=MODEL")
    return name, model


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 65535")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not at least 1")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number < 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 86400")
    return number


async def _serve(config: SandboxConfig) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    runner = web.AppRunner(create_app(config), access_log=None, shutdown_timeout=_STOP_GRACE_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, config.host, config.port)
        await site.start()
        port = runner.addresses[0][1]
        host = f"[{config.host}]" if ":" in config.host else config.host
        sys.stdout.write(f"http://{host}:{port}\n")
        sys.stdout.flush()
        await stopping.wait()
    finally:
        await runner.cleanup()
