"""A task's way through store, queue and worker, on the real MongoDB and Redis."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from danqing_plugins import ContentRejected, InvalidRequest, Job, RateLimited, Result, Run, Source, Unavailable
from danqing_server.access.caller import Caller
from danqing_server.errors import Conflict, InvalidSubmission
from danqing_server.records.outputs import OutputState
from danqing_server.records.tasks import Billed, CallOutcome, Status, Task
from danqing_server.store.reach import Reach
from tests.support.providers import ScriptedProvider, deliver_all, picture
from tests.support.system import MakeSettings, System, running_system, until


@pytest.fixture(params=["motor", "pymongo"])
def settings(request: pytest.FixtureRequest, make_settings: MakeSettings) -> MakeSettings:
    """Settings for each driver; variables by name."""
    return partial(make_settings, DANQING_MONGO_DRIVER=request.param)


class TestHappyPath:
    async def test_a_picture_is_kept_before_the_task_is_completed(self, settings: MakeSettings) -> None:
        """What is completed can be read from our own storage."""
        async with running_system(settings(), [ScriptedProvider()]) as system:
            task = await system.finished((await system.submit()).id)
            assert task.status is Status.COMPLETED
            [output] = task.kept
            assert output.asset is not None
            assert await system.services.assets.read(output.asset.key) == picture()
            assert [call.outcome for call in task.calls.values()] == [CallOutcome.DELIVERED]
            assert task.attempt is None

    async def test_single_call_task_needs_no_write_ahead_of_its_own(self, settings: MakeSettings) -> None:
        """The start announces the call, and its record carries the attempt's id."""
        async with running_system(settings(), [ScriptedProvider(single_call=True)]) as system:
            task = await system.finished((await system.submit()).id)
            assert task.status is Status.COMPLETED
            assert len(task.calls) == 1

    async def test_an_announced_call_is_on_record_with_its_first_picture(self, settings: MakeSettings) -> None:
        """A death after it must not lose the call that was paid for."""
        delivered, go_on = asyncio.Event(), asyncio.Event()

        async def slow(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                await run.deliver(0, Source.from_bytes(picture()))
                delivered.set()
                await go_on.wait()
                await run.deliver(1, Source.from_bytes(picture()))

        async with running_system(settings(), [ScriptedProvider(slow, single_call=True)]) as system:
            task = await system.submit(n=2)
            await delivered.wait()
            [call] = (await system.get(task.id)).calls.values()
            assert (call.outcome, call.indexes) == (CallOutcome.OPEN, (0, 1))
            go_on.set()
            await system.finished(task.id)

    async def test_many_tasks_of_many_users_all_complete(self, settings: MakeSettings) -> None:
        """Nothing is lost and nothing runs twice under load."""
        provider = ScriptedProvider(concurrency=32)
        async with running_system(settings(), [provider]) as system:
            tasks = await asyncio.gather(*(system.submit(user_id=f"u{n % 7}") for n in range(200)))
            finished = await asyncio.gather(*(system.finished(task.id) for task in tasks))
            assert {task.status for task in finished} == {Status.COMPLETED}
            assert len(provider.jobs) == 200

    async def test_a_task_without_pictures_returns_data(self, settings: MakeSettings) -> None:
        """A provider may answer with data alone."""

        async def answer(_job: Job, run: Run) -> Result:
            async with run.call([], "f"):
                return Result(output={"text": "hello"})

        async with running_system(settings(), [ScriptedProvider(answer)]) as system:
            task = await system.finished((await system.submit(n=0)).id)
            assert (task.status, dict(task.result)) == (Status.COMPLETED, {"text": "hello"})


class TestFailures:
    async def test_refused_task_fails_once(self, settings: MakeSettings) -> None:
        """What can never succeed is not tried again."""

        async def refuse(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                raise ContentRejected("no", code="InputTextSensitiveContentDetected", request_id="r1")

        provider = ScriptedProvider(refuse)
        async with running_system(settings(), [provider]) as system:
            task = await system.finished((await system.submit()).id)
            assert task.status is Status.FAILED
            assert task.error is not None
            assert (task.error.code, task.error.billed) == ("content_rejected", Billed.NO)
            assert task.error.provider_code == "InputTextSensitiveContentDetected"
            assert len(provider.jobs) == 1

    async def test_unbilled_failure_is_tried_again(self, settings: MakeSettings) -> None:
        """A service that was away for a moment costs nothing but time."""

        async def flaky(job: Job, run: Run) -> None:
            if job.attempt == 1:
                async with run.call(run.missing, "f"):
                    raise Unavailable("away", retry_after_s=0)
            await deliver_all(job, run)

        async with running_system(settings(), [ScriptedProvider(flaky)]) as system:
            task = await system.finished((await system.submit()).id)
            assert task.status is Status.COMPLETED
            assert sorted(call.outcome for call in task.calls.values()) == ["delivered", "failed_unbilled"]
            assert task.error is None

    async def test_kept_pictures_survive_the_failure_of_others(self, settings: MakeSettings) -> None:
        """Three of four is a completed task that says so."""

        async def three(_job: Job, run: Run) -> None:
            for index in run.missing:
                async with run.call([index], "f"):
                    if index == 2:
                        await run.reject(index, ContentRejected("no"))
                    else:
                        await run.deliver(index, Source.from_bytes(picture()))

        async with running_system(settings(), [ScriptedProvider(three)]) as system:
            task = await system.finished((await system.submit(n=4)).id)
            assert task.status is Status.COMPLETED
            assert [output.index for output in task.kept] == [0, 1, 3]
            assert task.outputs["2"].state is OutputState.FAILED

    async def test_delivered_pictures_are_not_asked_for_again(self, settings: MakeSettings) -> None:
        """The second attempt sees only what is missing."""
        asked: list[tuple[int, ...]] = []

        async def halting(job: Job, run: Run) -> None:
            asked.append(run.missing)
            for index in run.missing:
                async with run.call([index], "f"):
                    if job.attempt == 1 and index == 1:
                        raise RateLimited("slow down", retry_after_s=0)
                    await run.deliver(index, Source.from_bytes(picture()))

        async with running_system(settings(), [ScriptedProvider(halting)]) as system:
            task = await system.finished((await system.submit(n=3)).id)
            assert task.status is Status.COMPLETED
            assert asked == [(0, 1, 2), (1, 2)]

    async def test_unknown_outcome_costs_at_most_one_more_call(self, settings: MakeSettings) -> None:
        """A call that may have been billed is repeated once, then the task fails and says why."""

        async def cut(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                raise ConnectionResetError

        provider = ScriptedProvider(cut)
        async with running_system(settings(), [provider]) as system:
            task = await system.finished((await system.submit()).id)
            assert task.status is Status.FAILED
            assert task.error is not None
            assert (task.error.code, task.error.billed) == ("outcome_unknown", Billed.UNKNOWN)
            assert len(provider.jobs) == 2

    async def test_policy_fail_makes_no_second_call(self, settings: MakeSettings) -> None:
        """With `fail` an unknown outcome ends the task at once."""

        async def cut(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                raise ConnectionResetError

        provider = ScriptedProvider(cut)
        async with running_system(settings(DANQING_ON_AMBIGUOUS="fail"), [provider]) as system:
            task = await system.finished((await system.submit()).id)
            assert task.status is Status.FAILED
            assert len(provider.jobs) == 1

    async def test_a_cancellation_of_its_own_is_the_plugins_failure(self, settings: MakeSettings) -> None:
        """Nobody asked it to stop: it is neither a deadline nor the end of the process."""

        async def gives_up(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                raise asyncio.CancelledError

        async with running_system(settings(DANQING_ON_AMBIGUOUS="fail"), [ScriptedProvider(gives_up)]) as system:
            task = await system.finished((await system.submit()).id)
            assert task.status is Status.FAILED
            assert task.error is not None
            assert (task.error.code, task.error.billed) == ("outcome_unknown", Billed.UNKNOWN)
            assert "plugin failed" in task.error.message

    async def test_a_hung_provider_is_ended_by_the_deadline(self, settings: MakeSettings) -> None:
        """A call that never returns does not hold its task for ever."""

        async def hang(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                await asyncio.Event().wait()

        async with running_system(settings(DANQING_TASK_TIMEOUT="1"), [ScriptedProvider(hang)]) as system:
            task = await system.finished((await system.submit()).id)
            assert task.status is Status.FAILED
            assert task.error is not None
            assert (task.error.code, task.error.billed) == ("deadline_exceeded", Billed.UNKNOWN)

    async def test_a_plugin_that_will_not_stop_leaves_an_unknown_outcome(self, settings: MakeSettings) -> None:
        """Its announced call was opened: nobody knows what it cost."""

        async def stubborn(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                while True:
                    try:
                        await asyncio.Event().wait()
                    except asyncio.CancelledError:
                        if stubborn_no_more.is_set():
                            raise

        stubborn_no_more = asyncio.Event()
        provider = ScriptedProvider(stubborn, single_call=True)
        async with running_system(settings(DANQING_TASK_TIMEOUT="1"), [provider]) as system:
            task = await system.finished((await system.submit()).id)
            stubborn_no_more.set()
            assert task.error is not None
            assert (task.error.code, task.error.billed) == ("deadline_exceeded", Billed.UNKNOWN)
            assert [call.outcome for call in task.calls.values()] == [CallOutcome.UNKNOWN]


class TestSubmission:
    async def test_a_wrong_field_is_named_and_nothing_is_kept(self, settings: MakeSettings) -> None:
        """Nothing is queued of what the provider refuses."""
        async with running_system(settings(), [ScriptedProvider()]) as system:
            with pytest.raises(InvalidSubmission) as refused:
                await system.submit(prompt="")
            assert [problem.field for problem in refused.value.problems] == ["prompt"]
            assert await system.services.store.count_for_user("u1", Reach.everybody()) == 0

    async def test_scheduled_task_waits_for_its_time(self, settings: MakeSettings) -> None:
        """A delayed task is `scheduled` and then runs."""
        async with running_system(settings(), [ScriptedProvider()]) as system:
            task = await system.submit(delay_s=1)
            assert task.status is Status.SCHEDULED
            done = await system.finished(task.id)
            assert done.started_at is not None
            assert done.started_at >= task.created_at.replace(microsecond=0)
            assert (done.started_at - task.created_at).total_seconds() >= 1

    async def test_refused_request_from_the_plugin_at_run_time_fails(self, settings: MakeSettings) -> None:
        """InvalidRequest while running is final."""

        async def refuse(_job: Job, _run: Run) -> None:
            raise InvalidRequest("no such thing")

        async with running_system(settings(), [ScriptedProvider(refuse)]) as system:
            task = await system.finished((await system.submit()).id)
            assert task.status is Status.FAILED
            assert task.error is not None
            assert task.error.code == "invalid_request"


class TestControl:
    async def test_cancelled_waiting_task_never_runs(self, settings: MakeSettings) -> None:
        """A waiting task that is cancelled is taken out of the queue."""
        provider = ScriptedProvider()
        async with running_system(settings(), [provider]) as system:
            task = await system.submit(delay_s=1)
            cancelled = await system.services.control.cancel(task.id, Caller.local())
            assert cancelled.status is Status.CANCELLED
            other = await system.submit(delay_s=1)
            await system.finished(other.id)
            assert [job.task_id for job in provider.jobs] == [other.id]

    async def test_cancelling_a_running_task_stops_its_coroutine(self, settings: MakeSettings) -> None:
        """The provider is told by cancellation."""
        begun, stopped = asyncio.Event(), asyncio.Event()

        async def wait(_job: Job, _run: Run) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()

        async with running_system(settings(), [ScriptedProvider(wait)]) as system:
            task = await system.submit()
            await begun.wait()
            await system.services.control.cancel(task.id, Caller.local())
            async with asyncio.timeout(5):
                await stopped.wait()
            assert (await system.get(task.id)).status is Status.CANCELLED

    async def test_a_picture_that_arrives_after_the_cancellation_is_kept_as_late(
        self, settings: MakeSettings
    ) -> None:
        """A call that has left is paid for: its picture is listed apart, and a retry uses it."""
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                begun.set()
                await go_on.wait()
                await run.deliver(0, Source.from_bytes(picture()))

        provider = ScriptedProvider(slow)
        async with running_system(settings(), [provider]) as system:
            task = await system.submit()
            await begun.wait()
            cancelled = await system.services.control.cancel(task.id, Caller.local())
            assert cancelled.error is not None
            assert cancelled.error.billed is Billed.UNKNOWN
            go_on.set()

            async def settled() -> bool:
                found = await system.get(task.id)
                return found.error is not None and found.error.billed is Billed.YES

            await until(settled)
            late = await system.get(task.id)
            assert late.status is Status.CANCELLED
            assert late.late["0"].state is OutputState.KEPT
            assert not late.outputs
            await system.services.control.retry(task.id, Caller.local())
            done = await until_completed(system, task.id)
            assert [output.index for output in done.kept] == [0]
            assert len(provider.jobs) == 1

    async def test_a_failed_task_can_be_retried_by_its_user(self, settings: MakeSettings) -> None:
        """Its failed pictures are asked for again."""

        async def first_time_refused(job: Job, run: Run) -> None:
            if job.attempt == 1:
                raise InvalidRequest("not now")
            await deliver_all(job, run)

        async with running_system(settings(), [ScriptedProvider(first_time_refused)]) as system:
            task = await system.submit()
            await system.finished(task.id)
            await system.services.control.retry(task.id, Caller.local())
            done = await until_completed(system, task.id)
            assert done.status is Status.COMPLETED
            assert done.error is None

    async def test_a_completed_task_cannot_be_retried(self, settings: MakeSettings) -> None:
        """Nobody pays twice by pressing the button twice."""
        async with running_system(settings(), [ScriptedProvider()]) as system:
            task = await system.submit()
            await system.finished(task.id)
            with pytest.raises(Conflict):
                await system.services.control.retry(task.id, Caller.local())

    async def test_deleting_a_task_deletes_its_pictures(self, settings: MakeSettings, tmp_path: Path) -> None:
        """Nothing is left of a deleted task."""
        async with running_system(settings(), [ScriptedProvider()]) as system:
            task = await system.submit()
            await system.finished(task.id)
            await system.services.control.delete(task.id, Caller.local())
            assert await system.services.store.get(task.id) is None
            assert not await asyncio.to_thread(lambda: list(tmp_path.rglob("*.png")))


async def until_completed(system: System, task_id: str) -> Task:
    """Wait until the task is completed and return it."""

    async def look() -> Task | None:
        task = await system.get(task_id)
        return task if task.status is Status.COMPLETED else None

    found: Task = await until(look)
    return found
