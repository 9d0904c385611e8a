"""A service on loopback that answers each of its paths as a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
from aiohttp import web

__all__ = ["Answer", "Scripted", "cut", "page", "said", "scripted"]

Answer = Callable[[web.Request, str], web.StreamResponse]
"""Makes an answer to a request; the text is the service's own address."""


@attrs.define(eq=False)
class Scripted:
    """The service: of several answers of a place ("POST /images"), each is given once, the last one ever after."""

    answers: dict[str, list[Answer]]
    url: str = ""
    asked: list[str] = attrs.field(factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Give the next answer of the place; 404 where there is none."""
        await request.read()
        place = f"{request.method} {request.path}"
        self.asked.append(place)
        left = self.answers.get(place, [])
        if not left:
            return web.Response(status=404, text="<html>nothing here</html>", content_type="text/html")
        return (left.pop(0) if len(left) > 1 else left[0])(request, self.url)


def said(body: Any, status: int = 200, **headers: str) -> Answer:
    """Answer with JSON; `{url}` in its texts becomes the service's own address."""

    def answer(_: web.Request, url: str) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response(_placed(body, url), status=status, headers=named)

    return answer


def page(status: int) -> Answer:
    """Answer as a gateway does, with a page of its own."""

    def answer(_: web.Request, __: str) -> web.StreamResponse:
        text = f"<html><head><title>{status}</title></head><body>nginx</body></html>"
        return web.Response(status=status, text=text, content_type="text/html")

    return answer


def cut(request: web.Request, _: str) -> web.StreamResponse:
    """Cut the connection."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@asynccontextmanager
async def scripted(answers: Mapping[str, Sequence[Answer]]) -> AsyncIterator[Scripted]:
    """Serve *answers*, by method and path."""
    service = Scripted({place: list(each) for place, each in answers.items()})
    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{rest:.*}", service.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield service
    finally:
        await runner.cleanup()


def _placed(value: Any, url: str) -> Any:
    if isinstance(value, str):
        return value.replace("{url}", url)
    if isinstance(value, Mapping):
        return {name: _placed(each, url) for name, each in value.items()}
    return [_placed(each, url) for each in value] if isinstance(value, list) else value
