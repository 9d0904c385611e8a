"""Ending an attempt whose executor is gone: a dead process, or a coroutine that died inside a living one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial

from danqing_server.errors import AttemptLost, ServiceUnavailable, StoreUnavailable, Unreadable
from danqing_server.life.billing import cut_calls
from danqing_server.life.decision import Failure, FailureKind
from danqing_server.life.moves import Finished, Transition
from danqing_server.log import get_logger
from danqing_server.records.outputs import TaskError
from danqing_server.records.tasks import CallOutcome, Status, Task
from danqing_server.worker import texts
from danqing_server.worker.aftermath import leave_late, settle_spending
from danqing_server.worker.dropping import Dropping
from danqing_server.worker.ending import Ending
from danqing_server.worker.failures import Interruption, interruption_of
from danqing_server.worker.keeping import Keeper, Slots
from danqing_server.worker.ledger import Ledger
from danqing_server.worker.previews import forget_preview
from danqing_server.worker.run import TaskRun
from danqing_server.worker.spending import Allowance
from danqing_server.worker.tools import Tools

__all__ = ["drop_order", "end_overdue", "take_over", "trying"]

LATE_FETCH_S = 10.0
"""How long the late pictures of one task may hold up the tasks behind it, which wait to run again."""

log = get_logger(__name__)


async def take_over(task: Task, tools: Tools) -> bool:
    """Put *task* back in line, or end it if it may not be tried again; False when someone else was first.

    A cancelled task that waited for the end of its call is let go.
    """
    return await _settle(task, _failure(bool(cut_calls(task))), tools)


async def end_overdue(found: Task | Unreadable, tools: Tools) -> bool:
    """End a task whose deadline is over, whoever holds it, or nobody; False when someone else was first."""
    if isinstance(found, Unreadable):
        error = TaskError(code="unreadable", message=texts.OF_ANOTHER_RELEASE(), retryable=False)
        return await tools.register.end_unreadable(found.task_id, tools.clock.now(), error)
    return await _settle(found, interruption_of(Interruption.DEADLINE), tools)


async def trying(ending: Awaitable[bool], task_id: str) -> bool:
    """Await *ending*; what befalls one task must not keep the others from being looked after.

    False also of one that cannot be ended now. Raises ServiceUnavailable: nothing can.
    """
    try:
        return await ending
    except ServiceUnavailable as error:
        if not (isinstance(error, StoreUnavailable) and error.permanent):
            raise
        reason = str(error)
        log.error("task_not_ended", task_id=task_id, reason=reason)  # noqa: TRY400 — the driver's text may quote it
    except Exception:
        log.exception("task_not_ended", task_id=task_id)
    return False


async def _settle(task: Task, failure: Failure, tools: Tools) -> bool:
    if task.status is Status.CANCELLED:
        return await _let_go(task, tools)
    ledger = Ledger(tools.store, tools.insisting, task)
    _close_cut_calls(ledger, tools)
    await forget_preview(ledger, tools.assets)
    ending = Ending(ledger, tools.policy, tools.clock, by_another=True)
    ending.settle_calls(failure, answered=False)
    move = ending.move_for(ending.decide(failure))
    try:
        won = await _carry_out(move, ledger, tools)
    except StoreUnavailable as error:
        if not error.permanent:
            raise
        reason = str(error)
        log.error("end_refused", task_id=task.id, reason=reason)  # noqa: TRY400 — the driver's text may quote it
        move = ending.reduced()
        won = await _carry_out(move, ledger, tools)
    log.warning("task_taken_over", task_id=task.id, won=won, ended=isinstance(move, Finished))
    return won


async def _carry_out(move: Transition, ledger: Ledger, tools: Tools) -> bool:
    return await tools.register.carry_out(move, settle=partial(settle_spending, tools, ledger.task))


def _close_cut_calls(ledger: Ledger, tools: Tools) -> None:
    """What was under way is in doubt, the call that a start announced too: nobody knows whether it was sent."""
    now = tools.clock.now()
    for call in cut_calls(ledger.task):
        ledger.note_call(call.changed(outcome=CallOutcome.UNKNOWN, ended_at=now))


async def _let_go(task: Task, tools: Tools) -> bool:
    """Settle the calls of a cancelled task whose process is gone: fetch what they brought, drop what is ordered.

    False: it is still held by nobody, and to be taken up again, or somebody else was first.
    """
    ledger = Ledger(tools.store, tools.insisting, task.changed(outputs={**task.outputs, **task.late}))
    ledger.late = True
    await _keep_late(ledger, tools)
    await _drop(ledger, tools)
    _close_cut_calls(ledger, tools)
    ledger.close_calls(tools.clock.now())
    if await ledger.take_reserved():  # else another did: two may take over, and one let go of the task
        await settle_spending(tools, ledger.task)
    try:
        return await leave_late(ledger, tools)
    except AttemptLost:
        return False


async def drop_order(left: Task, tools: Tools) -> bool:
    """Have the order of a deleted task dropped, of which *left* is all that is known; False: it is still there.

    Nothing is learned by it: what the task came to is booked, and stays in doubt.
    """
    if await tools.store.get(left.id) is not None:
        return False
    ledger = Ledger(tools.store, tools.insisting, left)
    ledger.late = True
    await _drop(ledger, tools)
    return True


async def _drop(ledger: Ledger, tools: Tools) -> None:
    dropping = Dropping()
    dropping.begin(_quiet_run(ledger, tools))
    await dropping.settle()


def _quiet_run(ledger: Ledger, tools: Tools) -> TaskRun:
    """Return a run that a provider may ask its service with."""
    return TaskRun(ledger, _quiet_keeper(ledger, tools), tools, Allowance(tools.guard, watched=False))


def _quiet_keeper(ledger: Ledger, tools: Tools) -> Keeper:
    return Keeper(
        ledger, tools.assets, tools.clock, Slots.of_process(), tools.link_patience, on_waiting=lambda: None
    )


async def _keep_late(ledger: Ledger, tools: Tools) -> None:
    """Fetch the pictures of a cancelled task that are paid for; what does not come at once is tried again later."""
    keeper = _quiet_keeper(ledger, tools)
    keeper.resume()
    try:
        async with asyncio.timeout(LATE_FETCH_S):
            await keeper.settle()
    except (TimeoutError, AttemptLost):
        pass
    finally:
        await keeper.abandon()


def _failure(call_was_open: bool) -> Failure:
    if call_was_open:
        message = texts.DIED_IN_CALL()
        error = TaskError(code="worker_lost", message=message, retryable=True)
        return Failure(kind=FailureKind.UNKNOWN, error=error)
    message = texts.DIED_BEFORE_CALLS()
    error = TaskError(code="poison", message=message, retryable=True)
    return Failure(kind=FailureKind.WORKER_LOST, error=error)
