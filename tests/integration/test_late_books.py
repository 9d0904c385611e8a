"""Without keys it is booked when somebody asks what it cost, however late what it came to is stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta

import pytest

from danqing_plugins import Job, Run, Source
from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.errors import StoreUnavailable
from danqing_server.records.tasks import FINISHED
from danqing_server.settings.server import Settings
from danqing_server.store.changes import Change
from danqing_server.store.reach import Reach
from danqing_server.store.tasks import TaskStore
from danqing_server.store.unbooked import UnbookedStore
from danqing_server.store.usage import Dimension, UsageRow
from tests.support.providers import ScriptedProvider, deliver_all, picture
from tests.support.system import System, running_system, until

AGO = timedelta(days=1)
PRICE_MICRO = 200_000


async def test_what_a_cancelled_call_brings_later_is_in_the_sums(settings: Settings) -> None:
    """Asked for while the call went on, they said that nobody knows; ten minutes later it is known."""
    held, sent = asyncio.Event(), asyncio.Event()

    async def hold(job: Job, run: Run) -> None:
        async with run.call(run.missing, "f"):
            sent.set()
            await held.wait()
            await run.deliver(0, Source.from_bytes(picture()))

    async with running_system(settings, [ScriptedProvider(hold)]) as system:
        task = await system.submit()
        await sent.wait()
        await system.services.control.cancel(task.id, Caller.local())
        [row] = await _asked(system, after_s=600.0)
        assert (row.cancelled, row.settled_micro, row.unknown_micro) == (1, 0, PRICE_MICRO)
        held.set()
        await until(lambda: _is_let_go(system, task.id), what="the end of the call")
        [row] = await _asked(system, after_s=1200.0)
        assert (row.cancelled, row.settled_micro, row.unknown_micro) == (1, PRICE_MICRO, 0)


async def test_an_end_that_is_stored_minutes_late_is_in_the_sums(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MongoDB was away from its process for ten minutes, and somebody asked before it was back."""
    ended = asyncio.Event()
    async with running_system(settings, [ScriptedProvider()]) as system:

        async def away(self: TaskStore, change: Change) -> bool:
            if change.sets.get("status") in FINISHED:
                ended.set()
                raise StoreUnavailable("away")
            return await apply(self, change)

        apply = TaskStore.apply
        with monkeypatch.context() as cut:
            cut.setattr(TaskStore, "apply", away)
            task = await system.submit()
            await ended.wait()
            [row] = await _asked(system, after_s=600.0)
            assert (row.open, row.completed) == (1, 0)
        await system.finished(task.id)
        [row] = await _asked(system, after_s=1200.0)
        assert (row.completed, row.settled_micro) == (1, PRICE_MICRO)


async def test_what_goes_on_is_looked_at_again_until_it_is_over(settings: Settings) -> None:
    """Whoever asks in between; and no longer than that."""
    held = asyncio.Event()

    async def hold(job: Job, run: Run) -> None:
        await held.wait()
        await deliver_all(job, run)

    async with running_system(settings, [ScriptedProvider(hold)]) as system:
        task = await system.submit()
        await until(lambda: _is_held(system, task.id), what="the start")
        store = UnbookedStore(system.services.store.database)
        for after_s in (600.0, 1200.0):
            await _asked(system, after_s=after_s)
            assert (await store.booked()).left == {task.id}
        held.set()
        await system.finished(task.id)
        [row] = await _asked(system, after_s=1800.0)
        assert (row.completed, row.settled_micro) == (1, PRICE_MICRO)
        assert (await store.booked()).left == set()


async def _asked(system: System, *, after_s: float) -> Sequence[UsageRow]:
    """Return what `GET /api/v1/usage` says who asks for it so many seconds from now."""
    services = system.services
    services.late_books.clock = Clock(wall_s=lambda: time.time() + after_s)
    assert await services.late_books.catch_up(Reach.everybody(), guarded=False)
    now = services.clock.now()
    return await services.usage.sum(Reach.everybody(), now - AGO, now + AGO, [Dimension.MODEL])


async def _is_held(system: System, task_id: str) -> bool:
    return (await system.get(task_id)).attempt is not None


async def _is_let_go(system: System, task_id: str) -> bool:
    return (await system.get(task_id)).attempt is None
