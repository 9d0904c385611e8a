"""The one way in which a task is deleted, and with it all that is kept of it.

    noted ─→ document ─→ files, key, deliveries, books ─→ looked at again ─→ the note says nothing any more

The note is written first, and has all that the rest needs: whoever finds it later goes on, and every step may be
repeated. The document goes before its pictures, so that no task is seen without them. A minute later all of it is
done once more: what was on its way, a thumbnail, a delivery, a last posting, has arrived by then.

An order that may be under way at a service stays in the note until `Janitor.fetch_late` has asked for it to be
dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

import attrs

from danqing_plugins import TaskEventKind
from danqing_server.assets.storage import Assets
from danqing_server.clock import Clock
from danqing_server.errors import ServiceUnavailable, StoreUnavailable
from danqing_server.life.billing import orders_in_doubt
from danqing_server.log import get_logger
from danqing_server.records.outputs import Output, OutputState
from danqing_server.records.tasks import CallOutcome, Task
from danqing_server.store.changes import Legacy
from danqing_server.store.deletions import Deletion, DeletionStore
from danqing_server.store.deliveries import DeliveryStore
from danqing_server.store.keys import KeyStore
from danqing_server.store.ledger import LedgerStore
from danqing_server.store.tasks import TaskStore

__all__ = ["ERASE_EVERY_S", "Eraser", "order_left_by"]

ERASE_EVERY_S = 15.0
LOOK_AGAIN_AFTER = timedelta(seconds=60)
GO_ON_AFTER = timedelta(seconds=15)
"""When somebody else may take up what was just noted: whoever noted it has died by then, or is very slow."""
AT_ONCE = 8
MOST_AT_ONCE = 400
STAYS_IF_FAILED = (f"task.{TaskEventKind.DELETED.value}",)

log = get_logger(__name__)


def order_left_by(task: Task) -> Task | None:
    """Return what its provider needs to drop the orders that *task* leaves, and no more; None without any.

    Also one that it gave up, at its deadline, say: its service may still make it, and nobody can try again.
    Nothing of it is its user's: neither what was asked for nor who did.
    """
    there = {key: each for key, each in {**task.outputs, **task.late}.items() if not each.is_given_up}
    outputs = {key: Output(index=each.index, state=OutputState.OMITTED, at=each.at) for key, each in there.items()}
    orders = orders_in_doubt(task.changed(outputs=outputs))
    if not orders:
        return None
    return Task(
        id=task.id,
        user_id="",
        type=task.type,
        provider=task.provider,
        model=task.model,
        input={},
        status=task.status,
        transition_id=task.transition_id,
        created_at=task.created_at,
        updated_at=task.updated_at,
        images=task.images,
        kind=task.kind,
        attempt=task.attempt,
        attempts=task.attempts,
        calls={call.id: call.changed(outcome=CallOutcome.OPEN) for call in orders},
        outputs=outputs,
        saved=task.saved,
    )


@attrs.define(eq=False, kw_only=True)
class Eraser:
    """Deletes tasks. With `books_forget` the ledger forgets whose they were."""

    deletions: DeletionStore
    store: TaskStore
    assets: Assets
    keys: KeyStore
    deliveries: DeliveryStore
    ledger: LedgerStore
    clock: Clock
    look_again_after: timedelta = LOOK_AGAIN_AFTER
    books_forget: bool = True

    async def begin(self, deletion: Deletion, legacy: Legacy | None) -> bool:
        """Note that a task goes, and remove it; False when it is not as *deletion* says, or another removes it.

        What of it cannot be removed now is removed later. Raises StoreUnavailable: it may stay.
        """
        noted = await self.deletions.note(deletion, self.clock.now() + GO_ON_AFTER, legacy)
        if not (noted and await self._remove(deletion)):
            return False
        try:
            await self._erase(deletion)
            await self.deletions.postpone(deletion.task_id, self.clock.now() + self.look_again_after)
        except ServiceUnavailable as error:
            log.warning("deletion_not_ended", task_id=deletion.task_id, reason=str(error))
        return True

    async def go_on(self) -> bool:
        """Look at deletions that are due; False when there may be more."""
        due = await self.deletions.due(self.clock.now(), MOST_AT_ONCE)
        for start in range(0, len(due), AT_ONCE):
            await asyncio.gather(*map(self._go_on, due[start : start + AT_ONCE]))
        return len(due) < MOST_AT_ONCE

    async def goes_on_with(self, task_id: str) -> bool:
        """Carry the deletion of one task through; False when it stays, or that cannot be at the moment."""
        deletion = await self.deletions.find(task_id)
        try:
            if not await self._remove(deletion):
                return False
            await self._erase(deletion)
        except ServiceUnavailable as error:
            log.warning("deletion_not_ended", task_id=task_id, reason=str(error))
            return False
        return True

    async def _go_on(self, deletion: Deletion) -> None:
        """One that cannot be ended now must not keep the others from it."""
        later = self.clock.now() + self.look_again_after
        try:
            if not await self._remove(deletion):
                return
            if await self._erase(deletion):
                await self.deletions.postpone(deletion.task_id, later, kept_anew=True)
            elif not await self.deletions.finish(deletion.task_id):
                await self.deletions.postpone(deletion.task_id, later)
        except StoreUnavailable:
            raise
        except ServiceUnavailable as error:
            log.warning("deletion_not_ended", task_id=deletion.task_id, reason=str(error))
            await self.deletions.postpone(deletion.task_id, later, kept_anew=True)

    async def _remove(self, deletion: Deletion) -> bool:
        if await self.store.delete(deletion.task_id, deletion.still, deletion.seen):
            return True
        await self.deletions.withdraw(deletion)
        return False

    async def _erase(self, deletion: Deletion) -> int:
        """Remove all that is kept beside a task's document; returns how many deliveries are still owed."""
        task_id, key = deletion.task_id, deletion.repeat_key
        steps: list[Awaitable[None]] = [self.ledger.forget_user(task_id)] if self.books_forget else []
        if key is not None:
            steps.append(self.keys.forget(key, task_id))
        await asyncio.gather(*steps)
        owed = await self.deliveries.forget(task_id, STAYS_IF_FAILED)
        await self.assets.delete_task(task_id)
        return owed
