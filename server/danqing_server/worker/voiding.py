"""Voids what the dead owed: tasks that must not run, since their clients were told so."""

from __future__ import annotations

from collections.abc import Sequence

from danqing_server.life.cancelled import Voided
from danqing_server.life.unconfirmed import unconfirmed
from danqing_server.log import get_logger
from danqing_server.queue.owed import OwedVoids
from danqing_server.records.tasks import WAITING, Task
from danqing_server.store.waiting import WaitingTask
from danqing_server.worker.tools import Tools

__all__ = ["void_owed"]

log = get_logger(__name__)


async def void_owed(waiting: Sequence[WaitingTask], tools: Tools) -> set[str]:
    """Void those of *waiting* whose clients were told that they will not run; return their ids.

    One that its client was promised since, by another request of its key, has another transition id, and runs.

    Raises: QueueUnavailable, StoreUnavailable.
    """
    owed = OwedVoids(tools.queue.connection)
    noted = await owed.among([task.id for task in waiting])
    voided = set()
    for task_id, transition_ids in noted.items():
        found = await tools.store.look(task_id)
        if not isinstance(found, Task) or found.transition_id not in transition_ids or found.status not in WAITING:
            continue
        now = tools.clock.now()
        if await tools.register.carry_out(Voided(task=found, at=now, error=unconfirmed())):
            log.warning("task_not_acknowledged", task_id=task_id, voided=True)
            voided.add(task_id)
    await owed.settle([(task_id, each) for task_id, transition_ids in noted.items() for each in transition_ids])
    return voided
