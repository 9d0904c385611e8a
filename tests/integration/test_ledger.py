"""What tasks cost goes into the ledger: once, whoever dies, and nothing where nobody comes with a key."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, timedelta
from functools import partial

import attrs

from danqing_plugins import InvalidRequest, Job, OutcomeUnknown, Run, Source
from danqing_plugins.billing import Billed, CallOutcome
from danqing_server.access.caller import Caller
from danqing_server.access.limits import CallerLimits
from danqing_server.desk.statistics import Question
from danqing_server.doors.costs import cost_view
from danqing_server.errors import StoreUnavailable
from danqing_server.life.billing import billed_of
from danqing_server.life.booking import posting_of
from danqing_server.life.bookkeeper import Bookkeeper
from danqing_server.life.charges import doubtful_micro
from danqing_server.life.subscribers import Gathering
from danqing_server.records.accounts import COSTS, LineKind, Posting, PostingLine
from danqing_server.records.tenancy import CLIENT_SCOPES
from danqing_server.settings.server import Settings
from danqing_server.store.budgets import BudgetStore
from danqing_server.store.ledger import LedgerStore
from danqing_server.store.reach import Reach
from danqing_server.store.sheets import SheetStore
from danqing_server.store.sums import Span, Step
from danqing_server.store.untold import Notice
from tests.support.providers import ScriptedProvider, picture
from tests.support.system import MakeSettings, System, running_system, until

KEYS = "alice:" + "a" * 20


async def deliver(job: Job, run: Run) -> None:
    """Pay once for all."""
    async with run.call(run.missing, "f"):
        for index in run.missing:
            await run.deliver(index, Source.from_bytes(picture()))


async def nobody(notices: Sequence[Notice]) -> None:
    """Hear nothing."""
    raise StoreUnavailable("away")


def books_of(system: System) -> LedgerStore:
    """Return the ledger."""
    return LedgerStore(system.services.store.database)


async def booked(system: System, task_id: str, count: int = 1) -> list[Posting]:
    """Return a task's postings when there are *count* of them."""

    async def look() -> list[Posting] | None:
        found = list((await books_of(system).of([task_id])).get(task_id, ()))
        return found if len(found) >= count else None

    found: list[Posting] = await until(look, what=f"{count} postings of {task_id}")
    return found


async def settled(system: System, task_id: str, key: str) -> Sequence[Posting] | None:
    """Return a task's postings once it counts to *key*."""
    found = (await books_of(system).of([task_id])).get(task_id, ())
    return found if sums_of(found, key)[1] else None


def sums_of(postings: Sequence[Posting], key: str) -> tuple[int, int]:
    """Return what a key spent in millionths, and how many tasks of it there are."""
    lines = [line for posting in postings if posting.key == key for line in posting.lines if line.kind in COSTS]
    return sum(line.amount_micro for line in lines), sum(line.tasks for line in lines)


class TestLedger:
    async def test_what_a_key_bought_is_booked(self, make_settings: MakeSettings) -> None:
        """With whose it is, what it was, and what it cost."""
        async with running_system(make_settings(DANQING_API_KEYS=KEYS), [ScriptedProvider(deliver)]) as system:
            task = await system.submit(n=3, key="alice", user_id="u7")
            [posting] = await booked(system, task.id)
            assert (posting.project, posting.key, posting.user) == ("alice", "alice", "u7")
            [line] = posting.lines
            assert (line.pictures, line.amount_micro, line.currency, line.billed) == (3, 600_000, "CNY", Billed.YES)
            assert (line.status, line.tasks, line.at) == ("completed", 1, task.created_at)

    async def test_without_keys_nothing_is_written(self, settings: Settings) -> None:
        """No posting, no index, no mark: who does not use it does not pay for it."""
        async with running_system(settings, [ScriptedProvider(deliver)]) as system:
            task = await system.finished((await system.submit()).id)
            names = await system.services.store.database.list_collection_names()
            assert not {"danqing_ledger", "danqing_stats"} & set(names)
            found = await system.services.store.database["danqing_tasks"].find_one({"_id": task.id})
            assert "untold" not in found
            assert "key" not in found

    async def test_without_keys_all_is_booked_when_asked_for(self, make_settings: MakeSettings) -> None:
        """`DANQING_LEDGER=all`."""
        async with running_system(make_settings(DANQING_LEDGER="all"), [ScriptedProvider(deliver)]) as system:
            [posting] = await booked(system, (await system.submit()).id)
            assert (posting.project, posting.key) == (None, None)

    async def test_a_deleted_task_stays_booked(self, make_settings: MakeSettings) -> None:
        """It is booked before it is gone, should nobody have heard of its end."""
        async with running_system(make_settings(DANQING_API_KEYS=KEYS), [ScriptedProvider(deliver)]) as system:
            task = await system.finished((await system.submit(key="alice")).id)
            await system.services.control.delete(task.id, Caller.with_key("alice"))
            [posting] = (await books_of(system).of([task.id]))[task.id]
            assert sum(line.amount_micro for line in posting.lines) == 200_000

    async def test_a_late_answer_corrects_the_books(self, make_settings: MakeSettings) -> None:
        """A task that is cancelled under its call is in doubt; what the call brings settles that."""
        held, sent = asyncio.Event(), asyncio.Event()

        async def hold(job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                sent.set()
                await held.wait()
                await run.deliver(0, Source.from_bytes(picture()))

        async with running_system(make_settings(DANQING_API_KEYS=KEYS), [ScriptedProvider(hold)]) as system:
            task = await system.submit(key="alice")
            await sent.wait()
            await system.services.control.cancel(task.id, Caller.with_key("alice"))
            [first] = await booked(system, task.id)
            assert [(line.billed, line.amount_micro) for line in first.lines] == [(Billed.UNKNOWN, 200_000)]
            held.set()
            [_, second] = await booked(system, task.id, 2)
            assert sorted((line.billed.value, line.amount_micro) for line in second.lines) == [
                ("unknown", -200_000),
                ("yes", 200_000),
            ]

    async def test_what_an_earlier_call_told_late_is_in_the_books(self, make_settings: MakeSettings) -> None:
        """Though the attempt that ended the task began before that was known."""

        async def lose_one_and_pay_once(job: Job, run: Run) -> None:
            async with run.call(run.missing, f"f{job.attempt}"):
                if job.attempt == 1:
                    raise OutcomeUnknown("cut")
                await run.deliver(0, Source.from_bytes(picture()))
            [lost] = [call for call in (await system.get(job.task_id)).calls.values() if call.attempt == 1]
            late = lost.changed(outcome=CallOutcome.REJECTED)
            assert await system.services.store.note_late_answer(job.task_id, late)

        keyed = make_settings(DANQING_API_KEYS=KEYS)
        async with running_system(keyed, [ScriptedProvider(lose_one_and_pay_once)]) as system:
            task = await system.submit(key="alice", on_ambiguous="retry")
            [posting] = await booked(system, task.id)
            assert [(line.billed, line.amount_micro) for line in posting.lines] == [(Billed.YES, 200_000)]

    async def test_a_late_answer_says_what_it_cost_and_for_which_pictures(
        self, make_settings: MakeSettings
    ) -> None:
        """The service told both; they were booked as estimated, for all that was asked for."""

        async def lose(job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                raise OutcomeUnknown("cut")

        async with running_system(make_settings(DANQING_API_KEYS=KEYS), [ScriptedProvider(lose)]) as system:
            task = await system.finished((await system.submit(key="alice", n=3, on_ambiguous="fail")).id)
            await booked(system, task.id)
            [lost] = task.calls.values()
            late = lost.changed(outcome=CallOutcome.DELIVERED, indexes=(0, 1), cost_micro=350_000)
            assert await system.services.store.note_late_answer(task.id, late)
            await system.services.budgets.counting.books.book([task.id], again=True)
            lines = [line for posting in await booked(system, task.id, 2) for line in posting.lines]
            paid = [(line.pictures, line.amount_micro) for line in lines if line.billed is Billed.YES]
            in_doubt = sum(line.amount_micro for line in lines if line.billed is Billed.UNKNOWN)
            assert (paid, in_doubt) == ([(2, 350_000)], 0)

    async def test_what_is_deleted_of_a_task_was_paid_for(self, make_settings: MakeSettings) -> None:
        """The call that brought it was cut after it: that a picture is gone makes its cost no more doubtful."""

        async def cut_after_the_first(job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                await run.deliver(0, Source.from_bytes(picture()))
                raise OutcomeUnknown("cut")

        provider = ScriptedProvider(cut_after_the_first)
        async with running_system(make_settings(DANQING_API_KEYS=KEYS), [provider]) as system:
            task = await system.finished((await system.submit(key="alice", n=2, on_ambiguous="fail")).id)
            before = (cost_view(task, billed_of(task)), doubtful_micro(task))
            assert before[1] == {"CNY": 200_000}
            await system.services.pictures.delete(task.id, 0, Caller.with_key("alice"))
            task = await system.get(task.id)
            assert (cost_view(task, billed_of(task)), doubtful_micro(task)) == before
            await booked(system, task.id)
            await system.services.budgets.counting.books.book([task.id], again=True)
            assert len(await booked(system, task.id)) == 1

    async def test_what_is_told_of_an_end_is_booked_without_reading_the_task(
        self, make_settings: MakeSettings
    ) -> None:
        """MongoDB's own profiler sees nobody ask for it."""
        async with running_system(make_settings(DANQING_API_KEYS=KEYS), [ScriptedProvider(deliver)]) as system:
            database = system.services.store.database
            await database.command("profile", 2)
            task = await system.submit(key="alice")
            await booked(system, task.id)
            await database.command("profile", 0)
            asked = {"ns": f"{database.name}.danqing_tasks", "op": "query", "command.filter._id": {"$exists": True}}
            assert await database["system.profile"].find(asked).to_list(None) == []

    async def test_what_a_key_spent_stays_its_own_when_another_tries_again(
        self, make_settings: MakeSettings
    ) -> None:
        """Asked for a moment after its end, when nothing of it is booked yet."""

        async def half(job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                if 0 in run.missing:
                    await run.deliver(0, Source.from_bytes(picture()))
                await run.reject(1, InvalidRequest("no"))

        async with running_system(make_settings(DANQING_API_KEYS=KEYS), [ScriptedProvider(half)]) as system:
            till, desk = (
                Caller(project="alice", key=name, scopes=CLIENT_SCOPES, limits=CallerLimits())
                for name in ("till", "desk")
            )
            task = await system.finished((await system.submit(n=2, caller=till)).id)
            await system.services.control.retry(task.id, desk)
            await system.finished(task.id)
            postings = await until(partial(settled, system, task.id, "desk"), what="the second round in the ledger")
            assert {key: sums_of(postings, key) for key in ("till", "desk")} == {
                "till": (200_000, 0),
                "desk": (0, 1),
            }

    async def test_what_was_left_unbooked_is_booked_later(self, make_settings: MakeSettings) -> None:
        """A process that dies after a task's end leaves a mark; whoever finds it books it."""
        keyed = make_settings(DANQING_API_KEYS=KEYS)
        async with running_system(keyed, [ScriptedProvider(deliver)]) as system:
            subscribers = system.services.control.register.outlet.subscribers
            [ledger] = [each for each in subscribers if each.name == "ledger"]
            assert isinstance(ledger, Gathering)
            ledger.hear = nobody
            task = await system.finished((await system.submit(key="alice")).id)
            assert not await books_of(system).of([task.id])
        async with running_system(keyed, [ScriptedProvider(deliver)]) as system:
            register = system.services.control.register
            register.outlet.retell_after = timedelta(0)
            await register.tell_again()
            await booked(system, task.id)

    async def test_many_who_book_at_once_book_it_once(self, make_settings: MakeSettings) -> None:
        """The next number is given to one of them, and the others look again."""
        async with running_system(make_settings(DANQING_API_KEYS=KEYS), [ScriptedProvider(deliver)]) as system:
            tasks = [await system.finished((await system.submit(n=2, key="alice")).id) for _ in range(3)]
            services = system.services
            holds = BudgetStore(services.store.database)
            sheets = SheetStore(services.store.database)
            keepers = [
                Bookkeeper(services.store, books_of(system), holds, services.clock, sheets) for _ in range(8)
            ]
            ids = [task.id for task in tasks]
            await asyncio.gather(*(keeper.book(ids) for keeper in keepers))
            found = await books_of(system).of(ids)
            assert [len(found[task_id]) for task_id in ids] == [1, 1, 1]

    async def test_sums_that_are_kept_follow_what_is_booked_of_an_old_task(
        self, make_settings: MakeSettings
    ) -> None:
        """Also when who booked it died before it forgot them: whoever books it again does."""
        async with running_system(make_settings(DANQING_API_KEYS=KEYS), [ScriptedProvider(deliver)]) as system:
            services = system.services
            subscribers = services.control.register.outlet.subscribers
            [ledger] = [each for each in subscribers if each.name == "ledger"]
            assert isinstance(ledger, Gathering)
            hear, ledger.hear = ledger.hear, nobody
            task = await system.finished((await system.submit(key="alice")).id)
            old = task.created_at - timedelta(days=5)
            tasks = services.store.database["danqing_tasks"]
            await tasks.update_one({"_id": task.id}, {"$set": {"created_at": old}})
            before = Posting(task="other", number=0, at=old, project="alice", key="alice", user="u", lines=())
            line = PostingLine(
                kind=LineKind.SETTLE, at=old, provider="scripted", model="one", status="failed", tasks=1
            )
            await books_of(system).add([attrs.evolve(before, lines=(line,))])
            question = Question(
                reach=Reach.of("alice"),
                span=Span(old, task.created_at),
                step=Step.DAY,
                zone=UTC,
                with_simulated=True,
            )

            async def ended() -> dict[str, int]:
                cells = (await services.statistics.answer(question)).cells
                return {name: sum(cell.sums.get(name, 0) for cell in cells) for name in ("failed", "completed")}

            assert await ended() == {"failed": 1, "completed": 0}
            posting = posting_of(task.changed(created_at=old), (), services.clock.now())
            assert posting is not None
            await books_of(system).add([posting])
            bookkeeper = services.late_books.books
            await bookkeeper.book([task.id])
            assert await ended() == {"failed": 1, "completed": 1}
            ledger.hear = hear

    async def test_what_ends_on_its_day_writes_nothing_of_sums(self, make_settings: MakeSettings) -> None:
        """There is nothing kept of that day to be forgotten."""
        async with running_system(make_settings(DANQING_API_KEYS=KEYS), [ScriptedProvider(deliver)]) as system:
            await booked(system, (await system.submit(key="alice")).id)
            assert "danqing_stats" not in await system.services.store.database.list_collection_names()
