"""What MongoDB's router would do with each command, were tasks sharded by the hash of their ids (decision 0043).

A router sends a command to one shard where it names the shard key, and to all where it does not. There is no router
here: the commands are taken from the profiler, and judged by that rule. Source: MongoDB manual 6.0, "Distributed
Queries" and "Database Commands in a Sharded Cluster", read 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from danqing_server.settings.server import Settings
from danqing_server.store.client import connect
from danqing_server.store.tasks import COLLECTION
from tests.integration.test_round_trips import answer, live_through_everything
from tests.support.providers import ScriptedProvider
from tests.support.system import running_system

BROADCAST = {
    "attempt.worker": "who looks after the dead",
    "waiting": "the sweep, which compares the queue with what waits",
    "user_id": "a user's list",
    "owner": "a project's list",
}
"""What may ask every shard, by a field that it is about: nothing of a task's way."""


def names_ids(condition: Mapping[str, Any]) -> bool:
    """Tell whether a router knows by *condition* where to go: to the ids' shards."""
    asked = condition.get("_id")
    return isinstance(asked, str) or (isinstance(asked, Mapping) and set(asked) <= {"$in", "$eq"} and bool(asked))


async def profiled(settings: Settings) -> list[dict[str, Any]]:
    """Have the server do all it does with tasks, and return what MongoDB was asked."""
    async with (
        running_system(settings, [ScriptedProvider(answer, single_call=True)]) as system,
        connect(settings) as database,
    ):
        await database.command("profile", 2)
        await live_through_everything(system)
        await database.command("profile", 0)
        seen: list[dict[str, Any]] = await (
            database["system.profile"].find({"ns": f"{database.name}.{COLLECTION}"}).to_list(None)
        )
    return seen


class TestTargeted:
    async def test_every_write_names_its_tasks(self, settings: Settings) -> None:
        """One shard for one task, as many as needed for a batch; what changes one and returns it names one id."""
        seen = await profiled(settings)
        updates = [each for each in seen if each["op"] in ("update", "remove")]
        finds = [each["command"] for each in seen if "findAndModify" in each.get("command", {})]
        assert updates
        assert finds
        assert not [each["command"]["q"] for each in updates if not names_ids(each["command"]["q"])]
        assert not [each["query"] for each in finds if not isinstance(each["query"].get("_id"), str)]

    async def test_what_asks_every_shard_is_known(self, settings: Settings) -> None:
        """Lists and the loops that look after everybody's tasks; a task's own way is not among it."""
        seen = await profiled(settings)
        asked = [each["command"]["filter"] for each in seen if "find" in each.get("command", {})]
        broadcast = [condition for condition in asked if not names_ids(condition)]
        assert any(map(names_ids, asked))
        assert not [condition for condition in broadcast if not set(condition) & set(BROADCAST)]
