"""Calls whose answers were lost, of a service that can be asked about them: looked up before any policy decides."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
import pytest

from danqing_plugins import Job, Run, Source
from danqing_server.access.caller import Caller
from danqing_server.clock import to_ms
from danqing_server.life.billing import billed_of
from danqing_server.records.tasks import Billed, CallOutcome, Status, Task
from danqing_server.settings.server import Settings
from danqing_server.store.changes import Change
from danqing_server.store.tasks import TaskStore
from danqing_server.store.waiting import WaitingTask
from tests.support.asked_service import AskedService, OrderingProvider, asked_service
from tests.support.providers import ScriptedProvider, picture
from tests.support.system import MakeSettings, System, running_system, until

ROOT = Path(__file__).parents[2]
PATIENCE_S = 40.0
DEAD_AFTER_S = 2.0


@pytest.fixture
async def service() -> AsyncIterator[AskedService]:
    """A service that knows its orders."""
    async with asked_service() as service:
        yield service


@contextmanager
def ordering_process(settings: Settings, service: AskedService, *, single_call: bool) -> Iterator[int]:
    """Run a worker process of its own while the block lasts; yield its id."""
    variables = {"SERVICE_URL": service.url, "SINGLE_CALL": "1" if single_call else ""}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.ordering_process"],
        cwd=ROOT,
        env={**settings.environment, **variables, "PATH": os.environ["PATH"]},
    )
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


class SelfCancelling(OrderingProvider):
    """Meets a cancellation of its own making when it is to drop an order."""

    async def cancel_order(self, job: Job, run: Run) -> bool:
        raise asyncio.CancelledError


@attrs.define(eq=False)
class _Slow(TaskStore):
    """Says that a change was `written` when it has `go_on`."""

    written: asyncio.Event = attrs.field(factory=asyncio.Event, kw_only=True)
    go_on: asyncio.Event = attrs.field(factory=asyncio.Event, kw_only=True)

    async def apply(self, change: Change) -> bool:
        applied = await super().apply(change)
        self.written.set()
        await self.go_on.wait()
        return applied


@attrs.define(eq=False)
class Stubborn(OrderingProvider):
    """Never says whether an order is dropped, and does not let itself be cancelled."""

    let_go: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def cancel_order(self, job: Job, run: Run) -> bool:
        while not self.let_go.is_set():
            with suppress(asyncio.CancelledError):
                await self.let_go.wait()
        return False


def calls_of(task: Task) -> list[tuple[str, bool]]:
    """Return what became of each call, in order, and whether it was looked up."""
    in_order = sorted(task.calls.values(), key=lambda call: call.sent_at)
    return [(call.outcome.value, call.looked_up) for call in in_order]


@pytest.mark.kills
class TestDeadProcess:
    """A process dies between its order's leaving and its checkpoint; another one takes over."""

    @pytest.mark.parametrize("single_call", [False, True], ids=["written", "announced"])
    @pytest.mark.parametrize("policy", ["fail", "retry"])
    async def test_an_order_that_arrived_is_found_and_not_placed_again(
        self, make_settings: MakeSettings, service: AskedService, policy: str, single_call: bool
    ) -> None:
        """One purchase, whatever the policy; the picture is the user's."""
        settings = make_settings()
        provider = OrderingProvider(url=service.url, single_call=single_call)
        async with running_system(settings, [provider], workers=False) as door:
            service.mood = "hangs"
            task = await door.submit(on_ambiguous=policy)
            await self._die_in_the_call(settings, service, single_call)
            service.mood = "takes"
            with ordering_process(settings, service, single_call=single_call):
                done = await door.finished(task.id, PATIENCE_S)
        assert (done.status, len(done.kept)) == (Status.COMPLETED, 1)
        assert service.bills == {task.id: 1}
        assert calls_of(done) == [("delivered", True)]
        assert len(service.asked) == 1

    @pytest.mark.parametrize("single_call", [False, True], ids=["written", "announced"])
    async def test_an_order_that_never_arrived_is_placed_again(
        self, make_settings: MakeSettings, service: AskedService, single_call: bool
    ) -> None:
        """Under `fail` too: nothing was bought."""
        settings = make_settings()
        provider = OrderingProvider(url=service.url, single_call=single_call)
        async with running_system(settings, [provider], workers=False) as door:
            service.mood = "deaf"
            task = await door.submit(on_ambiguous="fail")
            await self._die_in_the_call(settings, service, single_call)
            service.mood = "takes"
            with ordering_process(settings, service, single_call=single_call):
                done = await door.finished(task.id, PATIENCE_S)
        assert (done.status, len(done.kept)) == (Status.COMPLETED, 1)
        assert service.bills == {task.id: 1}
        assert calls_of(done) == [("failed_unbilled", True), ("delivered", False)]

    async def _die_in_the_call(self, settings: Settings, service: AskedService, single_call: bool) -> None:
        with ordering_process(settings, service, single_call=single_call) as pid:
            await asyncio.wait_for(service.arrived.wait(), PATIENCE_S)
            os.kill(pid, 9)


class TestCutConnection:
    async def test_the_order_is_found_by_the_next_attempt(self, settings: Settings, service: AskedService) -> None:
        """It counts as no failure, and costs one purchase."""
        service.mood = "cuts"
        async with running_system(settings, [OrderingProvider(url=service.url)]) as system:
            task = await system.submit(on_ambiguous="fail")
            done = await system.finished(task.id)
        assert (done.status, done.failures, done.attempts) == (Status.COMPLETED, 0, 2)
        assert service.bills == {task.id: 1}
        assert calls_of(done) == [("delivered", True)]

    async def test_each_of_several_is_found(self, settings: Settings, service: AskedService) -> None:
        """Three pictures, three answers lost one after the other."""
        service.mood = "cuts"
        async with running_system(settings, [OrderingProvider(url=service.url)]) as system:
            task = await system.submit(n=3, on_ambiguous="fail")
            done = await system.finished(task.id)
        assert (done.status, len(done.kept), done.failures) == (Status.COMPLETED, 3, 0)
        assert service.bills == {task.id: 3}

    @pytest.mark.parametrize(("policy", "bills", "status"), [("fail", 1, "failed"), ("retry", 2, "completed")])
    async def test_of_one_that_nobody_knows_the_policy_decides(
        self, settings: Settings, service: AskedService, policy: str, bills: int, status: str
    ) -> None:
        """It is asked for once; then all is as with a service that cannot be asked."""
        service.mood, service.forgetful = "cuts", True
        async with running_system(settings, [OrderingProvider(url=service.url)]) as system:
            task = await system.submit(on_ambiguous=policy)
            await until(lambda: service.asked)
            service.mood = "takes"
            done = await system.finished(task.id)
        assert (done.status, service.bills) == (status, {task.id: bills})
        assert calls_of(done)[0] == ("unknown", True)
        assert len(service.asked) == 1
        if done.error is not None:
            assert (done.error.code, done.error.billed) == ("outcome_unknown", Billed.UNKNOWN)

    async def test_a_service_that_is_away_is_asked_again(self, settings: Settings, service: AskedService) -> None:
        """Each failed question counts as any failed attempt."""
        service.mood, service.silent = "cuts", 2
        async with running_system(settings, [OrderingProvider(url=service.url)]) as system:
            task = await system.submit(on_ambiguous="fail")
            done = await system.finished(task.id)
        assert (done.status, done.failures, len(service.asked)) == (Status.COMPLETED, 2, 3)
        assert service.bills == {task.id: 1}

    async def test_a_service_that_stays_away_is_not_asked_for_ever(
        self, make_settings: MakeSettings, service: AskedService
    ) -> None:
        """The attempts are bounded; its user's retry asks again, and buys nothing."""
        service.mood, service.silent = "cuts", 2
        settings = make_settings(DANQING_MAX_ATTEMPTS="2")
        async with running_system(settings, [OrderingProvider(url=service.url)]) as system:
            task = await system.submit(on_ambiguous="fail")
            failed = await system.finished(task.id)
            assert failed.error is not None
            assert (failed.error.code, failed.error.billed) == ("provider_unavailable", Billed.UNKNOWN)
            await system.services.control.retry(task.id, Caller.local())
            done = await system.finished(task.id)
        assert (done.status, service.bills) == (Status.COMPLETED, {task.id: 1})

    async def test_orders_that_never_arrive_are_not_placed_for_ever(
        self, make_settings: MakeSettings, service: AskedService
    ) -> None:
        """A call that is lost and never arrived counts as one that failed unbilled."""

        class Lossy(OrderingProvider):
            async def generate(self, job: Any, run: Any) -> None:
                self.url = "http://127.0.0.1:9"
                try:
                    await super().generate(job, run)
                finally:
                    self.url = service.url

        async with running_system(make_settings(DANQING_MAX_ATTEMPTS="2"), [Lossy(url=service.url)]) as system:
            task = await system.submit(on_ambiguous="fail")
            done = await system.finished(task.id)
        assert (done.status, service.bills) == (Status.FAILED, {})
        assert calls_of(done) == [("failed_unbilled", True)] * 2
        assert done.error is not None
        assert done.error.billed is Billed.NO

    async def test_asking_takes_nothing_of_the_lanes_rates(self, settings: Settings, service: AskedService) -> None:
        """What waits to be looked up is queued as what needs no purchase, rebuilt or not."""
        service.mood, service.silent = "cuts", 1000
        async with running_system(settings, [OrderingProvider(url=service.url)]) as system:
            task, seen = await system.submit(n=2), list[WaitingTask]()

            async def waits() -> bool:  # it does so for a moment, between one look-up and the next
                if service.asked:
                    seen.extend(await _waiting(system, task.id))
                return bool(seen)

            await until(waits)
            assert seen[0].to_buy == 1  # of two: the first is looked up
            assert CallOutcome.UNKNOWN in {call.outcome for call in (await system.get(task.id)).calls.values()}


class TestCancelledOrder:
    """A user cancels while an order is being worked on."""

    async def test_an_order_that_is_dropped_costs_nothing_and_ends_the_attempt(
        self, settings: Settings, service: AskedService
    ) -> None:
        """At once; and its user may retry it."""
        service.working = True
        async with running_system(settings, [OrderingProvider(url=service.url)]) as system:
            task = await _ordered(system)
            await system.services.control.cancel(task.id, Caller.local())
            await until(lambda: _let_go(system, task.id))
            cancelled = await system.get(task.id)
            assert (cancelled.status, calls_of(cancelled)) == (Status.CANCELLED, [("failed_unbilled", False)])
            assert cancelled.error is not None
            assert (cancelled.error.billed, service.bills[task.id]) == (Billed.NO, 0)
            service.working = False
            await system.services.control.retry(task.id, Caller.local())
            done = await system.finished(task.id)
            assert (done.status, service.bills[task.id]) == (Status.COMPLETED, 1)

    async def test_it_is_dropped_though_who_cancelled_hung_up(
        self, settings: Settings, service: AskedService
    ) -> None:
        """The cancellation was on its way to MongoDB; nobody told the worker of it, and the order was paid for."""
        service.working = True
        async with running_system(settings, [OrderingProvider(url=service.url)]) as system:
            task = await _ordered(system)
            control = system.services.control
            store = _Slow(system.services.store.database)
            control.register = attrs.evolve(control.register, store=store)
            wish = asyncio.create_task(control.cancel(task.id, Caller.local()))
            await store.written.wait()
            wish.cancel()
            store.go_on.set()
            await until(lambda: _let_go(system, task.id), timeout_s=10)
            assert (await system.get(task.id)).status is Status.CANCELLED
            assert service.bills[task.id] == 0

    async def test_an_order_placed_after_the_cancellation_is_not_placed_again(
        self, make_settings: MakeSettings, service: AskedService
    ) -> None:
        """Its answer comes late, and is saved; its user's retry goes on with it."""
        service.held, service.drops, service.working = asyncio.Event(), False, True
        short = make_settings(DANQING_STOP_GRACE="0.1")
        async with running_system(short, [OrderingProvider(url=service.url)]) as system:
            task = await system.submit()
            await service.arrived.wait()
            await system.services.control.cancel(task.id, Caller.local())
            service.held.set()
            await until(lambda: _has_order(system, task.id))
        service.working = False
        async with running_system(short, [OrderingProvider(url=service.url)], dead_after_s=1) as system:
            await until(lambda: _let_go(system, task.id))
            await system.services.control.retry(task.id, Caller.local())
            done = await system.finished(task.id)
        assert (done.status, service.bills) == (Status.COMPLETED, {task.id: 1})

    async def test_an_order_that_cannot_be_dropped_is_seen_through(
        self, settings: Settings, service: AskedService
    ) -> None:
        """Its picture is kept, as late output."""
        service.working, service.drops = True, False
        async with running_system(settings, [OrderingProvider(url=service.url)]) as system:
            task = await _ordered(system)
            await system.services.control.cancel(task.id, Caller.local())
            await until(lambda: service.refused_to_drop)
            service.working = False
            await until(lambda: _let_go(system, task.id))
            cancelled = await system.get(task.id)
            assert (list(cancelled.late), calls_of(cancelled)) == (["0"], [("delivered", False)])
            assert service.bills == {task.id: 1}

    async def test_a_question_that_cancels_itself_is_no_answer(
        self, settings: Settings, service: AskedService
    ) -> None:
        """Who waited for the answer died of it, and after that whoever looked after what the dead left."""
        service.working = True
        async with running_system(settings, [SelfCancelling(url=service.url)]) as system:
            task = await _ordered(system)
            await system.services.control.cancel(task.id, Caller.local())
            service.working = False
            await until(lambda: _let_go(system, task.id), timeout_s=10)
            assert list((await system.get(task.id)).late) == ["0"]

    async def test_a_question_without_an_end_holds_nobody_up(
        self, settings: Settings, service: AskedService
    ) -> None:
        """The plugin is left behind; its attempt never ended, nor did whoever looked after what the dead left."""
        service.working, provider = True, Stubborn(url=service.url)
        async with running_system(settings, [provider]) as system:
            task = await _ordered(system)
            await system.services.control.cancel(task.id, Caller.local())
            service.working = False
            await until(lambda: _let_go(system, task.id), timeout_s=30)
            provider.let_go.set()
            assert list((await system.get(task.id)).late) == ["0"]

    async def test_who_takes_over_from_a_dead_process_has_it_dropped(
        self, make_settings: MakeSettings, service: AskedService
    ) -> None:
        """Nobody works on it, and nobody heard of the cancellation."""
        settings = make_settings()
        service.working = True
        async with running_system(settings, [OrderingProvider(url=service.url)], workers=False) as door:
            task = await door.submit()
            with ordering_process(settings, service, single_call=False) as pid:
                await until(lambda: _has_order(door, task.id), timeout_s=PATIENCE_S)
                os.kill(pid, 9)
            await door.services.control.cancel(task.id, Caller.local())
            with ordering_process(settings, service, single_call=False):
                await until(lambda: _let_go(door, task.id), timeout_s=PATIENCE_S)
            cancelled = await door.get(task.id)
        assert (calls_of(cancelled), service.bills[task.id]) == ([("failed_unbilled", False)], 0)

    async def test_one_that_waits_with_its_order_has_it_dropped(
        self, make_settings: MakeSettings, service: AskedService
    ) -> None:
        """Its process handed it back: nobody works on it, and nobody is there to hear of the cancellation."""
        short, service.working = make_settings(DANQING_STOP_GRACE="0.1"), True
        async with _left_with_its_order(short, service) as (door, task):
            cancelled = await door.services.control.cancel(task.id, Caller.local())
            assert billed_of(cancelled) is Billed.UNKNOWN
        async with running_system(short, [OrderingProvider(url=service.url)], dead_after_s=1) as system:
            await until(lambda: _let_go(system, task.id))
            cancelled = await system.get(task.id)
        assert (calls_of(cancelled), service.bills[task.id]) == ([("failed_unbilled", False)], 0)
        assert billed_of(cancelled) is Billed.NO

    async def test_one_that_is_deleted_while_it_waits_has_its_order_dropped(
        self, make_settings: MakeSettings, service: AskedService
    ) -> None:
        """By who carries tasks out, when the task is gone by then; nothing of its user's is kept for it."""
        short, service.working = make_settings(DANQING_STOP_GRACE="0.1"), True
        async with _left_with_its_order(short, service) as (door, task):
            await door.services.control.delete(task.id, Caller.local())
            assert await door.services.store.get(task.id) is None
            note = await door.services.store.database["danqing_deleted"].find_one({"_id": task.id})
            assert note is not None
            assert not {"a cat", "u1"} & set(_texts_in(note))
            assert service.bills[task.id] == 1
        async with running_system(short, [OrderingProvider(url=service.url)], dead_after_s=1) as system:
            await until(lambda: not service.bills[task.id])
            deletions = system.services.control.register.eraser.deletions

            async def is_over() -> bool:
                return not await deletions.orders(1)

            await until(is_over)

    @pytest.mark.parametrize("word", ["cancelled", "deleted", "deleted unheard"])
    async def test_one_that_is_being_placed_is_dropped_once_it_stands(
        self, settings: Settings, service: AskedService, word: str
    ) -> None:
        """Its answer comes after the word, or when the task is gone: nobody else would fetch what it makes."""
        service.held, service.working = asyncio.Event(), True
        async with running_system(settings, [OrderingProvider(url=service.url)]) as system:
            task = await system.submit()
            await service.arrived.wait()
            control = system.services.control
            if word == "cancelled":
                await control.cancel(task.id, Caller.local())
            elif word == "deleted":
                await control.delete(task.id, Caller.local())
            else:
                await control.store.delete(task.id)
            assert service.bills[task.id] == 1
            service.held.set()
            await until(lambda: service.bills[task.id] == 0)
            if word == "cancelled":
                await until(lambda: _let_go(system, task.id))
                cancelled = await system.get(task.id)
                assert (calls_of(cancelled), cancelled.saved) == ([("failed_unbilled", False)], {})
                assert billed_of(cancelled) is Billed.NO

    @pytest.mark.parametrize("is_deleted", [False, True], ids=["cancelled", "deleted"])
    async def test_one_that_stands_and_one_that_is_being_placed_are_dropped(
        self, settings: Settings, service: AskedService, is_deleted: bool
    ) -> None:
        """Each is asked about once: a service refuses to drop what it has dropped."""
        service.held, service.working = asyncio.Event(), True
        async with running_system(settings, [OrderingProvider(url=service.url)]) as system:
            task = await system.submit(n=2)
            await service.arrived.wait()
            service.held.set()
            service.held.clear()
            await until(lambda: service.bills[task.id] == 2)
            control = system.services.control
            await (control.delete if is_deleted else control.cancel)(task.id, Caller.local())
            await until(lambda: service.bills[task.id] == 1)
            service.held.set()
            await until(lambda: service.bills[task.id] == 0)
            assert service.refused_to_drop == 0

    async def test_one_that_a_retry_goes_on_with_is_dropped_when_that_is_cancelled(
        self, make_settings: MakeSettings, service: AskedService
    ) -> None:
        """Nobody knew what it came to, until it was asked for again."""
        short = make_settings(DANQING_STOP_GRACE="0.1")
        task = await _given_up(short, service)
        async with running_system(short, [OrderingProvider(url=service.url)], dead_after_s=1) as system:
            control = system.services.control
            await control.retry(task.id, Caller.local())
            await until(lambda: _is_processing(system, task.id))
            await control.cancel(task.id, Caller.local())
            await until(lambda: _let_go(system, task.id))
            assert (calls_of(await system.get(task.id)), service.bills[task.id]) == (
                [("failed_unbilled", False)],
                0,
            )

    async def test_one_that_was_given_up_is_dropped_when_its_task_is_deleted(
        self, make_settings: MakeSettings, service: AskedService
    ) -> None:
        """Its service may still work at it, and by then nobody can have it tried again."""
        short = make_settings(DANQING_STOP_GRACE="0.1")
        task = await _given_up(short, service)
        async with running_system(short, [OrderingProvider(url=service.url)], dead_after_s=1) as system:
            await system.services.control.delete(task.id, Caller.local())
            await until(lambda: service.bills[task.id] == 0)


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(each)


@asynccontextmanager
async def _left_with_its_order(short: Settings, service: AskedService) -> AsyncIterator[tuple[System, Task]]:
    """Yield a system that carries nothing out, and a task there whose process handed it back with its order."""
    async with running_system(short, [OrderingProvider(url=service.url)]) as system:
        task = await _ordered(system)
    async with running_system(short, [OrderingProvider(url=service.url)], workers=False) as door:
        assert (await door.get(task.id)).status is Status.PENDING
        yield door, task


async def _given_up(short: Settings, service: AskedService) -> Task:
    """Return a task that was cancelled, and whose order, which could not be dropped then, is in doubt."""
    service.drops, service.working = False, True
    async with running_system(short, [OrderingProvider(url=service.url)]) as system:
        task = await _ordered(system)
        await system.services.control.cancel(task.id, Caller.local())
        await until(lambda: service.refused_to_drop)
    async with running_system(short, [], workers=False) as door:
        task = await door.get(task.id)
    assert (task.status, calls_of(task)) == (Status.CANCELLED, [("unknown", False)])
    service.drops = True
    return task


async def _is_processing(system: System, task_id: str) -> bool:
    return (await system.get(task_id)).status is Status.PROCESSING


async def _ordered(system: System) -> Task:
    """Submit a task, and return it once its order is placed."""
    task = await system.submit()
    await until(lambda: _has_order(system, task.id))
    return task


async def _has_order(system: System, task_id: str) -> bool:
    return any(call.resumable for call in (await system.get(task_id)).calls.values())


async def _let_go(system: System, task_id: str) -> bool:
    return (await system.get(task_id)).attempt is None


async def _waiting(system: System, task_id: str) -> list[WaitingTask]:
    assert system.workers is not None
    sweeps, clock = system.workers.tools.sweeps, system.services.clock
    found = await sweeps.waiting_after((0, ""), to_ms(clock.now()), 100)
    return [waiting for waiting in found if waiting.id == task_id]


class TestNames:
    async def test_the_services_own_id_is_on_record_with_the_order(self, make_settings: MakeSettings) -> None:
        """A death before the call's block ends must not lose whose bill it is."""
        settings, saved = make_settings(DANQING_STOP_GRACE="0.1"), asyncio.Event()

        async def order(_job: Job, run: Run) -> None:
            if run.saved:
                await run.deliver(0, Source.from_bytes(picture()))
                return
            async with run.call([0], "fingerprint") as call:
                call.request_id = "the-services-own"
                await run.checkpoint({"order": 1})
                saved.set()
                await asyncio.Event().wait()

        async with running_system(settings, [ScriptedProvider(order)]) as first:
            task = await first.submit()
            await asyncio.wait_for(saved.wait(), PATIENCE_S)
            [stored] = (await first.get(task.id)).calls.values()
            assert (stored.resumable, stored.request_id) == (True, "the-services-own")
        async with running_system(settings, [ScriptedProvider(order)]) as second:
            done = await second.finished(task.id, PATIENCE_S)
        [call] = done.calls.values()
        assert (done.status, call.request_id) == (Status.COMPLETED, "the-services-own")
