"""What `danqing upgrade` does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs

from danqing_server.cli.backup_acts import progress, say
from danqing_server.cli.environment import environment_of
from danqing_server.cli.exits import Exit
from danqing_server.clock import Clock
from danqing_server.log import configure_logging
from danqing_server.settings.reading import read_settings
from danqing_server.settings.server import Settings
from danqing_server.store.client import connect_operator
from danqing_server.store.dumping import require_used
from danqing_server.store.migrations import MIGRATIONS, Migration, MigrationStore
from danqing_server.store.restoring import RestoreStore
from danqing_server.store.tasks import COLLECTION as TASKS
from danqing_server.supervision.embedded.borrowing import borrowed_mongodb

__all__ = ["look", "upgrade"]

MOST_NAMED = 20
T = TypeVar("T")


@attrs.frozen(kw_only=True)
class _State:
    """What was found: documents of tasks by version, `unreadable` ones of them, and what migrations have left."""

    schema: int
    versions: Mapping[str, int]
    unreadable: int
    unreadable_ids: tuple[str, ...]
    left: Mapping[str, int]

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.unreadable or any(self.left.values()))


def look(env_file: Path | None, *, as_json: bool) -> int:
    """Say what there is to do; returns the exit code. Raises DanqingError."""
    state = _run(env_file, _look)
    say({**attrs.asdict(state), "done": state.is_done}, _told(state), as_json=as_json)
    return Exit.DONE if state.is_done else Exit.FAILED


def upgrade(env_file: Path | None, *, as_json: bool) -> int:
    """Make every migration that has something to do; returns the exit code. Raises DanqingError."""
    changed = _run(env_file, _upgrade)
    lines = [f"{migration}: {count} documents changed" for migration, count in changed.items()]
    say({"changed": changed}, lines or ["nothing to do"], as_json=as_json)
    return Exit.DONE


def _run(env_file: Path | None, act: Callable[[MigrationStore], Coroutine[Any, Any, T]]) -> T:
    configure_logging("CRITICAL")  # what is wrong is told in lines
    return asyncio.run(_with_store(read_settings(environment_of(env_file)), act))


async def _with_store(settings: Settings, act: Callable[[MigrationStore], Coroutine[Any, Any, T]]) -> T:
    async with borrowed_mongodb(settings) as served, connect_operator(served) as database:
        await require_used(database)
        await RestoreStore(database).require_whole()
        return await act(MigrationStore(database, Clock()))


async def _look(store: MigrationStore) -> _State:
    unreadable = [task_id async for task_id in store.unreadable_tasks()]
    left = {migration.id: await store.count_left(migration) for migration in MIGRATIONS}
    versions = await store.versions(TASKS)
    return _State(
        schema=store.schema_version,
        versions={str(version): count for version, count in sorted(versions.items())},
        unreadable=len(unreadable),
        unreadable_ids=tuple(unreadable[:MOST_NAMED]),
        left=left,
    )


async def _upgrade(store: MigrationStore) -> dict[str, int]:
    changed = {migration.id: await _migrate(store, migration) for migration in MIGRATIONS}
    return {migration: count for migration, count in changed.items() if count}


async def _migrate(store: MigrationStore, migration: Migration) -> int:
    """Make a migration from where it was cut, and once more from the beginning when something is left behind it."""
    report, clock = progress(), store.clock
    at = await store.progress(migration)
    before = at.changed
    while at.after or await store.count_left(migration):
        since_s = clock.monotonic_s()
        at = await store.make_page(migration, at)
        report(f"{migration.id}: {at.changed - before} documents")
        await asyncio.sleep(clock.monotonic_s() - since_s)  # servers have at least half of MongoDB
    return at.changed - before


def _told(state: _State) -> list[str]:
    lines = [f"{count} tasks of version {version}" for version, count in state.versions.items()]
    lines += [f"{count} documents left for {migration}" for migration, count in state.left.items() if count]
    if state.unreadable:
        shown = ", ".join(state.unreadable_ids)
        lines.append(f"{state.unreadable} tasks are of a newer release, or damaged; this one cannot read: {shown}")
    if any(state.left.values()):
        lines.append("run `danqing upgrade`; servers may go on meanwhile")
    return lines if not state.is_done else [*lines, "nothing to do"]
