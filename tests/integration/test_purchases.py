"""What was paid for is not paid for again, whatever befalls a task: faults E2 to E5, E12, H1, H2 and R5."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta

import attrs
import pytest

from danqing_plugins import ContentRejected, Job, OutcomeUnknown, Result, Run, Source, Unavailable
from danqing_plugins.billing import Cost
from danqing_server.access.caller import Caller
from danqing_server.codec.documents import value_of
from danqing_server.desk.request import Repeat
from danqing_server.errors import AttemptLost, Conflict
from danqing_server.life.billing import cost_of
from danqing_server.life.cancelled import Cancelled
from danqing_server.life.charges import bills_of
from danqing_server.records.outputs import Output, OutputState, TaskError
from danqing_server.records.tasks import Attempt, Billed, CallOutcome, CallRecord, Status, Task
from danqing_server.settings.server import Settings
from danqing_server.store.changes import NO_MARKS, Marks
from danqing_server.store.tasks import TaskStore
from danqing_server.worker.run import TaskRun
from danqing_server.worker.takeover import end_overdue
from tests.support.providers import ScriptedProvider, picture
from tests.support.scripts import Held, Ledger, LinkHost, link_host, provider_of, raising, with_bytes, with_link
from tests.support.system import HASTY, MakeSettings, System, running_system, until


@pytest.fixture
def ledger() -> Ledger:
    """What the service charged."""
    return Ledger()


@pytest.fixture
async def links() -> AsyncIterator[LinkHost]:
    """The service's picture host."""
    async with link_host() as host:
        yield host


def outcomes(task: Task) -> list[str]:
    """Return what became of each call, in words."""
    return sorted(call.outcome.value for call in task.calls.values())


class TestLostSources:
    """E2, H1: a link that is dead makes its call's outcome unknown in the same step."""

    async def test_under_fail_nothing_is_bought_again_and_what_was_bought_is_kept(
        self, settings: Settings, ledger: Ledger, links: LinkHost
    ) -> None:
        """E2: picture 0's link dies while picture 1's call is repeated."""
        dead = with_link(links.link("0", dead=True))
        provider = provider_of(ledger, dead, with_bytes)
        async with running_system(settings, [provider], link_patience=HASTY) as system:
            task = await system.finished((await system.submit(n=2, on_ambiguous="fail")).id)
            assert ledger.of(task.id) == {0: 1, 1: 1}
            assert (task.status, [output.index for output in task.kept]) == (Status.COMPLETED, [1])
            assert [output.index for output in task.failed_outputs] == [0]
            assert outcomes(task) == ["delivered", "unknown"]

    async def test_a_dead_link_ends_the_task(self, settings: Settings, ledger: Ledger, links: LinkHost) -> None:
        """H1: under `fail` the task fails and says that it may have been billed; it is not held for ever."""
        provider = provider_of(ledger, with_link(links.link("0", dead=True)))
        async with running_system(settings, [provider], link_patience=HASTY) as system:
            task = await system.finished((await system.submit(on_ambiguous="fail")).id)
            assert task.status is Status.FAILED
            assert task.error is not None
            assert (task.error.code, task.error.billed) == ("outcome_unknown", Billed.UNKNOWN)
            assert ledger.of(task.id) == {0: 1}

    async def test_under_retry_it_is_bought_once_more_and_no_oftener(
        self, settings: Settings, ledger: Ledger, links: LinkHost
    ) -> None:
        """H1: every link is dead; the second purchase is the last, and the task ends."""
        provider = provider_of(ledger, *(with_link(links.link(str(n), dead=True)) for n in range(4)))
        async with running_system(settings, [provider], link_patience=HASTY) as system:
            task = await system.finished((await system.submit()).id)
            assert task.status is Status.FAILED
            assert ledger.of(task.id) == {0: 2}

    async def test_a_late_link_is_asked_again(self, settings: Settings, ledger: Ledger, links: LinkHost) -> None:
        """H2: 404 and 403 at first, the picture then; nothing is bought twice."""
        provider = provider_of(ledger, with_link(links.link("0", 404, 403, 404, 404)))
        async with running_system(settings, [provider], link_patience=HASTY) as system:
            task = await system.finished((await system.submit()).id)
            assert (task.status, ledger.of(task.id)) == (Status.COMPLETED, {0: 1})

    async def test_a_refused_link_lives_until_it_says_that_it_expired(
        self, settings: Settings, ledger: Ledger, links: LinkHost
    ) -> None:
        """H2: a signed link that is refused before its expiry is asked again, not bought again."""
        url = links.link("0", *[403] * 12) + "?X-Tos-Date=20991231T000000Z&X-Tos-Expires=86400"
        provider = provider_of(ledger, with_link(url))
        async with running_system(settings, [provider], link_patience=HASTY) as system:
            task = await system.finished((await system.submit()).id, timeout_s=40)
            assert (task.status, ledger.of(task.id)) == (Status.COMPLETED, {0: 1})


class TestTasksWithoutPictures:
    """E3: the policy counts calls where there are no pictures to count."""

    async def test_under_fail_an_unknown_outcome_is_the_last_call(self, settings: Settings, ledger: Ledger) -> None:
        """Six paid calls in half a minute were made before."""
        provider = provider_of(ledger, raising(OutcomeUnknown("cut")))
        async with running_system(settings, [provider]) as system:
            task = await system.finished((await system.submit(n=0, on_ambiguous="fail")).id)
            assert task.status is Status.FAILED
            assert ledger.of(task.id) == {None: 1}

    async def test_under_retry_there_is_one_more(self, settings: Settings, ledger: Ledger) -> None:
        """As for a picture."""
        provider = provider_of(ledger, raising(OutcomeUnknown("cut")))
        async with running_system(settings, [provider]) as system:
            task = await system.finished((await system.submit(n=0)).id)
            assert (task.status, ledger.of(task.id)) == (Status.FAILED, {None: 2})

    async def test_a_process_that_dies_in_the_call_is_not_followed_by_another_call(
        self, make_settings: MakeSettings, ledger: Ledger
    ) -> None:
        """Given back in the middle of it, under `fail`."""
        held = Held()
        short = make_settings(DANQING_STOP_GRACE="0.1", DANQING_ON_AMBIGUOUS="fail")
        async with running_system(short, [provider_of(ledger, held)]) as first:
            task = await first.submit(n=0)
            await held.begun.wait()
        async with running_system(short, [provider_of(ledger, held)]) as second:
            done = await second.finished(task.id)
            assert (done.status, ledger.of(task.id)) == (Status.FAILED, {None: 1})


class TestMoves:
    """E4: a user's move forgets no call that is under way."""

    @pytest.mark.parametrize("single_call", [False, True])
    async def test_a_retry_waits_for_the_call_that_is_under_way(
        self, settings: Settings, ledger: Ledger, single_call: bool
    ) -> None:
        """E4: cancel, then retry while the paid call runs: refused until it ends, and its picture is kept."""
        held = Held()
        provider = provider_of(ledger, held, single_call=single_call)
        async with running_system(settings, [provider]) as system:
            control = system.services.control
            task = await system.submit()
            await held.begun.wait()
            cancelled = await control.cancel(task.id, Caller.local())
            assert (cancelled.error and cancelled.error.billed) is Billed.UNKNOWN
            assert outcomes(cancelled) == ["open"]
            with pytest.raises(Conflict) as refused:
                await control.retry(task.id, Caller.local())
            assert refused.value.code == "call_under_way"
            held.go_on.set()
            await until(lambda: _let_go(system, task.id))
            await control.retry(task.id, Caller.local())
            done = await system.finished(task.id)
            assert (done.status, len(done.kept)) == (Status.COMPLETED, 1)
            assert (ledger.of(task.id), outcomes(done)) == ({0: 1}, ["delivered"])

    async def test_what_was_charged_is_said_after_every_move(self, settings: Settings, ledger: Ledger) -> None:
        """E4: cancel, retry, cancel ended as not billed, with one billed."""
        held = Held()
        async with running_system(settings, [provider_of(ledger, held, single_call=True)]) as system:
            control = system.services.control
            task = await system.submit()
            await held.begun.wait()
            await control.cancel(task.id, Caller.local())
            held.go_on.set()
            await until(lambda: _let_go(system, task.id))
            cancelled = await system.get(task.id)
            assert cancelled.error is not None
            assert cancelled.error.billed is Billed.YES
            assert [output.index for output in cancelled.late.values()] == [0]

    async def test_hammering_buys_once(self, settings: Settings, ledger: Ledger) -> None:
        """E4: clients that cancel and retry as fast as they can never buy a picture twice."""
        provider = provider_of(ledger, _slowly, concurrency=16)
        async with running_system(settings, [provider]) as system:
            tasks = [await system.submit(on_ambiguous="fail") for _ in range(6)]
            await asyncio.gather(*(_hammer(system, task.id) for task in tasks for _ in range(4)))
            for task in tasks:
                done = await _brought_to_an_end(system, task.id)
                assert ledger.of(task.id)[0] == len(done.kept) == 1

    async def test_a_worker_that_died_in_a_cancelled_call_is_cleared_up_after(
        self, make_settings: MakeSettings, ledger: Ledger
    ) -> None:
        """E4: the call that nobody will end becomes unknown, and the task may be retried."""
        held = Held()
        short = make_settings(DANQING_STOP_GRACE="0.1")
        async with running_system(short, [provider_of(ledger, held)]) as first:
            task = await first.submit()
            await held.begun.wait()
            await first.services.control.cancel(task.id, Caller.local())
        async with running_system(short, [provider_of(ledger, with_bytes)]) as second:
            cancelled = await second.get(task.id)
            assert (cancelled.attempt, outcomes(cancelled)) == (None, ["unknown"])
            assert cancelled.error is not None
            assert cancelled.error.billed is Billed.UNKNOWN

    async def test_a_call_that_is_opened_meanwhile_is_not_overlooked(
        self, settings: Settings, ledger: Ledger
    ) -> None:
        """E4: whoever cancels looked before the call was opened; the look has to be repeated."""
        ready, go_on, held = asyncio.Event(), asyncio.Event(), Held()

        async def later(job: Job, run: Run) -> Result | None:
            ready.set()
            await go_on.wait()
            async with run.call([0], "f"):
                ledger.of(job.task_id).update([0])
                return await held(run, [0])

        async with running_system(settings, [ScriptedProvider(later)]) as system:
            task = await system.submit()
            await ready.wait()
            seen = await system.get(task.id)
            go_on.set()
            await held.begun.wait()
            error = TaskError(code="cancelled", message="m")
            overtaken = Cancelled(task=seen, at=system.services.clock.now(), error=error).change()
            assert not await system.services.store.apply(overtaken)
            await system.services.control.cancel(task.id, Caller.local())
            held.go_on.set()
            await until(lambda: _let_go(system, task.id))
            assert [output.index for output in (await system.get(task.id)).late.values()] == [0]

    async def test_an_answer_at_hand_outlives_a_cancel_that_overtakes_it(
        self, settings: Settings, ledger: Ledger, links: LinkHost
    ) -> None:
        """E4: the link is here, the cancellation is stored before it; it is kept as late, and not bought again."""

        async def overtaken(job: Job, run: Run) -> Result | None:
            async with run.call([0], "f"):
                ledger.of(job.task_id).update([0])
                if ledger.of(job.task_id)[0] == 1:
                    await _cancel_unheard(system, job.task_id)
                delivering = asyncio.create_task(run.deliver(0, Source.from_url(links.link("0"))))
                await asyncio.sleep(0)  # it is noted now, and on its way into MongoDB
                assert system.workers is not None
                system.workers.pool.hear(job.task_id)
                await delivering
            return None

        async with running_system(settings, [ScriptedProvider(overtaken)]) as system:
            task = await system.submit()
            await until(lambda: _has_ended(system, task.id))
            await until(lambda: _let_go(system, task.id))
            assert outcomes(await system.get(task.id)) == ["delivered"]
            await system.services.control.retry(task.id, Caller.local())
            assert (await system.finished(task.id)).status is Status.COMPLETED
            assert ledger.of(task.id) == {0: 1}

    @pytest.mark.parametrize("before", [1, 2])
    async def test_what_a_cancelled_task_has_paid_for_is_fetched_when_its_process_dies(
        self, settings: Settings, ledger: Ledger, links: LinkHost, before: int
    ) -> None:
        """E4: links are saved before the cancellation, the rest after it; then nobody is there to fetch them."""
        async with running_system(settings, [provider_of(ledger, with_bytes)], workers=False) as system:
            store, clock = system.services.store, system.services.clock
            submitted = await system.submit(n=2)
            attempt = Attempt(id="a", worker="w-dead", started_at=clock.now())
            [task] = await store.start([submitted.id], attempt, clock.now() + timedelta(hours=1))
            sets = {}
            for index in range(2):
                call = CallRecord(id=f"c{index}", attempt=1, indexes=(index,), fingerprint="f", sent_at=clock.now())
                sets[f"calls.c{index}"] = value_of(call)
            found = [value_of(_sourced(index, links.link(str(index)), clock.now())) for index in range(2)]
            await store.amend(task, {**sets, **{f"outputs.{index}": found[index] for index in range(before)}})
            await system.services.control.cancel(task.id, Caller.local())
            if before < 2:
                await store.amend_late(task, {"late.1": found[1]})
        async with running_system(settings, [provider_of(ledger, with_bytes)], dead_after_s=1) as second:
            await until(lambda: _let_go(second, task.id))
            cancelled = await second.get(task.id)
            assert {output.index: output.state.value for output in cancelled.late.values()} == {
                0: "kept",
                1: "kept",
            }
            assert outcomes(cancelled) == ["delivered", "delivered"]


def _sourced(index: int, url: str, at: datetime) -> Output:
    return Output(index=index, state=OutputState.SOURCED, at=at, source_url=url)


class TestTombstones:
    """E12: DELETE, then the same Idempotency-Key."""

    async def test_the_key_of_a_deleted_task_buys_nothing(self, settings: Settings, ledger: Ledger) -> None:
        """It is refused, and says why."""
        repeat = Repeat(key="k", fingerprint="f")
        async with running_system(settings, [provider_of(ledger, with_bytes)]) as system:
            task = await system.submit(repeat=repeat)
            await system.finished(task.id)
            await system.services.control.delete(task.id, Caller.local())
            with pytest.raises(Conflict) as refused:
                await system.submit(repeat=repeat)
            assert refused.value.code == "task_deleted"
            assert ledger.of(task.id) == {0: 1}
            assert len(ledger.bills) == 1


class TestOrders:
    """R5: an order that came to nothing can be settled as not charged."""

    async def test_an_order_that_failed_was_not_billed(self, settings: Settings) -> None:
        """The service said so later, long after the call had ended."""

        async def ordering(_job: Job, run: Run) -> None:
            async with run.call([0], "f"):
                await run.checkpoint({"order": "1"})
            await run.settle([0], ContentRejected("refused after all"))
            raise ContentRejected("refused after all")

        async with running_system(settings, [ScriptedProvider(ordering)]) as system:
            task = await system.finished((await system.submit()).id)
            assert task.error is not None
            assert (task.status, task.error.billed) == (Status.FAILED, Billed.NO)
            assert outcomes(task) == ["rejected"]

    async def test_another_order_may_follow_one_that_failed(self, settings: Settings) -> None:
        """Under `fail` too: nothing was paid for."""

        async def ordering(job: Job, run: Run) -> None:
            if not run.saved:
                async with run.call([0], "f"):
                    await run.checkpoint({"order": "1"})
                await run.settle([0], ContentRejected("broken"))
            async with run.call([0], "f"):
                await run.deliver(0, Source.from_bytes(picture()))

        async with running_system(settings, [ScriptedProvider(ordering, single_call=True)]) as system:
            task = await system.finished((await system.submit(on_ambiguous="fail")).id)
            assert task.status is Status.COMPLETED
            assert outcomes(task) == ["delivered", "rejected"]

    async def test_an_order_is_open_until_its_picture_is_here(self, settings: Settings) -> None:
        """What may still come may have been billed; what has come was."""
        placed, go_on = asyncio.Event(), asyncio.Event()

        async def ordering(_job: Job, run: Run) -> None:
            async with run.call([0], "f"):
                await run.checkpoint({"order": "1"})
            await run.progress(0.5)
            placed.set()
            await go_on.wait()
            await run.deliver(0, Source.from_bytes(picture()))

        async with running_system(settings, [ScriptedProvider(ordering)]) as system:
            task = await system.submit()
            await placed.wait()
            [call] = (await system.get(task.id)).calls.values()
            assert (call.outcome, call.resumable) == (CallOutcome.OPEN, True)
            go_on.set()
            assert outcomes(await system.finished(task.id)) == ["delivered"]

    @pytest.mark.parametrize(
        ("count", "billed", "told", "charged", "cost"),
        [
            (2, "no", None, 1, 200_000),
            (2, "yes", None, 2, 400_000),
            (15, "no", None, 1, 200_000),
            (15, "no", 70_000, 1, 70_000),
        ],
        ids=["refused", "refused and charged", "left out", "left out and told"],
    )
    async def test_pictures_that_did_not_come_are_not_charged_for_in_a_later_attempt(
        self, settings: Settings, count: int, billed: str, told: int | None, charged: int, cost: int
    ) -> None:
        """The attempt that ordered them ended before: what the order brought is seen by the one that follows."""

        async def ordering(job: Job, run: Run) -> None:
            whole = run.missing
            if not run.saved:
                async with run.call(whole, "f"):
                    await run.checkpoint({"order": "1"})
                raise Unavailable("the question for it failed")
            await run.deliver(0, Source.from_bytes(picture()))
            await run.reject(1, ContentRejected("refused", billed=Billed(job.input["billed"])))
            await run.omit(range(2, job.outputs))
            if told is not None:
                await run.charge(whole, told)

        async with running_system(settings, [ScriptedProvider(ordering)]) as system:
            task = await system.finished((await system.submit(n=count, billed=billed)).id)
            assert (task.status, len(task.kept), task.attempts) == (Status.COMPLETED, 1, 2)
            assert cost_of(task) == Cost(certain=charged, possible=0)
            assert [bill.amount_micro for bill in bills_of(task)] == [cost]
            assert outcomes(task) == ["delivered"]

    async def test_an_order_of_which_nothing_came_is_not_charged_for_in_a_later_attempt(
        self, settings: Settings
    ) -> None:
        """Each of its pictures was refused by itself."""

        async def ordering(_job: Job, run: Run) -> None:
            if not run.saved:
                async with run.call([0, 1], "f"):
                    await run.checkpoint({"order": "1"})
                raise Unavailable("the question for it failed")
            for index in (0, 1):
                await run.reject(index, ContentRejected("refused"))

        async with running_system(settings, [ScriptedProvider(ordering)]) as system:
            task = await system.finished((await system.submit(n=2)).id)
            assert (task.status, outcomes(task)) == (Status.FAILED, ["rejected"])
            assert (cost_of(task), bills_of(task)[0].amount_micro) == (Cost(0, 0), 0)


class TestSpendLimit:
    """E5: what is billed counts, whatever became of it; what is not, does not stay reserved."""

    async def test_pictures_that_cannot_be_kept_are_paid_for(
        self, make_settings: MakeSettings, ledger: Ledger
    ) -> None:
        """E5: limit 1.00 at 0.20 each, and every answer is HTML: five are bought, not thirty."""

        async def html(run: Run, indexes: list[int]) -> None:
            await run.deliver(indexes[0], Source.from_bytes(b"<html>no picture</html>"))

        limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:1.00")
        async with running_system(limited, [provider_of(ledger, html, concurrency=1)]) as system:
            tasks = [await system.submit() for _ in range(12)]
            bought = [await system.finished(task.id) for task in tasks[:5]]
            assert {task.error.billed for task in bought if task.error} == {Billed.YES}
            await until(lambda: _is_held(system))
            assert sum(bills.total() for bills in ledger.bills.values()) == 5

    async def test_a_cancelled_attempt_is_settled(self, make_settings: MakeSettings, ledger: Ledger) -> None:
        """E5: nothing stays reserved when nothing runs."""
        held = Held()
        limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:10.00")
        async with running_system(limited, [provider_of(ledger, held, each=False)]) as system:
            task = await system.submit(n=5)
            await held.begun.wait()
            await system.services.control.cancel(task.id, Caller.local())
            held.go_on.set()
            await until(lambda: _let_go(system, task.id))
            spending = await until(lambda: _settled(system))
            assert (spending.spent_micro, spending.reserved_micro) == (1_000_000, 0)

    async def test_an_attempt_that_was_overtaken_settles_nothing_again(
        self, make_settings: MakeSettings, ledger: Ledger
    ) -> None:
        """E5: the sweep ended the task and settled it; its worker comes back later."""
        held = Held()
        limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:10.00")
        async with running_system(limited, [provider_of(ledger, held, each=False)]) as system:
            assert system.workers is not None
            tools = system.workers.tools
            task = await system.submit(n=5)
            await held.begun.wait()
            assert await end_overdue(await system.get(task.id), tools)
            spending = await until(lambda: _settled(system))
            held.go_on.set()
            await until(lambda: not system.workers.pool.running_count())
            assert await _settled(system) == spending


@attrs.define(eq=False)
class _Cancelling(TaskStore):
    """A MongoDB in which a user's cancellation comes between a task's start and its being read."""

    system: System = attrs.field(kw_only=True)
    wanted: str = ""

    async def start(
        self, ids: Iterable[str], attempt: Attempt, deadline_at: datetime, marks: Marks = NO_MARKS
    ) -> list[Task]:
        started = await super().start(ids, attempt, deadline_at, marks)
        if self.wanted not in [task.id for task in started]:
            return started
        await self.system.services.control.cancel(self.wanted, Caller.local())
        read = [await self.system.get(task.id) for task in started]
        return [task for task in read if task.attempt is not None]


class TestChargedRefusals:
    """A service that charges for what it refuses."""

    @pytest.mark.parametrize("billed", list(Billed))
    async def test_of_a_call(self, settings: Settings, ledger: Ledger, billed: Billed) -> None:
        """It is final, whatever it cost; what was charged for, or may have been, is in doubt."""
        refusing = raising(ContentRejected("refused", billed=billed))
        async with running_system(settings, [provider_of(ledger, refusing)]) as system:
            task = await system.finished((await system.submit()).id)
            assert task.status is Status.FAILED
            assert task.error is not None
            assert task.error.code == "content_rejected"
            assert ledger.of(task.id) == {0: 1}
            assert outcomes(task) == ["rejected" if billed is Billed.NO else "unknown"]

    async def test_of_a_picture_that_was_made(self, settings: Settings) -> None:
        """It counts as bought, beside the one that is kept."""

        async def hold_one_back(job: Job, run: Run) -> None:
            async with run.call(run.missing, "fingerprint"):
                await run.deliver(0, Source.from_bytes(picture()))
                await run.reject(1, ContentRejected("black", billed=Billed.YES))

        async with running_system(settings, [ScriptedProvider(hold_one_back)]) as system:
            task = await system.finished((await system.submit(n=2)).id)
            assert (task.status, [output.index for output in task.kept]) == (Status.COMPLETED, [0])
            assert cost_of(task).certain == 2


class TestCancelledAtItsStart:
    """A task that was cancelled before its call left buys nothing."""

    @pytest.mark.parametrize("single_call", [True, False])
    async def test_before_its_worker_has_read_it(
        self, settings: Settings, ledger: Ledger, *, single_call: bool
    ) -> None:
        """The call that its start announced is written down as unsent, and it may be tried again."""
        provider = provider_of(ledger, with_bytes)
        provider.single_call = single_call
        async with running_system(settings, [provider]) as system:
            assert system.workers is not None
            lane = system.workers.pool.lanes["scripted"]
            store = _Cancelling(system.services.store.database, system=system)
            register = attrs.evolve(lane.tools.register, store=store)
            lane.tools = attrs.evolve(lane.tools, store=store, register=register)
            task = await system.submit(delay_s=1)
            store.wanted = task.id
            await system.finished(task.id)
            store.wanted = ""

            async def is_let_go() -> bool:
                return (await system.get(task.id)).attempt is None

            await until(is_let_go)
            cancelled = await system.get(task.id)
            assert (cancelled.status, ledger.of(task.id)) == (Status.CANCELLED, {})
            assert set(outcomes(cancelled)) <= {"unsent"}
            assert cancelled.error is not None
            assert cancelled.error.billed is Billed.NO
            await system.services.control.retry(task.id, Caller.local())
            done = await system.finished(task.id)
            assert (done.status, ledger.of(task.id)) == (Status.COMPLETED, {0: 1})

    async def test_while_its_call_is_written_down(self, settings: Settings, ledger: Ledger) -> None:
        """Neither the message of the cancellation nor a look at the task came before: the write itself says so."""
        refused: list[BaseException] = []

        async def cancel_between(job: Job, run: Run) -> None:
            assert isinstance(run, TaskRun)
            async with run.call([0], "first"):
                ledger.of(job.task_id)[0] += 1
                await system.services.control.cancel(job.task_id, Caller.local())
                await until(lambda: run.ledger.late)
                run.ledger.late = False  # as if it had not heard
                try:
                    async with run.call([1], "second"):
                        ledger.of(job.task_id)[1] += 1
                except AttemptLost as error:
                    refused.append(error)
                await run.deliver(0, Source.from_bytes(picture()))

        async with running_system(settings, [ScriptedProvider(cancel_between)]) as system:
            task = await system.submit(n=2)
            await until(lambda: refused)

            async def is_let_go() -> bool:
                return (await system.get(task.id)).attempt is None

            await until(is_let_go)
            cancelled = await system.get(task.id)
            assert (cancelled.status, ledger.of(task.id)) == (Status.CANCELLED, {0: 1})
            assert (outcomes(cancelled), list(cancelled.late)) == (["delivered", "unsent"], ["0"])


async def _slowly(run: Run, indexes: list[int]) -> Result | None:
    await asyncio.sleep(0.05)
    return await with_bytes(run, indexes)


async def _hammer(system: System, task_id: str) -> None:
    for _ in range(15):
        for move in (system.services.control.cancel, system.services.control.retry):
            try:
                await move(task_id, Caller.local())
            except Conflict:
                await asyncio.sleep(0.005)


async def _brought_to_an_end(system: System, task_id: str) -> Task:
    """Retry until the task is completed."""
    while True:
        done = await system.finished(task_id)
        if done.status is Status.COMPLETED:
            return done
        try:
            await system.services.control.retry(task_id, Caller.local())
        except Conflict:
            await asyncio.sleep(0.02)


async def _cancel_unheard(system: System, task_id: str) -> None:
    """Store a cancellation that the task's worker does not hear of."""
    error = TaskError(code="cancelled", message="m")
    task = await system.get(task_id)
    move = Cancelled(task=task, at=system.services.clock.now(), error=error)
    assert await system.services.store.apply(move.change())


async def _has_ended(system: System, task_id: str) -> bool:
    return (await system.get(task_id)).status is Status.CANCELLED


async def _let_go(system: System, task_id: str) -> bool:
    return (await system.get(task_id)).attempt is None


async def _is_held(system: System) -> bool:
    gate = await system.services.gates.look("scripted")
    return gate.shut_until_ms > 0


async def _settled(system: System) -> object:
    assert system.workers is not None
    guard = system.workers.tools.guard
    spending = await guard.spending.look("scripted", system.services.clock.now())
    return spending if spending.reserved_micro == 0 and spending.spent_micro else None
