"""Orderly stops, checkpoints, deaths: what becomes of a task whose process goes away."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from danqing_plugins import Job, Run, Source
from danqing_server.clock import Clock
from danqing_server.composition.process import open_process
from danqing_server.errors import StoreUnavailable
from danqing_server.plugins.registry import load_registry
from danqing_server.records.tasks import Attempt, CallOutcome, CallRecord, Status
from danqing_server.store.client import connect
from danqing_server.store.leases import Lease, WorkerBeat, WorkerStore
from danqing_server.store.sweeping import SweepStore
from danqing_server.store.tasks import TaskStore
from danqing_server.worker.janitor import Janitor
from danqing_server.worker.takeover import take_over
from tests.support.providers import ScriptedProvider, deliver_all, picture
from tests.support.proxy import running_proxy
from tests.support.servers import RunningServer
from tests.support.system import MakeSettings, System, running_system, until

pytestmark = pytest.mark.processes

A_YEAR = timedelta(days=365)


async def abandoned(system: System, task_id: str, worker: str = "w-dead", *, id_: str = "a-dead") -> None:
    """Put a waiting task into the hands of a worker that does not exist."""
    now = system.services.clock.now()
    attempt = Attempt(id=id_, worker=worker, started_at=now)
    assert await system.services.store.start([task_id], attempt, now + A_YEAR)


class TestGrace:
    async def test_a_call_under_way_is_finished_within_the_grace_time(self, make_settings: MakeSettings) -> None:
        """SIGTERM does not cut a paid call."""
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                begun.set()
                await go_on.wait()
                await run.deliver(0, Source.from_bytes(picture()))

        async with running_system(make_settings(), [ScriptedProvider(slow)]) as system:
            task = await system.submit()
            await begun.wait()
            assert system.workers is not None
            stopping = asyncio.create_task(system.workers.pool.stop(20))
            await asyncio.sleep(0)
            go_on.set()
            await stopping
            assert (await system.get(task.id)).status is Status.COMPLETED

    async def test_what_outlasts_the_grace_is_given_back_with_its_checkpoint(
        self, make_settings: MakeSettings
    ) -> None:
        """The next process goes on from what was saved, without another paid call."""
        begun = asyncio.Event()
        resumed: list[object] = []

        async def polling(job: Job, run: Run) -> None:
            if not run.saved:
                async with run.call(run.missing, "f"):
                    await run.checkpoint({"upstream_id": "cgt-1"})
                begun.set()
                await asyncio.Event().wait()
            resumed.append(run.saved["upstream_id"])
            await run.deliver(0, Source.from_bytes(picture()))

        async with running_system(make_settings(DANQING_STOP_GRACE="0.1"), [ScriptedProvider(polling)]) as first:
            task = await first.submit()
            await begun.wait()
        async with running_system(make_settings(), [ScriptedProvider(polling)]) as second:
            done = await second.finished(task.id)
            assert done.status is Status.COMPLETED
            assert resumed == ["cgt-1"]
            assert len(done.calls) == 1

    async def test_a_checkpoint_inside_the_call_makes_its_outcome_known(self, make_settings: MakeSettings) -> None:
        """Cut in the middle under `fail`: the upstream id is saved, so nothing is unknown and nothing is lost."""
        begun = asyncio.Event()

        async def polling(_job: Job, run: Run) -> None:
            if not run.saved:
                async with run.call(run.missing, "f"):
                    await run.checkpoint({"upstream_id": "cgt-1"})
                    begun.set()
                    await asyncio.Event().wait()
            await run.deliver(0, Source.from_bytes(picture()))

        short = make_settings(DANQING_STOP_GRACE="0.1", DANQING_ON_AMBIGUOUS="fail")
        async with running_system(short, [ScriptedProvider(polling, single_call=True)]) as first:
            task = await first.submit()
            await begun.wait()
        async with running_system(short, [ScriptedProvider(polling, single_call=True)]) as second:
            done = await second.finished(task.id)
            assert done.status is Status.COMPLETED
            assert [call.outcome for call in done.calls.values()] == [CallOutcome.DELIVERED]

    async def test_a_start_under_way_is_no_call(
        self, make_settings: MakeSettings, own_mongod: RunningServer
    ) -> None:
        """Stopped while MongoDB writes the start down: the task goes on elsewhere, and no call is in doubt."""
        provider = ScriptedProvider(single_call=True)
        settings = make_settings(mongo_url=own_mongod.url, DANQING_ON_AMBIGUOUS="fail")
        async with running_system(settings, [provider]) as first:
            assert first.workers is not None
            pool, lease, queue = first.workers.pool, first.workers.tools.lease, first.services.queue
            await until(lambda: lease.fresh)
            task = await first.submit(delay_s=1)
            own_mongod.pause()

            async def reserved() -> bool:
                return (await queue.depth("scripted")).held == 1

            await until(reserved, what="the reservation")
            stopping = asyncio.create_task(pool.stop(10))
            await asyncio.sleep(0)
            own_mongod.resume()
            await stopping
            assert provider.jobs == []
        async with running_system(settings, [provider]) as second:
            done = await second.finished(task.id)
            assert done.status is Status.COMPLETED
            assert [call.outcome for call in done.calls.values()] == [CallOutcome.UNSENT, CallOutcome.DELIVERED]

    async def test_a_start_whose_answer_was_lost_is_no_call(
        self, make_settings: MakeSettings, mongo_url: str
    ) -> None:
        """MongoDB wrote it down, the connection broke, and then the process is stopped."""
        provider = ScriptedProvider(single_call=True)
        with running_proxy(mongo_url) as proxy:
            settings = make_settings(mongo_url=f"mongodb://127.0.0.1:{proxy.port}", DANQING_ON_AMBIGUOUS="fail")
            async with running_system(settings, [provider]) as first, connect(make_settings()) as database:
                assert first.workers is not None
                pool, lease, direct = first.workers.pool, first.workers.tools.lease, TaskStore(database)
                await until(lambda: lease.fresh)
                task = await first.submit(delay_s=1)
                proxy.delay_s = 0.3

                async def started() -> bool:
                    found = await direct.get(task.id)
                    return found is not None and found.status is Status.PROCESSING

                await until(started, what="the start in MongoDB")
                proxy.cut()
                proxy.delay_s = 0.0
                await pool.stop(10)
                assert provider.jobs == []
                given_back = await direct.get(task.id)
                assert given_back is not None
                assert given_back.status is Status.PENDING
                assert [call.outcome for call in given_back.calls.values()] == [CallOutcome.UNSENT]

    async def test_what_redis_was_not_told_is_given_back_by_others(
        self, make_settings: MakeSettings, own_redis: RunningServer
    ) -> None:
        """Redis is away during the stop: the worker is not signed off, so that others look after what it held."""
        begun = asyncio.Event()

        async def hangs(_job: Job, _run: Run) -> None:
            begun.set()
            await asyncio.Event().wait()

        settings = make_settings(redis_url=own_redis.url, DANQING_STOP_GRACE="0.1")
        async with running_system(settings, [ScriptedProvider(hangs)]) as first:
            task = await first.submit()
            await begun.wait()
            async with Redis.from_url(own_redis.url) as client:
                await client.save()  # what is reserved survives the kill
            own_redis.kill()
        own_redis.start()
        async with running_system(settings, [ScriptedProvider()], dead_after_s=1) as second:
            assert (await second.finished(task.id)).status is Status.COMPLETED

    async def test_a_plugin_that_takes_its_time_to_stop_does_not_hold_the_process(
        self, make_settings: MakeSettings
    ) -> None:
        """Its cancellation is answered late, or never: the event loop ends all the same."""
        settings = make_settings(DANQING_STOP_GRACE="0.1")

        async def live_and_stop() -> None:
            begun = asyncio.Event()

            async def slow_to_stop(_job: Job, _run: Run) -> None:
                begun.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    await asyncio.Event().wait()

            async with running_system(settings, [ScriptedProvider(slow_to_stop)]) as system:
                await system.submit()
                await begun.wait()

        async with asyncio.timeout(40):
            await asyncio.to_thread(asyncio.run, live_and_stop())

    async def test_nothing_is_held_or_owned_after_a_stop(self, make_settings: MakeSettings) -> None:
        """The next start finds no leftovers to wait for."""
        async with running_system(make_settings(), [ScriptedProvider()]) as system:
            for _ in range(5):
                await system.submit()
        async with running_system(make_settings(), [ScriptedProvider()], workers=False) as later:
            assert await SweepStore(later.services.store.database).running_workers() == []
            assert (await later.services.queue.depth("scripted")).held == 0


class TestDeath:
    async def test_a_dead_workers_task_runs_again(self, make_settings: MakeSettings) -> None:
        """Nobody renews its lease: after a while others take its tasks over."""
        async with running_system(make_settings(), [ScriptedProvider()], workers=False) as dead:
            task = await dead.submit(delay_s=1)
            await abandoned(dead, task.id)
        async with running_system(make_settings(), [ScriptedProvider()], dead_after_s=1) as alive:
            done = await alive.finished(task.id)
            assert (done.status, done.leases_lost) == (Status.COMPLETED, 1)

    async def test_a_death_during_a_call_is_an_unknown_outcome(self, make_settings: MakeSettings) -> None:
        """With `fail` the task ends, and says that the call may have been billed."""
        provider = ScriptedProvider(single_call=True)
        async with running_system(make_settings(), [provider], workers=False) as dead:
            task = await dead.submit(delay_s=1, on_ambiguous="fail")
            await abandoned(dead, task.id)
        async with running_system(make_settings(), [provider], dead_after_s=1) as alive:
            done = await alive.finished(task.id)
            assert done.status is Status.FAILED
            assert done.error is not None
            assert (done.error.code, done.error.billed.value) == ("outcome_unknown", "unknown")
            assert [call.outcome for call in done.calls.values()] == [CallOutcome.UNKNOWN]
            assert provider.jobs == []

    async def test_a_task_that_costs_three_workers_their_lives_is_poison(self, make_settings: MakeSettings) -> None:
        """Each died before a call was sent."""
        async with running_system(make_settings(), [ScriptedProvider()], workers=False) as system:
            task = await system.submit(delay_s=600)
            process_settings = make_settings(DANQING_ROLE="worker")
            registry = load_registry(process_settings, extra=[("scripted", ScriptedProvider())])
            async with open_process(process_settings, registry) as process:
                assert process.workers is not None
                janitor = process.workers.janitor
                janitor.dead_after_s, janitor.blind_after_s = 0, float("inf")  # it has no lease of its own
                for death in range(3):
                    await abandoned(system, task.id, f"w{death}", id_=f"a{death}")
                    await janitor.watch()
            ended = await system.get(task.id)
            assert ended.status is Status.FAILED
            assert ended.error is not None
            assert (ended.error.code, ended.error.billed.value) == ("poison", "no")

    async def test_a_live_worker_keeps_its_tasks(self, make_settings: MakeSettings) -> None:
        """A beat that changes resets the count, however short."""
        time_s = [0.0]
        clock = Clock(monotonic_s=lambda: time_s[0])
        process_settings = make_settings(DANQING_ROLE="worker")
        registry = load_registry(process_settings, extra=[("scripted", ScriptedProvider())])
        async with (
            open_process(process_settings, registry, clock) as process,
            connect(process_settings) as database,
        ):
            assert process.workers is not None
            workers = WorkerStore(database)
            janitor = Janitor(process.workers.tools, workers, dead_after_s=20, blind_after_s=float("inf"))
            beats = database["danqing_workers"]
            document = {"_id": "w1", "beat": 1, "host": "h", "pid": 1, "seen_at": Clock().now()}
            await beats.insert_one(document)
            for _ in range(10):
                await janitor.watch()
                time_s[0] += 19
                await beats.update_one({"_id": "w1"}, {"$inc": {"beat": 1}})
            await janitor.watch()
            assert [beat.id for beat in await workers.beats()] == ["w1"]
            time_s[0] += 21
            await janitor.watch()
            assert await workers.beats() == []


class _Returning(WorkerStore):
    """Workers that renew as soon as somebody has looked at them."""

    async def beats(self) -> list[WorkerBeat]:
        """Return every worker's document, which is another afterwards."""
        seen = await super().beats()
        await self.database["danqing_workers"].update_many({}, {"$inc": {"beat": 1}})
        return seen


class TestReturn:
    """A machine was cut off and is reached again, at the very moment at which others take over from it."""

    async def test_who_is_back_keeps_its_tasks(self, make_settings: MakeSettings) -> None:
        """It renewed between the look and the takeover: it may have begun a call since."""
        process_settings = make_settings(DANQING_ROLE="worker")
        registry = load_registry(process_settings, extra=[("scripted", ScriptedProvider())])
        async with (
            running_system(make_settings(), [ScriptedProvider()], workers=False) as door,
            open_process(process_settings, registry) as process,
            connect(process_settings) as database,
        ):
            assert process.workers is not None
            task = await door.submit(delay_s=600)
            await abandoned(door, task.id)
            document = {"_id": "w-dead", "beat": 1, "host": "h", "pid": 1, "seen_at": Clock().now()}
            await database["danqing_workers"].insert_one(document)
            workers = _Returning(database)
            janitor = Janitor(process.workers.tools, workers, dead_after_s=0, blind_after_s=float("inf"))
            await janitor.watch()
            assert [beat.id for beat in await workers.beats()] == ["w-dead"]
            assert (await door.get(task.id)).status is Status.PROCESSING

    async def test_who_was_condemned_never_renews_again(self, make_settings: MakeSettings) -> None:
        """Though its tasks are still being taken over, and its document is there: it ends."""
        settings = make_settings()
        async with connect(settings) as database:
            workers, lost = WorkerStore(database), asyncio.Event()
            loop = asyncio.get_running_loop()
            lease = Lease(settings, Clock(), lambda: loop.call_soon_threadsafe(lost.set), beat_s=0.05)
            lease.start()
            try:
                await until(lambda: lease.fresh, what="the lease")

                async def condemned() -> bool:
                    (beat,) = await workers.beats()
                    return await workers.condemn(beat.id, beat.beat)

                await until(condemned, what="a beat that stands still for a moment")
                await asyncio.wait_for(lost.wait(), 10)
                assert not lease.fresh
                assert [beat.id for beat in await workers.beats()] == [lease.worker]
            finally:
                await asyncio.to_thread(lease.stop)


class TestLateAnswer:
    @pytest.mark.parametrize("by_url", [False, True])
    async def test_what_comes_after_a_takeover_is_on_record_and_nowhere_else(
        self, make_settings: MakeSettings, by_url: bool
    ) -> None:
        """The task failed as of unknown outcome; the answer says that it was paid, and adds no picture."""
        answered = asyncio.Event()

        async def slow(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "f") as call:
                await answered.wait()
                call.request_id = "r-late"
                source = Source.from_url("http://127.0.0.1:9/p.png") if by_url else Source.from_bytes(picture())
                await run.deliver(0, source)

        async with running_system(make_settings(), [ScriptedProvider(slow)]) as system:
            assert system.workers is not None
            task = await system.submit(on_ambiguous="fail")
            await until(lambda: _calls_of(system, task.id), what="the call being on record")
            assert await take_over(await system.get(task.id), system.workers.tools)
            answered.set()

            async def late() -> bool:
                return any(call.late_outcome for call in await _calls_of(system, task.id))

            await until(late, what="the late answer")
            [call] = await _calls_of(system, task.id)
            assert (call.outcome, call.late_outcome) == (CallOutcome.UNKNOWN, CallOutcome.DELIVERED)
            assert call.request_id == "r-late"
            ended = await system.get(task.id)
            assert (ended.status, ended.kept) == (Status.FAILED, ())


async def _calls_of(system: System, task_id: str) -> list[CallRecord]:
    return list((await system.get(task_id)).calls.values())


class TestLease:
    async def test_without_a_fresh_lease_no_call_is_sent(self, make_settings: MakeSettings) -> None:
        """A process that could not renew may be thought dead: it starts nothing."""
        provider = ScriptedProvider(deliver_all)
        async with running_system(make_settings(), [provider]) as system:
            assert system.workers is not None
            lease = system.workers.tools.lease
            await until(lambda: lease.fresh)
            lease.fresh_s = 0
            task = await system.submit()
            with pytest.raises(AssertionError):
                await _completed_within(system, task.id, 0.7)
            lease.fresh_s = 15
            assert (await system.finished(task.id)).status is Status.COMPLETED


async def _completed_within(system: System, task_id: str, seconds: float) -> None:
    try:
        await system.finished(task_id, timeout_s=seconds)
    except (TimeoutError, StoreUnavailable) as error:
        raise AssertionError("not finished") from error
