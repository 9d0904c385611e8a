"""`danqing upgrade`: what older releases stored is brought up to this one, wherever it is cut."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest
from pymongo import MongoClient

from danqing_server.settings.server import Settings
from tests.integration.backups.conftest import Command
from tests.support.dying_command import run_command
from tests.support.system import System

OLD = 1300
"""More than two pages."""


def _age(settings: Settings, count: int = OLD, since: int = 0) -> None:
    """Leave documents as a release that wrote no versions left them, copies of a real one among new ones."""
    with MongoClient[dict[str, Any]](settings.mongo_url) as client:
        tasks = client[settings.database or ""]["danqing_tasks"]
        one = tasks.find_one({})
        assert one is not None
        del one["v"]
        ids = [f"old_img_{number:06}" for number in range(since, since + count)]
        tasks.insert_many([{**one, "_id": id_, "transition_id": f"of-{id_}"} for id_ in ids])


def _documents(settings: Settings) -> dict[str, dict[str, Any]]:
    with MongoClient[dict[str, Any]](settings.mongo_url) as client:
        return {each["_id"]: each for each in client[settings.database or ""]["danqing_tasks"].find({})}


class TestUpgrade:
    async def test_old_documents(self, system: System, settings: Settings, danqing: Command) -> None:
        """A look says what there is to do; it is done while the server runs, and nothing else of them changes."""
        assert (await danqing("upgrade", "--check")).code == 0
        await asyncio.to_thread(_age, settings)
        before = _documents(settings)
        looked = await danqing("upgrade", "--check", "--json")
        assert (looked.code, looked.json["left"]["2026-11-version-of-tasks"], looked.json["done"]) == (
            1,
            OLD,
            False,
        )
        done = await danqing("upgrade", "--json")
        assert (done.code, done.json["changed"]) == (0, {"2026-11-version-of-tasks": OLD})
        after = _documents(settings)
        assert {id_: {**each, "v": 1} for id_, each in before.items()} == after
        assert (await danqing("upgrade", "--check", "--json")).json["versions"] == {"1": OLD + 6}
        assert (await system.get("old_img_000001")).kept

    async def test_what_an_older_process_writes_behind_it(
        self, system: System, settings: Settings, danqing: Command
    ) -> None:
        """It is found by the next look, and done by the next run."""
        await asyncio.to_thread(_age, settings, 10)
        await danqing("upgrade")
        await asyncio.to_thread(_age, settings, 3, 500_000)
        assert (await danqing("upgrade", "--check")).code == 1
        assert (await danqing("upgrade", "--json")).json["changed"] == {"2026-11-version-of-tasks": 3}

    async def test_what_a_newer_release_wrote(self, system: System, settings: Settings, danqing: Command) -> None:
        """Before a downgrade, or a release skipped, one sees what could not be read."""
        await asyncio.to_thread(_age, settings, 2)
        with MongoClient[dict[str, Any]](settings.mongo_url) as client:
            tasks = client[settings.database or ""]["danqing_tasks"]
            tasks.update_one({"_id": "old_img_000001"}, {"$set": {"v": 9, "outputs": "of another shape"}})
        looked = await danqing("upgrade", "--check", "--json")
        assert (looked.code, looked.json["unreadable_ids"]) == (1, ["old_img_000001"])
        assert looked.json["versions"] == {"1": 7, "9": 1}

    @pytest.mark.kills
    async def test_cut_anywhere(self, system: System, settings: Settings, danqing: Command) -> None:
        """It dies before a page, then after one, then goes on to the end: each document is changed once."""
        await asyncio.to_thread(_age, settings)
        for point, left in (("before:upgrade.page", OLD), ("after:upgrade.page", OLD - 500)):
            died = await asyncio.to_thread(run_command, settings, "upgrade", dies_at=point)
            assert died == -signal.SIGKILL
            told = (await danqing("upgrade", "--check", "--json")).json
            assert told["left"]["2026-11-version-of-tasks"] == left
        assert (await danqing("upgrade", "--json")).json["changed"] == {"2026-11-version-of-tasks": OLD - 500}
        assert (await danqing("upgrade", "--check")).code == 0
