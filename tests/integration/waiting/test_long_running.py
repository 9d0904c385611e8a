"""Who follows all tasks is told of those that began long before, too."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from danqing_server.life.moves import Finished
from danqing_server.records.tasks import Attempt, Status
from danqing_server.store.tasks import COLLECTION
from tests.integration.api.conftest import Client, Open
from tests.integration.waiting.conftest import Telling
from tests.support.event_reader import reading
from tests.support.system import until

EVENTS = "/api/v1/events"
LONG_AGO = timedelta(minutes=5)


@pytest.mark.parametrize("query", ["", "?per_second=100", "?user_id=u1&per_second=100"])
async def test_how_far_it_is_is_told(open_api: Open, query: str) -> None:
    """A page that is opened while a film is being made shows it go on."""
    provider = Telling()
    async with open_api(workers=True, provider=provider) as api:
        await _began_long_ago(api)
        async with reading(api.session, api.base + EVENTS + query) as reader:
            provider.steps.put_nowait(0.25)
            [*_, told] = await reader.until(lambda event: event.data["progress"] >= 0.25)
            provider.steps.put_nowait(1)
            await reader.until(lambda event: event.data["status"] == "completed")
        assert (told.event, told.id) == ("progress", None)


async def test_an_end_of_long_ago_is_told(open_api: Open) -> None:
    """MongoDB was away for minutes, and takes what was decided at their beginning."""
    async with open_api() as api:
        task_id, long_ago = (await api.system.submit()).id, _long_ago(api)
        attempt = Attempt(id="a", worker="w", started_at=long_ago)
        [task] = await api.services.store.start([task_id], attempt, api.services.clock.now() + LONG_AGO)
        async with reading(api.session, api.base + EVENTS) as reader:
            end = Finished(task=task, at=long_ago + timedelta(minutes=1), becomes=Status.FAILED)
            assert await api.services.store.apply(end.change())
            [*_, told] = await reader.until(lambda event: event.data["id"] == task_id)
            assert (told.event, told.data["status"]) == ("task", "failed")


async def _began_long_ago(api: Client) -> str:
    """Return the id of a task that is being carried out for five minutes by now."""
    task_id = (await api.system.submit()).id

    async def began() -> bool:
        return (await api.system.get(task_id)).status is Status.PROCESSING

    await until(began, what="the start")
    tasks = api.services.store.database[COLLECTION]
    await tasks.update_one({"_id": task_id}, {"$set": {"updated_at": _long_ago(api)}})
    return task_id


def _long_ago(api: Client) -> datetime:
    return api.services.clock.now() - LONG_AGO
