"""Many tasks cancelled, retried or deleted at once: each for itself, within a bound of time, told one by one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from enum import StrEnum

import attrs

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.desk.control import Control, to_buy_again
from danqing_server.errors import BudgetExceeded, Conflict, DanqingError, NotFound, ServiceUnavailable
from danqing_server.life.billing import billed_of
from danqing_server.life.charges import price_micro
from danqing_server.models import FINISHED, Billed, Status, Task
from danqing_server.store.listing import TaskFilter, TaskList

__all__ = ["STATUSES", "Act", "Bulk", "Outcome", "Preview"]

AT_ONCE = 16
WITHIN_S = 20.0
PAGE = 500
MOST_PREVIEWED = 10_000

BILL_UNKNOWN = Message(
    key="bill_unknown",
    en="it may have been paid for already; with include_unknown it is retried all the same",
    zh="此任务可能已经计费；如仍要重试，请设置 include_unknown",
)
GONE = Message(key="bulk.gone", en="there is no such task", zh="任务不存在")
NOT_NOW = Message(
    key="bulk.not_now", en="the server could not do it at the moment; try again", zh="服务暂时不可用，请重试"
)


class Act(StrEnum):
    """What is done to each task."""

    CANCEL = "cancel"
    RETRY = "retry"
    DELETE = "delete"


STATUSES: Mapping[Act, tuple[Status, ...]] = {
    Act.CANCEL: tuple(status for status in Status if status not in FINISHED),
    Act.RETRY: (Status.FAILED, Status.CANCELLED),
    Act.DELETE: (),
}
"""The tasks that are meant when a filter names no status."""


@attrs.frozen(kw_only=True)
class Outcome:
    """What became of one task; `code` and `message` say why it is as it was, None when it was done."""

    id: str
    code: str | None = None
    message: str | None = None
    retryable: bool = False

    @property
    def done(self) -> bool:
        """Whether it was done."""
        return self.code is None


@attrs.frozen(kw_only=True)
class Preview:
    """What would be done to how many. `at_most_micro` is what retries would cost at the most, by currency.

    `unknown` counts those that may have been paid for already. `is_complete` False: there are more.
    """

    matched: int
    possible: int
    unknown: int
    at_most_micro: Mapping[str, int]
    is_complete: bool


@attrs.define(eq=False)
class Bulk:
    """Does to many tasks what `Control` does to one."""

    control: Control
    task_list: TaskList
    clock: Clock

    async def carry_out(
        self, act: Act, ids: Sequence[str], caller: Caller, *, include_unknown: bool
    ) -> list[Outcome]:
        """Do *act* to each of *ids*, in order, as far as time allows; the answers say how far that was."""
        until_s = self.clock.monotonic_s() + WITHIN_S
        outcomes: list[Outcome] = []
        for start in range(0, len(ids), AT_ONCE):
            if self.clock.monotonic_s() > until_s:
                break
            some = ids[start : start + AT_ONCE]
            outcomes += await asyncio.gather(*(self._one(act, id_, caller, include_unknown) for id_ in some))
        return outcomes

    async def preview(self, act: Act, tasks: AsyncIterator[Task]) -> Preview:
        """Return what *act* would amount to."""
        matched = possible = unknown = 0
        at_most: dict[str, int] = {}
        async for task in tasks:
            if matched == MOST_PREVIEWED:
                return Preview(
                    matched=matched, possible=possible, unknown=unknown, at_most_micro=at_most, is_complete=False
                )
            matched += 1
            unknown += act is Act.RETRY and billed_of(task) is Billed.UNKNOWN
            if not _is_possible(act, task):
                continue
            possible += 1
            if act is Act.RETRY and task.price is not None:
                cost = price_micro(task, to_buy_again(task))
                at_most[task.price.currency] = at_most.get(task.price.currency, 0) + cost
        return Preview(matched=matched, possible=possible, unknown=unknown, at_most_micro=at_most, is_complete=True)

    async def named(self, ids: Sequence[str], caller: Caller) -> AsyncIterator[Task]:
        """Yield those of *ids* that are there for *caller*."""
        for id_ in ids:
            try:
                yield await self.control.find(id_, caller)
            except NotFound:
                continue

    async def matching(self, wanted: TaskFilter, caller: Caller) -> AsyncIterator[Task]:
        """Yield the tasks that *wanted* finds, newest first."""
        after = None
        while True:
            found = await self.task_list.find(wanted, caller.reach, limit=PAGE, after=after)
            for task in found.tasks:
                yield task
            if found.next is None:
                return
            after = found.next

    async def _one(self, act: Act, task_id: str, caller: Caller, include_unknown: bool) -> Outcome:
        try:
            if act is Act.CANCEL:
                await self.control.cancel(task_id, caller)
            elif act is Act.DELETE:
                await self.control.delete(task_id, caller)
            elif not include_unknown and await self._may_be_paid(task_id, caller):
                return Outcome(id=task_id, code="bill_unknown", message=BILL_UNKNOWN())
            else:
                await self.control.retry(task_id, caller)
        except NotFound:
            return Outcome(id=task_id, code="task_not_found", message=GONE())
        except Conflict as error:
            busy = error.code == "task_busy"
            return Outcome(id=task_id, code=error.code, message=error.message, retryable=busy)
        except ServiceUnavailable:
            return Outcome(id=task_id, code="service_unavailable", message=NOT_NOW(), retryable=True)
        except BudgetExceeded as error:
            return Outcome(id=task_id, code="budget_exceeded", message=error.message)
        except DanqingError as error:  # a limit, or a task of a newer release: its own trouble alone
            return Outcome(id=task_id, code=type(error).__name__.lower(), message=error.message, retryable=True)
        return Outcome(id=task_id)

    async def _may_be_paid(self, task_id: str, caller: Caller) -> bool:
        return billed_of(await self.control.find(task_id, caller)) is Billed.UNKNOWN


def _is_possible(act: Act, task: Task) -> bool:
    if act is Act.DELETE:
        return True
    return task.status in STATUSES[act] and not (act is Act.RETRY and task.attempt is not None)
