"""A MongoDB that takes its time over a large collection: less is said of it, and what is asked for is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from danqing_plugins import OutputKind
from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.desk.bulk import Act, Bulk, Deed
from danqing_server.errors import StoreUnavailable
from danqing_server.life.billing import billed_of
from danqing_server.store.listing import TaskFilter, TaskList
from danqing_server.store.paging import FilmPages, FilmQuery
from danqing_server.store.reach import Reach
from danqing_server.store.tasks import TaskStore
from tests.support.servers import RunningServer
from tests.support.slow_mongodb import HURRIED_MS, hurried, slow
from tests.unit.api.tasks import NOW, make_task


@pytest.fixture
async def database(slow_mongod: RunningServer, database_name: str) -> AsyncIterator[Any]:
    """A database of whose client nothing may take long, with five videos that wait."""
    client = hurried(slow_mongod.url)
    store = TaskStore(client[database_name])
    for number in range(5):
        made_at = NOW - timedelta(minutes=number)
        await store.insert(make_task(f"t{number}", kind=OutputKind.VIDEO, created_at=made_at))
    yield client[database_name]
    client.close()


class TestVideos:
    async def test_a_page_comes_without_its_count(self, database: Any) -> None:
        """Its total is what is known: that there are more, until there are not."""
        task_list = TaskList(database, billed_of)
        films, query = FilmPages(database, task_list.indexes), FilmQuery(reach=Reach.everybody())
        assert (await films.page(query, skip=0, limit=2))[1] == 5
        async with slow(database, "aggregate"):
            pages = [await films.page(query, skip=skip, limit=2) for skip in (0, 2, 4, 6)]
        assert [([task.id for task in found], total) for found, total in pages] == [
            (["t0", "t1"], 3),
            (["t2", "t3"], 5),
            (["t4"], 5),
            ([], 0),
        ]
        await task_list.drain()


class TestDryRuns:
    async def test_one_question_may_take_long(self, database: Any) -> None:
        """All of them have twenty seconds; two for each ended in 503."""
        task_list = TaskList(database, billed_of)
        bulk: Any = Bulk(None, task_list, Clock(), "retry")  # type: ignore[arg-type]  # a look controls nothing
        wanted = TaskFilter(model="one")
        await task_list.prepare(wanted, Caller.local().reach)
        async with slow(database, "find"):
            with pytest.raises(StoreUnavailable):
                await task_list.find(wanted, Caller.local().reach, limit=5, after=None)
            preview = await bulk.preview_matching(Deed(act=Act.CANCEL), wanted, Caller.local())
        assert (preview.matched, preview.possible, preview.is_complete) == (5, 5, True)
        await task_list.drain()

    async def test_what_there_was_no_time_for_is_more(self, database: Any) -> None:
        """Nothing is told of it, and its answer is none that fails."""
        task_list = TaskList(database, billed_of)
        bulk: Any = Bulk(None, task_list, Clock(), "retry", within_s=HURRIED_MS / 1000)  # type: ignore[arg-type]  # as above
        wanted = TaskFilter(model="one")
        await task_list.prepare(wanted, Caller.local().reach)
        async with slow(database, "find"):
            preview = await bulk.preview_matching(Deed(act=Act.CANCEL), wanted, Caller.local())
        assert (preview.matched, preview.is_complete, preview.is_cut) == (0, False, True)
        await task_list.drain()
