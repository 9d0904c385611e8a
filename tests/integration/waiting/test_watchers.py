"""R4: who waits for a task is told of its end wherever it was carried out; while nobody waits it costs nothing."""

from __future__ import annotations

import asyncio

import pytest

from danqing_server.access.caller import Caller
from danqing_server.errors import NotFound, Overloaded
from danqing_server.records.tasks import Status, Task
from danqing_server.settings.server import Settings
from danqing_server.store.watching import version_of
from tests.integration.waiting.conftest import Held
from tests.support.providers import ScriptedProvider
from tests.support.system import MakeSettings, System, running_system, until

LOCAL = Caller.local()


def waiting(system: System, task: Task, within_s: float = 20.0) -> asyncio.Task[Task | None]:
    """Begin to wait for the end of *task*."""
    return asyncio.create_task(system.services.watchers.finished(task.id, LOCAL, within_s))


async def settled(system: System, count: int) -> None:
    """Return when *count* calls wait."""
    await until(lambda: system.services.watchers.waiting == count)


class TestOneProcess:
    async def test_what_finishes_here_is_told_without_a_look(self, settings: Settings) -> None:
        """A wait ends with the task's last write, long before it would be looked at."""
        provider = Held()
        async with running_system(settings, [provider]) as system:
            system.services.watchers.look_every_s = 3600
            task = await system.submit()
            waits = [waiting(system, task) for _ in range(3)]
            await settled(system, 3)
            provider.released.set()
            found = await asyncio.gather(*waits)
        assert [each.status for each in found if each is not None] == [Status.COMPLETED] * 3
        assert system.services.watchers.waiting == 0

    async def test_a_finished_task_is_returned_at_once(self, settings: Settings) -> None:
        """Nothing is registered for what need not be waited for."""
        async with running_system(settings, [ScriptedProvider()]) as system:
            task = await system.finished((await system.submit()).id)
            system.services.watchers.most = 0
            assert await system.services.watchers.finished(task.id, LOCAL, 0) == task

    async def test_a_wait_that_runs_out_is_none(self, settings: Settings) -> None:
        """The task is not finished in time, and goes on."""
        provider = Held()
        async with running_system(settings, [provider]) as system:
            task = await system.submit()
            assert await system.services.watchers.finished(task.id, LOCAL, 0.05) is None
            provider.released.set()
            assert (await system.finished(task.id)).status is Status.COMPLETED

    async def test_a_change_is_told_once(self, settings: Settings) -> None:
        """A long poll ends with the start, and the next one, from there, with the end."""
        provider = Held()
        async with running_system(settings, [provider], workers=True) as system:
            task = await system.submit()
            watchers = system.services.watchers
            begun = await watchers.changed(task.id, LOCAL, version_of(task), 20)
            assert begun is not None
            assert begun.status is Status.PROCESSING
            same = await watchers.changed(task.id, LOCAL, version_of(begun), 0.3)
            provider.released.set()
            ended = await system.finished(task.id)
            assert same is None
            assert await watchers.changed(task.id, LOCAL, version_of(begun), 20) == ended

    async def test_a_deleted_task_ends_the_wait(self, settings: Settings) -> None:
        """Who waits for what is deleted meanwhile is told that there is no such task."""
        async with running_system(settings, [Held()]) as system:
            task = await system.submit()
            wait = waiting(system, task)
            await settled(system, 1)
            await system.services.control.delete(task.id, LOCAL)
            found = await asyncio.gather(wait, return_exceptions=True)
        # Its cancellation comes first, and is an end, too.
        assert isinstance(found[0], NotFound | Task)

    async def test_nobody_waits_for_another_projects_task(self, settings: Settings) -> None:
        """It is not there, as everywhere."""
        async with running_system(settings, [Held()]) as system:
            task = await system.submit(key="theirs")
            with pytest.raises(NotFound):
                await system.services.watchers.finished(task.id, Caller.with_key("mine"), 1)

    async def test_too_many_waits_are_refused(self, settings: Settings) -> None:
        """One key has half of the places; a refusal says when to come back."""
        async with running_system(settings, [Held()]) as system:
            watchers = system.services.watchers
            watchers.most = 2
            mine = Caller.with_key("mine")
            task = await system.submit(key="mine")
            first = asyncio.create_task(watchers.finished(task.id, mine, 20))
            await settled(system, 1)
            with pytest.raises(Overloaded) as own:
                await watchers.finished(task.id, mine, 1)
            second = waiting(system, task)
            await settled(system, 2)
            with pytest.raises(Overloaded) as everybody:
                await watchers.finished(task.id, LOCAL, 1)
            first.cancel()
            second.cancel()
        assert (own.value.server_wide, everybody.value.server_wide) == (False, True)
        assert own.value.retry_after_s > 0

    async def test_a_stop_lets_all_go(self, settings: Settings) -> None:
        """Waits end unfinished as soon as the process drains, also those that come later."""
        provider = Held()
        async with running_system(settings, [provider]) as system:
            task = await system.submit()
            wait = waiting(system, task)
            await settled(system, 1)
            await system.services.watchers.drain()
            assert await wait is None
            assert await system.services.watchers.finished(task.id, LOCAL, 20) is None
            provider.released.set()

    async def test_a_wait_that_is_given_up_leaves_nothing(self, settings: Settings) -> None:
        """A client that leaves frees its place, and nothing is looked at any more."""
        async with running_system(settings, [Held()]) as system:
            watchers = system.services.watchers
            wait = waiting(system, await system.submit())
            await settled(system, 1)
            wait.cancel()
            await settled(system, 0)
            await until(lambda: watchers._looking is None or watchers._looking.done())


class TestTwoProcesses:
    async def test_what_finishes_elsewhere_is_seen(self, make_settings: MakeSettings) -> None:
        """A process without workers answers for one that has them, by one look for all that is waited for."""
        provider = Held()
        async with (
            running_system(make_settings(), [provider]) as worker,
            running_system(make_settings(), [Held()], workers=False) as door,
        ):
            tasks = [await worker.submit() for _ in range(4)]
            waits = [waiting(door, task) for task in tasks]
            await settled(door, 4)
            provider.released.set()
            found = await asyncio.gather(*waits)
        assert [each.status for each in found if each is not None] == [Status.COMPLETED] * 4

    async def test_a_cancellation_elsewhere_ends_the_wait(self, make_settings: MakeSettings) -> None:
        """It is announced to every process."""
        async with (
            running_system(make_settings(), [Held()]) as worker,
            running_system(make_settings(), [Held()], workers=False) as door,
        ):
            task = await worker.submit()
            wait = waiting(door, task)
            await settled(door, 1)
            await worker.services.control.cancel(task.id, LOCAL)
            found = await wait
        assert found is not None
        assert found.status is Status.CANCELLED
