"""New tasks, stored and queued together: what is acknowledged is safe, what is refused will not run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import attrs
import pytest

from danqing_plugins import TaskEvent, TaskEventKind, hookimpl
from danqing_server.access.caller import Caller
from danqing_server.desk import voids
from danqing_server.desk.intake import Intake
from danqing_server.desk.request import Repeat
from danqing_server.errors import Conflict, InvalidSubmission, QueueUnavailable, StoreUnavailable
from danqing_server.life.moves import claimed
from danqing_server.loops.batching import LARGEST_BATCH
from danqing_server.queue.entries import Entry, Pushed
from danqing_server.queue.lanes import Queue
from danqing_server.records.tasks import Status, Task
from danqing_server.settings.server import Settings
from danqing_server.store.changes import Change
from danqing_server.store.task_documents import Document
from danqing_server.store.tasks import TaskStore
from danqing_server.worker.lane import Lane
from tests.support.providers import ScriptedProvider
from tests.support.servers import RunningServer
from tests.support.system import MakeSettings, System, running_system, until
from tests.unit.api.tasks import make_task


@attrs.define(eq=False)
class _SlowQueue(Queue):
    """Pushes only when it is released."""

    reached: asyncio.Event = attrs.field(factory=asyncio.Event)
    released: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def push_many(self, entries: Sequence[Entry]) -> Pushed:
        self.reached.set()
        await self.released.wait()
        return await super().push_many(entries)


@attrs.define(eq=False)
class _QuickQueue(Queue):
    """Has pushed before anybody else has a turn."""

    async def push_many(self, entries: Sequence[Entry]) -> Pushed:
        return Pushed(new=len(entries), waiting={entry.id: 1 for entry in entries})


@attrs.define(eq=False)
class _CountingStore(TaskStore):
    """Knows how many tasks went in together, batch by batch; stores nothing before it is released."""

    sizes: list[int] = attrs.field(factory=list)
    reached: asyncio.Event = attrs.field(factory=asyncio.Event)
    released: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def insert_many(self, documents: Sequence[Document]) -> list[bool | Exception]:
        self.sizes.append(len(documents))
        self.reached.set()
        await self.released.wait()
        return await super().insert_many(documents)


@attrs.define(eq=False)
class Ears(ScriptedProvider):
    """A provider that hears of every change."""

    heard: list[TaskEvent] = attrs.field(factory=list)

    @hookimpl
    def danqing_task_event(self, event: TaskEvent) -> None:
        self.heard.append(event)


@attrs.define(eq=False)
class Deaf(ScriptedProvider):
    """A provider that never ends listening."""

    @hookimpl
    async def danqing_task_event(self, event: TaskEvent) -> None:
        await asyncio.Event().wait()


def intake_of(system: System, queue: Queue | None = None) -> Intake:
    """Return an intake beside the system's own, with another queue if one is given."""
    services = system.services
    ours = services.submissions.intake
    return Intake(ours.store, queue or ours.queue, ours.register, services.clock, ours.limits)


def lane_of(system: System) -> Lane:
    """Return the lane of the scripted provider."""
    assert system.workers is not None
    return system.workers.pool.lanes["scripted"]


async def status_of(system: System, task: Task) -> tuple[Status, str | None]:
    """Return how a task stands, and its error's code."""
    found = await system.get(task.id)
    return found.status, found.error.code if found.error else None


class TestTogether:
    async def test_each_of_a_crowd_has_its_own_outcome(self, make_settings: MakeSettings) -> None:
        """One whose id is taken and one that cannot be stored spoil nothing for the others of their moment."""
        async with running_system(make_settings(), [ScriptedProvider()], workers=False) as system:
            intake = intake_of(system)
            await intake.take(make_task("taken"))
            bad = make_task("bad", input={"prompt": "\ud800"})
            tasks = [make_task("a"), make_task("taken"), bad, make_task("b")]
            outcomes = await asyncio.gather(*(intake.take(task) for task in tasks), return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [type(None), Conflict, InvalidSubmission, type(None)]
            assert await system.services.store.get("bad") is None
            assert (await system.services.queue.depth("scripted")).queued == 3

    async def test_who_leaves_takes_nothing_with_it(self, make_settings: MakeSettings) -> None:
        """A task whose caller is cancelled is stored and queued all the same."""
        async with running_system(make_settings(), [ScriptedProvider()], workers=False) as system:
            intake = intake_of(system)
            leaving = asyncio.create_task(intake.take(make_task("a")))
            await asyncio.sleep(0)
            leaving.cancel()
            await intake.drain()
            assert (await system.get("a")).status is Status.PENDING
            assert (await system.services.queue.depth("scripted")).queued == 1

    async def test_a_crowd_in_halves_comes_together_again(self, make_settings: MakeSettings) -> None:
        """Who sends on as soon as it is answered goes in with those who came meanwhile, not after them."""

        async def send(client: str) -> None:
            for number in range(5):
                await intake.take(make_task(f"{client}{number}"))

        async with running_system(make_settings(), [ScriptedProvider()], workers=False) as system:
            store = _CountingStore(system.services.store.database)
            ours = system.services.submissions.intake
            queue = _QuickQueue(ours.queue.connection)
            intake = Intake(store, queue, ours.register, ours.clock, ours.limits)
            early = [asyncio.create_task(send(client)) for client in "ab"]
            await asyncio.wait_for(store.reached.wait(), 20)
            late = [asyncio.create_task(send(client)) for client in "cd"]
            store.released.set()
            await asyncio.gather(*early, *late)
            assert store.sizes[:2] == [2, 4]

    async def test_one_is_stored_while_another_is_queued(self, make_settings: MakeSettings) -> None:
        """A slow push holds up who it carries; the next batch is on MongoDB's disk meanwhile."""
        async with running_system(make_settings(), [ScriptedProvider()], workers=False) as system:
            queue = _SlowQueue(system.services.queue.connection)
            intake = intake_of(system, queue)
            first = asyncio.create_task(intake.take(make_task("a")))
            await asyncio.wait_for(queue.reached.wait(), 20)
            second = asyncio.create_task(intake.take(make_task("b")))
            await until(lambda: system.services.store.get("b"))
            assert not first.done()
            queue.released.set()
            await asyncio.gather(first, second)
            assert (await system.services.queue.depth("scripted")).queued == 2


class TestBegunAtOnce:
    """A process that waits for tasks begins what it takes in itself, unless something comes in between."""

    @pytest.fixture
    async def waiting(self, settings: Settings) -> AsyncIterator[tuple[System, ScriptedProvider]]:
        """A process whose lane waits for tasks."""
        provider = ScriptedProvider()
        async with running_system(settings, [provider]) as system:
            await until(lambda: lane_of(system).waits)
            yield system, provider

    async def test_an_answer_lost_by_redis_runs_nothing(
        self, waiting: tuple[System, ScriptedProvider], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its client is told so; what Redis had reserved is let go, and the lane goes on."""
        system, provider = waiting
        original = Queue.push_and_reserve

        async def lose(self: Queue, *arguments: Any) -> None:
            await original(self, *arguments)
            raise QueueUnavailable("the answer was lost")

        monkeypatch.setattr(Queue, "push_and_reserve", lose)
        with pytest.raises(QueueUnavailable):
            await system.submit()
        monkeypatch.undo()
        await system.finished((await system.submit()).id)
        assert len(provider.jobs) == 1

        async def let_go() -> bool:
            return (await system.services.queue.depth("scripted")).held == 0

        await until(let_go)

    async def test_a_start_that_mongodb_did_not_answer_is_made_again(
        self, waiting: tuple[System, ScriptedProvider], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The client has its answer by then, and the task runs once."""
        system, provider = waiting
        original = TaskStore.start
        failures = [StoreUnavailable("the answer was lost")]

        async def start(self: TaskStore, *arguments: Any) -> list[Task]:
            started = await original(self, *arguments)
            if failures:
                raise failures.pop()
            return started

        monkeypatch.setattr(TaskStore, "start", start)
        finished = await system.finished((await system.submit()).id)
        assert (finished.status, finished.attempts, len(provider.jobs)) == (Status.COMPLETED, 1, 1)

    async def test_a_stop_gives_back_what_was_just_reserved(
        self, waiting: tuple[System, ScriptedProvider], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Taken in and reserved, but not started when the process was told to stop: another one runs it."""
        system, provider = waiting
        assert system.workers is not None
        starting, go_on = asyncio.Event(), asyncio.Event()
        original = TaskStore.start

        async def start(self: TaskStore, *arguments: Any) -> list[Task]:
            starting.set()
            await go_on.wait()
            return await original(self, *arguments)

        monkeypatch.setattr(TaskStore, "start", start)
        task = await system.submit()
        await starting.wait()
        stopping = asyncio.create_task(system.workers.pool.stop(5))
        await asyncio.sleep(0)
        go_on.set()
        assert await stopping
        assert (await system.get(task.id)).status is Status.PENDING
        depth = await system.services.queue.depth("scripted")
        assert (depth.queued, depth.held, provider.jobs) == (1, 0, [])

    async def test_a_batch_for_several_lanes_is_queued_as_usual(self, settings: Settings) -> None:
        """One round trip reserves in one lane only; nothing is left behind in the other."""
        providers = [ScriptedProvider(), ScriptedProvider(name="other")]
        async with running_system(settings, providers) as system:
            await until(lambda: lane_of(system).waits)
            intake = system.services.submissions.intake
            tasks = [make_task(f"t{number}", provider=("scripted", "other")[number % 2]) for number in range(6)]
            await asyncio.gather(*(intake.take(task) for task in tasks))
            for task in tasks:
                assert (await system.finished(task.id)).status is Status.COMPLETED


class TestRedisAway:
    async def test_what_could_not_be_queued_never_runs(
        self, make_settings: MakeSettings, own_redis: RunningServer
    ) -> None:
        """The client is told, the task says so itself, and the queue's return does not bring it back."""
        provider = ScriptedProvider()
        async with running_system(make_settings(redis_url=own_redis.url), [provider]) as system:
            own_redis.kill()
            tasks = [make_task("a"), make_task("b")]
            intake = intake_of(system)
            outcomes = await asyncio.gather(*(intake.take(task) for task in tasks), return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [QueueUnavailable] * 2
            assert [await status_of(system, task) for task in tasks] == [(Status.CANCELLED, "not_acknowledged")] * 2
            await asyncio.to_thread(own_redis.start)
            assert (await system.finished((await system.submit()).id)).status is Status.COMPLETED
            assert len(provider.jobs) == 1


@attrs.define(eq=False)
class _FailingQueue(Queue):
    """Stops MongoDB in the moment between the insert and the push, and cannot push."""

    mongod: RunningServer | None = None

    async def push_many(self, entries: Sequence[Entry]) -> Pushed:
        assert self.mongod is not None
        self.mongod.pause()
        raise QueueUnavailable("away")


class TestMongoDBAway:
    async def test_what_was_not_acknowledged_is_voided_later(
        self, make_settings: MakeSettings, own_mongod: RunningServer
    ) -> None:
        """Nobody knows whether the insert landed: when MongoDB answers again the task will not run, either way."""
        async with running_system(
            make_settings(mongo_url=own_mongod.url), [ScriptedProvider()], workers=False
        ) as system:
            intake = intake_of(system)
            own_mongod.pause()
            try:
                with pytest.raises(StoreUnavailable):
                    await intake.take(make_task("a"))
            finally:
                own_mongod.resume()
            await intake.drain()
            assert await status_of(system, make_task("a")) == (Status.CANCELLED, "not_acknowledged")

    async def test_who_waits_behind_a_hanging_batch_is_refused_unstored(
        self, make_settings: MakeSettings, own_mongod: RunningServer
    ) -> None:
        """However many wait: each is answered after a few batches, and nothing of the others is left to undo."""
        settings = make_settings(mongo_url=own_mongod.url)
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            intake = intake_of(system)
            own_mongod.pause()
            try:
                tasks = [make_task(f"t{number}") for number in range(6 * LARGEST_BATCH)]
                async with asyncio.timeout(10):
                    outcomes = await asyncio.gather(*map(intake.take, tasks), return_exceptions=True)
            finally:
                own_mongod.resume()
            assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
            await intake.drain()
            found = [await system.services.store.get(task.id) for task in tasks]
            ended = [task.status for task in found if task is not None]
            assert set(ended) == {Status.CANCELLED}
            assert len(ended) <= 3 * LARGEST_BATCH

    async def test_a_void_that_failed_too_is_owed(
        self, make_settings: MakeSettings, own_mongod: RunningServer
    ) -> None:
        """Both servers go away one after the other: told that it will not run, the client can rely on it."""
        async with running_system(
            make_settings(mongo_url=own_mongod.url), [ScriptedProvider()], workers=False
        ) as system:
            queue = _FailingQueue(system.services.queue.connection, mongod=own_mongod)
            intake = intake_of(system, queue)
            try:
                with pytest.raises(QueueUnavailable):
                    await intake.take(make_task("a"))
            finally:
                own_mongod.resume()
            await intake.drain()
            assert await status_of(system, make_task("a")) == (Status.CANCELLED, "not_acknowledged")


@attrs.define(eq=False)
class _Dying(Intake):
    """Is killed before MongoDB lets it void anything."""

    async def _void_when_possible(self, task: Task) -> bool | None:
        return None


def _dying(system: System) -> Intake:
    ours = intake_of(system)
    return _Dying(ours.store, ours.queue, ours.register, ours.clock, ours.limits)


def _unheard(*, stores: bool) -> Callable[[TaskStore, Sequence[Any]], Awaitable[Sequence[bool | Exception]]]:
    """Return an insert whose answer is lost."""
    original = TaskStore.insert_many

    async def insert(self: TaskStore, documents: Sequence[Any]) -> Sequence[bool | Exception]:
        if stores:
            await original(self, documents)
        raise StoreUnavailable("the answer was lost")

    return insert


def _applied_unheard() -> Callable[[TaskStore, Change], Awaitable[bool]]:
    """Return a change whose answer is lost, though MongoDB took it."""
    original = TaskStore.apply

    async def apply(self: TaskStore, change: Change) -> bool:
        await original(self, change)
        raise StoreUnavailable("the answer was lost")

    return apply


KEY = Repeat(key="k1", fingerprint="f1")


class TestDying:
    """What was stored unheard by a process that told its client so, and died."""

    @pytest.fixture
    async def left(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Task:
        """A task that was stored, though its client was told that it will not run."""
        task = make_task("a", waiting=0)
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            with monkeypatch.context() as deaf:
                deaf.setattr(TaskStore, "insert_many", _unheard(stores=True))
                with pytest.raises(StoreUnavailable):
                    await _dying(system).take(task)
            assert (await system.get(task.id)).status is Status.PENDING
        return task

    async def test_it_never_runs(self, settings: Settings, left: Task) -> None:
        """Whoever sweeps finds what the dead owed."""
        provider = ScriptedProvider()
        async with running_system(settings, [provider]) as system:
            await system.finished(left.id)
            assert await status_of(system, left) == (Status.CANCELLED, "not_acknowledged")
            await system.finished((await system.submit()).id)
        assert len(provider.jobs) == 1

    async def test_what_was_sent_again_runs(self, settings: Settings, left: Task) -> None:
        """Its client came back with its key, and was told that it will run."""
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            assert await system.services.store.apply(claimed(left))
        async with running_system(settings, [ScriptedProvider()]) as system:
            assert (await system.finished(left.id)).status is Status.COMPLETED

    async def test_who_sent_it_again_and_was_refused_too_never_has_it_run(
        self, settings: Settings, left: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """MongoDB had taken it back to be run, and that answer was lost as well."""
        provider = ScriptedProvider()
        async with running_system(settings, [provider], workers=False) as system:
            await system.services.submissions.keys.claim(KEY.key, KEY.fingerprint, left.id)
            with monkeypatch.context() as deaf:
                deaf.setattr(TaskStore, "apply", _applied_unheard())
                with pytest.raises(StoreUnavailable):
                    await system.submit(repeat=KEY)
            assert (await system.get(left.id)).transition_id != left.transition_id
        async with running_system(settings, [provider]) as system:
            await system.finished(left.id)
            assert await status_of(system, left) == (Status.CANCELLED, "not_acknowledged")
        assert provider.jobs == []

    async def test_who_sent_it_again_and_was_heard_has_it_run(self, settings: Settings, left: Task) -> None:
        """Nobody voids it for what was said before; nor does one who is refused later."""
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            await system.services.submissions.keys.claim(KEY.key, KEY.fingerprint, left.id)
            assert (await system.submit(repeat=KEY)).id == left.id
        async with running_system(settings, [ScriptedProvider()]) as system:
            assert (await system.finished(left.id)).status is Status.COMPLETED

    async def test_who_was_promised_it_keeps_it_when_another_is_refused(
        self, settings: Settings, left: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first to come back was told that it will run; the second was told nothing true."""
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            await system.services.submissions.keys.claim(KEY.key, KEY.fingerprint, left.id)
            assert (await system.submit(repeat=KEY)).id == left.id
            with monkeypatch.context() as deaf:
                deaf.setattr(TaskStore, "apply", _applied_unheard())
                with pytest.raises(StoreUnavailable):
                    await system.submit(repeat=KEY)
        async with running_system(settings, [ScriptedProvider()]) as system:
            assert (await system.finished(left.id)).status is Status.COMPLETED

    @pytest.mark.parametrize("landed", ["first", "second"])
    async def test_whichever_of_two_refusals_of_a_key_landed_never_runs(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, landed: str
    ) -> None:
        """Both were told 503, of one id: one was stored unheard, the other not at all."""
        tasks = [make_task("a", waiting=0, transition_id=which) for which in ("first", "second")]
        provider = ScriptedProvider()
        async with running_system(settings, [provider], workers=False) as system:
            for task in tasks:
                with monkeypatch.context() as deaf:
                    deaf.setattr(TaskStore, "insert_many", _unheard(stores=task.transition_id == landed))
                    with pytest.raises(StoreUnavailable):
                        await _dying(system).take(task)
        async with running_system(settings, [provider]) as system:
            await system.finished("a")
            assert await status_of(system, tasks[0]) == (Status.CANCELLED, "not_acknowledged")
        assert provider.jobs == []

    async def test_two_refusals_of_a_key_in_one_moment_never_run(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Stored together by one process: the first of them landed."""
        tasks = [make_task("a", waiting=0, transition_id=which) for which in ("first", "second")]
        provider = ScriptedProvider()
        async with running_system(settings, [provider], workers=False) as system:
            intake = _dying(system)
            with monkeypatch.context() as deaf:
                deaf.setattr(TaskStore, "insert_many", _unheard(stores=True))
                told = await asyncio.gather(*map(intake.take, tasks), return_exceptions=True)
            assert [type(each) for each in told] == [StoreUnavailable, StoreUnavailable]
        async with running_system(settings, [provider]) as system:
            await system.finished("a")
            assert await status_of(system, tasks[0]) == (Status.CANCELLED, "not_acknowledged")
        assert provider.jobs == []

    async def test_who_lives_settles_its_own_alone(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The other refusal of its key was the one that landed, and its process is dead."""
        dead, living = (make_task("a", waiting=0, transition_id=which) for which in ("dead", "living"))
        provider = ScriptedProvider()
        async with running_system(settings, [provider], workers=False) as system:
            survivor = intake_of(system)
            for intake, task in ((_dying(system), dead), (survivor, living)):
                with monkeypatch.context() as deaf:
                    deaf.setattr(TaskStore, "insert_many", _unheard(stores=task is dead))
                    with pytest.raises(StoreUnavailable):
                        await intake.take(task)
            await survivor.drain()
        async with running_system(settings, [provider]) as system:
            await system.finished("a")
            assert await status_of(system, dead) == (Status.CANCELLED, "not_acknowledged")
        assert provider.jobs == []


@attrs.define(eq=False)
class _DeafStore(TaskStore):
    """Does not hear what became of its first insert."""

    is_deaf: bool = True

    async def insert_many(self, documents: Sequence[Document]) -> list[bool | Exception]:
        outcomes = await super().insert_many(documents)
        if self.is_deaf:
            self.is_deaf = False
            raise StoreUnavailable("the answer was lost")
        return outcomes


@attrs.define(eq=False)
class _CutOff(Intake):
    """Reaches MongoDB no more after its first insert, and Redis not with its first notes."""

    reaches_mongodb: asyncio.Event = attrs.field(factory=asyncio.Event)
    notes_lost: int = 0

    async def _void(self, task: Task) -> bool:
        if not self.reaches_mongodb.is_set():
            raise StoreUnavailable("cut off")
        return await super()._void(task)

    async def _note_owed(self, tasks: Sequence[Task]) -> bool:
        self.notes_lost -= 1
        return self.notes_lost < 0 and await super()._note_owed(tasks)


def _cut_off(system: System, notes_lost: int) -> _CutOff:
    ours, store = intake_of(system), _DeafStore(system.services.store.database)
    return _CutOff(store, ours.queue, ours.register, ours.clock, ours.limits, notes_lost=notes_lost)


class TestCutOff:
    """Who took a task in cannot tell MongoDB or Redis that its client will be refused; others see the task."""

    async def test_one_that_others_began_is_taken_in(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its client waits, and hears what is true: that it runs."""
        monkeypatch.setattr(voids, "UNSETTLED_S", 60)
        task = make_task("a", waiting=0)
        async with running_system(settings, [ScriptedProvider()]) as system:
            cut = _cut_off(system, notes_lost=1_000_000)
            taking = asyncio.create_task(cut.take(task))
            await until(lambda: system.services.store.get(task.id))
            assert (await system.finished(task.id)).status is Status.COMPLETED
            assert not taking.done()
            cut.reaches_mongodb.set()
            await taking
            await cut.drain()

    async def test_its_client_is_refused_once_that_is_noted(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Redis takes the third note: from then on nobody runs it, whoever dies."""
        monkeypatch.setattr(voids, "UNSETTLED_S", 60)
        task = make_task("a", waiting=0)
        provider = ScriptedProvider()
        async with running_system(settings, [provider], workers=False) as system:
            cut = _cut_off(system, notes_lost=2)
            with pytest.raises(StoreUnavailable):
                await cut.take(task)
            assert cut.notes_lost == -1
            async with running_system(settings, [provider]) as other:
                await other.finished(task.id)
                assert await status_of(other, task) == (Status.CANCELLED, "not_acknowledged")
            cut.reaches_mongodb.set()
            await cut.drain()
        assert provider.jobs == []

    async def test_its_client_does_not_wait_for_ever(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where nobody can be told it is refused after a moment, and voided when MongoDB answers."""
        monkeypatch.setattr(voids, "UNSETTLED_S", 0.1)
        task = make_task("a")
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            cut = _cut_off(system, notes_lost=1_000_000)
            with pytest.raises(StoreUnavailable):
                await cut.take(task)
            cut.reaches_mongodb.set()
            await cut.drain()
            assert await status_of(system, task) == (Status.CANCELLED, "not_acknowledged")


class TestEvents:
    async def test_plugins_hear_of_what_was_queued(self, make_settings: MakeSettings) -> None:
        """Once for each task, beside the answer to its client."""
        provider = Ears()
        async with running_system(make_settings(), [provider], workers=False) as system:
            task = await system.submit()
            await until(lambda: provider.heard, what="the event")
            assert [(event.kind, event.task_id) for event in provider.heard] == [(TaskEventKind.CREATED, task.id)]

    async def test_plugins_hear_what_becomes_of_a_task(self, make_settings: MakeSettings) -> None:
        """From its creation to its end, its user's retry and its deletion."""
        provider = Ears()
        async with running_system(make_settings(), [provider]) as system:
            control = system.services.control
            task = await system.submit()
            await system.finished(task.id)
            late = await system.submit(delay_s=60)
            await control.cancel(late.id, Caller.local())
            await control.retry(late.id, Caller.local())
            await system.finished(late.id)
            await control.delete(late.id, Caller.local())
            await until(lambda: len(provider.heard) == 9, what="nine events")
            told = {
                id_: [str(event.kind) for event in provider.heard if event.task_id == id_]
                for id_ in (task.id, late.id)
            }
            assert told[task.id] == ["created", "started", "completed"]
            assert told[late.id] == ["created", "cancelled", "retrying", "started", "completed", "deleted"]

    async def test_a_listener_that_hangs_delays_nobody(self, make_settings: MakeSettings) -> None:
        """R3: neither tasks, four times as many as its lane has places, nor a client who cancels."""
        async with running_system(make_settings(), [Deaf(concurrency=2)]) as system:
            tasks = [await system.submit() for _ in range(8)]
            done = [await system.finished(task.id) for task in tasks]
            assert {task.status for task in done} == {Status.COMPLETED}
            late = await system.submit(delay_s=60)
            async with asyncio.timeout(5):
                assert (await system.services.control.cancel(late.id, Caller.local())).status is Status.CANCELLED
