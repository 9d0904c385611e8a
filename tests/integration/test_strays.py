"""Tasks that a process has in MongoDB and that run nowhere in it."""

from __future__ import annotations

from datetime import timedelta

import bson

from danqing_server.records.tasks import Attempt, Status
from danqing_server.settings.server import Settings
from danqing_server.store.client import Database
from tests.support.providers import ScriptedProvider
from tests.support.system import running_system

TASKS = "danqing_tasks"
LARGEST_DOCUMENT_BYTES = 16 * 1024 * 1024


async def test_one_that_cannot_be_ended_keeps_no_other_from_it(settings: Settings) -> None:
    """MongoDB takes no word more into its document: the others wait again all the same, and it is told."""
    async with running_system(settings, [ScriptedProvider()]) as system:
        assert system.workers is not None
        store, pool, now = system.services.store, system.workers.pool, system.services.clock.now()
        tasks = [await system.submit(delay_s=3600) for _ in range(20)]
        attempt = Attempt(id="a", worker=system.workers.tools.lease.worker, started_at=now)
        await store.start([task.id for task in tasks], attempt, now + timedelta(hours=1))
        full, *others = tasks
        await _fill(store.database, full.id)
        assert not await pool._leave_no_strays()
        assert {(await system.get(task.id)).status for task in others} == {Status.PENDING}
        assert (await system.get(full.id)).status is Status.PROCESSING


async def _fill(database: Database, task_id: str) -> None:
    """Let a task's document be as large as one may be."""
    document = await database[TASKS].find_one({"_id": task_id})
    room = LARGEST_DOCUMENT_BYTES - len(bson.encode({**document, "saved": {"x": ""}})) - 8
    await database[TASKS].update_one({"_id": task_id}, {"$set": {"saved": {"x": "x" * room}}})
