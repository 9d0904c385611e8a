"""Where the service's pictures are fetched: a real HTTP server whose links are late, broken or dead."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import attrs
from aiohttp import web

__all__ = ["Links", "serving_links"]


@attrs.define(eq=False)
class Link:
    """One picture's address: it answers `before` in turn, then the picture; None instead of one: 404 for good."""

    body: bytes | None
    before: list[int]
    asked: int = 0


@attrs.define(eq=False)
class Links:
    """The links of every story."""

    base: str
    links: dict[str, Link] = attrs.field(factory=dict)
    _numbers: Iterator[int] = attrs.field(factory=lambda: itertools.count(1))

    def make(self, body: bytes | None, *before: int) -> str:
        """Return a new URL."""
        token = str(next(self._numbers))
        self.links[token] = Link(body, list(before))
        return f"{self.base}/{token}"

    def is_good(self, url: str) -> bool:
        """Tell whether asking for *url* again is of use, or nobody can know yet that it is not."""
        link = self.links[url.rpartition("/")[2]]
        return link.body is not None or not link.asked

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a GET."""
        link = self.links[request.match_info["token"]]
        link.asked += 1
        if link.before:
            return web.Response(status=link.before.pop(0))
        return (
            web.Response(status=404)
            if link.body is None
            else web.Response(body=link.body, content_type="image/png")
        )


@asynccontextmanager
async def serving_links() -> AsyncIterator[Links]:
    """Serve links on loopback while the block lasts."""
    app = web.Application()
    runner = web.AppRunner(app, access_log=None)
    links = Links("")
    app.router.add_get("/{token}", links.answer)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        links.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield links
    finally:
        await runner.cleanup()
