"""What follows an attempt: what it learns late of its calls, the lane's gate and the day's spending."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

import attrs

from danqing_server.errors import QueueUnavailable, StoreUnavailable
from danqing_server.life.charges import cost_micro
from danqing_server.life.decision import Failure, FailureKind, ends_at
from danqing_server.life.moves import Amended
from danqing_server.log import get_logger
from danqing_server.queue.gates import Report
from danqing_server.records.tasks import CallRecord, Reserved, Task
from danqing_server.store.changes import Marks
from danqing_server.worker.ledger import Ledger
from danqing_server.worker.spending import SPEND_LIMIT
from danqing_server.worker.tools import Tools

__all__ = ["leave_late", "note_late_answer", "report", "settle_known", "settle_spending"]

RATE_LIMITED_PAUSE_S = 2.0

log = get_logger(__name__)


async def leave_late(ledger: Ledger, tools: Tools) -> bool:
    """Let go of a cancelled task whose calls are over, and tell what became of them. Raises AttemptLost.

    False: what is paid for is still to be fetched, and that is tried again, for as long as a task that was not
    cancelled would. What its calls came to is told when they are settled, not only when nothing is left to fetch.
    """
    now, unfetched = tools.clock.now(), ledger.sourced()
    if not unfetched or now >= _asked_until(ledger.task, tools):
        await _write_and_tell(ledger.leave_late, ledger, tools, now)
        return True
    if ledger.task.is_held:
        await _write_and_tell(ledger.hand_on_late, ledger, tools, now)
    else:
        await ledger.hand_on_late(now)
    for output in unfetched:
        log.info("late_picture_not_kept", task_id=ledger.task.id, index=output.index)
    return False


def _asked_until(cancelled: Task, tools: Tools) -> datetime:
    """Return when its links are given up; one that was cancelled before its first start has as long as from one."""
    ends, since = ends_at(cancelled, tools.policy), cancelled.completed_at or cancelled.updated_at
    return since + timedelta(seconds=tools.task_timeout_s) if ends is None else ends


async def _write_and_tell(
    write: Callable[[datetime, Marks], Awaitable[None]], ledger: Ledger, tools: Tools, now: datetime
) -> None:
    """Carry out what settles a cancelled task's calls, and tell of those that were not told of before."""
    outlet, was_held = tools.register.outlet, ledger.task.is_held
    amended = Amended(task=ledger.task, at=now)
    await write(now, outlet.marks(amended))
    task = ledger.task
    calls = [call for call in task.calls.values() if was_held and call.attempt == task.attempts]
    outlet.tell(attrs.evolve(amended, task=task, settled=calls))


async def note_late_answer(ledger: Ledger, tools: Tools, answered: CallRecord) -> bool:
    """Note what a call turned out to be that others were told nothing is known of; False: nobody waits for it.

    A task that is not finished is told of at its end.
    """
    outlet = tools.register.outlet
    amended = Amended(task=ledger.task, at=tools.clock.now(), settled=[answered])
    marks = outlet.marks(amended)
    noted = await ledger.insist(partial(tools.store.note_late_answer, ledger.task.id, answered, marks))
    if noted:
        outlet.tell(amended)
    return noted


async def report(tools: Tools, task: Task, failure: Failure | None) -> Failure | None:
    """Tell the lane's gate how the service fares; while it is shut no failure is held against *task*."""
    try:
        shut = await _report(tools, task, failure)
    except QueueUnavailable as error:
        log.warning("gate_not_told", provider=task.provider, task_id=task.id, reason=str(error))
        return failure
    return attrs.evolve(failure, counted=False) if failure is not None and shut else failure


async def _report(tools: Tools, task: Task, failure: Failure | None) -> bool:
    """Tell the gate; True when the lane's breaker is not closed for what *failure* says of the service."""
    gates, lane = tools.gates, task.lane
    if failure is None:
        return await gates.report(lane, Report.SUCCESS)
    if failure.kind is FailureKind.RATE_LIMITED:
        model = task.model if failure.of_model else None
        await gates.hold_for_rate(lane, failure.retry_after_s or RATE_LIMITED_PAUSE_S, task.id, model)
        return False
    if failure.error.provider_code == SPEND_LIMIT:
        return False  # the guard has closed its lanes
    if failure.kind is FailureKind.ACCOUNT:
        return await _report_refusal(tools, task, failure)
    return failure.is_outage and await gates.report(lane, Report.FAILURE, failure.error.code, task.id)


async def _report_refusal(tools: Tools, task: Task, failure: Failure) -> bool:
    code = failure.error.provider_code or "account_problem"
    if failure.certain:
        shut = await _close_lanes(tools, task, code)
    else:  # what refused this request may know one lane only
        shut = await tools.gates.report(task.lane, Report.REFUSAL, code, task.id)
    if shut:
        log.error("account_problem", provider=task.provider, task_id=task.id, code=code, certain=failure.certain)
    else:
        log.warning("task_refused", provider=task.provider, task_id=task.id, code=code)
    return shut


async def _close_lanes(tools: Tools, task: Task, code: str) -> bool:
    """The account is refused: that shuts every lane of its provider. True while the task's own is shut."""
    gates, own = tools.gates, task.lane
    for lane in tools.registry.lanes_of(task.provider):
        if lane != own:
            await gates.report(lane, Report.ACCOUNT, code, task.id)
    return await gates.report(own, Report.ACCOUNT, code, task.id)


async def settle_spending(tools: Tools, task: Task, *, lost: bool = False) -> None:
    """Replace what the attempt set aside by what the task has cost since.

    *lost*: the task is in other hands, which may have done so.
    """
    if task.reserved is None:
        return
    try:
        if not lost or await tools.store.take_reserved(task, task.reserved):
            await tools.guard.settle(task, task.reserved)
    except StoreUnavailable as error:
        _warn_of_unsettled(task, error)


async def settle_known(tools: Tools, task: Task, at: datetime, before_micro: int) -> None:
    """Count what *task*, which had cost *before_micro* at the worst, turns out to have cost, on the day of *at*."""
    if not tools.guard.watches(task) or cost_micro(task) == before_micro:
        return
    try:
        await tools.guard.settle(task, Reserved(at=at, amount_micro=0, before_micro=before_micro))
    except StoreUnavailable as error:
        _warn_of_unsettled(task, error)


def _warn_of_unsettled(task: Task, error: StoreUnavailable) -> None:
    log.warning("spending_not_settled", task_id=task.id, reason=str(error))
