"""Puts a backup back: the pictures first, then the documents, then an end to what was open.

Until all of it is done the database has a mark, under which nothing is served. A restore that is cut goes on when
it is made again: pictures and documents that are there already are left as they are. What it takes the place of is
removed once the pictures are there: a backup that lacks some must not cost what still works.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

import attrs

from danqing_server.assets.storage import Assets
from danqing_server.backup.bringing import Bringer
from danqing_server.backup.errors import BackupDamaged, BackupError
from danqing_server.backup.files import grouped
from danqing_server.backup.holding import Holder
from danqing_server.backup.manifest import SetRecord
from danqing_server.backup.reading import Run
from danqing_server.backup.repository import Repository
from danqing_server.backup.taking import Report
from danqing_server.backup.verifying import damaged_files
from danqing_server.clock import Clock
from danqing_server.errors import Unreadable
from danqing_server.life.held import Fate, fate_of
from danqing_server.loops.steps import step
from danqing_server.queue.connection import RedisConnection
from danqing_server.queue.forgetting import forget_all
from danqing_server.records.tasks import FINISHED
from danqing_server.store.batches import BatchStore
from danqing_server.store.deletions import Deletion, DeletionStore
from danqing_server.store.dumping import decoded
from danqing_server.store.reading import task_of
from danqing_server.store.restoring import RestoreStore
from danqing_server.store.tasks import COLLECTION as TASKS
from danqing_server.store.tasks import TaskStore

__all__ = ["Plan", "Restored", "Restoring", "plan"]

DOCUMENTS_AT_ONCE = 100
WATCHED_S = 20.0
"""As long as a worker is watched before others take over what it has: on a busy MongoDB five seconds become ten."""
ENDPOINTS = "danqing_webhooks"


@attrs.frozen(kw_only=True)
class Plan:
    """What a restore would do. `fates` counts the tasks; `target` the documents that are there now."""

    run: str
    taken_at: str
    release: str
    documents: Mapping[str, int]
    pictures: int
    picture_bytes: int
    lost: int
    fates: Mapping[str, int]
    target: Mapping[str, int]
    goes_on: bool


@attrs.frozen(kw_only=True)
class Restored:
    """What a restore did."""

    run: str
    documents: int
    pictures: int
    pictures_there: int
    damaged: int
    lost: int
    fates: Mapping[str, int]
    queue_keys_removed: int


def plan(run: Run, target: Mapping[str, int], under_way: str | None, now: datetime, *, resumes: bool) -> Plan:
    """Say what restoring *run* would do to a database with *target* in it. Blocks. Raises BackupDamaged."""
    manifest = run.manifest
    fates = Counter(fate for set_ in manifest.sets if set_.name == TASKS for fate in _fates(run, set_, now))
    if resumes:
        fates = Counter({Fate.STAYS: fates.total()})
    return Plan(
        run=manifest.id,
        taken_at=manifest.began_at,
        release=manifest.release,
        documents={each.name: each.file.entries - len(each.struck) for each in manifest.sets},
        pictures=manifest.pictures.entries + manifest.pictures_again.entries,
        picture_bytes=manifest.picture_bytes,
        lost=len(manifest.lost),
        fates={fate.value: fates[fate] for fate in Fate},
        target=target,
        goes_on=under_way == manifest.id,
    )


def _fates(run: Run, set_: SetRecord, now: datetime) -> list[Fate]:
    found: list[Fate] = []
    for raw in run.documents(set_):
        document = decoded(raw)
        if document.get("status") in FINISHED:  # most are, and need not be read
            found.append(Fate.STAYS)
            continue
        task = task_of(document)
        found.append(Fate.HELD if isinstance(task, Unreadable) else fate_of(task, now))
    return found


@attrs.define(eq=False)
class Restoring:
    """One restore of a backup into a database, a storage and a queue.

    `resumes`: what was open goes on as after a death, since the server of the backup never ran after it. `kept_s`
    is for how long a deletion is known, `timeout_s` how long a task may take.
    """

    run: Run
    repository: Repository
    store: RestoreStore
    assets: Assets
    redis: RedisConnection
    clock: Clock
    report: Report
    resumes: bool
    overwrites: bool
    skips_damaged: bool
    timeout_s: float
    kept_s: float

    async def restore(self) -> Restored:
        """Do it.

        Raises:
            BackupError: the target is not empty, or is served; nothing was changed.
            BackupDamaged: the backup is not whole; no document was put back, and none removed.
            StoreUnavailable, StorageUnavailable, QueueUnavailable: make it again, it goes on; of a storage that
                was away from the beginning nothing was changed.
        """
        manifest = self.run.manifest
        goes_on = await self._require_target()
        damaged = await asyncio.to_thread(damaged_files, self.run)
        if damaged:
            raise BackupDamaged(f"backup {manifest.id} is damaged: {', '.join(damaged)}")
        await self.assets.ping()
        await self.store.begin(manifest.id, self.clock.now(), clears=self.overwrites and not goes_on)
        bringer = await self._bring_pictures()
        if await self.store.is_to_be_cleared():
            await self.store.clear()
        for set_ in manifest.sets:
            await self._bring_documents(set_)
        fates = await self._settle()
        removed = await forget_all(self.redis)
        await self._finish()
        return Restored(
            run=manifest.id,
            documents=manifest.documents,
            pictures=bringer.brought,
            pictures_there=bringer.there,
            damaged=len(bringer.damaged),
            lost=len(manifest.lost),
            fates={fate.value: fates[fate] for fate in Fate if fate is not Fate.STAYS},
            queue_keys_removed=removed,
        )

    async def _require_target(self) -> bool:
        """Return whether a restore of this very backup was cut here. Raises BackupError."""
        if await self.store.is_served(WATCHED_S):
            raise BackupError("a server runs on the target's MongoDB: stop it first")
        under_way = await self.store.under_way()
        if under_way == self.run.manifest.id:
            return True
        held = await self.store.held()
        if (held or under_way) and not self.overwrites:
            shown = ", ".join(f"{count} {name.removeprefix('danqing_')}" for name, count in held.items())
            raise BackupError(
                f"the target is not empty ({shown or f'backup {under_way} was being put back'}); "
                "--overwrite removes all that is there"
            )
        return False

    async def _bring_pictures(self) -> Bringer:
        self.report("pictures")
        bringer = Bringer(self.repository, self.assets)
        skipped = {(each.name, id_) for each in self.run.manifest.sets for id_ in each.skipped}
        await bringer.bring(line for line in self.run.lines() if (line.collection, line.id) not in skipped)
        if bringer.damaged and not self.skips_damaged:
            if await self.store.is_to_be_cleared():  # it is as it was, and may be served
                await self.store.finish()
            first, count = bringer.damaged[0], len(bringer.damaged)
            raise BackupDamaged(
                f"{count} pictures of backup {self.run.manifest.id} are missing or damaged, the first of "
                f"{first.collection} {first.id}; use another copy of it, or restore the rest with --skip-damaged"
            )
        return bringer

    async def _bring_documents(self, set_: SetRecord) -> None:
        self.report(f"documents of {set_.name}")
        for raws in grouped(self.run.documents(set_), DOCUMENTS_AT_ONCE):
            await self.store.insert(set_.name, raws)
        await self.store.make_indexes(set_.name, set_.indexes)

    async def _settle(self) -> Counter[Fate]:
        """Carry deletions through that came while the backup was taken, and end what was open."""
        deletions = DeletionStore(self.store.database, self.clock, self.kept_s)
        for set_ in self.run.manifest.sets:
            if set_.name == TASKS:
                for task_id in set_.struck:
                    await deletions.note(Deletion(task_id=task_id), self.clock.now())
        listened = any(each.name == ENDPOINTS and each.file.entries for each in self.run.manifest.sets)
        holder = Holder(
            self.store,
            TaskStore(self.store.database),
            BatchStore(self.store.database),
            self.clock,
            self.timeout_s,
            tells=listened,
        )
        began_at = datetime.fromisoformat(self.run.manifest.began_at).astimezone(UTC)
        await holder.tell_again(began_at)
        return Counter() if self.resumes else await holder.hold()

    @step("restore.finish")
    async def _finish(self) -> None:
        await self.store.finish()
