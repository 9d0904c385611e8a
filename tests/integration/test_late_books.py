"""Without keys it is booked when somebody asks what it cost, however late what it came to is stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from danqing_plugins import ContentRejected, Job, ProviderInfo, Run, Source
from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.desk.statistics import Question
from danqing_server.errors import StoreUnavailable
from danqing_server.records.tasks import FINISHED, Status, Task
from danqing_server.settings.server import Settings
from danqing_server.store.changes import Change
from danqing_server.store.reach import Reach
from danqing_server.store.sums import Span, Step
from danqing_server.store.task_documents import encode
from danqing_server.store.tasks import TaskStore
from danqing_server.store.unbooked import UnbookedStore
from danqing_server.store.usage import Dimension, UsageRow
from tests.support.providers import ScriptedProvider, deliver_all, picture
from tests.support.system import MakeSettings, System, running_system, until
from tests.unit.api.tasks import NOW, make_task

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


async def test_what_came_with_keys_since_is_read_a_stretch_at_a_time(settings: Settings) -> None:
    """Of a million that lie behind what came before the first key, the next of these was looked for without end."""
    stored = [_ended(number, owner="acme" if 5 < number < 95 else None) for number in range(100)]
    async with running_system(settings, [ScriptedProvider()], workers=False) as system:
        services = system.services
        database = services.store.database
        assert all(await services.store.insert_many([encode(task) for task in stored]))
        services.late_books.store.step = 10
        await services.late_books.store.prepare()
        await database.command("profile", 2)
        assert await services.late_books.catch_up(Reach.everybody(), guarded=True)
        await database.command("profile", 0)
        asked = {"op": "query", "command.filter.$and": {"$exists": True}}
        seen = await database["system.profile"].find(asked).to_list(None)
        assert max(each["docsExamined"] for each in seen) <= 15  # three changed at one moment
        assert max(each["keysExamined"] for each in seen) <= 15
        rows = await services.usage.sum(Reach.of(None), NOW - AGO, NOW + AGO, [Dimension.MODEL])
        assert [row.completed for row in rows] == [11]


async def test_what_takes_longer_is_booked_when_who_asked_has_left(settings: Settings) -> None:
    """A million of an older release: asking a hundred times, eight seconds each, was the only way to the end."""
    stored = [_ended(number, owner=None) for number in range(100)]
    async with running_system(settings, [ScriptedProvider()], workers=False) as system:
        services = system.services
        assert all(await services.store.insert_many([encode(task) for task in stored]))
        services.late_books.store.step = 10
        services.late_books.patience_s = 0.0
        for _ in range(2):
            assert not await services.late_books.catch_up(Reach.everybody(), guarded=False)
        await until(lambda: _is_booked(system, 100), what="the last posting")


async def test_what_could_not_be_booked_is_booked_for_who_asks_next(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MongoDB went away after who asked had left; and a stop in the middle leaves the rest to the next process."""
    stored = [_ended(number, owner=None) for number in range(100)]
    failed = asyncio.Event()

    async def away(self: UnbookedStore, until: datetime, over: Collection[str] = ()) -> None:
        failed.set()
        raise StoreUnavailable("away")

    async with running_system(settings, [ScriptedProvider()], workers=False) as system:
        late_books = system.services.late_books
        assert all(await system.services.store.insert_many([encode(task) for task in stored]))
        late_books.store.step, late_books.patience_s = 10, 0.0
        with monkeypatch.context() as cut:
            cut.setattr(UnbookedStore, "note", away)
            assert not await late_books.catch_up(Reach.everybody(), guarded=False)
            await failed.wait()
            late_books.patience_s = 60.0
            with pytest.raises(StoreUnavailable):
                await late_books.catch_up(Reach.everybody(), guarded=False)
        late_books.patience_s = 0.0
        assert not await late_books.catch_up(Reach.everybody(), guarded=False)
    async with running_system(settings, [ScriptedProvider()], workers=False) as system:
        assert await system.services.late_books.catch_up(Reach.everybody(), guarded=False)
        assert await _is_booked(system, 100)


def _ended(number: int, owner: str | None) -> Task:
    """Return a completed task; three of them changed at each moment."""
    at = NOW + timedelta(seconds=number // 3)
    return make_task(f"t{number:02}", Status.COMPLETED, owner=owner, updated_at=at)


async def test_what_is_tried_again_may_cost_what_it_asks_for(settings: Settings) -> None:
    """Of four pictures one was refused: while that alone is asked for again, one may still be paid for."""
    held = asyncio.Event()

    async def all_but_the_last(job: Job, run: Run) -> None:
        if job.attempt > 1:
            await held.wait()
            await deliver_all(job, run)
            return
        async with run.call(run.missing, "f"):
            for index in run.missing[:-1]:
                await run.deliver(index, Source.from_bytes(picture()))
            await run.reject(run.missing[-1], ContentRejected("no"))

    async with running_system(settings, [ScriptedProvider(all_but_the_last)]) as system:
        task = await system.finished((await system.submit(n=4)).id)
        await system.services.control.retry(task.id, Caller.local())
        [row] = await _asked(system, after_s=600.0)
        assert (row.open, row.reserved_micro) == (1, PRICE_MICRO)
        held.set()
        await system.finished(task.id)
        [row] = await _asked(system, after_s=1200.0)
        assert (row.completed, row.settled_micro, row.reserved_micro) == (1, 4 * PRICE_MICRO, 0)


async def test_what_was_simulated_is_not_real_because_there_is_a_key_by_now(settings: Settings) -> None:
    """Nobody had asked what it cost while it was play; what is bought since is real."""
    async with running_system(settings, [Simulated()]) as system:
        await system.finished((await system.submit()).id)
    async with running_system(settings, [ScriptedProvider()]) as system:
        await system.finished((await system.submit()).id)
        [row] = await _asked(system, after_s=600.0)
        assert (row.completed, row.settled_micro) == (2, 2 * PRICE_MICRO)  # usage has play money in it
        assert await _really_paid(system) == (1, PRICE_MICRO)


async def test_what_was_real_stays_so_where_there_is_no_key_any_more(settings: Settings) -> None:
    """Booked only then, too."""
    async with running_system(settings, [ScriptedProvider()]) as system:
        await system.finished((await system.submit()).id)
    async with running_system(settings, [Simulated()]) as system:
        await _asked(system, after_s=600.0)
        assert await _really_paid(system) == (1, PRICE_MICRO)


class Simulated(ScriptedProvider):
    """The same, simulated."""

    @property
    def info(self) -> ProviderInfo:
        return attrs.evolve(super().info, sandbox=True)


async def _really_paid(system: System) -> tuple[int, int]:
    """Return how many tasks statistics know of, and what was paid for them."""
    now = system.services.clock.now()
    span = Span(now - AGO, now + AGO)
    question = Question(reach=Reach.everybody(), span=span, step=Step.MONTH, zone=UTC)
    cells = (await system.services.statistics.answer(question)).cells
    sums = [cell.sums for cell in cells]
    return sum(each.get("completed", 0) for each in sums), sum(each.get("settled_micro", 0) for each in sums)


async def test_what_was_made_before_all_was_booked_is_in_the_sums(make_settings: MakeSettings) -> None:
    """`DANQING_LEDGER=all` was set later, and nobody had asked before."""
    async with running_system(make_settings(), [ScriptedProvider()]) as system:
        await system.finished((await system.submit()).id)
    async with running_system(make_settings(DANQING_LEDGER="all"), [ScriptedProvider()]) as system:
        await system.finished((await system.submit()).id)
        await until(lambda: _is_booked(system, 1), what="the posting")
        [row] = await _asked(system, after_s=600.0)
        assert (row.completed, row.settled_micro) == (2, 2 * PRICE_MICRO)


async def _is_booked(system: System, count: int) -> bool:
    found = await system.services.store.database["danqing_ledger"].count_documents({})
    return bool(found >= count)


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
