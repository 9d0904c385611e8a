"""Taking submissions in: once checked they are stored, queued, and either acknowledged or made sure not to run.

A submission runs as a task of its own: a client that hangs up undoes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import attrs

from danqing_plugins import Reference, TaskEventKind
from danqing_server.assets.references import ParsedReference
from danqing_server.assets.storage import Assets
from danqing_server.clock import Clock
from danqing_server.errors import Conflict, KeyReused, QueueUnavailable, StoreUnavailable
from danqing_server.ids import new_task_id, new_token
from danqing_server.log import get_logger
from danqing_server.models import FINISHED, WAITING, Status, Task, TaskError
from danqing_server.queue.lanes import Queue
from danqing_server.registry import Registry
from danqing_server.store import transitions
from danqing_server.store.keys import KeyRecord, KeyStore
from danqing_server.store.tasks import TaskStore
from danqing_server.submission.checking import Checked, Checker
from danqing_server.submission.limits import QueueLimits
from danqing_server.submission.request import Repeat, Submission
from danqing_server.worker.telling import entry_of, event_of

__all__ = ["Accepted", "Submissions"]

VOID_TRIES = 7200
VOID_PAUSE_S = 0.5
RACES = 10
NOT_ACKNOWLEDGED = "not_acknowledged"

log = get_logger(__name__)


@attrs.frozen(kw_only=True)
class Accepted:
    """The task that answers a submission; `replayed` when an earlier one made it."""

    task: Task
    replayed: bool = False


@attrs.define(eq=False)
class Submissions:
    """Takes submissions in. Made once per process."""

    store: TaskStore
    keys: KeyStore
    queue: Queue
    assets: Assets
    registry: Registry
    clock: Clock
    checker: Checker
    limits: QueueLimits
    _running: set[asyncio.Task[Any]] = attrs.field(factory=set, init=False)

    async def submit(self, submission: Submission) -> Accepted:
        """Check, store and queue a submission, or find the task that an earlier one of the same key made.

        Raises:
            InvalidSubmission: with one problem per wrong field; nothing was kept.
            Overloaded: no more may wait.
            KeyReused: its key was used for another request.
            StoreUnavailable: it is not known to be safe; should it have been stored, it is voided.
            QueueUnavailable: it could not be queued, and was voided.
            StorageUnavailable: a reference picture could not be kept.
        """
        running = asyncio.create_task(self._submit(submission))
        self._keep(running)
        return await asyncio.shield(running)

    async def drain(self) -> None:
        """Wait for submissions under way and for voids still owed."""
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)

    def _keep(self, running: asyncio.Task[Any]) -> None:
        self._running.add(running)
        running.add_done_callback(self._ended)

    def _ended(self, done: asyncio.Task[Any]) -> None:
        self._running.discard(done)
        if not done.cancelled():
            done.exception()  # read, since the client who would have raised it may be gone

    async def _submit(self, submission: Submission) -> Accepted:
        repeat = submission.repeat
        if repeat is not None:
            known = await self.keys.find(repeat.key)
            task = await self._replay(repeat, known) if known is not None else None
            if task is not None:
                return Accepted(task=task, replayed=True)
        checked = await self.checker.check(submission)
        await self.limits.check(checked.provider.name, submission.user_id)
        task_id = new_task_id(checked.provider.name, submission.type, self.clock.now_ms())
        if repeat is None:
            task = self._task(task_id, submission, checked)
            return Accepted(task=await self._admit(task, checked.references))
        return await self._submit_once(submission, repeat, checked, task_id)

    async def _submit_once(
        self, submission: Submission, repeat: Repeat, checked: Checked, task_id: str
    ) -> Accepted:
        """Make the one task of a key, whoever else is about to; its id is kept with the key first."""
        for _ in range(RACES):
            record = await self.keys.claim(repeat.key, repeat.fingerprint, task_id)
            task = await self._replay(repeat, record)
            if task is not None:
                return Accepted(task=task, replayed=True)
            if repeat.joins_for_s is not None and record.task_id != task_id:
                if not await self.keys.replace(repeat.key, record.task_id, task_id):
                    continue
                record = attrs.evolve(record, task_id=task_id)
            made = self._task(record.task_id, submission, checked)
            try:
                return Accepted(task=await self._admit(made, checked.references))
            except Conflict:  # a duplicate was faster: look at what it made
                continue
        raise StoreUnavailable("the key is in use by other requests; try again")

    async def _replay(self, repeat: Repeat, record: KeyRecord) -> Task | None:
        """Return the task a key already has, made sure to run; None when it has none that answers."""
        if record.fingerprint != repeat.fingerprint:
            raise KeyReused("this Idempotency-Key was used for a different request")
        seen: str | None = None
        for _ in range(RACES):
            task = await self.store.get(record.task_id)
            if task is None or not self._answers(repeat, task):
                return None
            if task.status in WAITING and seen in (None, task.transition_id):
                # Whoever answered 503 for it would void it: a new transition id, by us or by another, forbids that.
                seen = task.transition_id
                if not await self.store.apply(transitions.claimed(task)):
                    continue
            elif task.error is not None and task.error.code == NOT_ACKNOWLEDGED:
                if not await self.store.apply(transitions.retried(task, self.clock.now(), {})):
                    continue
                await self._push_or_leave(task)
            return await self.store.get(record.task_id)
        raise StoreUnavailable("the task of this key changes too often; try again")

    def _answers(self, repeat: Repeat, task: Task) -> bool:
        if repeat.joins_for_s is None:
            return True
        age_s = (self.clock.now() - task.created_at).total_seconds()
        return task.status not in FINISHED and age_s <= repeat.joins_for_s

    async def _admit(self, task: Task, parsed: Sequence[ParsedReference]) -> Task:
        """Store and queue a new task. Raises Conflict when its id is taken."""
        try:
            if parsed:
                task = attrs.evolve(task, references=await self._keep_references(task.id, parsed))
            if not await self.store.insert(task):
                raise Conflict("the task exists already")
        except StoreUnavailable:
            # It may have landed all the same. The client is told now; the void follows when MongoDB answers.
            self._keep(asyncio.create_task(self._void_when_possible(task)))
            raise
        try:
            waiting = await self.queue.push(entry_of(task))
        except QueueUnavailable:
            if await self._void(task):
                raise
            return task  # it was taken up before it could be voided: it is on its way
        self.limits.note(task.provider, task.user_id, waiting)
        await self.registry.tell(event_of(task, TaskEventKind.CREATED))
        return task

    async def _keep_references(self, task_id: str, parsed: Sequence[ParsedReference]) -> tuple[Reference, ...]:
        references = []
        for number, each in enumerate(parsed):
            if each.body is None or each.inspection is None:
                references.append(each.reference)
            else:
                asset = await self.assets.keep_input(task_id, number, each.body, each.inspection)
                references.append(each.kept_as(asset.key))
        return tuple(references)

    def _task(self, task_id: str, submission: Submission, checked: Checked) -> Task:
        now = self.clock.now()
        run_at = now + timedelta(seconds=submission.delay_s) if submission.delay_s else None
        prepared = checked.prepared
        return Task(
            id=task_id,
            user_id=submission.user_id,
            owner=submission.owner,
            type=submission.type,
            provider=checked.provider.name,
            model=prepared.model,
            input=prepared.input,
            images=prepared.images,
            single_call=prepared.single_call,
            notes=prepared.notes,
            price=prepared.price,
            priority=submission.priority,
            on_ambiguous=submission.on_ambiguous,
            status=Status.SCHEDULED if run_at else Status.PENDING,
            transition_id=new_token(),
            created_at=now,
            updated_at=now,
            waiting=int(now.timestamp() * 1000),
            run_at=run_at,
        )

    async def _push_or_leave(self, task: Task) -> None:
        try:
            await self.queue.push(entry_of(task))
        except QueueUnavailable as error:
            log.warning("task_not_queued", task_id=task.id, reason=str(error))  # the janitor pushes it

    async def _void(self, task: Task) -> bool:
        """Make sure *task*, stored or still to land, will not run; False when it runs, or was claimed since.

        The tombstone takes the id, so that an insert still under way finds it taken.
        """
        now = self.clock.now()
        message = "the server could not confirm this task when it was submitted, and cancelled it"
        error = TaskError(code=NOT_ACKNOWLEDGED, message=message, retryable=True)
        tombstone = attrs.evolve(
            task,
            status=Status.CANCELLED,
            transition_id=new_token(),
            waiting=None,
            run_at=None,
            completed_at=now,
            error=error,
        )
        if await self.store.insert(tombstone):
            return True
        return await self.store.apply(transitions.cancelled(task, now, error))

    async def _void_when_possible(self, task: Task) -> None:
        for _ in range(VOID_TRIES):
            try:
                voided = await self._void(task)
            except StoreUnavailable:
                await asyncio.sleep(VOID_PAUSE_S)
            else:
                log.warning("task_not_acknowledged", task_id=task.id, voided=voided)
                return
        log.error("task_not_voided", task_id=task.id)
