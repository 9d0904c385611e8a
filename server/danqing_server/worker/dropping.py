"""Asking a provider to drop the orders of a task that its user cancelled: what is not made need not be paid for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import attrs

from danqing_server.life.billing import under_way
from danqing_server.life.telling import job_of
from danqing_server.plugins.registry import bounded
from danqing_server.records.tasks import CallOutcome, Task
from danqing_server.worker.run import TaskRun

__all__ = ["Dropping"]

LONGEST_S = 10.0
"""How long the question may take: who goes on working on the order need not wait, who cleans up does."""

CANCELLED = "cancelled"


@attrs.define(eq=False)
class Dropping:
    """The question whether the open orders of a run are dropped, and its answer; each order is asked about once.

    An order may be placed after the question for another: then there is a further one. A plugin that does not
    answer within `longest_s`, and swallows its cancellation, is left behind.
    """

    longest_s: float = LONGEST_S
    _asking: asyncio.Task[None] | None = attrs.field(default=None, init=False)
    _run: TaskRun | None = attrs.field(default=None, init=False)
    _asked: frozenset[str] = attrs.field(default=frozenset(), init=False)
    _dropped: frozenset[str] = attrs.field(default=frozenset(), init=False)

    def lacks(self, run: TaskRun) -> bool:
        """Tell whether an order of *run* is open that was not asked about."""
        return not _orders_of(run.ledger.task) <= self._asked

    def begin(self, run: TaskRun, on_all_dropped: Callable[[], None] | None = None) -> None:
        """Ask, where this `lacks` an order; *on_all_dropped* is called when nothing is under way any more."""
        if self.lacks(run):
            self._run, self._asked = run, self._asked | _orders_of(run.ledger.task)
            self._asking = asyncio.create_task(self._ask(run, on_all_dropped, after=self._asking))

    async def settle(self) -> None:
        """Wait for the answer, and note that what was dropped is not billed, and nothing to ask for any more."""
        if self._asking is None or self._run is None:
            return
        await self._asking
        if not self._dropped:
            return
        run = self._run
        run.ledger.settle_orders(self._dropped, CallOutcome.FAILED_UNBILLED, CANCELLED, run.tools.clock.now())

    async def _ask(
        self, run: TaskRun, on_all_dropped: Callable[[], None] | None, after: asyncio.Task[None] | None
    ) -> None:
        if after is not None:
            await after
        task, saved = run.ledger.task, run.saved
        orders = _orders_of(task)
        self._asked |= orders
        try:
            dropped = await bounded(run.tools.registry.cancel_order(job_of(task), run), self.longest_s)
        except Exception as error:  # noqa: BLE001 — a plugin's; the order goes on, as if nobody had asked
            run.log.warning("order_not_dropped", reason=type(error).__name__)
            return
        run.log.info("order_cancelled", dropped=dropped)
        if not dropped:
            return
        self._dropped |= orders
        since = {name: value for name, value in run.saved.items() if name not in saved or saved[name] != value}
        run.ledger.note(saved=since)  # of an order that was placed meanwhile
        if on_all_dropped is not None and all(call.id in self._dropped for call in under_way(run.ledger.task)):
            on_all_dropped()


def _orders_of(task: Task) -> frozenset[str]:
    return frozenset(call.id for call in under_way(task) if call.resumable)
