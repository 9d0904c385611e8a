"""A system with pictures, and the command that backs it up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from danqing_server.cli.commands import main
from danqing_server.settings.server import Settings
from tests.support.painting import painter
from tests.support.system import System, running_system

__all__ = ["Command", "Said"]


@attrs.frozen
class Said:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it wrote as JSON."""
        return json.loads(self.out)


Command = Callable[..., Awaitable[Said]]


@pytest.fixture
def danqing(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> Command:
    """Run a command with the test's own servers, beside whatever runs in the event loop."""
    for name, value in settings.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    async def run(*words: object) -> Said:
        capsys.readouterr()
        code = await asyncio.to_thread(main, [str(word) for word in words])
        told = capsys.readouterr()
        return Said(code, told.out, told.err)

    return run


@pytest.fixture
async def system(settings: Settings) -> AsyncIterator[System]:
    """A running system in which twelve pictures were made, no two alike."""
    async with running_system(settings, [painter()]) as running:
        tasks = await asyncio.gather(*(running.submit(n=2) for _ in range(6)))
        await asyncio.gather(*(running.finished(task.id) for task in tasks))
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the backups are."""
    return tmp_path / "backups"
