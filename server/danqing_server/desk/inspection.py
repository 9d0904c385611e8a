"""An operator opens another project's task: that is written down before it is shown."""

from __future__ import annotations

import attrs

from danqing_server.access.administration import Administration
from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.errors import NotFound
from danqing_server.records.tasks import Task
from danqing_server.store.tasks import TaskStore

__all__ = ["Inspection"]

NOTED_FOR_S = 600.0
MOST_NOTED = 1_000


@attrs.define(eq=False)
class Inspection:
    """Shows operators what is not theirs. Who looks again within ten minutes is written down once."""

    store: TaskStore
    administration: Administration
    clock: Clock
    _noted: dict[tuple[str, str | None, str], float] = attrs.field(factory=dict, init=False)

    async def open(self, task_id: str, caller: Caller) -> Task:
        """Return any project's task.

        Raises:
            NotFound: there is none, or *caller* is no operator.
            StoreUnavailable: it could not be read, or not be written down who reads it.
        """
        task = await self.store.get(task_id) if caller.operator else None
        if task is None:
            raise NotFound("task", task_id)
        look, now_s = (caller.key, caller.user, task_id), self.clock.monotonic_s()
        if now_s - self._noted.get(look, -NOTED_FOR_S) >= NOTED_FOR_S:
            await self.administration.note_opened(caller.key, caller.user, task_id, task.owner)
            while len(self._noted) >= MOST_NOTED:
                del self._noted[next(iter(self._noted))]
            self._noted[look] = now_s
        return task
