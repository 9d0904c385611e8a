"""Ending an attempt whose executor is gone: a dead process, or a coroutine that died inside a living one."""

from __future__ import annotations

from danqing_plugins import TaskEventKind
from danqing_server.log import get_logger
from danqing_server.models import CallOutcome, Status, Task, TaskError
from danqing_server.retry import Decision, Failure, FailureKind, Finish, decide, open_calls
from danqing_server.store import transitions
from danqing_server.store.changes import Change
from danqing_server.worker import texts
from danqing_server.worker.ledger import Ledger
from danqing_server.worker.telling import entry_of, event_of
from danqing_server.worker.tools import Tools

__all__ = ["take_over"]

log = get_logger(__name__)


async def take_over(task: Task, tools: Tools) -> bool:
    """Put *task* back in line, or end it if it may not be tried again; False when someone else was first."""
    change, decision = _settlement(task, tools)
    won = await tools.store.apply(change)
    log.warning("task_taken_over", task_id=task.id, won=won, ended=isinstance(decision, Finish))
    if not won:
        return False
    holder = task.attempt.worker if task.attempt else ""
    if not isinstance(decision, Finish):
        again = task.changed(run_at=decision.run_at, updated_at=tools.clock.now())
        await tools.queue.release(holder, entry_of(again))
        return True
    await tools.queue.acknowledge(task.provider, holder, task.id)
    kind = TaskEventKind.COMPLETED if decision.status is Status.COMPLETED else TaskEventKind.FAILED
    tools.registry.tell(event_of(task, kind, decision.error.code if decision.error else None))
    return True


def _settlement(task: Task, tools: Tools) -> tuple[Change, Decision]:
    """Return the change that ends the abandoned attempt, and what it amounts to."""
    now = tools.clock.now()
    calls = open_calls(task)
    ledger = Ledger(tools.store, task)
    for call in calls:
        ledger.note_call(call.changed(outcome=CallOutcome.UNKNOWN, ended_at=now))
    ledger.close_calls()
    decision = decide(ledger.task, _failure(bool(calls)), tools.policy, now)
    if isinstance(decision, Finish):
        for output in decision.outputs:
            ledger.note_output(output)
        return transitions.finished(ledger.task, decision.status, now, ledger.sets, decision.error), decision
    return transitions.requeued(
        ledger.task,
        now,
        ledger.sets,
        run_at=decision.run_at,
        failures=decision.failures,
        leases_lost=decision.leases_lost,
        error=decision.error,
    ), decision


def _failure(call_was_open: bool) -> Failure:
    if call_was_open:
        message = texts.DIED_IN_CALL()
        error = TaskError(code="worker_lost", message=message, retryable=True)
        return Failure(kind=FailureKind.UNKNOWN, error=error)
    message = texts.DIED_BEFORE_CALLS()
    error = TaskError(code="poison", message=message, retryable=True)
    return Failure(kind=FailureKind.WORKER_LOST, error=error)
