"""A simulator in little: `--port N --data-dir DIR` and 200 at `/ping`."""

from __future__ import annotations

import argparse

from aiohttp import web


async def _ping(_request: web.Request) -> web.Response:
    return web.Response(text="pong")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data-dir", required=True)
    application = web.Application()
    application.add_routes([web.get("/ping", _ping)])
    web.run_app(application, host="127.0.0.1", port=parser.parse_args().port, print=None)
