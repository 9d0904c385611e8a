"""A proxy before an S3 that has the faults of one: told, request by request, what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from enum import Enum, auto

import aiohttp
import attrs
from aiohttp import web
from yarl import URL

__all__ = ["Asked", "Fault", "FaultyS3", "faulty_s3"]

_HOPS = ("connection", "content-encoding", "content-length", "keep-alive", "server", "transfer-encoding")
_ERROR = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>a secret/key of it</Message></Error>"


class Fault(Enum):
    """What goes wrong with a request."""

    SLOW_DOWN = auto()
    """503, as a service that is asked too much; the S3 hears nothing of it."""
    DENIED = auto()
    """403, as while keys are exchanged."""
    SKEWED = auto()
    """403, as where our clock is a quarter of an hour off."""
    GONE = auto()
    """404, though it is there."""
    HANGING = auto()
    """It is read, and never answered."""
    UNHEARD = auto()
    """It is carried out, and its answer is lost."""
    SHORT = auto()
    """Half of it is given as if that were all."""
    CUT = auto()
    """The answer breaks off in its middle."""


@attrs.frozen
class Asked:
    """One request; `key` is the path after the bucket's name."""

    method: str
    key: str
    query: Mapping[str, str]


@attrs.define(eq=False)
class FaultyS3:
    """Passes requests on to the S3 at `behind`; `fault_of` says which fault one has, None for none."""

    behind: str
    fault_of: Callable[[Asked], Fault | None] = lambda _asked: None
    asked: list[Asked] = attrs.field(factory=list, init=False)
    url: str = attrs.field(default="", init=False)
    session: aiohttp.ClientSession = attrs.field(init=False)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        asked = Asked(request.method, request.path.lstrip("/").partition("/")[2], dict(request.query))
        self.asked.append(asked)
        fault = self.fault_of(asked)
        if fault is Fault.SLOW_DOWN:
            await request.read()
            return _refusal(503, "SlowDown")
        if fault is Fault.DENIED:
            await request.read()
            return _refusal(403, "InvalidAccessKeyId")
        if fault is Fault.HANGING:
            await request.read()
            await asyncio.Event().wait()
        if fault is Fault.SKEWED:
            await request.read()
            return _refusal(403, "RequestTimeTooSkewed")
        if fault is Fault.GONE:
            return _refusal(404, "NoSuchKey")
        return await self._passed_on(request, fault)

    async def _passed_on(self, request: web.Request, fault: Fault | None) -> web.StreamResponse:
        url = URL(self.behind + request.raw_path, encoded=True)
        sent = {name: value for name, value in request.headers.items() if name.lower() != "connection"}
        body = await request.read()
        async with self.session.request(
            request.method, url, headers=sent, data=body or None, allow_redirects=False
        ) as answer:
            whole = await answer.read()
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOPS]
            length = answer.headers.get("Content-Length", str(len(whole)))
        if fault is Fault.UNHEARD:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        response = web.StreamResponse(status=answer.status, headers=kept)
        if fault is Fault.SHORT:
            whole = whole[: len(whole) // 2]
            length = str(len(whole))
        response.content_length = int(length)
        await response.prepare(request)
        if fault is Fault.CUT:
            await response.write(whole[: len(whole) // 2])
            assert request.transport is not None
            request.transport.close()
            return response
        if request.method != "HEAD":
            await response.write(whole)
        return response


def _refusal(status: int, code: str) -> web.Response:
    return web.Response(status=status, text=_ERROR.format(code=code), content_type="application/xml")


@asynccontextmanager
async def faulty_s3(behind: str) -> AsyncIterator[FaultyS3]:
    """Yield a proxy before the S3 at *behind*, on a port of its own, in the loop of who asks."""
    proxy = FaultyS3(behind)
    app = web.Application(client_max_size=1024**3)
    app.router.add_route("*", "/{path:.*}", proxy.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)  # what hangs would hang for a minute
    async with aiohttp.ClientSession(auto_decompress=False) as proxy.session:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        proxy.url = f"http://127.0.0.1:{port}"
        try:
            yield proxy
        finally:
            await runner.cleanup()
