"""What `danqing restore` does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import attrs

from danqing_server.assets.bucket import open_bucket
from danqing_server.assets.folder import local_folder
from danqing_server.assets.opening import open_assets
from danqing_server.backup.reading import Run
from danqing_server.backup.repository import Repository
from danqing_server.backup.restoring import Plan, Restored, Restoring, plan
from danqing_server.cli.backup_acts import progress, quiet_and_private, say, size_text
from danqing_server.cli.environment import environment_of
from danqing_server.cli.exits import Exit
from danqing_server.clock import Clock
from danqing_server.life.held import Fate
from danqing_server.queue.connection import connect as connect_redis
from danqing_server.settings.reading import read_settings
from danqing_server.settings.server import Settings
from danqing_server.store.client import connect_operator
from danqing_server.store.restoring import RestoreStore
from danqing_server.supervision.embedded.borrowing import own_servers

__all__ = ["Wanted", "restore"]

_FATES: Mapping[str, str] = {
    Fate.HELD: "held: whether anything was paid for since is not known; `danqing retry` or their user tries again",
    Fate.FETCHES: "to be fetched: everything is bought",
    Fate.WAITS: "scheduled: the time is still to come",
}


@attrs.frozen(kw_only=True)
class Wanted:
    """What was asked for; see `cli.restore`."""

    folder: Path
    run: str | None
    dry_run: bool
    overwrites: bool
    skips_damaged: bool
    resumes: bool


def restore(wanted: Wanted, env_file: Path | None, *, as_json: bool) -> int:
    """Restore, or say what would be done; returns the exit code. Raises DanqingError."""
    settings = read_settings(environment_of(env_file))
    with quiet_and_private(), Repository.open(wanted.folder).locked() as repository:
        run = Run.open(repository, wanted.run)
        if wanted.dry_run:
            asyncio.run(_look_at_bucket(settings))
            planned = asyncio.run(_plan(settings, run, wanted))
            say(attrs.asdict(planned), _planned(planned), as_json=as_json)
            return Exit.FAILED if planned.target and not (wanted.overwrites or planned.goes_on) else Exit.DONE
        done = asyncio.run(_restore(settings, repository, run, wanted))
    say(attrs.asdict(done), _told(done), as_json=as_json)
    return Exit.FAILED if done.damaged or done.lost else Exit.DONE


async def _plan(settings: Settings, run: Run, wanted: Wanted) -> Plan:
    target: Mapping[str, int] = {}
    under_way = None
    if settings.mongo_url is not None or (settings.data_dir / "mongodb").is_dir():
        async with own_servers(settings, redis=False) as served, connect_operator(served) as database:
            store = RestoreStore(database)
            target, under_way = await store.held(), await store.under_way()
    return await asyncio.to_thread(plan, run, target, under_way, Clock().now(), resumes=wanted.resumes)


async def _look_at_bucket(settings: Settings) -> None:
    """Raise StorageUnavailable for a bucket that cannot be listed; a folder would be made when it is missing."""
    if local_folder(settings.assets_url, settings.data_dir) is None:
        bucket = open_bucket(settings.assets_url or "", settings.environment)
        async for _ in bucket.files("(nobody's)"):
            pass


async def _restore(settings: Settings, repository: Repository, run: Run, wanted: Wanted) -> Restored:
    clock = Clock()
    async with (
        own_servers(settings) as served,
        connect_operator(served) as database,
        connect_redis(served.redis_url or "", served.redis_prefix, clock) as redis,
        aiohttp.ClientSession() as session,
        open_assets(served, session, patient=True) as assets,
    ):
        restoring = Restoring(
            run=run,
            repository=repository,
            store=RestoreStore(database),
            assets=assets,
            redis=redis,
            clock=clock,
            report=progress(),
            resumes=wanted.resumes,
            overwrites=wanted.overwrites,
            skips_damaged=wanted.skips_damaged,
            timeout_s=served.task_timeout_s,
            kept_s=served.idempotency_kept_s,
        )
        return await restoring.restore()


def _planned(planned: Plan) -> list[str]:
    documents = [f"  {count} of {name}" for name, count in planned.documents.items()]
    size = size_text(planned.picture_bytes)
    there = [f"  {count} of {name}" for name, count in planned.target.items()]
    return [
        f"backup {planned.run}, taken at {planned.taken_at} by danqing {planned.release}, would put back:",
        *documents,
        f"  {planned.pictures} pictures, {size}",
        *_fated(planned.fates),
        *(["the target has already, and --overwrite would remove:", *there] if there else ["the target is empty"]),
        *(["a restore of this backup was cut there, and would go on"] if planned.goes_on else []),
    ]


def _told(done: Restored) -> list[str]:
    wrong = {"damaged in the backup": done.damaged, "lost before it was taken": done.lost}
    return [
        f"{done.run} is restored: {done.documents} documents, {done.pictures} pictures "
        f"({done.pictures_there} were there already)",
        *_fated(done.fates),
        *(f"{count} pictures are missing: {why}" for why, count in wrong.items() if count),
    ]


def _fated(fates: Mapping[str, int]) -> list[str]:
    found = [(fates[fate], said) for fate, said in _FATES.items() if fates.get(fate)]
    return [f"  {number} {'task' if number == 1 else 'tasks'} {said}" for number, said in found]
