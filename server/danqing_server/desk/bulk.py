"""Many tasks cancelled, retried, moved or deleted at once: each for itself, in bounded time, told one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import datetime
from enum import StrEnum

import attrs

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.desk.control import Control, asked_again, is_retryable
from danqing_server.errors import (
    BudgetExceeded,
    Conflict,
    DanqingError,
    ModelNotAllowed,
    NotFound,
    Overloaded,
    ServiceUnavailable,
    Unreadable,
)
from danqing_server.life.billing import EXTRA_PURCHASES, in_doubt, may_still_bring
from danqing_server.life.charges import dearest_micro
from danqing_server.records.tasks import FINISHED, WAITING, Priority, Status, Task
from danqing_server.store.listing import TaskFilter, TaskList

__all__ = ["MOST_PREVIEWED", "STATUSES", "Act", "Bulk", "Deed", "Expected", "Outcome", "Preview"]

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


CHANGED_SINCE = Message(
    key="bulk.changed_since", en="it changed since the dry run; look again", zh="预演之后任务已发生变化，请重新查看"
)
NOT_AS_EXPECTED = Message(
    key="bulk.not_as_expected",
    en="{possible} tasks are meant now, and {expected} were expected, or they cost more; look again",
    zh="现在涉及 {possible} 个任务，而预期为 {expected} 个，或费用更高；请重新预演",
)


class Act(StrEnum):
    """What is done to each task."""

    CANCEL = "cancel"
    RETRY = "retry"
    DELETE = "delete"
    PRIORITISE = "priority"


STATUSES: Mapping[Act, tuple[Status, ...]] = {
    Act.CANCEL: tuple(status for status in Status if status not in FINISHED),
    Act.RETRY: (Status.FAILED, Status.CANCELLED),
    Act.DELETE: (),
    Act.PRIORITISE: tuple(status for status in Status if status in WAITING),
}
"""The tasks that are meant when a filter names no status."""


@attrs.frozen(kw_only=True)
class Deed:
    """What is done, and to what: *include_unknown* also to what may have been paid for, *priority* by `PRIORITISE`.

    *as_of*: only to what was there then, and of retries only what has not changed since; None: to all.
    *repeat_key*: the name of an Idempotency-Key under which a task is retried once; None: each time.
    """

    act: Act
    include_unknown: bool = False
    priority: Priority | None = None
    as_of: datetime | None = None
    repeat_key: str | None = None

    def check(self, task: Task) -> None:
        """Raise Conflict when it is not to be done to *task*, which it could be done to."""
        since = task.updated_at if self.act is Act.RETRY else task.created_at
        if self.as_of is not None and since >= self.as_of:
            raise Conflict(CHANGED_SINCE(), code="task_changed")
        if self.act is Act.RETRY and not self.include_unknown and _may_be_paid(task):
            raise Conflict(BILL_UNKNOWN(), code="bill_unknown")

    def is_possible(self, task: Task) -> bool:
        """Tell whether it could be done to *task* as it is."""
        match self.act:
            case Act.DELETE:
                return True
            case Act.RETRY:
                return is_retryable(task) and not may_still_bring(task)
            case Act.PRIORITISE:
                return task.status in WAITING and task.priority is not self.priority
        return task.status in STATUSES[self.act]


@attrs.frozen(kw_only=True)
class Expected:
    """What a dry run told: how many, and for how much money by currency at the most."""

    possible: int
    at_most_micro: Mapping[str, int]


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
    """What would be done to how many, as it was *as_of*.

    `micro` is what retries cost by currency if every call goes well, `at_most_micro` if those that break are made
    again, and at the dearest target. `unknown` counts those that could be retried and may have been paid for
    already. `is_complete` False: there are more; `is_cut`: so many more that there was no time for them.
    """

    as_of: datetime
    matched: int = 0
    possible: int = 0
    unknown: int = 0
    micro: Mapping[str, int] = attrs.field(factory=dict)
    at_most_micro: Mapping[str, int] = attrs.field(factory=dict)
    is_complete: bool = True
    is_cut: bool = False

    def check(self, expected: Expected) -> None:
        """Raise Conflict when another number is meant than *expected*, by more than a hundredth, or more money."""
        is_dearer = any(
            micro > expected.at_most_micro.get(currency, 0) for currency, micro in self.at_most_micro.items()
        )
        if is_dearer or abs(self.possible - expected.possible) * 100 > expected.possible:
            message = NOT_AS_EXPECTED(possible=self.possible, expected=expected.possible)
            raise Conflict(message, code="not_as_expected")


@attrs.define(eq=False)
class Bulk:
    """Does to many tasks what `Control` does to one. `on_ambiguous` is the server's policy."""

    control: Control
    task_list: TaskList
    clock: Clock
    on_ambiguous: str
    within_s: float = WITHIN_S

    async def carry_out(self, deed: Deed, ids: Sequence[str], caller: Caller) -> list[Outcome]:
        """Do *deed* to each of *ids*, in order, as far as time allows; the answers say how far that was."""
        until_s = self.clock.monotonic_s() + self.within_s
        outcomes: list[Outcome] = []
        for start in range(0, len(ids), AT_ONCE):
            if self.clock.monotonic_s() > until_s:
                break
            some = ids[start : start + AT_ONCE]
            outcomes += await asyncio.gather(*(self._one(deed, id_, caller) for id_ in some))
        return outcomes

    async def preview(self, deed: Deed, ids: Sequence[str], caller: Caller) -> Preview:
        """Return what *deed* would amount to for those of *ids* that are there for *caller*."""
        preview = Preview(as_of=self.clock.now())
        for id_ in ids:
            with suppress(NotFound):
                preview = self._counted(preview, deed, await self.control.find(id_, caller))
        return preview

    async def preview_matching(self, deed: Deed, wanted: TaskFilter, caller: Caller) -> Preview:
        """Return what *deed* would amount to for what *wanted* finds: the newest, and as far as time allows."""
        preview = Preview(as_of=self.clock.now())
        pages = self.task_list.pages(wanted, caller.reach, size=PAGE, within_s=self.within_s)
        async with aclosing(pages) as found:
            async for page in found:
                for task in page.tasks:
                    if preview.matched == MOST_PREVIEWED:
                        return attrs.evolve(preview, is_complete=False)
                    preview = self._counted(preview, deed, task)
                if page.next is None:
                    return preview
        return attrs.evolve(preview, is_complete=False, is_cut=True)

    def _counted(self, preview: Preview, deed: Deed, task: Task) -> Preview:
        matched = preview.matched + 1
        if not deed.is_possible(task):
            return attrs.evolve(preview, matched=matched)
        unknown = preview.unknown
        if deed.act is Act.RETRY and _may_be_paid(task):
            unknown += 1
            if not deed.include_unknown:
                return attrs.evolve(preview, matched=matched, unknown=unknown)
        counted = attrs.evolve(preview, matched=matched, unknown=unknown, possible=preview.possible + 1)
        return self._priced(counted, task) if deed.act is Act.RETRY else counted

    def _priced(self, preview: Preview, task: Task) -> Preview:
        count = len(asked_again(task)) if task.images else int(not task.is_answered)
        if not count:
            return preview
        own = {} if task.price is None else {task.price.currency: count * task.price.amount_micro}
        times = 1 + EXTRA_PURCHASES[task.on_ambiguous or self.on_ambiguous]
        most = {currency: micro * times for currency, micro in dearest_micro(task, count).items()}
        return attrs.evolve(
            preview, micro=_added(preview.micro, own), at_most_micro=_added(preview.at_most_micro, most)
        )

    async def _one(self, deed: Deed, task_id: str, caller: Caller) -> Outcome:
        try:
            await self._do(deed, task_id, caller)
        except NotFound:
            return Outcome(id=task_id, code="task_not_found", message=GONE())
        except Conflict as error:
            busy = error.code == "task_busy"
            return Outcome(id=task_id, code=error.code, message=error.message, retryable=busy)
        except ServiceUnavailable:
            return Outcome(id=task_id, code="service_unavailable", message=NOT_NOW(), retryable=True)
        except BudgetExceeded as error:
            return Outcome(id=task_id, code="budget_exceeded", message=error.message)
        except ModelNotAllowed as error:
            return Outcome(id=task_id, code="model_not_allowed", message=error.message)
        except Overloaded as error:
            code = "overloaded" if error.server_wide else "too_many_tasks"
            return Outcome(id=task_id, code=code, message=error.message, retryable=True)
        except Unreadable:
            return Outcome(id=task_id, code="task_unreadable", message=NOT_NOW(), retryable=True)
        except DanqingError as error:  # its own trouble alone
            return Outcome(id=task_id, code=type(error).__name__.lower(), message=error.message, retryable=True)
        return Outcome(id=task_id)

    async def _do(self, deed: Deed, task_id: str, caller: Caller) -> None:
        if deed.act is Act.RETRY:
            await self.control.retry(task_id, caller, deed.check, repeat_key=deed.repeat_key)
            return
        if deed.as_of is not None:
            deed.check(await self.control.find(task_id, caller))
        match deed.act:
            case Act.CANCEL:
                await self.control.cancel(task_id, caller)
            case Act.DELETE:
                await self.control.delete(task_id, caller)
            case Act.PRIORITISE:
                assert deed.priority is not None
                await self.control.prioritise(task_id, deed.priority, caller)


def _may_be_paid(task: Task) -> bool:
    """Tell whether something that a retry asks for may have been paid for already."""
    return in_doubt(task, asked_again(task))


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {currency: one.get(currency, 0) + other.get(currency, 0) for currency in (*one, *other)}
