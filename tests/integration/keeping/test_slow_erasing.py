"""What is erased of a database that takes its time: all of it, whenever MongoDB is through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from danqing_server.clock import Clock
from danqing_server.errors import StoreUnavailable
from danqing_server.store.belongings import Belongings, Whose
from danqing_server.store.keys import KeyStore
from danqing_server.store.reach import Reach
from tests.support.servers import RunningServer
from tests.support.slow_mongodb import hurried, slow

READING = ("find", "update", "delete", "aggregate")
"""What reads through something."""

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture
async def database(slow_mongod: RunningServer, database_name: str) -> AsyncIterator[Any]:
    """A database of whose client nothing may take long."""
    client = hurried(slow_mongod.url)
    yield client[database_name]
    client.close()


async def test_the_books_forget_a_user_however_long_they_are(database: Any) -> None:
    """Years of them are read through: a bound of time ended it each time it was made again."""
    await database["danqing_ledger"].insert_one({"_id": "t/0", "task": "t", "user": "zhang", "project": "shop"})
    async with slow(database, *READING):
        await Belongings(database).forget_in_ledger(Whose(user="zhang", reach=Reach.of("shop")))
    assert [each["user"] async for each in database["danqing_ledger"].find()] == [""]


async def test_what_there_is_is_found_and_removed(database: Any) -> None:
    """Counted, and looked through, as far as no index is made for what happens once."""
    await database["danqing_tasks"].insert_one({"_id": "t", "user_id": "zhang", "owner": "shop", "created_at": NOW})
    delivery = {"_id": "d", "owner": "shop", "state": "failed", "body": '{"user_id":"zhang"}', "created_at": NOW}
    await database["danqing_deliveries"].insert_one(delivery)
    whose = Whose(user="zhang", reach=Reach.of("shop"))
    async with slow(database, *READING):
        belongings, later = Belongings(database), datetime(2027, 1, 1, tzinfo=UTC)
        assert (await belongings.count(whose, later))["tasks"] == 1
        assert [each.id for each in await belongings.tasks(whose, later, None)] == ["t"]
        assert await belongings.forget_deliveries(whose) == 1


async def test_keys_are_forgotten_however_many_there_are(database: Any) -> None:
    """Of a whole batch, which no index finds."""
    store = KeyStore(database, Clock(), 3600.0)
    await store.claim("k", "f", "batch_1")
    async with slow(database, *READING):
        await store.forget_all(["batch_1"])
    found = await store.find("k")
    assert found is not None
    assert found.is_deleted


async def test_a_server_that_is_away_is_not_waited_for(slow_mongod: RunningServer, database: Any) -> None:
    """For a day, as for one that works."""
    slow_mongod.pause()
    try:
        with pytest.raises(StoreUnavailable):
            await Belongings(database).forget_sessions(Whose(user="zhang", reach=Reach.everybody()))
    finally:
        slow_mongod.resume()
