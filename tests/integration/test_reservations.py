"""What an attempt set aside of a day's limit is settled once, whoever is late with it."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import timedelta

import attrs
import pytest

from danqing_plugins import ContentRejected, Job, OutcomeUnknown, Run, Unavailable
from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.codec.documents import value_of
from danqing_server.life.cancelled import Cancelled
from danqing_server.records.outputs import Output, OutputState, TaskError
from danqing_server.records.tasks import Attempt, CallRecord, Status
from danqing_server.settings.routes import Route, Target
from danqing_server.settings.server import Settings
from danqing_server.store.client import connect
from danqing_server.store.spending import Spending, SpendStore
from danqing_server.worker.aftermath import settle_spending
from danqing_server.worker.ledger import Ledger as Notes
from danqing_server.worker.spending import Allowance
from danqing_server.worker.takeover import take_over
from danqing_server.worker.tools import Tools
from tests.support.providers import ScriptedProvider
from tests.support.scripts import Held, Ledger, link_host, provider_of, raising, with_bytes
from tests.support.system import HASTY, MakeSettings, System, running_system, until

PICTURE = 200_000


@pytest.mark.parametrize("is_deleted", [False, True], ids=["there", "deleted"])
async def test_who_learns_late_that_it_lost_its_task_frees_nothing_twice(
    make_settings: MakeSettings, is_deleted: bool
) -> None:
    """Cancelled before its call, and tried again, while the process of the first attempt has not heard of it."""
    limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:10.00")
    held = Held()
    async with running_system(limited, [provider_of(Ledger(), held)]) as system:
        assert system.workers is not None
        tools, clock, store = system.workers.tools, system.services.clock, system.services.store
        first = await _begun(system, tools, "w-elsewhere")
        error = TaskError(code="cancelled", message="m")
        assert await tools.register.carry_out(Cancelled(task=first.task, at=clock.now(), error=error))
        await system.services.control.retry(first.task.id, Caller.local())
        await held.begun.wait()
        if not is_deleted:
            await settle_spending(tools, first.task, lost=True)
        held.go_on.set()
        await system.finished(first.task.id)
        if is_deleted:
            await system.services.control.delete(first.task.id, Caller.local())
            await settle_spending(tools, first.task, lost=True)
        found = await SpendStore(store.database).look("scripted", clock.now())
        assert found == Spending(spent_micro=PICTURE, reserved_micro=0)


async def test_two_who_take_over_from_the_dead_settle_it_once(make_settings: MakeSettings) -> None:
    """A cancelled task's link fails for the one, which hands it on, and answers the other, which looked before."""
    limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:10.00")
    provider = provider_of(Ledger(), with_bytes)
    async with link_host() as links, running_system(limited, [provider], link_patience=HASTY) as system:
        assert system.workers is not None
        tools, clock, store = system.workers.tools, system.services.clock, system.services.store
        task = (await _begun(system, tools, "w-dead")).task
        url = links.link("0", *[500] * (len(HASTY.pauses_s) + 1))
        sourced = Output(index=0, state=OutputState.SOURCED, at=clock.now(), source_url=url)
        call = CallRecord(id="c", attempt=1, indexes=(0,), fingerprint="f", sent_at=clock.now())
        await store.amend(task, {"calls.c": value_of(call), "outputs.0": value_of(sourced)})
        left = await system.services.control.cancel(task.id, Caller.local())
        assert [await take_over(left, tools) for _ in range(2)] == [False, True]
        found = await SpendStore(store.database).look("scripted", clock.now())
        assert found == Spending(spent_micro=PICTURE, reserved_micro=0)


async def test_who_died_before_settling_a_cancelled_task_keeps_nothing(make_settings: MakeSettings) -> None:
    """Cancelled between its start and its first call, while its process died: the day has that money again."""
    limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:10.00")
    async with running_system(limited, [provider_of(Ledger(), with_bytes)], dead_after_s=0.5) as system:
        assert system.workers is not None
        clock, store = system.services.clock, system.services.store
        task = (await _begun(system, system.workers.tools, "w-dead")).task
        assert (await SpendStore(store.database).look("scripted", clock.now())).reserved_micro == PICTURE
        await system.services.control.cancel(task.id, Caller.local())

        async def is_settled() -> bool:
            left = await system.get(task.id)
            return left.attempt is None and left.reserved is None

        await until(is_settled)
        assert await SpendStore(store.database).look("scripted", clock.now()) == Spending()


async def test_what_nobody_settled_is_settled_when_the_task_is_cancelled_again(make_settings: MakeSettings) -> None:
    """Tried again at once after the first cancellation, and cancelled while it waits: no attempt has it then."""
    limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:10.00", DANQING_CONCURRENCY="1")
    held = Held()
    async with running_system(limited, [provider_of(Ledger(), held)]) as system:
        assert system.workers is not None
        tools, clock = system.workers.tools, system.services.clock
        store, control = system.services.store, system.services.control
        first = (await _begun(system, tools, "w-dead")).task
        running = await system.submit()
        await held.begun.wait()
        await control.cancel(first.id, Caller.local())
        await control.retry(first.id, Caller.local())
        await control.cancel(first.id, Caller.local())
        await system.workers.janitor.fetch_late()
        left = await system.get(first.id)
        assert (left.status, left.attempt, left.reserved) == (Status.CANCELLED, None, None)
        held.go_on.set()
        await system.finished(running.id)
        found = await SpendStore(store.database).look("scripted", clock.now())
        assert found == Spending(spent_micro=PICTURE, reserved_micro=0)


async def test_what_nobody_settled_at_one_target_is_not_anothers(make_settings: MakeSettings) -> None:
    """Its process died, it was cancelled and tried again at once, and goes on at the next target of its route."""
    limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:10.00,other:10.00")
    targets = tuple(Target(provider=name, model="one") for name in ("scripted", "other"))
    settings = attrs.evolve(limited, routes=(Route(model="poster", targets=targets),))
    providers = [provider_of(Ledger(), with_bytes, name=target.provider) for target in targets]
    async with running_system(settings, providers) as system:
        assert system.workers is not None
        control, clock = system.services.control, system.services.clock
        first = (await _begun(system, system.workers.tools, "w-dead", model="poster")).task
        await control.cancel(first.id, Caller.local())
        await system.services.gates.hold("scripted", 60, "paused")
        await control.retry(first.id, Caller.local())
        assert (await system.finished(first.id)).provider == "other"
        spending = SpendStore(system.services.store.database)
        assert await spending.look("scripted", clock.now()) == Spending()
        assert await spending.look("other", clock.now()) == Spending(spent_micro=PICTURE, reserved_micro=0)


async def test_a_day_that_is_over_shuts_no_lane(make_settings: MakeSettings) -> None:
    """A further call after midnight finds no room in the day that its attempt began on; the next is all there."""
    limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:0.20")
    shift_s = 86_400 - time.time() % 86_400 - 30

    async def once_more_past_midnight(job: Job, run: Run) -> None:
        nonlocal shift_s
        if job.task_id == first.id:
            with suppress(OutcomeUnknown):
                async with run.call(run.missing, "f"):
                    shift_s += 60
                    raise OutcomeUnknown("the answer was lost")
        async with run.call(run.missing, "f"):
            await with_bytes(run, run.missing)

    clock = Clock(wall_s=lambda: time.time() + shift_s)
    async with running_system(limited, [ScriptedProvider(once_more_past_midnight)], clock=clock) as system:
        first = await system.submit()

        async def was_refused() -> bool:
            task = await system.get(first.id)
            return task.status is Status.PENDING and task.error is not None

        await until(was_refused)
        assert (await system.services.gates.look("scripted")).shut_by is None
        assert (await system.finished((await system.submit()).id)).status is Status.COMPLETED


@pytest.mark.parametrize("is_ordered_again", [True, False], ids=["ordered again", "another bought"])
async def test_an_order_of_yesterday_makes_no_room_today(
    make_settings: MakeSettings, is_ordered_again: bool
) -> None:
    """It came to nothing, and what is bought today instead of it, or beside it, is of today's limit."""
    limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:10.00", DANQING_STOP_GRACE="0")
    shift_s, ordered = 86_400 - time.time() % 86_400 - 30, asyncio.Event()
    clock = Clock(wall_s=lambda: time.time() + shift_s)

    async def order_and_buy(job: Job, run: Run) -> None:
        if not run.saved:
            async with run.call([0], "f"):
                await run.checkpoint({"order": "1"})
            ordered.set()
            await asyncio.Event().wait()
        if not is_ordered_again:
            async with run.call([1], "f"):
                await with_bytes(run, [1])
        await run.settle([0], Unavailable("broken"))
        if is_ordered_again:
            async with run.call([0], "f"):
                await with_bytes(run, [0])
        else:
            await run.reject(0, ContentRejected("no"))

    async with running_system(limited, [ScriptedProvider(order_and_buy)], clock=clock) as before_midnight:
        task = await before_midnight.submit(n=1 if is_ordered_again else 2)
        await ordered.wait()
    shift_s += 60
    async with running_system(limited, [ScriptedProvider(order_and_buy)], clock=clock) as system:
        assert (await system.finished(task.id)).status is Status.COMPLETED
        found = await SpendStore(system.services.store.database).look("scripted", clock.now())
        assert found == Spending(spent_micro=PICTURE, reserved_micro=0)


async def test_all_who_come_first_on_a_day_find_room(settings: Settings) -> None:
    """One of them makes the day; the others were told that it is full, and the lanes were shut until midnight."""
    async with connect(settings) as database:
        spending, now = SpendStore(database), Clock().now()
        for number in range(20):
            wanted = [spending.reserve(f"p{number}", now, 5, 75) for _ in range(16)]
            assert sorted(await asyncio.gather(*wanted)) == [False, *[True] * 15]
            assert await spending.look(f"p{number}", now) == Spending(reserved_micro=75)


async def test_what_is_only_set_aside_shuts_a_lane_for_a_moment(make_settings: MakeSettings) -> None:
    """It came to nothing: the day has room again, and who found none has its turn."""
    limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:0.20")
    held = Held(raising(ContentRejected("no")))
    async with running_system(limited, [provider_of(Ledger(), held, with_bytes)]) as system:
        assert system.workers is not None
        system.workers.tools.guard.patience_s = 0.2
        first = await system.submit()
        await held.begun.wait()
        second = await system.submit()
        await until(lambda: _was_refused(system, second.id), what="no room for the second")
        held.go_on.set()
        assert (await system.finished(first.id)).status is Status.FAILED
        assert (await system.finished(second.id)).status is Status.COMPLETED
        third = await system.submit()
        await until(lambda: _was_refused(system, third.id), what="no room for the third")
        gate = await system.services.gates.look("scripted")
        assert gate.hold is not None
        assert gate.hold.until_ms - gate.hold.since_ms > 1000


@pytest.mark.parametrize(("limits", "opens"), [("scripted:0.40", True), ("", True), ("scripted:0.20", False)])
async def test_another_limit_holds_from_the_start_on(make_settings: MakeSettings, limits: str, opens: bool) -> None:
    """What the one before shut until tomorrow is open at once, where the one of now has room."""
    provider, limited = provider_of(Ledger(), with_bytes, concurrency=1), "scripted:0.20"
    async with running_system(make_settings(DANQING_DAILY_SPEND_LIMITS=limited), [provider]) as system:
        await system.finished((await system.submit()).id)
        waiting = await system.submit()
        await until(lambda: _was_refused(system, waiting.id), what="no room for it")
    async with running_system(make_settings(DANQING_DAILY_SPEND_LIMITS=limits), [provider]) as system:
        if opens:
            assert (await system.finished(waiting.id)).status is Status.COMPLETED
        else:
            assert (await system.services.gates.look("scripted")).shut_by == "spend_limit"


async def test_who_finds_no_room_has_all_of_its_time_tomorrow(make_settings: MakeSettings) -> None:
    """It waits, without a deadline, as do those behind it that were not begun at all."""
    limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:0.20")
    async with running_system(limited, [provider_of(Ledger(), with_bytes, concurrency=1)]) as system:
        await system.finished((await system.submit()).id)
        waiting = await system.submit()
        await until(lambda: _was_refused(system, waiting.id), what="no room for it")
        assert (await system.get(waiting.id)).deadline_at is None


async def test_what_no_day_has_room_for_holds_up_nobody(make_settings: MakeSettings) -> None:
    """It fails, and says why; the lane stays open for what costs less."""
    limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:0.50")
    async with running_system(limited, [provider_of(Ledger(), with_bytes)]) as system:
        dear = await system.finished((await system.submit(n=3)).id)
        assert dear.status is Status.FAILED
        assert dear.error is not None
        assert "spend limit of a whole day" in dear.error.message
        assert (await system.finished((await system.submit()).id)).status is Status.COMPLETED


async def _was_refused(system: System, task_id: str) -> bool:
    task = await system.get(task_id)
    return task.status is Status.PENDING and task.error is not None


async def _begun(system: System, tools: Tools, worker: str, model: str | None = None) -> Notes:
    """Return what *worker* knows of a task that it began and set money aside for."""
    submitted, now = await system.submit(delay_s=3600, model=model), tools.clock.now()
    attempt = Attempt(id="a", worker=worker, started_at=now)
    [task] = await tools.store.start([submitted.id], attempt, now + timedelta(hours=1))
    notes = Notes(tools.store, tools.insisting, task)
    assert await Allowance(tools.guard, watched=True).begin(notes)
    return notes
