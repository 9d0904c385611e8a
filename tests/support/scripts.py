"""A service inside the test: what each paid call does next, and a ledger of what it charged."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
from aiohttp import web

from danqing_plugins import Job, Result, Run, Source
from tests.support.providers import ScriptedProvider, picture

__all__ = [
    "Answer",
    "Held",
    "Ledger",
    "LinkHost",
    "link_host",
    "paying",
    "provider_of",
    "raising",
    "with_bytes",
    "with_link",
]

Answer = Callable[[Run, Sequence[int]], Awaitable[Result | None]]
"""What one paid call does, inside its block."""


@attrs.define
class Ledger:
    """What the service charged, by task, then by picture (None: a call without pictures)."""

    bills: dict[str, Counter[int | None]] = attrs.field(factory=lambda: defaultdict(Counter))

    def of(self, task_id: str) -> Counter[int | None]:
        """Return what was charged for one task."""
        return self.bills[task_id]


@attrs.define
class LinkHost:
    """Serves pictures by name; `statuses` are what a name answers next, 200 once there are none left."""

    base: str = ""
    statuses: dict[str, deque[int]] = attrs.field(factory=lambda: defaultdict(deque))
    dead: set[str] = attrs.field(factory=set)
    asked: Counter[str] = attrs.field(factory=Counter)

    def link(self, name: str, *statuses: int, dead: bool = False) -> str:
        """Return a link that answers *statuses* first, and 404 for ever when *dead*."""
        self.statuses[name].extend(statuses)
        if dead:
            self.dead.add(name)
        return f"{self.base}/{name}.png"

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one GET."""
        name = request.match_info["name"]
        self.asked[name] += 1
        if self.statuses[name]:
            status = self.statuses[name].popleft()
            if status != 200:
                return web.Response(status=status)
        if name in self.dead:
            return web.Response(status=404)
        return web.Response(body=picture(), content_type="image/png")


@asynccontextmanager
async def link_host() -> AsyncIterator[LinkHost]:
    """Yield a host of pictures on loopback."""
    host = LinkHost()
    app = web.Application()
    app.router.add_get("/{name}.png", host.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield host
    await runner.cleanup()


def paying(
    ledger: Ledger, answers: Sequence[Answer], *, each: bool = True
) -> Callable[[Job, Run], Awaitable[Result | None]]:
    """Return a generation that makes one call for each missing picture (*each*), or one for all.

    Every call is charged when it begins, then does what *answers* says next; the last one is repeated.
    """
    script = deque(answers)

    async def generate(job: Job, run: Run) -> Result | None:
        result: Result | None = None
        groups: Sequence[Sequence[int]] = [[index] for index in run.missing] if each else [run.missing]
        for indexes in groups or [()]:
            async with run.call(indexes, "f"):
                ledger.of(job.task_id).update(indexes or [None])
                answer = script.popleft() if len(script) > 1 else script[0]
                result = await answer(run, indexes)
        return result

    return generate


async def with_bytes(run: Run, indexes: Sequence[int]) -> Result | None:
    """Deliver the pictures themselves."""
    for index in indexes:
        await run.deliver(index, Source.from_bytes(picture()))
    return None


def with_link(url: str) -> Answer:
    """Return an answer that delivers one picture by its link."""

    async def answer(run: Run, indexes: Sequence[int]) -> None:
        await run.deliver(indexes[0], Source.from_url(url))

    return answer


def raising(error: BaseException) -> Answer:
    """Return an answer that ends with *error*."""

    async def answer(_run: Run, _indexes: Sequence[int]) -> None:
        raise error

    return answer


@attrs.define(eq=False)
class Held:
    """An answer that waits: `begun` is set when it is reached, and it goes on as *then* once `go_on` is set."""

    then: Answer = with_bytes
    begun: asyncio.Event = attrs.field(factory=asyncio.Event)
    go_on: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def __call__(self, run: Run, indexes: Sequence[int]) -> Result | None:
        self.begun.set()
        await self.go_on.wait()
        return await self.then(run, indexes)


def provider_of(ledger: Ledger, *answers: Answer, each: bool = True, **options: Any) -> ScriptedProvider:
    """Return a provider whose paid calls do *answers*, in order."""
    return ScriptedProvider(paying(ledger, answers, each=each), **options)
