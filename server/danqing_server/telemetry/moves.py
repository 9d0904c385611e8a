"""Counts what happens to tasks: this process's own moves, each once, as soon as it was carried out.

What a death cuts off between MongoDB's answer and the count is not counted: the books are what is exact to the
cent. A call whose answer came after others had given it up counts twice: as unknown, and as what it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import attrs

from danqing_plugins.billing import Billed
from danqing_server.life.booking import by_certainty, parts_of
from danqing_server.life.cancelled import Cancelled, Voided
from danqing_server.life.moves import Amended, Created, Finished, Move, Requeued, Started
from danqing_server.life.rerouted import Rerouted
from danqing_server.life.retried import Retried
from danqing_server.records.tasks import CallOutcome, CallRecord, Status, Task
from danqing_server.telemetry.labels import OTHER, Bounded, Models
from danqing_server.telemetry.meters import Histogram, Meters, Number

__all__ = ["MoveCounter"]

MOST_ERRORS = 100
MOST_CURRENCIES = 20
_NOT_COUNTED = (CallOutcome.OPEN, CallOutcome.UNSENT)
_MICRO = 1_000_000


@attrs.define(eq=False)
class _OfModel:
    """What is counted of each task of a model, looked up once: *labels* are its provider and it."""

    labels: tuple[str, str]
    submitted: Number
    started: Number
    waits: Histogram
    runs: Histogram
    totals: Histogram
    calls: Histogram

    @classmethod
    def of(cls, meters: Meters, labels: tuple[str, str]) -> _OfModel:
        return cls(
            labels,
            meters.number("tasks_submitted", *labels),
            meters.number("tasks_started", *labels),
            meters.histogram("task_wait_seconds", *labels),
            meters.histogram("task_run_seconds", *labels),
            meters.histogram("task_total_seconds", *labels),
            meters.histogram("upstream_call_seconds", *labels),
        )


@attrs.define(eq=False)
class MoveCounter:
    """What `life.outlet.Witness` is to be."""

    meters: Meters
    models: Models
    _of_models: dict[tuple[str, str], _OfModel] = attrs.field(factory=dict, init=False)
    _errors: Bounded = attrs.field(factory=lambda: Bounded(MOST_ERRORS), init=False)
    _currencies: Bounded = attrs.field(factory=lambda: Bounded(MOST_CURRENCIES), init=False)

    def saw(self, move: Move) -> None:
        """Count *move*."""
        match move:
            case Started():
                self._started(move.task)
            case Finished():
                self._ended(move)
                self._settle(move.task, _settled(move.task))
            case Created():
                self._of(move.task).submitted.add()
            case Requeued() | Rerouted():
                self._left(move)
                self._settle(move.task, _settled(move.task))
            case Voided():
                return
            case Cancelled():
                self._finished(self._of(move.task), Status.CANCELLED, move.error_code)
            case Amended():
                self._settle(move.task, [call for call in move.settled if call.outcome not in _NOT_COUNTED])
            case Retried():
                name = "tasks_submitted" if move.kind is Created.kind else "tasks_retried"
                self.meters.count(name, *self._of(move.task).labels)

    def _started(self, task: Task) -> None:
        of_model = self._of(task)
        of_model.started.add()
        if task.attempts == 1 and task.started_at is not None:
            of_model.waits.observe(_seconds(task.created_at, task.started_at))

    def _ended(self, move: Finished) -> None:
        task, of_model = move.task, self._of(move.task)
        _note_run(of_model, task, move.at)
        self._finished(of_model, move.becomes, move.error_code)
        if move.becomes is Status.COMPLETED:
            of_model.totals.observe(_seconds(task.retried_at or task.created_at, move.at))
        for output in task.outputs.values():
            self.meters.count("outputs", *of_model.labels, output.state.value)

    def _left(self, move: Requeued | Rerouted) -> None:
        of_model = self._of(move.task)
        _note_run(of_model, move.task, move.at)
        if isinstance(move, Rerouted):
            to, _ = self.models.of(move.waiting.provider, OTHER)
            self.meters.count("tasks_rerouted", of_model.labels[0], to)
        else:
            self.meters.count("tasks_requeued", *of_model.labels, self._error(move.error_code))

    def _finished(self, of_model: _OfModel, status: Status, error: str | None) -> None:
        self.meters.count("tasks_finished", *of_model.labels, status.value, self._error(error))

    def _settle(self, task: Task, calls: Sequence[CallRecord]) -> None:
        """Count what became of *calls*, and what they cost."""
        if not calls:
            return
        for call in calls:
            of_model = self._of_call(task, call)
            self.meters.count("upstream_calls", *of_model.labels, call.outcome.value)
            if call.ended_at is not None:
                of_model.calls.observe(_seconds(call.sent_at, call.ended_at))
        self._charge(task, {call.id for call in calls})

    def _charge(self, task: Task, ids: set[str]) -> None:
        if task.price is None and task.route is None:
            return
        for provider, model, price, books in parts_of(task):
            if price is None:
                continue
            for each in books.charges(price):
                if isinstance(each.call, CallRecord) and each.call.id in ids:
                    for billed, amount in by_certainty(each, price):
                        certainty = _certainty(billed, estimated=amount.estimated)
                        labels = (*self.models.of(provider, model), self._currencies.of(price.currency), certainty)
                        if amount.amount_micro:
                            self.meters.count("cost", *labels, by=amount.amount_micro / _MICRO)

    def _of(self, task: Task) -> _OfModel:
        return self._of_labels(self.models.of(task.provider, task.model))

    def _of_call(self, task: Task, call: CallRecord) -> _OfModel:
        if task.route is None:
            return self._of(task)
        target = task.route.targets[call.target]
        return self._of_labels(self.models.of(target.provider, target.model))

    def _of_labels(self, labels: tuple[str, str]) -> _OfModel:
        found = self._of_models.get(labels)
        if found is None:
            found = self._of_models[labels] = _OfModel.of(self.meters, labels)
        return found

    def _error(self, code: str | None) -> str:
        return self._errors.of(code or "")


def _note_run(of_model: _OfModel, task: Task, until: datetime) -> None:
    if task.attempt is not None:
        of_model.runs.observe(_seconds(task.attempt.started_at, until))


def _settled(task: Task) -> list[CallRecord]:
    """Return the calls whose outcome this attempt settled, or, without one, whoever ended the task.

    Those of earlier attempts were counted at their ends, but for orders, which stay open.
    """
    attempt = task.attempt
    since = attempt.started_at if attempt is not None else task.updated_at
    return [
        call
        for call in task.calls.values()
        if call.outcome not in _NOT_COUNTED
        and ((attempt is not None and call.attempt == task.attempts) or _is_after(call.ended_at, since))
    ]


def _is_after(moment: datetime | None, since: datetime) -> bool:
    return moment is not None and moment > since


def _certainty(billed: Billed, *, estimated: bool) -> str:
    if billed is Billed.UNKNOWN:
        return "possible"
    return "estimated" if estimated else "certain"


def _seconds(since: datetime, until: datetime) -> float:
    return (until - since).total_seconds()
