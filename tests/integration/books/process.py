"""One serving process inside the test's event loop, which can die: at once, with nothing more written."""

from __future__ import annotations

import asyncio
import contextvars
import time
import weakref
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

import attrs

from danqing_plugins import Provider
from danqing_server.clock import Clock
from danqing_server.composition.process import Process, open_process
from danqing_server.composition.workers import Workers
from danqing_server.life.decision import Policy
from danqing_server.plugins.registry import load_registry
from danqing_server.settings.server import Settings
from danqing_server.store.leases import WorkerStore
from danqing_server.worker.janitor import DEAD_AFTER_S, Janitor
from danqing_server.worker.keeping import LinkPatience
from danqing_server.worker.pool import Pool
from tests.support.system import System, until

__all__ = ["Mortal", "follow_tasks"]

Answer = TypeVar("Answer")

BEAT_S = 0.02
GRACE_S = 5.0
PATIENCE = LinkPatience(pauses_s=(0.02, 0.02, 0.02), broken_pauses_s=(0.01,), young_s=0.0)
POLICY = {"first_delay_s": 0.01, "longest_delay_s": 0.05}

_living = contextvars.ContextVar[weakref.WeakSet[asyncio.Task[Any]] | None]("living", default=None)


def follow_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Let every asyncio task of *loop* be known to the process that it belongs to, whoever made it."""

    def make(loop: asyncio.AbstractEventLoop, steps: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(steps, loop=loop, **options)
        context = options.get("context")
        living = _living.get() if context is None else context.get(_living)
        if living is not None:
            living.add(task)
        return task

    loop.set_task_factory(make)


@attrs.define(eq=False)
class Mortal:
    """A process. Whatever is done in it goes through `do`, so that it dies with it."""

    settings: Settings
    provider: Provider
    system: System = attrs.field(init=False)
    workers: Workers = attrs.field(init=False)
    _tasks: weakref.WeakSet[asyncio.Task[Any]] = attrs.field(factory=weakref.WeakSet, init=False)
    _context: contextvars.Context = attrs.field(factory=contextvars.copy_context, init=False)
    _life: asyncio.Task[None] = attrs.field(init=False)
    _over: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _killed: bool = attrs.field(default=False, init=False)

    @classmethod
    async def start(cls, settings: Settings, provider: Provider) -> Self:
        """Return a process that serves."""
        process = cls(settings, provider)
        process._context.run(_living.set, process._tasks)
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        process._life = asyncio.create_task(process._live(ready), context=process._context)
        await asyncio.wait({process._life, ready}, return_when=asyncio.FIRST_COMPLETED)
        if process._life.done():
            process._life.result()
        return process

    async def do(self, steps: Coroutine[Any, Any, Answer]) -> Answer:
        """Run *steps* in this process."""
        return await asyncio.create_task(steps, context=self._context)

    async def kill(self) -> None:
        """Die: no write leaves any more, no beat is renewed, no code runs on."""
        self._killed = True
        await asyncio.to_thread(self.workers.tools.lease.stop)
        self.system.services.store.database.client.close()
        while dying := {task for task in self._tasks if not task.done()} - {self._life}:
            for task in dying:
                task.cancel()
            await asyncio.wait(dying, timeout=0.2)
        await self.stop()

    async def stop(self) -> None:
        """End in order, unless it was killed."""
        self._over.set()
        await self._life

    async def recover(self) -> None:
        """Do what the janitor does in time: find who is dead, take over from them, sweep."""
        tools, beats = self.workers.tools, WorkerStore(self.system.services.store.database)
        watch, ahead = _Turned(), _Turned()
        janitor = Janitor(attrs.evolve(tools, clock=Clock(monotonic_s=watch.monotonic_s)), beats)

        async def own_beat() -> int:
            return next(beat.beat for beat in await beats.beats() if beat.id == tools.lease.worker)

        await janitor.watch()
        seen = await own_beat()  # after the janitor looked: what follows is new to it

        async def beats_on() -> bool:
            return await own_beat() > seen

        await until(beats_on, what="a beat")
        watch.ahead_s = ahead.ahead_s = DEAD_AFTER_S + 1
        await janitor.watch()
        await janitor.fetch_late()
        await Janitor(attrs.evolve(tools, clock=Clock(ahead.wall_s)), beats).sweep()

    async def _live(self, ready: asyncio.Future[None]) -> None:
        registry = load_registry(self.settings, extra=[(self.provider.info.name, self.provider)])
        async with open_process(self.settings, registry) as process:
            self.workers = process.workers = _hasty(process)
            self.system = System(process.services, self.workers)
            self.workers.tools.lease.start()
            await until(lambda: self.workers.tools.lease.fresh, what="the lease")
            process.start()
            ready.set_result(None)
            await self._over.wait()
            if not self._killed:
                await process.stop(GRACE_S)


@attrs.define(eq=False)
class _Turned:
    """Clocks that a test turns forward."""

    ahead_s: float = 0.0

    def wall_s(self) -> float:
        return time.time() + self.ahead_s

    def monotonic_s(self) -> float:
        return time.monotonic() + self.ahead_s


class _Leased(Workers):
    """Workers whose lease is good when they start; a lane that finds it is not looks again after 0.2 s."""

    def start(self) -> None:
        self.pool.start()


def _fail_aloud() -> None:
    """Stand in for the end of the process, which here would be the test's."""
    raise AssertionError("a living process was declared dead")


def _hasty(process: Process) -> Workers:
    """Return the workers of *process* with short pauses."""
    assert process.workers is not None
    tools = process.workers.tools
    tools.lease.beat_s, tools.lease.on_lost = BEAT_S, _fail_aloud
    policy = Policy(max_attempts=tools.policy.max_attempts, on_ambiguous=tools.policy.on_ambiguous, **POLICY)
    tools = attrs.evolve(tools, policy=policy, link_patience=PATIENCE)
    pool = Pool.with_lanes(tools, process.services.settings.concurrency)
    process.services.submissions.intake.workers = pool
    janitor = Janitor(tools, process.workers.janitor.workers)
    return _Leased(tools=tools, pool=pool, janitor=janitor, diverter=process.workers.diverter)
