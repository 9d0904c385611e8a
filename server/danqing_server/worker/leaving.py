"""How an attempt leaves a task that is in other hands by now: cancelled, taken over, or deleted."""

from __future__ import annotations

from danqing_server.errors import AttemptLost, ServiceUnavailable, StoreUnavailable
from danqing_server.log import Logger, get_logger
from danqing_server.records.tasks import CallOutcome, Task
from danqing_server.worker import aftermath
from danqing_server.worker.dropping import Dropping
from danqing_server.worker.ledger import Ledger
from danqing_server.worker.run import TaskRun
from danqing_server.worker.tools import Tools

__all__ = ["leave"]


async def leave(ledger: Ledger, tools: Tools, dropping: Dropping, run: TaskRun | None) -> None:
    """End an attempt whose task is no longer ours; a call open at a cancellation is settled all the same.

    *run* None: its provider was not asked.
    """
    task = ledger.task
    logger = get_logger(__name__, task_id=task.id, provider=task.provider)
    logger.info("attempt_lost")
    lost = True
    try:
        is_late = ledger.late or await ledger.has_become_late()
        await _drop_orders(ledger, dropping, run)
        if is_late:
            ledger.unsend_announced()
            lost = not await _leave_late(ledger, tools)
        else:
            await _note_late_answers(ledger, tools, logger)
    except AttemptLost:
        logger.info("late_result_unwanted")
    except StoreUnavailable as refusal:
        reason = str(refusal)
        logger.error("late_result_refused", reason=reason)  # noqa: TRY400 — the driver's text may quote it
    await aftermath.settle_spending(tools, ledger.task, lost=lost)
    await _let_go(task, tools, logger)


async def _leave_late(ledger: Ledger, tools: Tools) -> bool:
    """Let go of a cancelled task, without what its provider said where MongoDB refuses that for good."""
    try:
        return await aftermath.leave_late(ledger, tools)
    except StoreUnavailable:
        ledger.withhold("result", "usage")
        return await aftermath.leave_late(ledger, tools)


async def _drop_orders(ledger: Ledger, dropping: Dropping, run: TaskRun | None) -> None:
    """Have orders of a task that is cancelled, or gone, dropped: their answers may have come after the word."""
    if run is not None and dropping.lacks(run) and await ledger.is_nobody_elses():
        dropping.begin(run)
    await dropping.settle()


async def _note_late_answers(ledger: Ledger, tools: Tools, logger: Logger) -> None:
    """Others were told that our calls' outcome is unknown; it is known now."""
    task = ledger.task
    for call in map(ledger.charged, task.calls.values()):
        answered = call.outcome not in (CallOutcome.OPEN, CallOutcome.UNKNOWN, CallOutcome.UNSENT)
        if answered and call.attempt == task.attempts:
            noted = await aftermath.note_late_answer(ledger, tools, call)
            logger.info("late_answer", call_id=call.id, outcome=call.outcome.value, noted=noted)


async def _let_go(task: Task, tools: Tools, logger: Logger) -> None:
    """Leave a task that is in other hands; the pictures of one that was deleted go with it."""
    try:
        await tools.queue.acknowledge(task.lane, tools.lease.worker, task.id)
        if await tools.store.get(task.id) is None:
            await tools.assets.delete_task(task.id)
    except ServiceUnavailable as error:
        logger.warning("not_let_go", reason=str(error))
