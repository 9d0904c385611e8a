"""A backup that read the books before somebody asked for late ones, and how far they are after that."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from danqing_server.settings.server import Settings
from tests.integration.api.conftest import Client, opened
from tests.integration.backups.conftest import Command
from tests.support.painting import painter
from tests.support.system import MakeSettings


async def test_what_is_not_in_the_books_is_booked_anew(
    settings: Settings,
    make_settings: MakeSettings,
    danqing: Command,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was in no sum of the restored server, for ever."""
    async with opened(settings, painter(), workers=True) as api:
        task = await api.system.submit()
        await api.system.finished(task.id)
        before = await _usage(api)
        database = api.services.store.database
        await database["danqing_ledger"].delete_many({})
        later = task.created_at + timedelta(hours=1)
        await database["danqing_stats"].update_one({"_id": "booked"}, {"$set": {"until": later}})
        assert (await danqing("backup", folder)).code == 0
    target = make_settings(
        DANQING_DATABASE=f"test_{uuid.uuid4().hex[:16]}",
        DANQING_REDIS_PREFIX=f"test-{uuid.uuid4().hex[:16]}",
        DANQING_DATA_DIR=str(tmp_path / "elsewhere"),
    )
    for name, value in target.environment.items():
        monkeypatch.setenv(name, value)
    assert (await danqing("restore", folder)).code == 0
    async with opened(target, painter(), workers=True) as api:
        assert await _usage(api) == before


async def _usage(api: Client) -> Any:
    reply = await api.ask("GET", "/api/v1/usage?group_by=model")
    assert reply.status == 200, reply.json
    return reply.json["data"]["rows"]
