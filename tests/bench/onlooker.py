"""What one open studio asks of a server: `python -m tests.bench.onlooker URL`, until it is ended.

The stream of all that happens, and every three seconds the lanes, as the page's Queue does (`studio/js/live.js`).
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp

__all__ = ["LOOK_S"]

LOOK_S = 3.0


async def _look_on(base_url: str) -> None:
    for_ever = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(base_url, timeout=for_ever) as http, asyncio.TaskGroup() as both:
        both.create_task(_follow(http))
        both.create_task(_look_at_lanes(http))


async def _follow(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/v1/events?per_second=200") as stream:
        stream.raise_for_status()
        async for _ in stream.content.iter_any():
            pass


async def _look_at_lanes(http: aiohttp.ClientSession) -> None:
    while True:
        async with http.get("/api/v1/lanes") as answer:
            answer.raise_for_status()
            await answer.read()
        await asyncio.sleep(LOOK_S)


if __name__ == "__main__":
    asyncio.run(_look_on(sys.argv[1]))
