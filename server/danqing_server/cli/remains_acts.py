"""What `danqing remains` does: it looks for a name in every document, and for a task's files in the storage."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import attrs

from danqing_server.assets.opening import open_assets
from danqing_server.cli.backup_acts import quiet_and_private, say
from danqing_server.cli.environment import environment_of
from danqing_server.cli.exits import Exit
from danqing_server.errors import SettingsError
from danqing_server.settings.reading import read_settings
from danqing_server.settings.server import Settings
from danqing_server.store.client import connect_operator
from danqing_server.store.dumping import require_used
from danqing_server.store.keys import DELETED
from danqing_server.store.remains import Named, Remain, RemainsStore
from danqing_server.store.restoring import RestoreStore
from danqing_server.supervision.embedded.borrowing import borrowed_mongodb

__all__ = ["show_remains"]

_LEFT = {DELETED: "left: the note of a deletion, which is looked at once more a minute after it"}


def show_remains(
    env_file: Path | None, *, task: str | None, user: str | None, project: str | None, as_json: bool
) -> int:
    """Show what is left of one thing; returns the exit code. Raises DanqingError."""
    named = [each for each in (task, user, project) if each]
    if len(named) != 1:
        raise SettingsError("say one thing to look for: a task's id, --user or --project")
    settings = read_settings(environment_of(env_file))
    with quiet_and_private():
        remains, files = asyncio.run(
            _look(settings, named[0], None if task else Named.USER if user else Named.PROJECT)
        )
    left = [each for each in remains if each.why is None]
    lines = [f"{each.collection}: {each.id}: {each.why or _LEFT.get(each.collection, 'left')}" for each in remains]
    lines += [f"file {key}" for key in files]
    is_clean = not left and not files
    lines.append(
        f"nothing is left of {named[0]}" if is_clean else f"{len(left)} documents, {len(files)} files left"
    )
    data = {"documents": [attrs.asdict(each) for each in remains], "files": files, "nothing_left": is_clean}
    say(data, lines, as_json=as_json)
    return 0 if is_clean else Exit.FAILED


async def _look(settings: Settings, name: str, sort: Named | None) -> tuple[list[Remain], list[str]]:
    """Return in which documents a name stands; *sort* None: a task's id, and what files there are of it."""
    async with (
        borrowed_mongodb(settings) as with_mongodb,
        connect_operator(with_mongodb) as database,
        aiohttp.ClientSession() as session,
        open_assets(with_mongodb, session) as assets,
    ):
        await require_used(database)
        await RestoreStore(database).require_whole()
        store = RemainsStore(database)
        found = store.mentions(name) if sort is None else store.values(name, sort)
        files = [each.key async for each in assets.place.files(name)] if sort is None else []
        return [each async for each in found], files
