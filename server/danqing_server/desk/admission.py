"""Taking submissions in: once checked they are stored, queued, and either acknowledged or made sure not to run.

What is begun is carried through: a client that hangs up undoes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import attrs

from danqing_plugins import Problem, Reference
from danqing_server.access.caller import Caller
from danqing_server.assets.headroom import Headroom
from danqing_server.assets.keys import upload_of
from danqing_server.assets.references import ParsedReference
from danqing_server.assets.storage import Assets
from danqing_server.assets.texts import NOT_HERE
from danqing_server.clock import Clock
from danqing_server.delivery.webhooks.management import Webhooks
from danqing_server.desk.budgets import Budgets
from danqing_server.desk.checking import Checked, Checker
from danqing_server.desk.intake import Intake
from danqing_server.desk.limit_states import Shortage
from danqing_server.desk.limits import QueueLimits
from danqing_server.desk.models import check_model
from danqing_server.desk.repeats import KEY_IN_USE, PAUSE_S, RACES, Repeats
from danqing_server.desk.request import Repeat, Submission
from danqing_server.desk.routing import Routing
from danqing_server.errors import (
    BudgetExceeded,
    Conflict,
    InvalidSubmission,
    NotFound,
    Overloaded,
    StorageUnavailable,
    StoreUnavailable,
)
from danqing_server.ids import new_task_id, new_token
from danqing_server.life.rerouted import on_target
from danqing_server.loops.shared import CarriedThrough, outcome_of
from danqing_server.records.tasks import Status, Task
from danqing_server.store.keys import KeyRecord, KeyStore
from danqing_server.store.tasks import TaskStore

__all__ = ["Accepted", "Submissions"]

WITHIN_S = 50.0
"""How long a submission may take until its task is stored; after 60 s its client is told 503."""


@attrs.frozen(kw_only=True)
class Accepted:
    """The task that answers a submission; `replayed` when an earlier one made it."""

    task: Task
    replayed: bool = False


def _no_trace() -> None:
    """Trace nothing."""


@attrs.define(eq=False)
class Submissions:
    """Takes submissions in. Made once per process. *carried* tells where the trace of a new task goes on."""

    store: TaskStore
    keys: KeyStore
    repeats: Repeats
    assets: Assets
    clock: Clock
    checker: Checker
    routing: Routing
    limits: QueueLimits
    intake: Intake
    budgets: Budgets
    webhooks: Webhooks
    headroom: Headroom
    carried: Callable[[], str | None] = _no_trace
    _under_way: CarriedThrough = attrs.field(factory=CarriedThrough, init=False)

    async def submit(self, submission: Submission) -> Accepted:
        """Check, store and queue a submission, or find the task that an earlier one of the same key made.

        Raises:
            InvalidSubmission: with one problem per wrong field; nothing was kept.
            Overloaded: no more may wait.
            KeyReused: its key was used for another request.
            Conflict: the task of its key was deleted.
            StoreUnavailable: it is not known to be safe; should it have been stored, it is voided.
            QueueUnavailable: it could not be queued, and was voided.
            StorageUnavailable: a reference picture could not be kept.
            StorageFull: there is no room for what it would make.
        """
        until_s = self.clock.monotonic_s() + WITHIN_S
        if submission.repeat is not None:
            repeatable = self._submit_repeatable(submission, submission.repeat, until_s)
            return await outcome_of(self._begin(repeatable))
        try:
            checked = await self._check(submission)
        except asyncio.CancelledError:
            if self.clock.monotonic_s() < until_s:  # its client hung up: nothing was kept yet, so it begins anew
                self._begin(self._submit(submission, until_s))
            raise
        task = self._new_task(submission, checked)
        if checked.references or submission.caller.limits.are_any:
            admitted = self._admit(task, checked.references, until_s, submission.caller)
            return await outcome_of(self._begin(admitted))
        await self.intake.take(task)
        return Accepted(task=task)

    async def examine(self, submission: Submission) -> Checked:
        """Return what *submission* amounts to, however many wait; nothing is kept.

        Raises:
            InvalidSubmission: with one problem per wrong field.
            ModelNotAllowed: its project or key may not use the model.
            QueueUnavailable: of one to a route, nobody can tell how the lanes stand.
        """
        route = self.routing.find(submission)
        if route is None:
            checked = await self.checker.check(submission)
        else:
            checked = await self.routing.check(submission, route)
        route_name = None if checked.route is None else checked.route.model
        check_model(submission.caller, checked.provider.name, checked.prepared.model, route_name)
        if submission.webhook is not None:
            await self.webhooks.targets.require(submission.webhook.url, "webhook")
        return checked

    async def shortages(self, submission: Submission, checked: Checked) -> list[Shortage]:
        """Return which limits of its project and key would refuse *submission* now. Raises StoreUnavailable."""
        if not submission.caller.limits.are_any:
            return []
        task = self._task("", submission, checked)
        return await self.budgets.shortages(submission.caller, task, task.images)

    async def draft(self, task_id: str, submission: Submission, checked: Checked) -> Task:
        """Return the task that *submission* will be, for who stores it; its reference pictures are kept.

        Raises:
            StorageUnavailable: a reference picture could not be kept.
        """
        self.headroom.require()
        if submission.webhook is not None:  # known before there is the task that brings it
            await self.webhooks.for_task(submission.caller.owner, submission.webhook)
        task = self._task(task_id, submission, checked)
        if not checked.references:
            return task
        return task.changed(references=await self._keep_references(task_id, checked.references, []))

    async def drain(self) -> None:
        """Wait for submissions under way and for voids still owed."""
        await self._under_way.drain()
        await self.intake.drain()
        await self.budgets.drain()

    def _begin(self, steps: Coroutine[Any, Any, Accepted]) -> asyncio.Task[Accepted]:
        """Run *steps* to their end, whatever becomes of the caller."""
        running = self._under_way.begin(steps)
        running.add_done_callback(_read)
        return running

    async def _check(self, submission: Submission) -> Checked:
        self.headroom.require()
        checked = await self.examine(submission)
        await self.limits.check(
            checked.lane, submission.caller.owner, submission.user_id, delayed=bool(submission.delay_s)
        )
        if submission.webhook is not None:  # known before there is the task that brings it
            await self.webhooks.for_task(submission.caller.owner, submission.webhook)
        return checked

    async def _submit(self, submission: Submission, until_s: float) -> Accepted:
        checked = await self._check(submission)
        task = self._new_task(submission, checked)
        return await self._admit(task, checked.references, until_s, submission.caller)

    def _new_task(self, submission: Submission, checked: Checked) -> Task:
        return self._task(self._new_id(submission, checked), submission, checked)

    def _new_id(self, submission: Submission, checked: Checked) -> str:
        return new_task_id(checked.provider.name, submission.type, self.clock.now_ms())

    async def _submit_repeatable(self, submission: Submission, repeat: Repeat, until_s: float) -> Accepted:
        known = await self.keys.find(repeat.key)
        task = await self.repeats.find(submission.caller, repeat, known) if known is not None else None
        if task is not None:
            return Accepted(task=task, replayed=True)
        checked = await self._check(submission)
        return await self._submit_once(submission, repeat, checked, until_s)

    async def _submit_once(
        self, submission: Submission, repeat: Repeat, checked: Checked, until_s: float
    ) -> Accepted:
        """Make the one task of a key, whoever else is about to; its id is kept with the key first."""
        task_id = self._new_id(submission, checked)
        kept_s = max(repeat.kept_at_least_s, submission.delay_s + self.keys.kept_s)
        for _ in range(RACES):
            record = await self.keys.claim(
                repeat.key, repeat.fingerprint, task_id, repeat.meaning, at_least_s=kept_s
            )
            task = await self.repeats.find(submission.caller, repeat, record, fresh=record.task_id == task_id)
            if task is not None:
                return Accepted(task=task, replayed=True)
            if record.task_id != task_id and await self.repeats.is_used_up(repeat, record):
                ours = KeyRecord(fingerprint=repeat.fingerprint, meaning=repeat.meaning, task_id=task_id)
                if not await self.keys.replace(repeat.key, record, ours):
                    continue
                record = ours
            made = self._task(record.task_id, submission, checked).changed(repeat_key=repeat.key)
            try:
                return await self._admit(made, checked.references, until_s, submission.caller)
            except Conflict:  # a duplicate was faster, or is about to be: look at what it made
                await asyncio.sleep(PAUSE_S)
            except (BudgetExceeded, Overloaded):
                if await self.store.get(made.id) is None:  # else it is what a duplicate made that takes the room
                    raise
        raise StoreUnavailable(KEY_IN_USE())

    async def _admit(
        self, task: Task, parsed: Sequence[ParsedReference], until_s: float, caller: Caller
    ) -> Accepted:
        """Store and queue a new task, its references first; nothing is stored after *until_s*.

        Raises:
            Conflict: its id is taken, or about to be.
            BudgetExceeded, Overloaded: a limit of *caller* leaves no room for it.
            StorageUnavailable: the references took so long that the client has been told that it will not run.
        """
        kept: list[str] = []
        try:
            if parsed:
                task = task.changed(references=await self._keep_references(task.id, parsed, kept))
            if self.clock.monotonic_s() > until_s:
                raise StorageUnavailable("keeping the reference pictures took too long")
            hold = await self.budgets.hold(caller, task, task.images)
        except (InvalidSubmission, BudgetExceeded, Overloaded, StorageUnavailable):
            self._let_go(task, kept)
            raise
        if hold is not None:
            task = task.changed(hold=hold)
        try:
            await self.intake.take(task)
        except (InvalidSubmission, Conflict):
            self._let_go(task, kept)
            await self.budgets.give_back(hold)
            raise
        except BaseException:
            self.budgets.let_be(hold)
            raise
        self.budgets.stored(hold)
        return Accepted(task=task)

    async def _keep_references(
        self, task_id: str, parsed: Sequence[ParsedReference], kept: list[str]
    ) -> tuple[Reference, ...]:
        """Give a task its reference pictures; *kept* is told the key of each that is its own."""
        references = []
        for number, each in enumerate(parsed):
            own = each.reference
            if each.body is not None and each.inspection is not None:
                own = each.kept_as((await self.assets.keep_input(task_id, number, each.body, each.inspection)).key)
            elif upload_of(own.asset or "") is not None:
                own = await self._copied(task_id, number, each)
            if own is not each.reference and own.asset is not None:
                kept.append(own.asset)
            references.append(own)
        return tuple(references)

    def _let_go(self, task: Task, kept: Sequence[str]) -> None:
        """Remove the reference pictures of a task that will not be; its client need not wait for that."""
        if kept:
            self._under_way.begin(self._remove(task, kept))

    async def _remove(self, task: Task, kept: Sequence[str]) -> None:
        with suppress(StorageUnavailable):  # `danqing assets orphans` finds them
            if task.repeat_key is None:
                await self.assets.delete_task(task.id)
                return
            for key in kept:  # and no more: a repeat may be making a task of this very id
                await self.assets.delete(key)

    async def _copied(self, task_id: str, number: int, upload: ParsedReference) -> Reference:
        """Return a task's own copy of an upload, which may go before the task has begun."""
        try:
            return upload.kept_as(await self.assets.copy_input(task_id, number, upload.reference.asset or ""))
        except NotFound as error:  # deleted since it was checked
            raise InvalidSubmission([Problem(field=upload.reference.field, message=NOT_HERE())]) from error

    def _task(self, task_id: str, submission: Submission, checked: Checked) -> Task:
        now = self.clock.now()
        run_at = now + timedelta(seconds=submission.delay_s) if submission.delay_s else None
        prepared = checked.prepared
        task = Task(
            id=task_id,
            user_id=submission.user_id,
            owner=submission.caller.owner,
            key=None if submission.caller.owner is None else submission.caller.key,
            type=submission.type,
            provider=checked.provider.name,
            model=prepared.model,
            lane_word=checked.lane_word,
            input=prepared.input,
            images=prepared.outputs,
            kind=prepared.kind,
            single_call=prepared.single_call,
            finds_orders=checked.finds_orders,
            notes=prepared.notes,
            price=prepared.price,
            priority=submission.priority,
            on_ambiguous=submission.on_ambiguous or checked.on_ambiguous,
            status=Status.SCHEDULED if run_at else Status.PENDING,
            transition_id=new_token(),
            created_at=now,
            updated_at=now,
            waiting=int(now.timestamp() * 1000),
            run_at=run_at,
            webhook=submission.webhook,
            trace=self.carried(),
        )
        placed = task if checked.route is None else on_target(task, checked.route)
        return placed.changed(notes=(*submission.notes, *placed.notes)) if submission.notes else placed


def _read(done: asyncio.Task[Accepted]) -> None:
    """Read what was raised, since the client who would have raised it may be gone."""
    if not done.cancelled():
        done.exception()
