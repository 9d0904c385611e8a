"""Counts what is committed of a limit: what is booked, what open tasks hold, and what is about to be one."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import attrs

from danqing_server.clock import Clock
from danqing_server.desk.kept_days import KeptDays, Parts
from danqing_server.life.bookkeeper import Bookkeeper
from danqing_server.loops.shared import outcome_of
from danqing_server.store.budgets import BudgetStore, Committed, Held, Pending, Unmade
from danqing_server.store.ledger import Spent
from danqing_server.store.sheets import ProjectDay
from danqing_server.store.sums import Named, Span, Split, Step, Steps
from danqing_server.windows import Window

__all__ = ["Counter", "Counting", "Measure"]

RACES = 10
EXACT_RACES = 7
"""How many of them are for a count that nothing changed under; the others take what did along."""

STORED_WITHIN = timedelta(seconds=90)
"""How long something set aside counts for a task that is not there: by then its submission is long refused."""

BOOKED_WITHIN = timedelta(minutes=1)
"""How long ago a posting may be dated that was not there a moment ago; should it be more, its task counts twice."""

CHEAP_S = 0.25
TRUSTED_S = 60.0
SHARE = 20
"""A count that is not cheap is made again only after this many times as long as the last one took."""

MOST_KNOWN = 10_000


class Measure(StrEnum):
    """What is counted beside money, for as long as a task is open."""

    PICTURES = "pictures"
    WAITING = "waiting"


@attrs.frozen(kw_only=True)
class Counter:
    """What one number is kept of: a project, or, with `key`, one of its keys.

    `measure` is a currency, whose amounts are counted by `window`; or a `Measure`, which has none.
    """

    project: str | None
    key: str | None = None
    measure: str
    window: Window | None = None

    @property
    def id(self) -> str:
        """Its id in the store."""
        whose = f"project/{self.project}" if self.key is None else f"key/{self.project}/{self.key}"
        return f"{whose}/{self.measure}/{'now' if self.window is None else self.window.name}"

    def amount_of(self, held: Held) -> int:
        """Return how much of it a task holds."""
        if self.window is not None:
            return held.amounts_micro.get(self.measure, 0) if self.window.holds(held.at) else 0
        if held.is_finished:
            return 0
        return int(held.waits) if self.measure == Measure.WAITING else max(1, held.outputs)


@attrs.define(eq=False)
class Counting:
    """Counts, one count of a counter at a time, and not more often than is of use. Raises StoreUnavailable."""

    store: BudgetStore
    books: Bookkeeper
    clock: Clock
    cheap_s: float = CHEAP_S
    days: KeptDays = attrs.field(init=False)
    _counted: dict[str, tuple[float, float]] = attrs.field(factory=dict, init=False)
    _running: dict[str, asyncio.Task[None]] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.days = KeptDays(self.books.sheets, self.clock)

    async def exact(self, counter: Counter) -> Committed:
        """Return what is committed, counted now; of what takes long to count, a while ago at the most."""
        at_s, took_s = self._counted.get(counter.id, (float("-inf"), 0.0))
        if took_s < self.cheap_s or self.clock.monotonic_s() - at_s > took_s * SHARE:
            await self._count_once(counter)
        return await self.store.look(counter.id)

    def trusted_since(self, counter: Counter) -> datetime:
        """Return since when it is to have been counted: tasks without a hold, and surprises, are in the books."""
        _, took_s = self._counted.get(counter.id, (0.0, 0.0))
        return self.clock.now() - timedelta(seconds=max(TRUSTED_S, took_s * SHARE * 5))

    async def _count_once(self, counter: Counter) -> None:
        running = self._running.get(counter.id)
        if running is None:
            running = self._running[counter.id] = asyncio.create_task(self._count(counter))
            running.add_done_callback(lambda _: self._running.pop(counter.id, None))
        await outcome_of(running)

    async def _count(self, counter: Counter) -> None:
        began_s = self.clock.monotonic_s()
        for race in range(RACES):
            before = await self.store.look(counter.id)
            total, spent, pending = await self._sum(counter, before.pending)
            window_end = None if counter.window is None else counter.window.end
            counted_at = self.clock.now()
            changed = attrs.evolve(before, total=total, spent=spent, counted_at=counted_at, pending=pending)
            if await self.store.put(
                counter.id, before, changed, expires_at=window_end, by_difference=race >= EXACT_RACES
            ):
                break
        now_s = self.clock.monotonic_s()
        if len(self._counted) >= MOST_KNOWN:  # a window's counters are never asked for after it
            self._counted.clear()
        self._counted[counter.id] = (now_s, now_s - began_s)

    async def _sum(
        self, counter: Counter, pending: Mapping[str, Pending]
    ) -> tuple[int, int, Mapping[str, Pending]]:
        """Return what is committed, what of it is booked, and the notes of pending holds that are still needed.

        What is set aside goes from a batch to its tasks, and from a task to the books: it is looked for in that
        order, so that nothing is missed on its way; and what has come to the books meanwhile counts there alone.
        """
        since = self.clock.now() - BOOKED_WITHIN
        batches = {note.task for note in pending.values() if note.lines}
        told = await self.store.unmade(batches) if batches else {}
        held = await self.store.held(counter.project, counter.key)
        unmade = {batch_id: _left_of(batch_id, each, held) for batch_id, each in told.items()}
        if counter.window is not None and any(each.is_finished for each in held):
            await self.books.book({each.task for each in held if each.is_finished})
            held = [each for each in held if not each.is_finished]
        noted = {hold: note for hold, note in pending.items() if all(hold != each.hold for each in held)}
        amounts, settled = await self._amounts_noted(counter, noted, unmade)
        settled |= {each.hold for each in held} & pending.keys()
        left = {
            hold: attrs.evolve(note, amount=amounts[hold]) for hold, note in pending.items() if hold not in settled
        }
        amounts |= {each.hold: counter.amount_of(each) for each in held}
        if counter.window is None:
            return sum(amounts.values()), 0, left
        spent = await self._spent(counter, counter.window, since)
        open_ = sum(amount for hold, amount in amounts.items() if hold not in spent.over)
        return spent.amount_micro + open_, spent.amount_micro, left

    async def _spent(self, counter: Counter, window: Window, since: datetime) -> Spent:
        """Return what is booked to *window*: of days that are over out of their sheets, else out of the ledger.

        A month of it may be too much to be read whenever it is counted. What is over only now and began on such a
        day has no sheet yet that says so, or is in both: once more, and never once less.
        """
        split = Split.PROVIDER if counter.key is None else Split.KEY
        span = Span(window.start, window.end)

        async def sum_(parts: Parts) -> Spent:
            before = await self._spent_on(counter, split, parts.kept, span) if parts.kept else 0
            rest = [(each.start, each.end) for each in parts.booked]
            spent = await self._booked_to(counter, rest, since)
            return attrs.evolve(spent, amount_micro=before + spent.amount_micro)

        return await self.days.read({counter.project: window.start}, split, span, sum_)

    async def _booked_to(
        self, counter: Counter, spans: Sequence[tuple[datetime, datetime]], since: datetime
    ) -> Spent:
        if not spans:  # a window that is over, and all of it kept
            return Spent()
        return await self.books.ledger.spent(counter.project, counter.key, counter.measure, spans, since=since)

    async def _spent_on(self, counter: Counter, split: Split, kept: Collection[ProjectDay], span: Span) -> int:
        """Return what the sheets *kept* say."""
        by = Steps(step=Step.MONTH, zone=UTC, named=None if counter.key is None else Named.SPLIT)
        sums = await self.days.sheets.sum_kept(split, kept, span, by)
        return sum(
            each.sums.get("settled_micro", 0) + each.sums.get("unknown_micro", 0)
            for each in sums
            if each.currency == counter.measure and counter.key in (None, each.name)
        )

    async def _amounts_noted(
        self, counter: Counter, noted: Mapping[str, Pending], unmade: Mapping[str, int]
    ) -> tuple[dict[str, int], set[str]]:
        """Return what is set aside by holds that no task had a moment ago, and those that need no note now.

        *unmade* are the lines that were still to become tasks, of each batch that is there.
        """
        if not noted:
            return {}, set()
        tasks = await self.store.of_tasks({note.task for note in noted.values() if not note.lines})
        retried = {note.task for note in noted.values() if note.again}
        booked = await self._booked_holds(retried) if retried else set()
        amounts, settled, since = dict[str, int](), set[str](), self.clock.now() - STORED_WITHIN
        for hold, note in noted.items():
            held = tasks.get(note.task)
            if held is not None and held.hold == hold:  # it was stored since
                amounts[hold] = counter.amount_of(held)
                settled.add(hold)
            elif hold in booked:  # and has ended since
                settled.add(hold)
            elif unmade.get(note.task):
                amounts[hold] = min(note.amount, unmade[note.task] * note.each)
            elif note.task in unmade or (note.task in tasks and not note.again) or note.at < since:
                settled.add(hold)  # it has ended, or never came to be
            else:
                amounts[hold] = note.amount
        return amounts, settled

    async def _booked_holds(self, task_ids: Collection[str]) -> set[str]:
        """Return the holds of tasks that the ledger says are over."""
        postings = await self.books.ledger.of(task_ids)
        lines = (line for each in postings.values() for posting in each for line in posting.lines)
        return {line.hold for line in lines if line.hold is not None}


def _left_of(batch_id: str, unmade: Unmade, held: Iterable[Held]) -> int:
    """Return how many lines of a batch were no tasks when *held* were looked for; the batch may not say so yet."""
    made_since = sum(each.batch == batch_id and each.line > unmade.made_to for each in held)
    return max(0, unmade.lines - made_since)
