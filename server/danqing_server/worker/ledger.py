"""What an attempt knows of its task beyond what is stored, and the writes that make it durable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import attrs

from danqing_server.codec import value_of
from danqing_server.errors import AttemptLost, StoreUnavailable
from danqing_server.models import CallOutcome, CallRecord, Output, OutputState, Task
from danqing_server.store.tasks import TaskStore

__all__ = ["Ledger", "insist"]

LONGEST_PAUSE_S = 2.0

T = TypeVar("T")


@attrs.define(eq=False)
class Ledger:
    """The task as this attempt sees it, ahead of MongoDB by what is unsaved, which the next write takes along.

    `dropped` are the fields that the write which ends the attempt removes. `late`: the task was cancelled while a
    call of ours was under way; what the call brings is kept, and changes nothing else.

    `save` raises AttemptLost once the task is in other hands.
    """

    store: TaskStore
    _task: Task
    _noted: dict[str, Any] = attrs.field(factory=dict, init=False)
    _unsaved: dict[str, Any] = attrs.field(factory=dict, init=False)
    dropped: tuple[str, ...] = attrs.field(default=(), init=False)
    late: bool = attrs.field(default=False, init=False)
    _saving: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)

    @property
    def task(self) -> Task:
        """The task with everything noted so far; a new one is made only when somebody looks."""
        if self._noted:
            self._task, self._noted = self._task.changed(**self._noted), {}
        return self._task

    @property
    def sets(self) -> dict[str, Any]:
        """What is unsaved, as a write sets it: stored values by their dotted paths."""
        return {path: value_of(value) for path, value in self._unsaved.items()}

    def note_call(self, record: CallRecord) -> None:
        """Remember a call as it now stands."""
        self._noted["calls"] = {**self._noted.get("calls", self._task.calls), record.id: record}
        self._unsaved[f"calls.{record.id}"] = record

    def note_output(self, output: Output) -> None:
        """Remember a picture as it now stands."""
        self._noted["outputs"] = {**self._noted.get("outputs", self._task.outputs), str(output.index): output}
        self._unsaved[f"outputs.{output.index}"] = output

    def note(self, **fields: Any) -> None:
        """Remember other fields of the task."""
        self._noted.update(fields)
        self._unsaved.update(fields)

    async def save(self) -> None:
        """Make everything noted so far durable, however long MongoDB is away."""
        async with self._saving:  # who finds nothing unsaved must wait for the write that took it along
            if not self._unsaved:
                return
            sets, taken, self._unsaved = self.sets, self._unsaved, {}
            try:
                await self._write(sets)
            except BaseException:
                self._unsaved = {**taken, **self._unsaved}
                raise

    async def _write(self, sets: Mapping[str, Any]) -> None:
        if not self.late:
            try:
                await insist(partial(self.store.amend, self.task, sets))
            except AttemptLost:
                if not await self.has_become_late():
                    raise
            else:
                return
        await insist(partial(self.store.amend_late, self.task, _as_late(sets)))

    async def has_become_late(self) -> bool:
        """Say whether the task was cancelled under an open call of ours; if so only what is late is written."""
        found = await insist(partial(self.store.get, self.task.id))
        ours = self.task.attempt
        self.late = found is not None and ours is not None and found.late_attempt == ours.id
        return self.late

    def forget_output(self, index: int) -> None:
        """Drop a picture whose source is gone: it is missing again, and its call's outcome is in doubt."""
        lost = self.task.outputs[str(index)]
        self._noted["outputs"] = {key: output for key, output in self.task.outputs.items() if output is not lost}
        self._unsaved.pop(f"outputs.{index}", None)
        self.dropped += (f"outputs.{index}",)

    def close_calls(self) -> None:
        """Settle every call the attempt leaves behind: what is answered without its pictures is in doubt."""
        missing = set(self.task.missing)
        for call in self.task.calls.values():
            unfilled = bool(missing & set(call.indexes))
            if call.resumable:
                if call.outcome is CallOutcome.OPEN:
                    self.note_call(call.changed(outcome=CallOutcome.DELIVERED))
            elif call.outcome is CallOutcome.OPEN:
                outcome = CallOutcome.UNKNOWN if unfilled or not call.indexes else CallOutcome.DELIVERED
                self.note_call(call.changed(outcome=outcome))
            elif call.outcome is CallOutcome.DELIVERED and unfilled:
                self.note_call(call.changed(outcome=CallOutcome.UNKNOWN))

    def sourced(self) -> list[Output]:
        """Return the pictures whose upstream URL is saved and that are not yet ours."""
        return [output for output in self.task.outputs.values() if output.state is OutputState.SOURCED]


def _as_late(sets: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may still be written of a cancelled task: what became of its calls, and pictures, set apart."""
    late = {}
    for path, value in sets.items():
        field, _, rest = path.partition(".")
        if field == "calls":
            late[path] = value
        elif field == "outputs":
            late[f"late.{rest}"] = value
    return late


async def insist(write: Callable[[], Awaitable[T]]) -> T:
    """Repeat *write* until MongoDB carries it out; its changes are compare-and-sets that may be repeated."""
    pause_s = 0.05
    while True:
        try:
            return await write()
        except StoreUnavailable:
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
