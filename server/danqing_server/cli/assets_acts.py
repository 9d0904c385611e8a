"""What the commands of `danqing assets` do: prove the files, move them, list those that nobody names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import aiohttp
import attrs

from danqing_server.assets.opening import open_assets
from danqing_server.assets.paired import Pair
from danqing_server.assets.results import ResultSessions, results_session
from danqing_server.assets.storage import Assets
from danqing_server.cli.backup_acts import progress, quiet_and_private, say, size_text
from danqing_server.cli.environment import environment_of
from danqing_server.cli.exits import Exit
from danqing_server.clock import Clock
from danqing_server.errors import SettingsError
from danqing_server.plugins.registry import load_registry
from danqing_server.settings.reading import read_settings
from danqing_server.settings.server import Settings
from danqing_server.settings.variables import duration
from danqing_server.store.client import connect_operator
from danqing_server.store.dumping import Dump, open_dump, require_used
from danqing_server.store.restoring import RestoreStore
from danqing_server.supervision.embedded.borrowing import borrowed_mongodb
from danqing_server.upkeep.moving import Moved, Mover
from danqing_server.upkeep.orphans import Orphan, is_orphan, names_any, orphans
from danqing_server.upkeep.verifying import Verified, verify

__all__ = ["move_all", "show_orphans", "verify_all"]

MOST_SHOWN = 50
SHORTEST_GRACE_S = 3600.0
LONGEST_GRACE_S = 10 * 366 * 86400.0


def verify_all(env_file: Path | None, *, quick: bool, repair: bool, as_json: bool) -> int:
    """Prove every file; returns the exit code. Raises DanqingError."""
    settings = read_settings(environment_of(env_file))
    with quiet_and_private():
        found = asyncio.run(_verify(settings, quick=quick, repair=repair))
    say({**attrs.asdict(found), "good": found.is_good}, _verified_lines(found), as_json=as_json)
    return 0 if found.is_good else Exit.FAILED


def show_orphans(env_file: Path | None, older_than: str, *, remove: bool, as_json: bool) -> int:
    """List the files that nobody names, and remove them if asked to; returns the exit code. Raises DanqingError."""
    try:
        grace_s = duration(SHORTEST_GRACE_S, LONGEST_GRACE_S, days=True)(older_than)
    except ValueError as error:
        raise SettingsError(f"--older-than {older_than}: must be a time of at least 1h (`24h`, `7d`)") from error
    settings = read_settings(environment_of(env_file))
    with quiet_and_private():
        found = asyncio.run(_orphans(settings, timedelta(seconds=grace_s), remove=remove))
    size = sum(each.size_bytes for each in found)
    lines = [f"{each.key}  {size_text(each.size_bytes)}  {each.why}" for each in found[:MOST_SHOWN]]
    if len(found) > MOST_SHOWN:
        lines.append(f"and {len(found) - MOST_SHOWN} more")
    done = "removed" if remove else "found"
    data = {"orphans": [attrs.asdict(each) for each in found], "bytes": size, "removed": remove}
    say(data, [*lines, f"{done}: {len(found)} files, {size_text(size)}"], as_json=as_json)
    return 0


def move_all(env_file: Path | None, *, keep: bool, as_json: bool) -> int:
    """Move the pictures to where they are to be; returns the exit code. Raises DanqingError."""
    settings = read_settings(environment_of(env_file))
    if settings.assets_also is None:
        raise SettingsError(
            "DANQING_ASSETS_ALSO is not set: name the old storage there, and the new one as DANQING_ASSETS_URL, "
            "for the server too; docs/keeping.md says in which order"
        )
    with quiet_and_private():
        found = asyncio.run(_move(settings, keep=keep))
    lines = [f"differs at the two places, left as it is: {key}" for key in found.differing[:MOST_SHOWN]]
    lines += [f"cannot be read at the old place: {key}" for key in found.unreadable[:MOST_SHOWN]]
    told = f"{found.copied} copied, {found.removed} removed from the old place, {found.gone} deleted meanwhile"
    lines.append(f"{found.files} files, {size_text(found.size_bytes)}: {told}")
    say(attrs.asdict(found), lines, as_json=as_json)
    return Exit.FAILED if found.differing or found.unreadable else 0


async def _move(settings: Settings, *, keep: bool) -> Moved:
    async with _opened(settings) as (dump, assets):
        assert isinstance(assets.place, Pair)  # DANQING_ASSETS_ALSO is set
        return await Mover(assets.place, partial(is_orphan, dump), progress(), keep).move()


async def _verify(settings: Settings, *, quick: bool, repair: bool) -> Verified:
    async with _opened(settings) as (dump, assets):
        return await verify(dump, assets, progress(), quick=quick, repair=repair)


async def _orphans(settings: Settings, grace: timedelta, *, remove: bool) -> list[Orphan]:
    async with _opened(settings) as (dump, assets):
        found = [each async for each in orphans(dump, assets, Clock().now() - grace)]
        if remove and found and not await names_any(dump):
            raise SettingsError(
                f"{len(found)} files would go, and the database has no task and no upload at all: MONGO_URL, "
                "DANQING_DATABASE and DANQING_DATA_DIR have to be those of the server; nothing was removed"
            )
        if remove:
            for each in found:
                await assets.delete(each.key)
        return found


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Dump, Assets]]:
    """Yield the documents and the storage that the settings name. Raises SettingsError: they are half restored."""
    async with (
        borrowed_mongodb(settings) as with_mongodb,
        connect_operator(with_mongodb) as database,
        open_dump(database) as dump,
        aiohttp.ClientSession() as plain,
        results_session() as guarded,
    ):
        await require_used(database)
        await RestoreStore(database).require_whole()
        results = ResultSessions(
            plain=plain,
            guarded=guarded,
            providers=load_registry(settings).providers,
            private_hosts=settings.private_results,
        )
        async with open_assets(with_mongodb, plain, results=results, patient=True) as assets:
            yield dump, assets


def _verified_lines(found: Verified) -> list[str]:
    lines = [
        f"{each.trouble}: {each.key} ({each.collection}: {each.id}){', repaired' if each.repaired else ''}"
        for each in found.findings[:MOST_SHOWN]
    ]
    wrong = found.missing + found.damaged
    if wrong > len(lines):
        lines.append(f"and {wrong - len(lines)} more")
    said = f"{found.documents} documents, {found.files} files, {size_text(found.size_bytes)}"
    if not wrong:
        return [f"good: {said}"]
    told = f"{found.missing} missing, {found.damaged} damaged, {found.repaired} repaired"
    return [*lines, f"{told}; {said}"]
