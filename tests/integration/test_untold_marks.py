"""Marks of what is still to be told, beside those that only a newer release can read."""

from __future__ import annotations

from datetime import timedelta

from danqing_server.settings.server import Settings
from tests.integration.test_events import Deaf, document
from tests.support.system import running_system


async def test_marks_of_a_newer_release_keep_none_from_being_told(settings: Settings) -> None:
    """However many there are: none of them is told here, and all stay."""
    async with running_system(settings, [Deaf()], workers=False) as system:
        tasks = system.services.store.database["danqing_tasks"]
        strange = [await system.submit() for _ in range(4)]
        for task in strange:
            await tasks.update_one({"_id": task.id}, {"$set": {"untold": {"t": {"kind": "resting"}}}})
        last = await system.submit()
        untold = system.services.control.register.outlet.untold
        now = system.services.clock.now() + timedelta(seconds=1)
        assert [notice.event.task_id for notice in await untold.find(now, 2)] == [last.id]
        assert "resting" in str(await document(system, strange[0].id))
