"""One key, one task: replays, concurrent duplicates, and what a 503 leaves behind."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import attrs
import pytest

from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.desk.intake import Intake
from danqing_server.desk.request import Repeat
from danqing_server.errors import KeyReused, QueueUnavailable, StoreUnavailable
from danqing_server.records.tasks import Status, Task
from danqing_server.settings.server import Settings
from danqing_server.store.reach import Reach
from tests.support.providers import ScriptedProvider
from tests.support.servers import RunningServer
from tests.support.system import running_system, settings_for, until

KEY = Repeat(key="k1", fingerprint="f1")


class TestKeys:
    async def test_the_same_key_and_body_answer_with_the_same_task(self, settings: Settings) -> None:
        """A client that repeats itself does not pay twice."""
        provider = ScriptedProvider()
        async with running_system(settings, [provider]) as system:
            first = await system.submit(repeat=KEY)
            await system.finished(first.id)
            again = await system.submit(repeat=KEY)
            assert again.id == first.id
            assert len(provider.jobs) == 1

    async def test_a_key_outlives_the_delay_of_its_task(self, settings: Settings) -> None:
        """Keys were forgotten after a day, and the same request bought another while the first one waited."""
        two_days_on = Clock(wall_s=lambda: time.time() + 2 * 86_400)
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            first = await system.submit(delay_s=3 * 86_400, repeat=KEY)
            system.services.submissions.keys.clock = two_days_on
            assert (await system.submit(delay_s=3 * 86_400, repeat=KEY)).id == first.id

    async def test_another_body_under_the_same_key_is_refused(self, settings: Settings) -> None:
        """A key stands for one request."""
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            await system.submit(repeat=KEY)
            with pytest.raises(KeyReused):
                await system.submit(repeat=attrs.evolve(KEY, fingerprint="f2"))

    async def test_concurrent_duplicates_across_processes_make_one_task(self, settings: Settings) -> None:
        """Whoever is first makes the task, all get it."""
        first, second = ScriptedProvider(), ScriptedProvider()
        async with (
            running_system(settings, [first], workers=False) as one,
            running_system(settings, [second], workers=False) as two,
        ):
            made = await asyncio.gather(*(process.submit(repeat=KEY) for process in (one, two) * 10))
            assert len({task.id for task in made}) == 1
            assert await one.services.store.count_for_user("u1", Reach.everybody()) == 1

    async def test_a_replay_creates_the_task_that_a_crash_left_out(self, settings: Settings) -> None:
        """The key is kept before the task: a process that dies in between loses nothing."""
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            await system.services.submissions.keys.claim(KEY.key, KEY.fingerprint, "scripted_img_kept")
            assert (await system.submit(repeat=KEY)).id == "scripted_img_kept"

    async def test_identical_requests_join_an_unfinished_task(self, settings: Settings) -> None:
        """For clients that cannot send a key."""
        join = attrs.evolve(KEY, joins_for_s=60.0)
        async with running_system(settings, [ScriptedProvider()]) as system:
            first = await system.submit(repeat=join, delay_s=1)
            assert (await system.submit(repeat=join)).id == first.id
            await system.finished(first.id)
            assert (await system.submit(repeat=join)).id != first.id

    @pytest.mark.parametrize("is_first", [True, False])
    async def test_identical_requests_at_once_make_one_task(self, settings: Settings, is_first: bool) -> None:
        """One that comes to another process while the first is about to be stored; whatever was made before."""
        join = attrs.evolve(KEY, joins_for_s=60.0)
        async with (
            running_system(settings, [ScriptedProvider()], workers=False) as one,
            running_system(settings, [ScriptedProvider()], workers=False) as two,
        ):
            if not is_first:
                ended = await one.submit(repeat=join)
                await one.services.control.cancel(ended.id, Caller.local())
            slow = one.services.submissions.intake = _Slow(one.services.submissions.intake)
            first = asyncio.create_task(one.submit(repeat=join))
            await slow.begun.wait()
            second = await two.submit(repeat=join)
            slow.go_on.set()
            assert (await first).id == second.id


class _Slow(Intake):
    """Takes tasks in, each once it is told to go on."""

    def __init__(self, intake: Intake) -> None:
        super().__init__(intake.store, intake.queue, intake.register, intake.clock, intake.limits)
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def take(self, task: Task) -> None:
        self.begun.set()
        await self.go_on.wait()
        await super().take(task)


class TestRefused:
    async def test_without_mongodb_nothing_runs(
        self, own_mongod: RunningServer, database_name: str, redis_url: str, redis_prefix: str, tmp_path: Path
    ) -> None:
        """503 means it will not run, even when the write landed after all."""
        provider = ScriptedProvider()
        settings = settings_for(own_mongod.url, database_name, redis_url, redis_prefix, tmp_path)
        async with running_system(settings, [provider], workers=False) as system:
            own_mongod.pause()
            with pytest.raises(StoreUnavailable):
                await system.submit()
            own_mongod.resume()
            await system.services.submissions.drain()
            [task] = await system.services.store.list_for_user(
                "u1", Reach.everybody(), limit=10, offset=0, before=None
            )
            assert task.status is Status.CANCELLED
            assert task.error is not None
            assert task.error.code == "not_acknowledged"

    async def test_without_redis_nothing_runs(
        self, mongo_url: str, database_name: str, own_redis: RunningServer, redis_prefix: str, tmp_path: Path
    ) -> None:
        """A task that cannot be queued is refused and voided; the next one works when Redis is back."""
        provider = ScriptedProvider()
        settings = settings_for(mongo_url, database_name, own_redis.url, redis_prefix, tmp_path)
        async with running_system(settings, [provider]) as system:
            own_redis.kill()
            with pytest.raises(QueueUnavailable):
                await system.submit()
            own_redis.restart()
            done = await system.finished((await until(lambda: _accepted(system))).id)
            assert done.status is Status.COMPLETED
            assert len(provider.jobs) == 1

    async def test_a_key_claims_the_task_it_was_refused(
        self, own_mongod: RunningServer, database_name: str, redis_url: str, redis_prefix: str, tmp_path: Path
    ) -> None:
        """A replay after 503 makes the task run, and the void does not take it back."""
        settings = settings_for(own_mongod.url, database_name, redis_url, redis_prefix, tmp_path)
        async with running_system(settings, [ScriptedProvider()]) as system:
            own_mongod.pause()
            with pytest.raises(StoreUnavailable):
                await system.submit(repeat=KEY)
            own_mongod.resume()
            task = await until(lambda: _accepted(system, repeat=KEY))
            await system.services.submissions.drain()
            assert (await system.finished(task.id)).status is Status.COMPLETED


async def _accepted(system, **fields):  # type: ignore[no-untyped-def] # a helper of this file alone
    try:
        return await system.submit(**fields)
    except (QueueUnavailable, StoreUnavailable):
        return None
