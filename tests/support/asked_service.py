"""A paid service that can be asked: it takes orders under ids that its clients choose, and knows them afterwards.

What it was paid for is in `bills`. `mood` says what it does with an order: it `takes` it and answers, `hangs` or
`cuts` the connection after it took it, or is `deaf` (it hangs, and never took it). `silent` is how many questions
are answered 503; `forgetful`, it cannot tell of any order. `working`, nothing is made yet; `held` holds answers
back until it is set.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import attrs
from aiohttp import web

from danqing_plugins import (
    FoundOrder,
    Job,
    LostCall,
    ModelInfo,
    NeverPlaced,
    OutcomeUnknown,
    ProviderInfo,
    Run,
    Source,
    Unavailable,
)
from tests.support.providers import ScriptedProvider, picture

__all__ = ["AskedService", "OrderingProvider", "asked_service"]


@attrs.define(eq=False)
class AskedService:
    """The service, as its test sees it."""

    url: str = ""
    mood: str = "takes"
    silent: int = 0
    forgetful: bool = False
    bills: Counter[str] = attrs.field(factory=Counter)
    orders: dict[str, str] = attrs.field(factory=dict)
    asked: list[str] = attrs.field(factory=list)
    dropped: list[str] = attrs.field(factory=list)
    arrived: asyncio.Event = attrs.field(factory=asyncio.Event)
    working: bool = False
    held: asyncio.Event | None = None
    drops: bool = True
    refused_to_drop: int = 0

    async def place(self, request: web.Request) -> web.Response:
        """Take an order under its client's own id."""
        wanted = await request.json()
        mood, order = self.mood, wanted["id"]
        if mood != "deaf":
            self.bills[wanted["task"]] += 1
            self.orders[order] = wanted["task"]
        self.arrived.set()
        if self.held is not None:
            await self.held.wait()
        if mood in ("hangs", "deaf"):
            await asyncio.Event().wait()
        if mood == "cuts" and request.transport is not None:
            request.transport.abort()
        return web.json_response({"order": order})

    async def look(self, request: web.Request) -> web.Response:
        """Say what is known of an order."""
        order = request.match_info["order"]
        self.asked.append(order)
        if self.silent:
            self.silent -= 1
            return web.Response(status=503)
        if self.forgetful:
            return web.Response(status=501)
        return web.Response(status=200 if order in self.orders else 404)

    async def collect(self, request: web.Request) -> web.Response:
        """Hand a picture over, 202 while it is being worked on, 410 when its order was dropped."""
        order = request.match_info["order"]
        if order in self.dropped:
            return web.Response(status=410)
        return web.Response(status=202) if self.working else web.Response(body=picture())

    async def drop(self, request: web.Request) -> web.Response:
        """Drop an order and bill nothing, if it still can."""
        order = request.match_info["order"]
        if not self.drops or order in self.dropped:
            self.refused_to_drop += 1
            return web.Response(status=409)
        self.dropped.append(order)
        self.bills[self.orders[order]] -= 1
        return web.Response(status=204)


@asynccontextmanager
async def asked_service() -> AsyncIterator[AskedService]:
    """Yield a service on a port of its own."""
    service = AskedService()
    app = web.Application()
    app.add_routes([web.post("/orders", service.place), web.get("/orders/{order}", service.look)])
    app.add_routes([web.get("/made/{order}", service.collect), web.delete("/orders/{order}", service.drop)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield service
    finally:
        await runner.cleanup()


@attrs.define(eq=False)
class OrderingProvider(ScriptedProvider):
    """Orders at *url* under ids of its own, so that it finds what it ordered."""

    url: str = ""

    @property
    def info(self) -> ProviderInfo:
        model = ModelInfo(id="one", title="One", types=("image", "text"), finds_orders=True)
        return attrs.evolve(super().info, models=(model,))

    async def generate(self, job: Job, run: Run) -> None:
        for index in run.missing:
            if str(index) not in run.saved:
                await self._order(job, run, index)
        for index in run.missing:
            await run.deliver(index, Source.from_bytes(await self._collect(run, run.saved[str(index)])))

    async def _order(self, job: Job, run: Run, index: int) -> None:
        async with run.call([index], "fingerprint") as call:
            order = order_id(job, call.id)
            try:
                async with run.session.post(f"{self.url}/orders", json={"id": order, "task": job.task_id}):
                    pass
            except aiohttp.ClientError as error:
                raise OutcomeUnknown("the connection was cut") from error
            await run.checkpoint({**run.saved, str(index): order})

    async def _collect(self, run: Run, order: str) -> bytes:
        while True:
            async with run.session.get(f"{self.url}/made/{order}") as answer:
                if answer.status == 200:
                    return await answer.read()
                if answer.status == 410:
                    raise Unavailable("the order was dropped")
            await asyncio.sleep(0.01)

    async def find_order(self, job: Job, run: Run, lost: LostCall) -> FoundOrder | NeverPlaced | None:
        order = order_id(job, lost.id)
        async with run.session.get(f"{self.url}/orders/{order}") as answer:
            if answer.status == 200:
                return FoundOrder(saved={str(lost.indexes[0]): order})
            if answer.status == 404:
                return NeverPlaced()
            if answer.status == 503:
                raise Unavailable("the service is away")
        return None

    async def cancel_order(self, job: Job, run: Run) -> bool:
        for order in run.saved.values():
            async with run.session.delete(f"{self.url}/orders/{order}") as answer:
                if answer.status != 204:
                    return False
        return True


def order_id(job: Job, call_id: str) -> str:
    """Return the id that we choose: a call's own is unique within its task."""
    return f"{job.task_id}-{call_id}"
