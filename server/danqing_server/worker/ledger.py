"""What an attempt knows of its task beyond what is stored, and the writes that make it durable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar

import attrs

from danqing_server.codec.documents import value_of
from danqing_server.errors import AttemptLost
from danqing_server.life.billing import announced_call, billed_of
from danqing_server.loops.steps import step
from danqing_server.records.outputs import Output, OutputState
from danqing_server.records.tasks import NOBODY, Billed, CallOutcome, CallRecord, Task
from danqing_server.store.changes import NO_MARKS, Marks, by_field
from danqing_server.store.paths import as_late, of_call, of_output
from danqing_server.store.tasks import TaskStore
from danqing_server.worker.insisting import Insisting

__all__ = ["Ledger", "is_free"]

T = TypeVar("T")

DROPPED: Final = object()
"""Stands for a path that the next write removes."""


@attrs.define(eq=False)
class Ledger:
    """The task as this attempt sees it, ahead of MongoDB by what is unsaved, which the next write takes along.

    A path is set or dropped, whichever was noted last, so that no write can contradict itself. `late`: the task was
    cancelled while a call of ours was under way; what the call brings is kept, and changes nothing else.

    `save` raises AttemptLost once the task is in other hands, and StoreUnavailable (permanent) when MongoDB refuses
    what was noted: the attempt is to end then.
    """

    store: TaskStore
    insisting: Insisting
    _task: Task
    _noted: dict[str, Any] = attrs.field(factory=dict, init=False)
    _unsaved: dict[str, Any] = attrs.field(factory=dict, init=False)
    _in_doubt: frozenset[str] = attrs.field(default=frozenset(), init=False)
    _found: Task = attrs.field(init=False)
    late: bool = attrs.field(default=False, init=False)
    _saving: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        self._found = self._task

    @property
    def task(self) -> Task:
        """The task with everything noted so far; a new one is made only when somebody looks."""
        if self._noted:
            self._task, self._noted = self._task.changed(**self._noted), {}
        return self._task

    @property
    def is_alone(self) -> bool:
        """Whether nobody but this attempt can know more of its task: of earlier calls a late answer may tell."""
        return not self._found.calls

    @property
    def lane(self) -> str:
        """The task's lane, which no attempt changes: who asks for it alone needs no new task made."""
        return self._found.lane

    @property
    def sets(self) -> dict[str, Any]:
        """What is unsaved, as a write sets it: stored values by their dotted paths.

        A call or a picture that was there before this attempt is written field by field: a process of another
        release may have written into it what this one does not know.
        """
        sets = {path: value_of(value) for path, value in self._unsaved.items() if value is not DROPPED}
        if self._found.calls or self._found.outputs:
            for path, value in self._unsaved.items():
                if _is_found(path, self._found) and isinstance(value, CallRecord | Output):
                    del sets[path]
                    sets |= by_field(path, value)
        return sets

    @property
    def is_ahead(self) -> bool:
        """Whether something was noted that MongoDB may not have."""
        return bool(self._unsaved) or self._saving.locked()

    @property
    def unsets(self) -> list[str]:
        """The dotted paths that the next write removes."""
        return [path for path, value in self._unsaved.items() if value is DROPPED]

    def note_call(self, record: CallRecord) -> None:
        """Remember a call as it now stands; one whose picture is lost cannot become `delivered` any more."""
        if record.id in self._in_doubt and record.outcome is CallOutcome.DELIVERED:
            record = record.changed(outcome=CallOutcome.UNKNOWN)
        self._noted["calls"] = {**self._noted.get("calls", self._task.calls), record.id: record}
        self._unsaved[of_call(record.id)] = record

    def unsend_announced(self) -> None:
        """Remember that the call that the start announced was never opened, if it has no record by now."""
        announced = announced_call(self.task)
        if announced is not None:
            self.note_call(announced.changed(outcome=CallOutcome.UNSENT))

    def note_output(self, output: Output) -> None:
        """Remember a picture as it now stands."""
        self._noted["outputs"] = {**self._noted.get("outputs", self._task.outputs), str(output.index): output}
        self._unsaved[of_output(output.index)] = output

    def note_without(self, output: Output) -> None:
        """Remember a picture that its service refused or left out, also of the order of an earlier attempt.

        What is not charged for leaves such an order at once: `close_calls` looks at those of this attempt alone.
        """
        self.note_output(output)
        task = self.task
        orders = [call for call in task.calls.values() if call.resumable and call.outcome is CallOutcome.OPEN]
        for call in orders:
            if call.attempt != task.attempts and (charged := self.charged(call)) is not call:
                is_over = charged.outcome is CallOutcome.REJECTED
                self.note_call(charged.changed(ended_at=output.at) if is_over else charged)

    def note(self, **fields: Any) -> None:
        """Remember other fields of the task; None removes one."""
        self._noted.update(fields)
        self._unsaved.update({name: DROPPED if value is None else value for name, value in fields.items()})

    def withhold(self, *fields: str) -> None:
        """Leave *fields* as they are stored, whatever was noted of them."""
        for field in fields:
            self._unsaved.pop(field, None)

    @step("work.save")
    async def save(self) -> None:
        """Make everything noted so far durable, however long MongoDB is away."""
        async with self._saving:  # who finds nothing unsaved must wait for the write that took it along
            if not self._unsaved:
                return
            sets, unsets, taken = self.sets, self.unsets, self._unsaved
            self._unsaved = {}
            try:
                await self._write(sets, unsets)
            except BaseException:
                self._unsaved = {**taken, **self._unsaved}
                raise

    async def _write(self, sets: Mapping[str, Any], unsets: Sequence[str]) -> None:
        if not self.late:
            try:
                await self.insist(partial(self.store.amend, self.task, sets, unsets))
            except AttemptLost:
                if not await self.has_become_late():
                    raise
            else:
                return
        await self._write_late(_as_late(sets), [path for path in map(as_late, unsets) if path])

    async def _write_late(self, sets: Mapping[str, Any], unsets: Sequence[str], marks: Marks = NO_MARKS) -> None:
        if sets or unsets:
            await self.insist(partial(self.store.amend_late, self.task, sets, unsets, marks))

    async def leave_late(self, now: datetime, marks: Marks = NO_MARKS) -> None:
        """Settle the calls of a cancelled task, write that down, and let go of the task. Raises AttemptLost.

        *marks* say that this is still to be told.
        """
        await self._write_late(self._settled_late(now), ["attempt", "late_attempt", "reserved"], marks)
        self._unsaved = {}

    async def hand_on_late(self, now: datetime, marks: Marks = NO_MARKS) -> None:
        """Settle its calls, and leave what is to be fetched of a cancelled task to `Janitor.fetch_late`.

        *marks* and what is raised as of `leave_late`.
        """
        await self._write_late({**self._settled_late(now), "attempt.worker": NOBODY}, [], marks)
        self._unsaved = {}

    def _settled_late(self, now: datetime) -> dict[str, Any]:
        self.late = True
        self.close_calls(now)
        self.give_up_orders(now)
        return {**_as_late(self.sets), "error.billed": billed_of(self.task).value}

    async def take_reserved(self) -> bool:
        """Take away the note of what is set aside for the task; True for who is to settle it."""
        task = self.task
        if task.reserved is None:
            return False
        return await self.insist(partial(self.store.take_reserved, task, task.reserved))

    async def has_become_late(self) -> bool:
        """Say whether the task was cancelled under an open call of ours; if so only what is late is written."""
        self.late = self._is_left_to_us(await self._look())
        return self.late

    async def is_nobody_elses(self) -> bool:
        """Tell whether nobody else can go on with our orders: the task is gone, or was cancelled under our call."""
        found = await self._look()
        return found is None or self._is_left_to_us(found)

    def _look(self) -> Awaitable[Task | None]:
        return self.insist(partial(self.store.get, self.task.id))

    def _is_left_to_us(self, found: Task | None) -> bool:
        ours = self.task.attempt
        return found is not None and ours is not None and found.late_attempt == ours.id

    def insist(self, write: Callable[[], Awaitable[T]]) -> Awaitable[T]:
        """Repeat *write* until MongoDB carries it out; see `Insisting`."""
        return self.insisting.on(write)

    def lose(self, index: int) -> None:
        """Drop a picture whose source is dead: it is missing again, and what its call came to is in doubt.

        The next write says both. An order may be asked for the picture again: it is open.
        """
        lost = self.task.outputs[str(index)]
        self._noted["outputs"] = {key: output for key, output in self.task.outputs.items() if output is not lost}
        self._unsaved[of_output(index)] = DROPPED
        for call in _that_may_have_brought(index, self.task.calls.values()):
            if call.resumable:
                self.note_call(call.changed(outcome=CallOutcome.OPEN, ended_at=None))
            else:
                self._in_doubt |= {call.id}
                self.note_call(call.changed(outcome=CallOutcome.UNKNOWN))

    def close_calls(self, now: datetime, *, answered: bool = False) -> None:
        """Settle what the attempt leaves behind: what is answered without its pictures is in doubt.

        Orders that did not bring everything yet stay open. Answers of earlier attempts are settled already: what is
        missing of theirs was given up by its user's retry. *answered*: the provider returned, and so the order of
        a task without pictures is settled.
        """
        task = self.task
        attempt, missing = task.attempts, set(task.missing)
        for call in task.calls.values():
            kept = call if call.attempt != attempt else self.charged(call)
            if kept.resumable:
                closed = _closed_order(kept, missing, now, answered=answered and not task.images)
            elif call.attempt == attempt or call.outcome is CallOutcome.OPEN:
                closed = _closed(kept, missing)
            else:
                closed = kept
            if closed is not call:
                self.note_call(closed)

    def settle_orders(self, ids: Collection[str], outcome: CallOutcome, code: str | None, now: datetime) -> None:
        """Note what became of open orders among *ids* that bring no more; what they brought was paid for."""
        missing = self.task.missing
        for call in self.task.calls.values():
            if call.id in ids and call.resumable and call.outcome is CallOutcome.OPEN:
                brought = tuple(index for index in call.indexes if index not in missing)
                self.note_call(
                    call.changed(
                        outcome=CallOutcome.DELIVERED if brought else outcome,
                        indexes=brought or call.indexes,
                        ended_at=now,
                        error_code=code,
                    )
                )

    def give_up_orders(self, now: datetime) -> None:
        """Call orders in doubt that nobody will ask for: the task ends."""
        for call in self.task.calls.values():
            if call.outcome is CallOutcome.OPEN:
                self.note_call(call.changed(outcome=CallOutcome.UNKNOWN, ended_at=now))

    def charged(self, call: CallRecord) -> CallRecord:
        """Return *call* without the pictures that the service refused, or left out, and does not charge for."""
        if not self.task.outputs or call.outcome not in (CallOutcome.OPEN, CallOutcome.DELIVERED):
            return call
        free = {output.index for output in self.task.outputs.values() if is_free(output)}
        if free.isdisjoint(call.indexes):
            return call
        charged = tuple(index for index in call.indexes if index not in free)
        return call.changed(indexes=charged) if charged else call.changed(outcome=CallOutcome.REJECTED)

    def sourced(self) -> list[Output]:
        """Return the pictures whose upstream URL is saved and that are not yet ours."""
        return [output for output in self.task.outputs.values() if output.state is OutputState.SOURCED]


def _closed(call: CallRecord, missing: set[int]) -> CallRecord:
    unfilled = bool(missing & set(call.indexes))
    if call.outcome is CallOutcome.OPEN:
        outcome = CallOutcome.UNKNOWN if unfilled or not call.indexes else CallOutcome.DELIVERED
        return call.changed(outcome=outcome)
    if call.outcome is CallOutcome.DELIVERED and unfilled:
        return call.changed(outcome=CallOutcome.UNKNOWN)
    return call


def _closed_order(call: CallRecord, missing: set[int], now: datetime, *, answered: bool) -> CallRecord:
    if call.outcome not in (CallOutcome.OPEN, CallOutcome.UNKNOWN):
        return call
    brought = missing.isdisjoint(call.indexes) if call.indexes else answered
    return call.changed(outcome=CallOutcome.DELIVERED, ended_at=now) if brought else call


def is_free(output: Output) -> bool:
    """Tell whether the service refused *output*, or left it out, and does not charge for it."""
    if output.state is OutputState.OMITTED:
        return not output.deleted
    error = output.error if output.is_given_up else None
    return error is not None and error.billed is Billed.NO


def _that_may_have_brought(index: int, calls: Iterable[CallRecord]) -> list[CallRecord]:
    """Return the call that brought picture *index*: the last of those that may have."""
    answered = (CallOutcome.OPEN, CallOutcome.DELIVERED)
    found = [call for call in calls if index in call.indexes and call.outcome in answered]
    return sorted(found, key=lambda call: call.sent_at)[-1:]


def _is_found(path: str, found: Task) -> bool:
    field, _, key = path.partition(".")
    return key in (found.calls if field == "calls" else found.outputs)


def _as_late(sets: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may still be written of a cancelled task: what became of its calls, and pictures, set apart."""
    return {late: value for path, value in sets.items() if (late := as_late(path)) is not None}
