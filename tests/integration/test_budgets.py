"""What a project and a key may spend, have in flight and have waiting."""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from collections import Counter as Counts
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

import attrs
import pytest

from danqing_plugins import ContentRejected, InvalidRequest, Job, Run, Source
from danqing_plugins.billing import Billed
from danqing_server.access.caller import Caller
from danqing_server.access.limits import CallerLimits
from danqing_server.assets.storage import Assets
from danqing_server.clock import Clock
from danqing_server.desk.budgets import Budgets
from danqing_server.desk.counting import Counter
from danqing_server.desk.intake import Intake
from danqing_server.desk.limit_states import BudgetWarning
from danqing_server.desk.request import Repeat, Submission
from danqing_server.desk.staging import Staging
from danqing_server.errors import BudgetExceeded, ModelNotAllowed, Overloaded, StoreUnavailable
from danqing_server.life.moves import Deleted
from danqing_server.life.subscribers import Gathering
from danqing_server.records.accounts import LineKind, Posting, PostingLine
from danqing_server.records.batches import Mode
from danqing_server.records.tasks import Hold, Status, Task
from danqing_server.records.tenancy import CLIENT_SCOPES, Limits
from danqing_server.store.ledger import LedgerStore, Spent
from danqing_server.store.tasks import Document, TaskStore
from danqing_server.windows import Span, window_of
from tests.support.lines import unnamed
from tests.support.providers import ScriptedProvider, picture
from tests.support.system import MakeSettings, System, running_system, until

KEYS = "alice:" + "a" * 20
PRICE_MICRO = 200_000
DAY_S = 86_400
TEN = Limits(spend_per_day_micro={"CNY": 10 * PRICE_MICRO})


async def deliver(job: Job, run: Run) -> None:
    """Pay once for all."""
    async with run.call(run.missing, "f"):
        for index in run.missing:
            await run.deliver(index, Source.from_bytes(picture()))


def caller(project: Limits | None = None, key: Limits | None = None, name: str = "alice") -> Caller:
    """Return who comes with these limits."""
    limits = CallerLimits(project=project or Limits(), key=key or Limits())
    return Caller(project="alice", key=name, scopes=CLIENT_SCOPES, limits=limits)


async def submit(system: System, who: Caller, n: int = 1, repeat: Repeat | None = None, **more: Any) -> Task:
    """Ask for *n* pictures."""
    submission = Submission(
        provider=None,
        type="image",
        model=None,
        input={"prompt": "a cat", "n": n, **more},
        user_id="u1",
        caller=who,
        repeat=repeat,
    )
    return (await system.services.submissions.submit(submission)).task


async def asked(system: System, who: Caller, count: int) -> list[Task | BaseException]:
    """Ask *count* times at once for one picture."""
    return await asyncio.gather(*(submit(system, who) for _ in range(count)), return_exceptions=True)


def accepted(answers: Sequence[Task | BaseException]) -> list[Task]:
    """Return the tasks among *answers*; whatever else there is, is a refusal for want of money."""
    refusals = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(each, BudgetExceeded) for each in refusals), refusals
    return [answer for answer in answers if isinstance(answer, Task)]


@asynccontextmanager
async def keyed(
    make_settings: MakeSettings, generation: Any = deliver, *, workers: bool = True, clock: Clock | None = None
) -> AsyncIterator[System]:
    """Run a process that asks for keys."""
    settings = make_settings(DANQING_API_KEYS=KEYS)
    async with running_system(settings, [ScriptedProvider(generation)], workers=workers, clock=clock) as system:
        system.services.budgets.counting.cheap_s = 60.0  # whatever else this machine does
        yield system


class TestSpend:
    """Money, by day and by month."""

    async def test_sixty_four_at_the_edge_buy_what_is_left(self, make_settings: MakeSettings) -> None:
        """Of a budget of ten pictures, over two processes: ten, and no one more, nor less."""
        async with AsyncExitStack() as stack:
            systems = [await stack.enter_async_context(keyed(make_settings)) for _ in range(2)]
            answers = await asyncio.gather(*(asked(systems[number % 2], caller(TEN), 8) for number in range(8)))
            tasks = accepted([answer for each in answers for answer in each])
            assert len(tasks) == 10
            for task in tasks:
                await systems[0].finished(task.id)
            assert not accepted(await asked(systems[1], caller(TEN), 3))

    async def test_a_refusal_says_what_and_until_when(self, make_settings: MakeSettings) -> None:
        """Whose limit, of what, how much is used and set aside, and when it begins anew."""
        async with keyed(make_settings, workers=False) as system:
            for _ in range(2):
                await submit(system, caller(TEN), n=4)
            with pytest.raises(BudgetExceeded) as refused:
                await submit(system, caller(TEN), n=4)
            said = str(refused.value)
            for word in (
                "project `alice`",
                "2.00 CNY a day",
                "0.00 CNY are used",
                "1.60 CNY are reserved",
                "0.80 CNY",
            ):
                assert word in said
            tomorrow = (system.services.clock.now() + timedelta(days=1)).date()
            assert refused.value.resets_at.astimezone(UTC).date() == tomorrow
            assert (await submit(system, caller(TEN), n=2)).status is Status.PENDING

    async def test_the_tighter_limit_wins(self, make_settings: MakeSettings) -> None:
        """A key's own, beside its project's; another key has what is left of the project's."""
        two = Limits(spend_per_month_micro={"CNY": 2 * PRICE_MICRO})
        async with keyed(make_settings, workers=False) as system:
            assert len(accepted(await asked(system, caller(TEN, two), 5))) == 2
            assert len(accepted(await asked(system, caller(TEN, name="k2"), 20))) == 8

    async def test_what_one_limit_refuses_is_given_back_to_the_other(self, make_settings: MakeSettings) -> None:
        """The project has not lost what the key could not have."""
        none = Limits(spend_per_day_micro={"CNY": 0})
        async with keyed(make_settings, workers=False) as system:
            assert not accepted(await asked(system, caller(TEN, none), 8))
            assert len(accepted(await asked(system, caller(TEN), 12))) == 10

    async def test_another_currency_is_not_limited(self, make_settings: MakeSettings) -> None:
        """Amounts of two currencies are never added."""
        async with keyed(make_settings, workers=False) as system:
            dollars = Limits(spend_per_day_micro={"USD": 0})
            assert (await submit(system, caller(dollars))).hold is None
            both = Limits(spend_per_day_micro={"USD": 0, "CNY": PRICE_MICRO})
            assert len(accepted(await asked(system, caller(both), 3))) == 1

    async def test_answer_that_was_lost_leaves_the_money_set_aside(self, make_settings: MakeSettings) -> None:
        """The task may be there; nothing is kept of it in the process, however often that happens."""

        @attrs.define
        class Lost:
            """Stores, perhaps, and cannot say so."""

            async def take(self, task: Task) -> None:
                raise StoreUnavailable(f"no answer of {task.id}")

        async with keyed(make_settings, workers=False) as system:
            one = Limits(spend_per_day_micro={"CNY": PRICE_MICRO})
            submissions = system.services.submissions
            intake, submissions.intake = submissions.intake, cast(Intake, Lost())
            with pytest.raises(StoreUnavailable):
                await submit(system, caller(one))
            submissions.intake = intake
            with pytest.raises(BudgetExceeded):
                await submit(system, caller(one))
            assert system.services.budgets.unheard == 0

    async def test_who_is_not_limited_holds_nothing(self, make_settings: MakeSettings) -> None:
        """No field, no counter: what nobody uses costs nothing."""
        async with keyed(make_settings) as system:
            task = await system.finished((await submit(system, caller())).id)
            assert task.hold is None
            assert "danqing_budgets" not in await system.services.store.database.list_collection_names()

    async def test_what_failed_unpaid_can_be_spent_again(self, make_settings: MakeSettings) -> None:
        """Nothing was bought: all of it is there again, with the next who asks."""
        one = Limits(spend_per_day_micro={"CNY": PRICE_MICRO})
        async with keyed(make_settings, workers=False) as system:
            task = await submit(system, caller(one))
            for _ in range(3):
                with pytest.raises(BudgetExceeded):
                    await submit(system, caller(one))
                await system.services.control.cancel(task.id, caller(one))
                task = await submit(system, caller(one))

    async def test_what_was_bought_before_there_was_a_limit_counts(self, make_settings: MakeSettings) -> None:
        """It is in the ledger."""
        async with keyed(make_settings) as system:
            for _ in range(3):
                await system.finished((await submit(system, caller(), n=3)).id)
            await until(lambda: booked(system, 3), what="three tasks in the ledger")
            assert len(accepted(await asked(system, caller(TEN), 3))) == 1

    async def test_what_ends_while_it_is_counted_counts_once(self, make_settings: MakeSettings) -> None:
        """Set aside when it was looked for among the tasks, and booked before it was among the costs."""
        two = Limits(spend_per_day_micro={"CNY": 2 * PRICE_MICRO})
        may_end = asyncio.Event()

        async def hold(job: Job, run: Run) -> None:
            await may_end.wait()
            await deliver(job, run)

        async with keyed(make_settings, hold) as system:
            task = await submit(system, caller(two))
            counting = system.services.budgets.counting

            @attrs.define(eq=False)
            class Slow(LedgerStore):
                """Sums up when the task has ended, and is booked."""

                async def spent(self, *given: Any, **options: Any) -> Spent:
                    may_end.set()
                    await system.finished(task.id)
                    await until(lambda: booked(system, 1), what="the end in the ledger")
                    return await super().spent(*given, **options)

            counting.books.ledger = Slow(system.services.store.database)
            [state] = await system.services.budgets.states(caller(two))
            assert (state.spent_micro, state.reserved_micro) == (PRICE_MICRO, 0)
            assert len(accepted(await asked(system, caller(two), 1))) == 1

    async def test_a_deleted_task_stays_spent(self, make_settings: MakeSettings) -> None:
        """Deleting buys nothing back."""
        one = Limits(spend_per_day_micro={"CNY": PRICE_MICRO})
        async with keyed(make_settings) as system:
            task = await system.finished((await submit(system, caller(one))).id)
            await system.services.control.delete(task.id, caller(one))
            assert not accepted(await asked(system, caller(one), 2))

    async def test_a_task_that_is_tried_again_while_it_is_deleted_stays_spent(
        self, make_settings: MakeSettings
    ) -> None:
        """Its call was under way when its document went: whoever deletes has looked before."""
        one = Limits(spend_per_day_micro={"CNY": PRICE_MICRO})
        sent, answers = asyncio.Event(), asyncio.Event()

        async def refuse_first(job: Job, run: Run) -> None:
            if job.attempt == 1:
                raise InvalidRequest("no")
            async with run.call(run.missing, "f"):
                sent.set()
                await answers.wait()

        async with keyed(make_settings, refuse_first) as system:
            control = system.services.control
            task = await system.finished((await submit(system, caller(one))).id)
            await until(lambda: booked(system, 1), what="its end in the ledger")
            [ledger] = [each for each in control.register.outlet.subscribers if each.name == "ledger"]
            assert isinstance(ledger, Gathering)
            learn = ledger.learn

            async def learn_and_retry(move: Deleted) -> None:
                await learn(move)
                if not sent.is_set():
                    await control.retry(task.id, caller(one))
                    await sent.wait()

            ledger.learn = learn_and_retry
            await control.delete(task.id, caller(one))
            answers.set()
            assert await system.services.store.get(task.id) is None
            assert not accepted(await asked(system, caller(one), 1))
            [state] = await system.services.budgets.states(caller(one))
            assert state.spent_micro == PRICE_MICRO

    async def test_a_retry_sets_aside_anew(self, make_settings: MakeSettings) -> None:
        """And is refused, with the task as it was, where there is no room for it."""
        one = Limits(spend_per_day_micro={"CNY": PRICE_MICRO})
        async with keyed(make_settings, workers=False) as system:
            task = await submit(system, caller(one))
            control = system.services.control
            await control.cancel(task.id, caller(one))
            retried, _ = await control.retry(task.id, caller(one))
            assert retried.hold is not None
            await control.cancel(task.id, caller(one))
            other = await submit(system, caller(one))
            with pytest.raises(BudgetExceeded):
                await control.retry(task.id, caller(one))
            assert (await system.get(task.id)).status is Status.CANCELLED
            assert other.hold is not None

    async def test_a_repeat_sets_nothing_aside(self, make_settings: MakeSettings) -> None:
        """The task is there already."""
        one = Limits(spend_per_day_micro={"CNY": PRICE_MICRO})
        repeat = Repeat(key="k", fingerprint="f")
        async with keyed(make_settings, workers=False) as system:
            first = await submit(system, caller(one), repeat=repeat)
            assert (await submit(system, caller(one), repeat=repeat)).id == first.id

    async def test_repeats_at_once_are_answered_with_the_one_task(self, make_settings: MakeSettings) -> None:
        """None is refused for what another of them has set aside, also at another process."""
        one = Limits(spend_per_day_micro={"CNY": PRICE_MICRO}, waiting_tasks=1)
        repeat = Repeat(key="k", fingerprint="f")
        async with keyed(make_settings, workers=False) as here, keyed(make_settings, workers=False) as there:
            asking = (submit(system, caller(one), repeat=repeat) for system in (here, there) * 4)
            made = await asyncio.gather(*asking)
            assert len({task.id for task in made}) == 1
            with pytest.raises(BudgetExceeded):
                await submit(here, caller(one))

    async def test_a_repeat_whose_task_comes_while_it_is_counted_is_answered_with_it(
        self, make_settings: MakeSettings
    ) -> None:
        """It looked before, and asks for room when there is none left."""
        one = Limits(spend_per_day_micro={"CNY": PRICE_MICRO})
        repeat = Repeat(key="k", fingerprint="f")
        async with keyed(make_settings, workers=False) as here, keyed(make_settings, workers=False) as there:
            budgets = there.services.submissions.budgets
            first: list[Task] = []

            @attrs.define(eq=False)
            class Late(Budgets):
                """Has the other process make the task, and forget what it noted, before it looks for room."""

                async def hold(self, *given: Any, **options: Any) -> Hold | None:
                    if not first:
                        first.append(await submit(here, caller(one), repeat=repeat))
                        await here.services.budgets.drain()
                    return await super().hold(*given, **options)

            there.services.submissions.budgets = Late(budgets.store, budgets.counting, budgets.clock)
            assert (await submit(there, caller(one), repeat=repeat)).id == first[0].id

    async def test_a_task_without_room_is_not_there(self, make_settings: MakeSettings) -> None:
        """Its Idempotency-Key may be sent again when there is."""
        repeat = Repeat(key="k", fingerprint="f")
        async with keyed(make_settings, workers=False) as system:
            none = Limits(spend_per_day_micro={"CNY": 0})
            with pytest.raises(BudgetExceeded):
                await submit(system, caller(none), repeat=repeat)
            assert (await submit(system, caller(TEN), repeat=repeat)).hold is not None

    async def test_a_death_between_counter_and_task_is_forgotten(self, make_settings: MakeSettings) -> None:
        """What was set aside for a task that never came counts for a minute and a half."""
        one = Limits(spend_per_day_micro={"CNY": PRICE_MICRO})
        async with keyed(make_settings, workers=False) as system:
            task = await submit(system, caller())
            budgets = system.services.control.budgets
            lost = await budgets.hold(caller(one), task.changed(id="never-stored"), 1)
            assert lost is not None
            assert not accepted(await asked(system, caller(one), 2))
            counters = system.services.store.database["danqing_budgets"]
            [counter] = await counters.find({}).to_list(None)
            old = {f"pending.{lost.id}.at": system.services.clock.now() - timedelta(minutes=2)}
            await counters.update_one({"_id": counter["_id"]}, {"$set": old})
            assert len(accepted(await asked(system, caller(one), 2))) == 1

    async def test_a_death_after_a_retry_is_forgotten_once_the_task_has_ended(
        self, make_settings: MakeSettings
    ) -> None:
        """The note that its process left says no more what the ledger says is over."""
        one = Limits(spend_per_day_micro={"CNY": 2 * PRICE_MICRO})
        async with keyed(make_settings, workers=False) as system:
            task = await submit(system, caller())
            await system.services.control.cancel(task.id, caller(one))
            retried, _ = await system.services.control.retry(task.id, caller(one))
            assert retried.hold is not None
        async with keyed(make_settings) as system:
            await system.finished(task.id)
            counters = system.services.store.database["danqing_budgets"]
            [counter] = await counters.find({}).to_list(None)
            left = {"task": task.id, "amount": PRICE_MICRO, "at": retried.hold.at, "again": True}
            note = {f"pending.{retried.hold.id}": {**left, "lines": 0, "each": 0}}
            await counters.update_one({"_id": counter["_id"]}, {"$set": note, "$inc": {"version": 1}})
            [state] = await system.services.control.budgets.states(caller(one))
            assert (state.spent_micro, state.reserved_micro) == (PRICE_MICRO, 0)

    async def test_four_fifths_are_told_once(self, make_settings: MakeSettings) -> None:
        """To whoever listens, for each window."""
        heard: list[BudgetWarning] = []

        async def hear(warning: BudgetWarning) -> None:
            heard.append(warning)

        async with keyed(make_settings, workers=False) as system:
            system.services.control.budgets.on_warning = hear
            await submit(system, caller(TEN), n=7)
            assert heard == []
            await asked(system, caller(TEN), 3)
            [warning] = heard
            assert (warning.project, warning.currency, warning.limit_micro) == ("alice", "CNY", 2_000_000)


class TestMidnight:
    """What is set aside is set aside of the very day that the cost is booked to."""

    async def test_a_batch_that_is_sent_over_midnight(self, make_settings: MakeSettings) -> None:
        """Each line counts to its own day, and the new day has room for the rest of its limit, no more."""
        evening, who = Evening(), caller(TEN)
        async with keyed(make_settings, clock=Clock(wall_s=evening)) as system:
            staging = await system.services.batches.begin(who, Mode.ALL_OR_NOTHING, None)
            await take_line(staging, who, 1, n=3)
            evening.is_over = True
            await take_line(staging, who, 2, n=4)
            await staging.commit("f")
            assert len(accepted(await asked(system, who, 10))) == 6
            await until(lambda: booked(system, 8), what="all of it in the ledger")
            [state] = await system.services.budgets.states(who)
            assert (state.spent_micro, state.reserved_micro) == (2_000_000, 0)

    async def test_a_task_whose_pictures_are_kept_over_midnight(self, make_settings: MakeSettings) -> None:
        """It counts to the day on which it came, also when that is full by now."""
        evening, who = Evening(), caller(TEN)
        async with keyed(make_settings, clock=Clock(wall_s=evening)) as system:
            assert len(accepted(await asked(system, who, 10))) == 10
            submissions = system.services.submissions
            submissions.assets = _Slow(submissions.assets, evening)
            with pytest.raises(BudgetExceeded):
                await submit(system, who, image=f"data:image/png;base64,{b64encode(picture()).decode()}")
            assert len(accepted(await asked(system, who, 12))) == 10


@attrs.define
class Evening:
    """The time, a minute before midnight; or, when the day is over, a minute later."""

    is_over: bool = False
    _began_s: float = attrs.field(factory=time.time, init=False)

    def __call__(self) -> float:
        midnight_s = (self._began_s // DAY_S + 1) * DAY_S
        return midnight_s + (time.time() - self._began_s) + (0 if self.is_over else -60)


class _Slow(Assets):
    """Keeps a picture until the day is over."""

    def __init__(self, assets: Assets, evening: Evening) -> None:
        super().__init__(
            **{field.alias: getattr(assets, field.name) for field in attrs.fields(Assets) if field.init}
        )
        self.evening = evening

    async def keep_input(self, *given: Any) -> Any:
        self.evening.is_over = True
        return await super().keep_input(*given)


class TestBatches:
    """A batch is held against money as a whole, when it is taken in."""

    async def test_a_batch_that_costs_too_much_is_refused(self, make_settings: MakeSettings) -> None:
        """As a whole, and nothing of it is there."""
        async with keyed(make_settings, workers=False) as system:
            with pytest.raises(BudgetExceeded):
                await send_batch(system, caller(TEN), [4, 4, 4])
            assert len(accepted(await asked(system, caller(TEN), 12))) == 10

    async def test_what_a_batch_may_cost_is_set_aside_until_its_tasks_say_so(
        self, make_settings: MakeSettings
    ) -> None:
        """Before they are there, and when they are."""
        async with keyed(make_settings, workers=False) as system:
            await send_batch(system, caller(TEN), [4, 1, 3])
            assert len(accepted(await asked(system, caller(TEN), 4))) == 2
            await until(lambda: made(system, 5), what="three tasks of the batch, and two")
            assert not accepted(await asked(system, caller(TEN), 2))

    async def test_a_batch_that_is_cancelled_sets_nothing_aside(self, make_settings: MakeSettings) -> None:
        """What is a task already is cancelled, and the rest never will be one."""
        async with keyed(make_settings, workers=False) as system:
            batch_id = await send_batch(system, caller(TEN), [4, 4])
            await system.services.batches.cancel(batch_id, caller(TEN))
            await until(lambda: accepts(system, 10), what="room for ten")

    async def test_a_batch_that_is_cancelled_holds_what_still_becomes_tasks(
        self, make_settings: MakeSettings
    ) -> None:
        """A slice of it is on its way, and is cancelled when it is there: none of it is free before."""
        async with keyed(make_settings, workers=False) as system:
            feeder = system.services.batches.feeder
            tasks, making, go_on = feeder.tasks, asyncio.Event(), asyncio.Event()

            @attrs.define(eq=False)
            class Slow(TaskStore):
                """Stores tasks once it is told to."""

                async def insert_many(self, documents: Sequence[Document]) -> list[bool | Exception]:
                    making.set()
                    await go_on.wait()
                    return await tasks.insert_many(documents)

            feeder.tasks = Slow(tasks.database)
            batch_id = await send_batch(system, caller(TEN), [4, 4])
            await making.wait()
            await system.services.batches.cancel(batch_id, caller(TEN))
            assert len(accepted(await asked(system, caller(TEN), 4))) == 2
            go_on.set()
            await until(lambda: accepts(system, 8), what="room for eight")

    async def test_a_repeat_finds_its_batch_while_that_has_all_the_room(self, make_settings: MakeSettings) -> None:
        """Both are taken in at once, and what one has set aside is no reason to refuse the other."""
        repeat = Repeat(key="k", fingerprint="f")
        two = Limits(spend_per_day_micro={"CNY": 2 * PRICE_MICRO})
        async with keyed(make_settings, workers=False) as here, keyed(make_settings, workers=False) as there:
            sent = (send_batch(system, caller(two), [1, 1], repeat) for system in (here, there) * 2)
            assert len(set(await asyncio.gather(*sent))) == 1
            await until(lambda: made(here, 2), what="the tasks of one batch")


class TestOpen:
    """What may be in flight and wait."""

    async def test_pictures_in_flight(self, make_settings: MakeSettings) -> None:
        """Sixteen who ask at once get four, and four more when these are done."""
        four = Limits(pictures_in_flight=4)
        async with keyed(make_settings, workers=False) as system:
            answers = await asked(system, caller(four), 16)
            tasks = [answer for answer in answers if isinstance(answer, Task)]
            assert len(tasks) == 4
            assert all(isinstance(answer, Overloaded) for answer in answers if answer not in tasks)
            for task in tasks:
                await system.services.control.cancel(task.id, caller(four))
            assert len(accepted(await asked(system, caller(four), 4))) == 4

    async def test_what_is_tried_again_counts_for_what_it_asks_for(self, make_settings: MakeSettings) -> None:
        """One of four was refused: three more may be in flight beside it, however often they are counted."""
        four, go_on = Limits(pictures_in_flight=4), asyncio.Event()

        async def all_but_the_last(job: Job, run: Run) -> None:
            if job.attempt > 1 or job.outputs == 1:
                await go_on.wait()
                await deliver(job, run)
                return
            async with run.call(run.missing, "f"):
                for index in run.missing[:-1]:
                    await run.deliver(index, Source.from_bytes(picture()))
                await run.reject(run.missing[-1], ContentRejected("no"))

        async with keyed(make_settings, all_but_the_last) as system:
            done = await system.finished((await submit(system, caller(four), n=4)).id)
            assert len(done.failed_outputs) == 1
            await system.services.control.retry(done.id, caller(four))
            for _ in range(2):
                beside = [each for each in await asked(system, caller(four), 4) if isinstance(each, Task)]
                assert len(beside) == 3
                for task in beside:
                    await system.services.control.cancel(task.id, caller(four))
            go_on.set()

    async def test_waiting_tasks(self, make_settings: MakeSettings) -> None:
        """What has begun waits no more."""
        two = Limits(waiting_tasks=2)
        async with keyed(make_settings, workers=False) as system:
            answers = await asked(system, caller(two), 5)
            assert sum(isinstance(answer, Task) for answer in answers) == 2


class TestModels:
    async def test_a_model_that_no_list_names_is_refused(self, make_settings: MakeSettings) -> None:
        """By patterns, with or without its provider; a project's and a key's list both have to name it."""
        async with keyed(make_settings, workers=False) as system:
            await submit(system, caller(Limits(models=("o*",)), Limits(models=("scripted/*",))))
            with pytest.raises(ModelNotAllowed, match="this API key"):
                await submit(system, caller(Limits(models=("o*",)), Limits(models=("two",))))
            with pytest.raises(ModelNotAllowed, match="this project"):
                await submit(system, caller(Limits(models=())))

    async def test_a_retry_buys_of_no_other_model_either(self, make_settings: MakeSettings) -> None:
        """Whoever may not ask for a model does not get it by trying a task of another key again."""
        async with keyed(make_settings, workers=False) as system:
            control = system.services.control
            task = await submit(system, caller())
            await control.cancel(task.id, caller())
            with pytest.raises(ModelNotAllowed, match="this API key"):
                await control.retry(task.id, caller(key=Limits(models=("two",))))
            assert (await system.get(task.id)).status is Status.CANCELLED
            retried, _ = await control.retry(task.id, caller(key=Limits(models=("scripted/*",))))
            assert retried.hold is None


async def booked(system: System, count: int) -> bool:
    """Tell whether that many postings are in the ledger."""
    return bool(await system.services.store.database["danqing_ledger"].count_documents({}) >= count)


async def send_batch(system: System, who: Caller, sizes: Sequence[int], repeat: Repeat | None = None) -> str:
    """Send a batch of tasks of so many pictures each."""
    staging = await system.services.batches.begin(who, Mode.ALL_OR_NOTHING, repeat)
    for line, n in enumerate(sizes, 1):
        await take_line(staging, who, line, n)
    batch, _ = await staging.commit("f")
    return batch.id


async def take_line(staging: Staging, who: Caller, line: int, n: int) -> None:
    """Take in a line that asks for *n* pictures."""
    submission = Submission(
        provider=None, type="image", model=None, input={"prompt": "a", "n": n}, user_id="u", caller=who
    )
    await staging.take(line, unnamed(lambda: submission))


async def made(system: System, count: int) -> bool:
    """Tell whether that many tasks are there."""
    return bool(await system.services.store.database["danqing_tasks"].count_documents({}) == count)


async def accepts(system: System, n: int) -> bool:
    """Tell whether there is room for *n* pictures at once."""
    try:
        await submit(system, caller(TEN), n=n)
    except BudgetExceeded:
        return False
    return True


class TestLongBooks:
    """A month in which very much was bought, of which most is days ago."""

    MONTH = Limits(spend_per_month_micro={"CNY": 10 * PRICE_MICRO})

    async def test_days_that_are_over_count_without_being_read(self, make_settings: MakeSettings) -> None:
        """Not each time: 100,000 postings take longer than MongoDB may for an answer, and all was refused then."""
        async with keyed(make_settings, clock=Clock(wall_s=the_20th)) as system:
            await spend(system, *(posting(day, number, 10) for day in (3, 4) for number in range(300)))
            await spend(system, posting(5, 0, 2 * PRICE_MICRO), posting(6, 0, PRICE_MICRO, key="bob"))
            counting = system.services.budgets.counting
            counters = [counter_of(system), counter_of(system, "alice"), counter_of(system, "bob")]
            for counter, amount in zip(counters, (3, 2, 1), strict=True):
                expected = amount * PRICE_MICRO + (0 if counter.key == "bob" else 6000)
                assert (await counting.exact(counter)).total == expected
            read = await read_by(system, *(counting.exact(counter) for counter in counters))
            assert read["danqing_ledger"] == 0
            assert len(accepted(await asked(system, caller(self.MONTH), 9))) == 6

    async def test_a_key_is_told_what_it_paid_without_reading_them(self, make_settings: MakeSettings) -> None:
        """Whether anything limits it or not: `GET /api/v1/key` read all that its project bought in the month."""
        async with keyed(make_settings, clock=Clock(wall_s=the_20th)) as system:
            await spend(system, *(posting(day, number, 10) for day in (3, 4) for number in range(300)))
            await spend(system, posting(5, 0, PRICE_MICRO, key="bob"), posting(20, 0, 2 * PRICE_MICRO))
            statistics, now = system.services.statistics, system.services.clock.now()
            month, day = window_of(Span.MONTH, now), window_of(Span.DAY, now)
            told = [await statistics.paid_by("alice", key, month, UTC) for key in ("alice", "bob", "carol")]
            assert told == [{"CNY": 6000 + 2 * PRICE_MICRO}, {"CNY": PRICE_MICRO}, {}]
            assert await statistics.paid_by("alice", "alice", day, UTC) == {"CNY": 2 * PRICE_MICRO}
            read = await read_by(system, statistics.paid_by("alice", "alice", month, UTC))
            assert read["danqing_ledger"] <= 2

    async def test_what_is_booked_late_to_such_a_day_counts_at_once(self, make_settings: MakeSettings) -> None:
        """A call of last week whose outcome is known only now."""
        async with keyed(make_settings, clock=Clock(wall_s=the_20th)) as system:
            await spend(system, posting(3, 0, 7 * PRICE_MICRO))
            counting = system.services.budgets.counting
            assert (await counting.exact(counter_of(system))).total == 7 * PRICE_MICRO
            await spend(system, posting(3, 1, 3 * PRICE_MICRO))
            assert (await counting.exact(counter_of(system))).total == 10 * PRICE_MICRO
            assert not accepted(await asked(system, caller(self.MONTH), 2))

    async def test_what_runs_since_such_a_day_counts_once(self, make_settings: MakeSettings) -> None:
        """While it is held, and when it is booked, whenever that day was summed up."""
        may_end, now_s = asyncio.Event(), [the_20th() - 2 * DAY_S]

        async def hold(job: Job, run: Run) -> None:
            await may_end.wait()
            await deliver(job, run)

        patient = partial(make_settings, DANQING_TASK_TIMEOUT="168h")
        async with keyed(patient, hold, clock=Clock(wall_s=lambda: now_s[0])) as system:
            task = await submit(system, caller(self.MONTH))
            now_s[0] += 2 * DAY_S
            counting = system.services.budgets.counting
            assert (await counting.exact(counter_of(system))).total == PRICE_MICRO
            may_end.set()
            await system.finished(task.id)
            await until(lambda: booked(system, 1), what="the end in the ledger")
            found = await counting.exact(counter_of(system))
            assert (found.total, found.spent) == (PRICE_MICRO, PRICE_MICRO)


def the_20th() -> float:
    """Return a moment at which most of a month is over."""
    return datetime(2026, 5, 20, 12, tzinfo=UTC).timestamp()


def posting(day: int, number: int, amount_micro: int, key: str = "alice") -> Posting:
    """Return what somebody paid on a day of that month."""
    line = PostingLine(
        kind=LineKind.SETTLE,
        at=datetime(2026, 5, day, 23, 59, tzinfo=UTC),
        provider="scripted",
        model="m",
        billed=Billed.YES,
        currency="CNY",
        amount_micro=amount_micro,
        call=f"c{number}",
        status="completed",
        tasks=1,
    )
    task = f"of_{day}_{number}_{key}"
    return Posting(task=task, number=0, at=line.at, project="alice", key=key, user="u1", lines=(line,))


async def spend(system: System, *postings: Posting) -> None:
    """Have postings in the books, as who books them puts them there."""
    books = system.services.budgets.counting.books
    assert not await books.ledger.add(postings)
    await books.sheets.forget(postings, books.clock.now())


def counter_of(system: System, key: str | None = None) -> Counter:
    """Return what counts the project's month, or that of one of its keys."""
    month = window_of(Span.MONTH, system.services.clock.now())
    return Counter(project="alice", key=key, measure="CNY", window=month)


async def read_by(system: System, *deeds: Awaitable[object]) -> Mapping[str, int]:
    """Return how many documents MongoDB read for *deeds*, by collection."""
    database = system.services.store.database
    await database.command("profile", 2)
    for deed in deeds:
        await deed
    await database.command("profile", 0)
    read: Counts[str] = Counts()
    async for told in database["system.profile"].find({"docsExamined": {"$exists": True}}):
        read[told["ns"].partition(".")[2]] += told["docsExamined"]
    return read
