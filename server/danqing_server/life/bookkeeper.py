"""Keeps the books: what tasks cost is written into the ledger when they have ended, once, whoever dies meanwhile.

The tasks are the truth, and the books follow them: whoever hears of an end compares the two, and adds what is
lacking. What it compares with is read before the task is, and the next number is given once; so whoever adds knows
the task at least as well as who added before. Doing it again adds nothing. Who hears of an end with the task as it
ended takes that for a first look, which adds the first posting or none: then both are read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import attrs

from danqing_plugins import TaskEventKind
from danqing_server.clock import Clock
from danqing_server.errors import StoreUnavailable
from danqing_server.life.booking import posting_of
from danqing_server.life.moves import Deleted
from danqing_server.life.subscribers import Gathering
from danqing_server.records.accounts import Posting
from danqing_server.records.tasks import FINISHED, Task
from danqing_server.store.budgets import BudgetStore
from danqing_server.store.ledger import LedgerStore
from danqing_server.store.sheets import SheetStore
from danqing_server.store.tasks import TaskStore
from danqing_server.store.untold import Notice

__all__ = ["Bookkeeper"]

RACES = 20
HEARS_OF = frozenset(
    {TaskEventKind.COMPLETED, TaskEventKind.FAILED, TaskEventKind.CANCELLED, TaskEventKind.AMENDED}
)


@attrs.define(eq=False)
class Bookkeeper:
    """Books what tasks cost that came with a key, or, with `books_all`, what any cost.

    *simulated* are the providers whose calls nobody pays for now. Statistics of a day that are kept are forgotten
    when the books of that day change, before a task counts as booked: so they say what the books say, whoever dies.

    Every method raises StoreUnavailable, and may be repeated.
    """

    store: TaskStore
    ledger: LedgerStore
    budgets: BudgetStore
    clock: Clock
    sheets: SheetStore
    simulated: Collection[str] = ()
    books_all: bool = False

    def subscriber(self, subscribed: Callable[[], bool]) -> Gathering:
        """Return what hears of ends for it."""
        return Gathering(
            name="ledger",
            hear=self._hear,
            kinds=HEARS_OF,
            subscribed=subscribed,
            wanted=self._wants,
            learn=self._learn,
        )

    async def book(self, task_ids: Collection[str], *, again: bool = False) -> None:
        """Make the books say what these tasks say. Those that are gone, or cannot be read, stay as booked.

        *again*: most are booked already, so that it is worth looking first.
        """
        booked = await self.ledger.of(task_ids) if again else {}
        await self._book_all(await self._look(task_ids), booked)

    async def _book_all(self, tasks: Sequence[Task], booked: Mapping[str, Sequence[Posting]]) -> None:
        left = await self._book(tasks, booked)
        for _ in range(RACES):
            if not left:
                return
            booked = await self.ledger.of(left)
            left = await self._book(await self._look(left), booked)
        raise StoreUnavailable("others keep changing the books of the same tasks")

    async def _look(self, task_ids: Iterable[str]) -> list[Task]:
        looked = await asyncio.gather(*map(self.store.look, task_ids))
        return [task for task in looked if isinstance(task, Task)]

    async def _book(self, tasks: Sequence[Task], booked: Mapping[str, Sequence[Posting]]) -> set[str]:
        """Add what is lacking beside what is *booked*; returns the tasks in whose books there is more by now."""
        now = self.clock.now()
        found = [posting_of(task, booked.get(task.id, ()), now, self.simulated) for task in tasks]
        postings = [posting for posting in found if posting is not None]
        left = await self.ledger.add(postings)
        own = {task.id: task.key for task in tasks}
        left |= {posting.task for posting in postings if posting.key != own[posting.task]}  # another's comes first
        # also what was booked already: who booked it may have died before the next line
        await self.sheets.forget([*postings, *(each for one in booked.values() for each in one)], self.clock.now())
        await self._release(task for task in tasks if task.id not in left)
        return left

    async def _release(self, booked: Iterable[Task]) -> None:
        """Let go of what was set aside for tasks that have ended and are booked."""
        over = {task.id: task.hold.id for task in booked if task.hold is not None and task.status in FINISHED}
        if over:
            await self.budgets.release(over.keys(), over.values())

    async def _hear(self, notices: Sequence[Notice]) -> None:
        """Book what was told. A task as a change left it is a look at it: what came since is told after it."""
        told = {notice.event.task_id: notice.task for notice in notices}
        known = [task for task in told.values() if task is not None]
        read = await self._look(task_id for task_id, task in told.items() if task is None)
        await self._book_all([*known, *read], {})

    async def _learn(self, move: Deleted) -> None:
        """Book a task for the last time."""
        if self.books_all or move.task.owner is not None:
            await self.book([move.task.id])

    def _wants(self, notice: Notice) -> bool:
        return self.books_all or notice.owner is not None
