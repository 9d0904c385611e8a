"""The one way in which a task changes: MongoDB's compare-and-set, then the queue, then whoever listens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime

import attrs

from danqing_plugins import TaskEventKind
from danqing_server.errors import QueueUnavailable, StoreUnavailable
from danqing_server.life.cancelled import Cancelled, Voided
from danqing_server.life.erasing import Eraser, order_left_by
from danqing_server.life.moves import Deleted, Finished, Requeued, Transition
from danqing_server.life.outlet import Outlet
from danqing_server.life.prioritised import Prioritised
from danqing_server.life.rerouted import Rerouted
from danqing_server.life.retried import Retried
from danqing_server.life.telling import entry_of
from danqing_server.log import get_logger
from danqing_server.loops.steps import step
from danqing_server.queue.lanes import Queue
from danqing_server.records.outputs import TaskError
from danqing_server.records.tasks import Attempt, Status, Task
from danqing_server.store.deletions import Deletion
from danqing_server.store.tasks import TaskStore

__all__ = ["RETELL_EVERY_S", "Register"]

RETELL_LEASE_S = 15
ERASE_LEASE_S = 30
RETELL_EVERY_S = 5.0

Write = Callable[[], Awaitable[bool]]

log = get_logger(__name__)


async def _once(write: Write) -> bool:
    return await write()


@attrs.define(eq=False)
class Register:
    """Carries moves out, always in this order: MongoDB, the queue, the outlet.

    What Redis misses is logged, and the sweep heals it. Every method raises StoreUnavailable while nothing is done.
    """

    store: TaskStore
    queue: Queue
    outlet: Outlet
    eraser: Eraser

    async def start(self, ids: Iterable[str], attempt: Attempt, deadline_at: datetime) -> list[Task]:
        """Start what `TaskStore.start` can start of *ids*; what the queue holds for this worker stays there."""
        marks = self.outlet.marks_of_start(attempt)
        started = await self.store.start(ids, attempt, deadline_at, marks)
        self.outlet.tell_started(started)
        return started

    async def carry_out(
        self,
        move: Transition,
        *,
        insist: Callable[[Write], Awaitable[bool]] = _once,
        settle: Callable[[], Awaitable[None]] | None = None,
    ) -> bool:
        """Make *move*; False when the task is no longer as it was seen, and nothing is done.

        *insist* carries the write out, more than once if need be. *settle* is done before the queue is told: what
        the next task must not find unsettled, the day's spending.
        """
        change = move.change(self.outlet.marks(move))
        if not await insist(lambda: self.store.apply(change)):
            return False
        if settle is not None:
            await settle()
        await self._tell_queue(move)
        self.outlet.tell(move)
        return True

    async def carry_out_all(self, moves: Sequence[Rerouted]) -> int:
        """Make moves of waiting tasks as `carry_out` does, step by step for all; returns how many were made."""
        changes = [move.change(self.outlet.marks(move)) for move in moves]
        made = await asyncio.gather(*map(self.store.apply, changes), return_exceptions=True)
        won = [move for move, answer in zip(moves, made, strict=True) if answer is True]
        try:
            await self._tell_rerouted(won)
        except QueueUnavailable as error:
            log.warning("queue_not_told", count=len(won), reason=str(error))
        for move in won:
            self.outlet.tell(move)
        _raise_outage(made)
        return len(won)

    async def delete(self, move: Deleted, *, guarded: bool = False) -> bool:
        """Remove a task and all that is kept of it; False when its status changed since it was seen, and it stays.

        What would make it again finds it noted. What cannot be removed at the moment, or a death leaves, is removed
        later, whoever listens. *guarded*: only one that has ended and is without stars.
        """
        task = move.task
        as_seen = {"still" if guarded else "seen": task.transition_id}
        order = order_left_by(task)
        attempt = None if task.reserved is None or task.attempt is None else task.attempt.id
        deletion = Deletion(task_id=task.id, repeat_key=task.repeat_key, order=order, settled_by=attempt, **as_seen)
        if not await self.eraser.begin(deletion, await self.outlet.legacy(move)):
            return False
        await self._announce(task.id)
        self.outlet.tell(move)
        return True

    async def end_unreadable(self, task_id: str, at: datetime, error: TaskError) -> bool:
        """End a task as `failed` of which nothing can be read but its id; False when it is finished already."""
        return await self.store.end_unreadable(task_id, at, error, self.outlet.marks_of_end(at, error))

    async def tell_again(self) -> None:
        """Tell what was left untold. One process of all does so at a time, one whose listeners have room."""
        if not self.outlet.has_room or not await self.queue.claim_sweep(self.outlet.name, RETELL_LEASE_S, "teller"):
            return
        owed = await self.outlet.find_owed()
        if owed:
            log.info("events_told_again", count=len(owed))
        for notice in owed:
            event = notice.event
            if event.kind is not TaskEventKind.DELETED or await self.eraser.goes_on_with(event.task_id):
                self.outlet.tell_again(notice)

    async def go_on_deleting(self) -> None:
        """Look after deletions of which something may be left. One process of all does so at a time."""
        while await self.queue.claim_sweep(self.outlet.name, ERASE_LEASE_S, "eraser"):
            if await self.eraser.go_on():
                return

    async def _tell_queue(self, move: Transition) -> None:
        task = move.task
        try:
            match move:
                case Finished():
                    await self._tell_end(move)
                case Requeued():
                    await self.queue.release(task.attempt.worker if task.attempt else "", entry_of(move.waiting))
                case Rerouted():
                    await self._tell_rerouted([move])
                case Prioritised():
                    await self.queue.remove(task.lane, task.id)
                    await self.queue.push(entry_of(move.waiting))
                case Retried():
                    await self.queue.push(entry_of(move.waiting))
                case Voided():
                    pass  # it was not queued, or is left lying there: no start takes it
                case Cancelled():
                    await self.queue.remove(task.lane, task.id)
        except QueueUnavailable as error:
            log.warning("queue_not_told", task_id=task.id, reason=str(error))
        if isinstance(move, Cancelled) and not isinstance(move, Voided):
            await self._announce(task.id)  # whoever runs it; who misses it loses its next write

    @step("work.reroute")
    async def _tell_rerouted(self, moves: Sequence[Rerouted]) -> None:
        """Take tasks out of the lanes that they leave, and put them into those that they go to."""
        left: dict[str, list[str]] = {}
        for move in moves:
            task = move.task
            if task.attempt is None:
                left.setdefault(task.lane, []).append(task.id)
            else:
                await self.queue.acknowledge(task.lane, task.attempt.worker, task.id)
        for lane, ids in left.items():
            await self.queue.remove_many(lane, ids)
        await self.queue.push_many([entry_of(move.waiting) for move in moves])

    async def _tell_end(self, move: Finished) -> None:
        task, attempt = move.task, move.task.attempt
        if attempt is None:
            await self.queue.remove(task.lane, task.id)
            return
        failed = move.becomes is Status.FAILED
        await self.queue.acknowledge(
            task.lane, attempt.worker, task.id, move.ran_ms, went_well=move.went_well, failed=failed
        )

    async def _announce(self, task_id: str) -> None:
        try:
            await self.queue.announce(task_id)
        except QueueUnavailable as error:
            log.warning("change_not_announced", task_id=task_id, reason=str(error))


def _raise_outage(answers: Sequence[bool | BaseException]) -> None:
    """Raise what of *answers* speaks of more than of one change that MongoDB refuses for good."""
    for answer in answers:
        if isinstance(answer, StoreUnavailable) and answer.permanent:
            log.error("change_refused", reason=str(answer))
        elif isinstance(answer, BaseException):
            raise answer
