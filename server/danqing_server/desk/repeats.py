"""The task that a key has already, an Idempotency-Key's or that of identical requests, made sure to run.

Another process may be about to answer 503 for the same task, and to void it: a new transition id forbids that.
"""

from __future__ import annotations

import asyncio

import attrs

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.desk.budgets import Budgets
from danqing_server.desk.intake import Intake
from danqing_server.desk.request import Repeat
from danqing_server.errors import BudgetExceeded, Conflict, KeyReused, Overloaded, StoreUnavailable
from danqing_server.life.register import Register
from danqing_server.life.retried import Revived
from danqing_server.life.unconfirmed import was_voided
from danqing_server.records.tasks import FINISHED, WAITING, Task
from danqing_server.store.keys import KeyRecord, KeyStore
from danqing_server.store.tasks import TaskStore

__all__ = ["KEY_IN_USE", "PAUSE_S", "RACES", "Repeats"]

DELETED = Message(
    key="task_of_key_deleted",
    en="the task of this Idempotency-Key was deleted; send a new key for a new task",
    zh="此 Idempotency-Key 对应的任务已被删除，请为新任务使用新的 key",
)
KEY_IN_USE = Message(
    key="key_in_use",
    en="other requests with this Idempotency-Key are under way; try again",
    zh="相同 Idempotency-Key 的其他请求正在处理中，请稍后重试",
)
RACES = 10
PAUSE_S = 0.02
"""How long to leave to the duplicate that was faster before looking again."""


@attrs.define(eq=False)
class Repeats:
    """Finds the tasks of keys that were used before. Made once per process."""

    store: TaskStore
    keys: KeyStore
    register: Register
    clock: Clock
    intake: Intake
    budgets: Budgets

    async def find(self, caller: Caller, repeat: Repeat, record: KeyRecord, *, fresh: bool = False) -> Task | None:
        """Return the task a key already has, made sure to run; None when it has none that answers.

        *fresh*: the key was free, and names a task that is still to be made.
        """
        _require_same(repeat, record)
        seen: str | None = None
        for _ in range(RACES):
            task = await self.store.get(record.task_id)
            if task is None:
                if not fresh:
                    await self._require_unburied(repeat, record)
                return None
            if not self._answers(repeat, task):
                return None
            if task.status in WAITING:
                # Whoever answered 503 for it would void it: a new transition id, by us or by another, forbids that.
                is_ours = seen in (None, task.transition_id) or not await self.intake.is_promised(task)
                seen = task.transition_id
                if is_ours and not await self.intake.promise(task):
                    continue
            elif was_voided(task) and not await self._revive(task, caller):
                continue
            answer = await self.store.get(record.task_id)
            if answer is None or not was_voided(answer):  # else a sweep was faster
                return answer
        raise StoreUnavailable(KEY_IN_USE())

    async def is_used_up(self, repeat: Repeat, record: KeyRecord) -> bool:
        """Tell whether who joins wants another task than the key names; one about to be stored is theirs."""
        if repeat.joins_for_s is None:
            return False
        if record.is_deleted or await self.keys.is_buried(record.task_id):
            return True
        task = await self.store.get(record.task_id)
        return task is not None and not self._answers(repeat, task)

    async def _revive(self, task: Task, caller: Caller) -> bool:
        """Let a voided task run after all; False when it changed meanwhile."""
        now = self.clock.now()
        try:
            hold = await self.budgets.hold(caller, task, task.images, again_at=now)
        except Conflict:  # another repeat is about to: look at what it does
            await asyncio.sleep(PAUSE_S)
            return False
        except (BudgetExceeded, Overloaded):
            found = await self.store.get(task.id)
            if found is not None and found.transition_id == task.transition_id:
                raise
            return False  # what another repeat has set aside for it takes the room
        try:
            revived = await self.register.carry_out(Revived(task=task, at=now, hold=hold))
        except BaseException:
            self.budgets.let_be(hold)
            raise
        if revived:
            self.budgets.stored(hold)
        else:
            await self.budgets.give_back(hold)
        return revived

    async def _require_unburied(self, repeat: Repeat, record: KeyRecord) -> None:
        """A key whose task its user deleted makes no other: that would be bought again."""
        if repeat.joins_for_s is None and await self.keys.is_buried(record.task_id):
            raise Conflict(DELETED(), code="task_deleted")

    def _answers(self, repeat: Repeat, task: Task) -> bool:
        if repeat.joins_for_s is None:
            return True
        age_s = (self.clock.now() - task.created_at).total_seconds()
        return task.status not in FINISHED and age_s <= repeat.joins_for_s


def _require_same(repeat: Repeat, record: KeyRecord) -> None:
    """Raise when a key was used for another request, or its task is gone: then nothing is known to compare with."""
    if record.is_deleted:
        if repeat.joins_for_s is None:
            raise Conflict(DELETED(), code="task_deleted")
    elif not record.answers(repeat.fingerprint, repeat.meaning):
        raise KeyReused("this Idempotency-Key was used for a different request")
