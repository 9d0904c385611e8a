"""How an attempt ends: its calls settled, what follows decided, and the one change that says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from danqing_server.clock import Clock
from danqing_server.life.decision import Decision, Failure, FailureKind, Finish, Policy, decide
from danqing_server.life.moves import Finished, Requeued
from danqing_server.life.onward import Onward, Opening, after_attempt
from danqing_server.life.rerouted import Rerouted
from danqing_server.records.outputs import TaskError
from danqing_server.records.tasks import Billed, CallOutcome, Task
from danqing_server.store.changes import encodable
from danqing_server.worker import texts
from danqing_server.worker.ledger import Ledger

__all__ = ["Ending"]

_COSTS_NOTHING = (FailureKind.REFUSED,)


@attrs.frozen(eq=False)
class Ending:
    """The end of one attempt, whoever writes it: its own process or, `by_another`, the one that takes over."""

    ledger: Ledger
    policy: Policy
    clock: Clock
    by_another: bool = False

    def settle_calls(self, failure: Failure | None, *, answered: bool) -> Failure | None:
        """Close what the attempt left open; a call answered without its pictures makes the outcome unknown.

        *answered*: the provider returned without an error.
        """
        before = self._unknown_calls()
        self.ledger.close_calls(self.clock.now(), answered=answered)
        if failure is not None and failure.kind in _COSTS_NOTHING and failure.error.billed is Billed.NO:
            self._settle_orders(failure)
        if self._unknown_calls() > before and failure is None:
            error = TaskError(code="outcome_unknown", message=texts.NOTHING_DELIVERED(), retryable=True)
            return Failure(kind=FailureKind.UNKNOWN, error=error)
        return failure

    def decide(self, failure: Failure | None, openings: Sequence[Opening] | None = None) -> Decision | Onward:
        """Say what follows, and note it. *openings* are of the task's route; without them it stays where it is."""
        now = self.clock.now()
        decision = decide(self.ledger.task, failure, self.policy, now)
        if openings is not None:
            onward = after_attempt(self.ledger.task, failure, decision, openings, self.policy, now)
            if isinstance(onward, Onward):
                self.ledger.note(error=onward.error)
                return onward
        for output in decision.outputs:
            self.ledger.note_output(output)
        if isinstance(decision, Finish):
            self.ledger.give_up_orders(now)
        if decision.error is not None or self.ledger.task.error is not None:  # most tasks never had one
            self.ledger.note(error=decision.error)
        return decision

    def move_for(self, decision: Decision | Onward) -> Finished | Requeued | Rerouted:
        """Return the move that carries out *decision*, and writes all that is unsaved."""
        return self._move(decision, self.ledger.sets, self.ledger.unsets, is_whole=True)

    def reduced(self) -> Finished | Requeued | Rerouted:
        """Return an end of as little as possible, after MongoDB refused the whole: nothing a plugin chose is in it.

        What is kept is delivered all the same.
        """
        error = TaskError(code="internal_error", message=texts.REPORT_NOT_STORABLE(), retryable=False)
        self.ledger.withhold("result", "usage", "saved")
        for call in self.ledger.task.calls.values():
            self.ledger.note_call(call.changed(usage={}, request_id=None, error_code=None))
        self.ledger.close_calls(self.clock.now())
        failure = Failure(kind=FailureKind.REFUSED, error=error)
        decision = self.decide(failure)
        sets = {path: value for path, value in self.ledger.sets.items() if encodable(value)}
        return self._move(decision, sets, self.ledger.unsets)

    def _move(
        self, decision: Decision | Onward, sets: Mapping[str, Any], unsets: list[str], *, is_whole: bool = False
    ) -> Finished | Requeued | Rerouted:
        task, now = self.ledger.task, self.clock.now()
        if isinstance(decision, Onward):
            return Rerouted(task=task, at=now, onward=decision, sets=sets, unsets=unsets)
        if isinstance(decision, Finish):
            return Finished(
                task=task,
                at=now,
                becomes=decision.status,
                error=decision.error,
                is_whole=is_whole and self.ledger.is_alone and not self.by_another,
                sets=sets,
                unsets=unsets,
                ran_ms=self._ran_ms(now),
                went_well=_went_well(task),
            )
        return Requeued(
            task=task,
            at=now,
            error=decision.error,
            sets=sets,
            unsets=unsets,
            run_at=decision.run_at,
            failures=decision.failures,
            leases_lost=decision.leases_lost,
        )

    def _ran_ms(self, now: datetime) -> int:
        """Return how long the attempt took, 0 when its worker is gone: that says nothing of the lane's pace."""
        attempt = self.ledger.task.attempt
        if attempt is None or self.by_another:
            return 0
        return max(1, round((now - attempt.started_at).total_seconds() * 1000))

    def _settle_orders(self, failure: Failure) -> None:
        """A refusal says that nothing was billed: of the order that the provider was asking for, too."""
        code = failure.error.provider_code or failure.error.code
        self.ledger.settle_orders(self.ledger.task.calls, CallOutcome.REJECTED, code, self.clock.now())

    def _unknown_calls(self) -> int:
        outcomes = [call.outcome for call in self.ledger.task.calls.values()]
        return outcomes.count(CallOutcome.UNKNOWN)


def _went_well(task: Task) -> bool:
    """Tell whether a call of this attempt was answered with what was asked for."""
    return any(
        call.outcome is CallOutcome.DELIVERED and call.attempt == task.attempts for call in task.calls.values()
    )
