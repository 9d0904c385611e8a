"""The spend guard: a provider's lanes close for the day before its limit is passed.

What is only set aside may come to less: while that alone leaves no room they wait for it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from danqing_plugins import InvalidRequest
from danqing_server.clock import Clock
from danqing_server.errors import AttemptLost
from danqing_server.life.billing import to_buy
from danqing_server.life.charges import cost_micro, price_micro
from danqing_server.log import get_logger
from danqing_server.loops.shared import outcome_of
from danqing_server.queue.gates import Gates
from danqing_server.records.routing import RoutedTarget
from danqing_server.records.tasks import Reserved, Task
from danqing_server.store.spending import SpendStore
from danqing_server.worker import texts
from danqing_server.worker.ledger import Ledger

__all__ = ["SPEND_LIMIT", "Allowance", "SpendGuard"]

SPEND_LIMIT = "spend_limit"
PATIENCE_S = 10.0

log = get_logger(__name__)


@attrs.define(eq=False)
class SpendGuard:
    """Reserves what an attempt is about to ask for may cost at the most, and settles what it cost.

    `limits_micro` maps provider names to their daily limit; a provider that is not there has none. `lanes_of` names
    a provider's lanes. `patience_s` is how long they wait at a time for what is set aside.
    """

    spending: SpendStore
    gates: Gates
    clock: Clock
    limits_micro: Mapping[str, int]
    lanes_of: Callable[[str], Iterable[str]]
    patience_s: float = PATIENCE_S

    async def open_again(self, providers: Iterable[str]) -> None:
        """Open what an earlier limit of the day shut, and the one of now would not.

        Raises StoreUnavailable, QueueUnavailable.
        """
        now = self.clock.now()
        for provider in providers:
            limit_micro = self.limits_micro.get(provider)
            if limit_micro is None or (await self.spending.look(provider, now)).spent_micro < limit_micro:
                for lane in self.lanes_of(provider):
                    await self.gates.end_hold(lane, SPEND_LIMIT)

    def watches(self, task: Task) -> bool:
        """Tell whether *task* counts: its provider has a limit, and its price is known."""
        return task.provider in self.limits_micro and task.price is not None

    async def reserve(self, provider: str, at: datetime, amount_micro: int) -> bool:
        """Set an amount aside on the day of *at*; False when it has no room: the lanes are closed until it is over.

        They are for a moment only while it is what is set aside, and not spent yet, that takes the room. They stay
        open for what costs less when no day would have room for so much.
        """
        limit_micro = self.limits_micro[provider]
        if await self.spending.reserve(provider, at, amount_micro, limit_micro):
            return True
        over = (at + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        left_s = (over - self.clock.now()).total_seconds()
        if left_s > 0 and amount_micro <= limit_micro:
            spent_micro = (await self.spending.look(provider, at)).spent_micro
            if spent_micro + amount_micro <= limit_micro:
                left_s = min(left_s, self.patience_s)
            else:
                log.warning("spend_limit_reached", provider=provider)
            for lane in self.lanes_of(provider):
                await self.gates.hold(lane, left_s, SPEND_LIMIT)
        return False

    def has_ever_room(self, task: Task, count: int) -> bool:
        """Tell whether a whole day would have room for *count* outputs of *task*, at any target of its route."""
        targets: Sequence[Task | RoutedTarget] = [task] if task.route is None else task.route.targets
        return any(price_micro(each, count) <= self.limits_micro.get(each.provider, math.inf) for each in targets)

    async def free(self, provider: str, at: datetime, amount_micro: int) -> None:
        """Undo a `reserve` that no task tells of."""
        await self.spending.settle(provider, at, amount_micro, 0)

    async def settle(self, task: Task, reserved: Reserved) -> None:
        """Count what *task* cost since *reserved* was set aside; what may have been paid for counts as paid.

        What an earlier call turns out not to have cost is taken off the day only if it was counted there for
        certain: else a day would have room again that another day's money made.
        """
        provider = reserved.provider or task.provider
        spent_micro = cost_micro(task, provider) - reserved.before_micro
        if not _is_of_one_day(task, reserved.at):
            since = _sent_since(task, reserved.at)
            least_micro = cost_micro(since, provider) if reserved.amount_micro else 0
            spent_micro = max(spent_micro, least_micro)
        await self.spending.settle(provider, reserved.at, reserved.amount_micro, spent_micro)


def _nothing_yet(task: Task, at: datetime) -> Reserved:
    """Return what is set aside for *task* on the day of *at*, before anything is."""
    return Reserved(at=at, amount_micro=0, before_micro=cost_micro(task), provider=task.provider)


def _is_of_one_day(task: Task, at: datetime) -> bool:
    """Tell whether all of *task*'s calls were counted on the day of *at*, by UTC."""
    began = [task.started_at or at, *(call.sent_at for call in task.calls.values())]
    return min(began).date() >= at.date()


def _sent_since(task: Task, at: datetime) -> Task:
    """Return *task* without the calls that were sent before *at*."""
    return task.changed(calls={id_: call for id_, call in task.calls.items() if call.sent_at >= at})


@attrs.define(eq=False)
class Allowance:
    """What one attempt may still spend; without a limit, anything.

    What it is about to ask for is set aside when it begins, so that no task is begun that cannot be finished today;
    calls beyond that are covered one by one.
    """

    guard: SpendGuard
    watched: bool
    _left: int = attrs.field(default=0, init=False)
    _taking: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)

    async def begin(self, ledger: Ledger) -> bool:
        """Set aside what the attempt will ask for; False when the day has no room for it.

        Raises:
            InvalidRequest: no day has, at no target of a route either.
        """
        await self._settle_left(ledger)
        wanted = to_buy(ledger.task) if self.watched else 0
        task = ledger.task
        if wanted and not task.calls and not self.guard.has_ever_room(task, wanted):
            raise InvalidRequest(texts.DEARER_THAN_A_DAY(), code="dearer_than_a_day")
        if wanted and not await self._reserve(ledger, wanted):
            return False
        if self.watched and not wanted:
            await self._note_cost(ledger)
        self._left = wanted
        return True

    async def take(self, ledger: Ledger, count: int) -> bool:
        """Use the price of *count* pictures (of a call, without any); False when the day has no room for it."""
        if not self.watched:
            return True
        async with self._taking:
            lacking = max(0, count - self._left)
            if lacking and not await self._reserve(ledger, lacking):
                return False
            self._left += lacking - count
            return True

    async def _settle_left(self, ledger: Ledger) -> None:
        """Settle what a cancelled attempt set aside, unless its process, which may be late, does so."""
        task = ledger.task
        if task.reserved is not None:
            if await ledger.take_reserved():
                await self.guard.settle(task, task.reserved)
            ledger.note(reserved=None)

    async def _note_cost(self, ledger: Ledger) -> None:
        """Note what an order was counted as, on its own day: it may turn out to have cost nothing."""
        sent_at = [call.sent_at for call in ledger.task.calls.values() if call.resumable]
        if sent_at and ledger.task.reserved is None:
            ledger.note(reserved=_nothing_yet(ledger.task, max(sent_at)))
            await ledger.save()

    async def _reserve(self, ledger: Ledger, count: int) -> bool:
        """Set aside and write down that it is, both or neither: a cancellation waits for that."""
        reserving = asyncio.create_task(self._reserve_and_save(ledger, count))
        try:
            return await outcome_of(reserving)
        except asyncio.CancelledError:
            await asyncio.gather(reserving, return_exceptions=True)
            raise

    async def _reserve_and_save(self, ledger: Ledger, count: int) -> bool:
        task = ledger.task
        amount_micro = price_micro(task, count)
        now, before = self.guard.clock.now(), task.reserved
        if before is None or (not before.amount_micro and before.at.date() < now.date()):  # an order's, of its day
            before = _nothing_yet(task, now)
        if not await self.guard.reserve(task.provider, before.at, amount_micro):
            return False
        ledger.note(reserved=attrs.evolve(before, amount_micro=before.amount_micro + amount_micro))
        try:
            await ledger.save()
            if ledger.late:  # the task was cancelled before that was written, and nothing is bought for it
                raise AttemptLost(task.id)
        except AttemptLost:  # the task does not say that it is set aside: nobody else would free it
            ledger.note(reserved=task.reserved)
            await self.guard.free(task.provider, before.at, amount_micro)
            raise
        return True
