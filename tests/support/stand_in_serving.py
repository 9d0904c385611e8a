"""A serving process in little: `--fd N --index I`, `GET /health`, a drain on SIGTERM, exit 0.

`STAND_IN_DIES=1` makes it end at once (exit 1). `STAND_IN_REFUSES=1`, or a file where `STAND_IN_REFUSES_IF`
points, makes it refuse its settings (exit 2), of an index that stands in the file that one alone; a file where
`STAND_IN_WAITS_IF` points makes it wait before it listens, as for a MongoDB that is not there. A request to `/slow`
ends only when the server drains, `/exit?code=N` ends it, `STAND_IN_IGNORES_SIGTERM=1` makes it stay.
`STAND_IN_JOURNAL` names a file that gets one line for each start and each orderly end.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path
from urllib.parse import unquote

from aiohttp import web


def _journal(line: str) -> None:
    path = os.environ.get("STAND_IN_JOURNAL")
    if path:
        with Path(path).open("a") as journal:
            journal.write(f"{line}\n")


async def _serve(descriptor: int, index: int) -> None:
    stopping = asyncio.Event()

    async def health(_request: web.Request) -> web.Response:
        urls = {"mongo": os.environ["MONGO_URL"], "redis": os.environ["REDIS_URL"]}
        set_ = os.environ.get("DANQING_MAX_ATTEMPTS")
        return web.json_response({"status": "ok", "pid": os.getpid(), "max_attempts": set_, **urls})

    async def leave(request: web.Request) -> web.Response:
        os._exit(int(request.query["code"]))

    async def slow(_request: web.Request) -> web.Response:
        _journal("slow")
        await stopping.wait()
        return web.json_response({"finished": True})

    application = web.Application()
    application.add_routes([web.get("/health", health), web.get("/slow", slow), web.get("/exit", leave)])
    runner = web.AppRunner(application)
    await runner.setup()
    await web.SockSite(runner, socket.socket(fileno=descriptor)).start()
    on_stop = (lambda: None) if os.environ.get("STAND_IN_IGNORES_SIGTERM") else stopping.set
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, on_stop)
    _journal(f"start {index} {os.getpid()}")
    await stopping.wait()
    await runner.cleanup()
    _journal(f"end {index} {os.getpid()} with_mongodb={await _mongodb_listens()}")


async def _mongodb_listens() -> bool:
    host = os.environ["MONGO_URL"].removeprefix("mongodb://")
    try:
        _, writer = await asyncio.open_unix_connection(unquote(host))
    except OSError:
        return False
    writer.close()
    return True


def _is_to_refuse(index: int) -> bool:
    switch = Path(os.environ.get("STAND_IN_REFUSES_IF", "/nowhere"))
    return switch.exists() and switch.read_text() in ("", str(index))


def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--index", type=int, required=True)
    arguments = parser.parse_args()
    if os.environ.get("STAND_IN_DIES"):
        return 1
    if os.environ.get("STAND_IN_REFUSES") or _is_to_refuse(arguments.index):
        sys.stderr.write("danqing: stand-in: this setting is wrong\n")
        return 2
    while Path(os.environ.get("STAND_IN_WAITS_IF", "/nowhere")).exists():
        time.sleep(0.05)
    asyncio.run(_serve(arguments.fd, arguments.index))
    return 0


if __name__ == "__main__":
    sys.exit(main())
