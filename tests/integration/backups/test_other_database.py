"""A database that is not the server's, as where a variable is missing in a cron job: nothing is called good."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from danqing_server.backup.repository import Repository
from tests.integration.backups.conftest import Command
from tests.support.system import System


@pytest.mark.parametrize(
    "command",
    [
        "backup DIR --keep 1",
        "assets verify",
        "assets orphans",
        "upgrade --check",
        "remains --user u",
        "erase --user u --yes",
    ],
)
async def test_where_no_server_ever_worked_all_is_refused(
    system: System, danqing: Command, folder: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """An empty backup would be good, and drive the real ones out one by one; of nobody is anything left."""
    assert (await danqing("backup", folder)).code == 0
    before = Repository.open(folder).runs()
    monkeypatch.setenv("DANQING_DATABASE", nobodys := f"test_{uuid.uuid4().hex[:16]}")

    refused = await danqing(*command.replace("DIR", str(folder)).split())

    assert (refused.code, refused.out) == (2, "")
    assert f"'{nobodys}' holds nothing of danqing" in refused.err
    assert "DANQING_DATABASE" in refused.err
    assert Repository.open(folder).runs() == before
