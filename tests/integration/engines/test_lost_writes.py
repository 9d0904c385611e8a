"""What Redis loses when a replica takes its master's place: whatever the master took and never passed on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from danqing_server.errors import QueueUnavailable
from danqing_server.queue.lanes import Queue
from danqing_server.records.tasks import Status
from tests.support.providers import ScriptedProvider
from tests.support.redis_sets import RedisSet, run_sentinels
from tests.support.system import MakeSettings, System, running_system, until

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("redis_sets")]

LANE, GONE = "scripted", "w-gone"


async def fail_over(made: RedisSet) -> None:
    """End the master, and return when the sentinels call its replica the master."""
    old = made.master()
    old.kill()
    await until(lambda: made.master() is not old, timeout_s=40, what="another master")


async def answering(queue: Queue) -> None:
    """Return when Redis answers again."""

    async def pinged() -> bool:
        try:
            await queue.ping()
        except QueueUnavailable:
            return False
        return True

    await until(pinged, timeout_s=40, what="Redis")


class TestFailover:
    async def test_lost_writes_cost_time_only(self, tmp_path: Path, make_settings: MakeSettings) -> None:
        """A push, a return and an end are forgotten: all tasks end, and none is carried out twice."""
        provider = ScriptedProvider()
        with run_sentinels(tmp_path) as made:
            settings = make_settings(redis_url=made.url)
            async with running_system(settings, [provider], workers=False) as door:
                queue = door.services.queue
                await queue.mark_known([LANE])
                returned = [(await door.submit()).id for _ in range(3)]
                assert len((await queue.reserve(LANE, GONE, 3, "nonce")).ids) == 3
                done = (await door.submit()).id
                made.stop_following()
                async with running_system(settings, [provider]) as first:
                    await first.finished(done)
                await queue.give_back(LANE, GONE)
                pushed = (await door.submit()).id
                await fail_over(made)
                await answering(queue)
                assert await queue.held(LANE, GONE) == set(returned)
            async with running_system(settings, [provider]) as second:
                await self._all_complete(second, [*returned, pushed, done])
        assert set(Counter(job.task_id for job in provider.jobs).values()) == {1}

    async def _all_complete(self, system: System, ids: list[str]) -> None:
        for task_id in ids:
            assert (await system.finished(task_id, timeout_s=40)).status is Status.COMPLETED
