"""What a project and a key may spend, have in flight and have waiting: looked at when a task is submitted.

What a task may cost at the most is set aside before it is stored, of every limit that applies, or of none. The
counters that say what is left can be too high only, by what came to less than was set aside; so nothing is refused
before they were counted anew, from the ledger and the tasks, which are the truth.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime, tzinfo

import attrs

from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.desk.counting import Counter, Counting
from danqing_server.desk.demands import Demand, Wish, demands_of, demands_of_lines, spans_of, with_room
from danqing_server.desk.limit_states import WARN_AT_PERCENT, BudgetWarning, LimitState, Shortage
from danqing_server.desk.refusals import refusal_of
from danqing_server.errors import StoreUnavailable
from danqing_server.ids import new_token
from danqing_server.life.booking import doubts_booked
from danqing_server.life.charges import dearest_micro
from danqing_server.log import get_logger
from danqing_server.loops.batching import Batcher
from danqing_server.records.tasks import CallRecord, Hold, Task
from danqing_server.store.budgets import BudgetStore, Committed
from danqing_server.windows import Span, Window, window_of

__all__ = ["Budgets"]

RACES = 5
FORGET_AFTER_S = 1.0

log = get_logger(__name__)


@attrs.define(eq=False)
class Budgets:
    """Holds for new and retried tasks, of those whom something limits. Made once per process.

    *zone* is where days and months begin. `on_warning` hears when four fifths of a limit are committed; it
    may raise StoreUnavailable, and is told again then.
    """

    store: BudgetStore
    counting: Counting
    clock: Clock
    zone: tzinfo = UTC
    on_warning: Callable[[BudgetWarning], Awaitable[None]] | None = None
    _batches: Batcher[Wish, None] = attrs.field(init=False)
    _stored: defaultdict[str, set[str]] = attrs.field(factory=lambda: defaultdict(set), init=False)
    _wishes: dict[str, Wish] = attrs.field(factory=dict, init=False)
    _forgetting: asyncio.Task[None] | None = attrs.field(default=None, init=False)
    _closing: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self._batches = Batcher(self._take_batch)

    async def hold(
        self,
        caller: Caller,
        task: Task,
        outputs: int,
        *,
        again_at: datetime | None = None,
        orders: Sequence[CallRecord] = (),
    ) -> Hold | None:
        """Set aside what *outputs* of *task* (calls, without any) may cost; None where nothing limits *caller*.

        It is set aside of the day and month that the cost is booked to: those of the task, or of *again_at*, when
        one that is there is tried again; what that cost so far is booked first. What of it is booked to the same
        day and key as perhaps paid for *orders*, of some of the *outputs*, is not set aside once more.

        What follows is `stored`, `give_back` when the task was not stored for certain, else `let_be`.

        Raises:
            BudgetExceeded: there is no money left.
            Overloaded: too much is in flight, or waits.
            Conflict: there is no room beside what another request has set aside for the same task.
            StoreUnavailable: it is not known to be set aside.
        """
        wanted = self._wanted(caller, task, outputs, again_at or task.created_at)
        is_anothers = caller.owner is not None and caller.key != task.key  # it tells so until it is tried again
        if again_at is not None and (wanted is not None or is_anothers):
            await self.counting.books.book([task.id])
        if wanted is None:
            return None
        hold, demands = wanted
        if orders:
            limited = {demand.counter.measure for demand in demands if demand.counter.window is not None}
            hold = await self._without_booked(caller, task, hold, orders, limited)
            demands = [each for each in demands_of(caller, hold, outputs, self.zone) if each.amount]
        await self._fulfil(self._wish(task.id, hold, demands, again=again_at is not None))
        return hold

    async def _without_booked(
        self, caller: Caller, task: Task, hold: Hold, orders: Sequence[CallRecord], limited: Collection[str]
    ) -> Hold:
        """Return *hold* without what is counted of *orders* already in *limited* currencies.

        That is no more than *hold* has for them, and only what each of the limits counts: of its day, and its key.
        """
        amounts, spared = dict(hold.amounts_micro), list[str]()
        day = window_of(Span.DAY, hold.at, self.zone)
        postings = (await self.counting.books.ledger.of([task.id])).get(task.id, ())
        for call in orders:
            doubts = doubts_booked(postings, call.id, caller.key, day.holds)
            own = dearest_micro(task, len(call.indexes))
            less = {each: min(doubts.get(each, 0), own[each]) for each in own.keys() & limited}
            if any(less.values()):
                spared.append(call.id)
                amounts |= {each: amounts[each] - micro for each, micro in less.items()}
        return attrs.evolve(hold, amounts_micro=amounts, orders=tuple(spared))

    def hold_of_line(self, caller: Caller, task: Task) -> Hold | None:
        """Return what a line of a batch is to hold as a task; None where nothing limits *caller*.

        Nothing is set aside: `hold_batch` does that for all.
        """
        wanted = self._wanted(caller, task, task.images, task.created_at)
        return None if wanted is None else wanted[0]

    async def hold_batch(self, caller: Caller, batch_id: str, holds: Sequence[Hold]) -> Hold | None:
        """Set aside what all lines of a batch may cost, for as long as it is not all tasks; see `hold`.

        How many tasks of a batch are open at once is for its lanes to say.
        """
        if not holds:
            return None
        demands = demands_of_lines(caller, holds, self.zone)
        if not demands:
            return None
        hold = Hold(id=new_token(), at=holds[0].at)
        await self._fulfil(self._wish(batch_id, hold, demands))
        return hold

    def _wanted(
        self, caller: Caller, task: Task, outputs: int, at: datetime
    ) -> tuple[Hold, Sequence[Demand]] | None:
        """Return a new hold and what it takes of limits; None where it takes nothing."""
        if not caller.limits.are_any:
            return None
        some = None if outputs == task.images else outputs
        hold = Hold(id=new_token(), at=at, amounts_micro=dearest_micro(task, outputs), outputs=some)
        demands = [*demands_of(caller, hold, outputs, self.zone)]
        return (hold, demands) if demands else None

    def _wish(self, task_id: str, hold: Hold, demands: Sequence[Demand], *, again: bool = False) -> Wish:
        return Wish(task_id=task_id, hold=hold, demands=demands, again=again, at=self.clock.now())

    async def _fulfil(self, wish: Wish) -> None:
        self._wishes[wish.hold.id] = wish
        try:
            await self._batches.submit(wish)
        except BaseException:
            del self._wishes[wish.hold.id]
            raise

    @property
    def unheard(self) -> int:
        """Of how many holds nothing was heard since."""
        return len(self._wishes)

    def let_be(self, hold: Hold | None) -> None:
        """Leave *hold* to the next count: its batch is there, or nobody knows what was stored."""
        if hold is not None:
            self._wishes.pop(hold.id, None)

    def stored(self, hold: Hold | None) -> None:
        """Note that the task of *hold* is stored: it says from now on itself what it holds."""
        wish = None if hold is None else self._wishes.pop(hold.id, None)
        if wish is None:
            return
        for demand in wish.demands:
            self._stored[demand.counter.id].add(wish.hold.id)
        if self._forgetting is None or self._forgetting.done():
            self._forgetting = asyncio.create_task(self._forget_all())

    async def give_back(self, hold: Hold | None) -> None:
        """Undo a hold whose task is not stored. What MongoDB does not hear of is counted away later."""
        wish = None if hold is None else self._wishes.pop(hold.id, None)
        if wish is not None:
            await self._give_back(wish, wish.demands)

    async def states(self, caller: Caller) -> list[LimitState]:
        """Return the limits on money that *caller* has, as they stand now. Raises StoreUnavailable."""
        now, found = self.clock.now(), []
        for whose, limits in caller.limits:
            key = caller.key if whose == "key" else None
            for span, most_micro in spans_of(limits):
                window = window_of(span, now, self.zone)
                for currency, limit_micro in sorted(most_micro.items()):
                    counter = Counter(project=caller.owner, key=key, measure=currency, window=window)
                    found.append(_state_of(counter, window, limit_micro, await self.counting.exact(counter)))
        return found

    async def shortages(self, caller: Caller, task: Task, outputs: int) -> list[Shortage]:
        """Return each limit that would refuse to `hold` *outputs* of *task* now; nothing is set aside.

        Raises StoreUnavailable.
        """
        hold = Hold(id="", at=self.clock.now(), amounts_micro=dearest_micro(task, outputs))
        found = []
        for demand in demands_of(caller, hold, outputs, self.zone):
            counter, counted = demand.counter, await self.counting.exact(demand.counter)
            if counted.total + demand.amount > demand.most:
                window = counter.window
                state = None if window is None else _state_of(counter, window, demand.most, counted)
                error = refusal_of(counter, demand.amount, demand.most, counted)
                found.append(Shortage(error=error, state=state))
        return found

    async def drain(self) -> None:
        """Wait for what is under way."""
        await self._batches.drain()
        self._closing.set()
        if self._forgetting is not None:
            await asyncio.wait({self._forgetting})

    async def _take_batch(self, batch: Sequence[Wish]) -> list[Exception | None]:
        """Take what a batch wants, counter by counter; what one refuses is given back to those before it."""
        wanted: defaultdict[tuple[str, int], list[tuple[Wish, Demand]]] = defaultdict(list)
        for wish in batch:
            for demand in wish.demands:
                wanted[demand.counter.id, demand.most].append((wish, demand))
        refused: dict[Wish, Exception] = {}
        taken: defaultdict[Wish, list[Demand]] = defaultdict(list)
        for _, members in sorted(wanted.items(), key=lambda each: each[0]):
            alive = [(wish, demand) for wish, demand in members if wish not in refused]
            answers = await self._take(alive) if alive else {}
            for wish, demand in alive:
                if (error := answers.get(wish)) is not None:
                    refused[wish] = error
                else:
                    taken[wish].append(demand)
        for wish in refused:
            await self._give_back(wish, taken[wish])
        return [refused.get(wish) for wish in batch]

    async def _take(self, members: Sequence[tuple[Wish, Demand]]) -> dict[Wish, Exception]:
        """Take from one counter for all of *members*, or for as many as there is room for, in order."""
        refused: dict[Wish, Exception] = {}
        try:
            for _ in range(RACES):
                if await self._try(members):
                    return refused
                counter = members[0][1].counter
                await self._forget(counter.id)
                counted = await self.counting.exact(counter)
                members = with_room(members, counted, refused)
                if not members:
                    return refused
        except StoreUnavailable as error:
            return refused | {wish: error for wish, _ in members}
        busy = StoreUnavailable("others keep changing what is left of a limit")
        return refused | {wish: busy for wish, _ in members}

    async def _try(self, members: Sequence[tuple[Wish, Demand]]) -> bool:
        demand = members[0][1]
        notes = {wish.hold.id: wish.note_in(each) for wish, each in members}
        since = self.counting.trusted_since(demand.counter)
        taken = await self.store.take(demand.counter.id, notes, demand.most, since)
        if taken is None:
            return False
        total, is_warned = taken
        if demand.counter.window is not None and not is_warned and total * 100 >= demand.most * WARN_AT_PERCENT:
            await self._warn(demand, total)
        return True

    async def _warn(self, demand: Demand, total: int) -> None:
        counter = demand.counter
        assert counter.window is not None
        warning = BudgetWarning(
            id=counter.id,
            project=counter.project,
            key=counter.key,
            window=counter.window.name,
            currency=counter.measure,
            limit_micro=demand.most,
            committed_micro=total,
            at=self.clock.now(),
        )
        log.warning("budget_warning", project=warning.project, key=warning.key, window=warning.window)
        with suppress(StoreUnavailable):  # then the next who takes says so
            if self.on_warning is not None:
                await self.on_warning(warning)
            await self.store.note_warned(counter.id)

    async def _give_back(self, wish: Wish, demands: Sequence[Demand]) -> None:
        with suppress(StoreUnavailable):
            for demand in demands:
                await self.store.give_back(demand.counter.id, wish.hold.id)

    async def _forget_all(self) -> None:
        while self._stored:
            with suppress(TimeoutError):
                async with asyncio.timeout(FORGET_AFTER_S):
                    await self._closing.wait()
            with suppress(StoreUnavailable):
                for counter in list(self._stored):
                    await self._forget(counter)

    async def _forget(self, counter: str) -> None:
        """Take the notes of what is stored away; one that stays, should MongoDB be away, is counted for a while."""
        holds = self._stored.pop(counter, None)
        if holds:
            await self.store.forget(counter, holds)


def _state_of(counter: Counter, window: Window, limit_micro: int, counted: Committed) -> LimitState:
    return LimitState(
        key=counter.key,
        span=window.span,
        currency=counter.measure,
        limit_micro=limit_micro,
        spent_micro=counted.spent,
        reserved_micro=counted.total - counted.spent,
        resets_at=window.end,
    )
