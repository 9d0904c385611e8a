"""The spend guard: a lane closes for the day before its limit is passed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import attrs

from danqing_server.models import CallOutcome, Task
from danqing_server.queue.gates import Gates
from danqing_server.store.spending import SpendStore

__all__ = ["Reserved", "SpendGuard"]


@attrs.frozen(kw_only=True)
class Reserved:
    """What an attempt has set aside."""

    at: datetime
    amount_micro: int


@attrs.define(eq=False)
class SpendGuard:
    """Reserves the price of what an attempt is about to ask for, and settles it afterwards.

    `limits_micro` maps provider names to their daily limit; a provider that is not there has none.
    """

    spending: SpendStore
    gates: Gates
    limits_micro: Mapping[str, int]

    def watches(self, task: Task) -> bool:
        """Tell whether *task* counts: its provider has a limit, and its price is known."""
        return task.provider in self.limits_micro and task.price is not None

    async def reserve(self, task: Task, now: datetime) -> Reserved | None:
        """Set the price of what is missing aside; None when the day has no room, and the lane is now closed."""
        amount_micro, limit_micro = _price_micro(task) * len(task.missing), self.limits_micro[task.provider]
        if await self.spending.reserve(task.provider, now, amount_micro, limit_micro):
            return Reserved(at=now, amount_micro=amount_micro)
        tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        await self.gates.hold(task.provider, (tomorrow - now).total_seconds(), "spend_limit")
        return None

    async def settle(self, before: Task, after: Task, reserved: Reserved) -> None:
        """Count what the attempt between *before* and *after* cost; a call of unknown outcome counts as paid."""
        spent_micro = _price_micro(after) * (_paid_pictures(after) - _paid_pictures(before))
        await self.spending.settle(after.provider, reserved.at, reserved.amount_micro, spent_micro)


def _price_micro(task: Task) -> int:
    return task.price.amount_micro if task.price is not None else 0


def _paid_pictures(task: Task) -> int:
    outcomes = (CallOutcome.DELIVERED, CallOutcome.UNKNOWN)
    calls = [call for call in task.calls.values() if call.outcome in outcomes]
    return sum(_billed_images(task, set(call.indexes)) for call in calls)


def _billed_images(task: Task, indexes: set[int]) -> int:
    """Count the pictures of one call that cost something: all but those refused or never made."""
    free = {output.index for output in task.outputs.values() if output.asset is None and not output.source_url}
    return len(indexes - free)
