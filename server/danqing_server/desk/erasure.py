"""Erases all that is stored of one user or one project, each thing in the way in which it is deleted by itself.

    batches ─→ lines ─→ tasks ─→ uploads, deliveries, sign-ins, record, books ─→ a minute later: once more

A batch goes before its tasks: as long as any is left, it is found by them. Nothing is written down of an erasure,
least of all whose it is: who makes the same again goes on wherever the one before died.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import attrs

from danqing_server.access.caller import Caller
from danqing_server.assets.storage import Assets
from danqing_server.clock import Clock
from danqing_server.desk.batches import Batches
from danqing_server.desk.bulk import Act, Bulk, Deed
from danqing_server.desk.uploads import Uploads
from danqing_server.errors import BatchUnreadable
from danqing_server.life.erasing import ERASE_EVERY_S, Eraser
from danqing_server.records.batches import BatchStatus
from danqing_server.store.belongings import Belongings, Whose
from danqing_server.store.reach import Reach
from danqing_server.store.users import UserStore

__all__ = ["Erased", "Erasure"]

ROUNDS = 3
POLL_S = 0.2
CLOSES_WITHIN_S = 90.0
"""Longer than a batch is held by a process that died."""

_DELETE = Deed(act=Act.DELETE)
_CLOSED = (BatchStatus.CREATED, BatchStatus.CANCELLED)


@attrs.frozen(kw_only=True)
class Erased:
    """How much went, by what it was, and `refused`: how many did not, by the code of why."""

    counts: Mapping[str, int]
    refused: Mapping[str, int]


@attrs.define(eq=False)
class _Round:
    """What one round found of what was made *before*. `looked_at` are batches of a user."""

    whose: Whose
    before: datetime
    counts: Counter[str] = attrs.field(factory=Counter)
    refused: Counter[str] = attrs.field(factory=Counter)
    looked_at: set[str] = attrs.field(factory=set)


@attrs.define(eq=False, kw_only=True)
class Erasure:
    """Erases what was made before it began; whatever comes meanwhile is not meant.

    Every method raises StoreUnavailable, QueueUnavailable and StorageUnavailable: make it again, it goes on.
    """

    belongings: Belongings
    bulk: Bulk
    batches: Batches
    uploads: Uploads
    users: UserStore
    assets: Assets
    eraser: Eraser
    clock: Clock
    report: Callable[[str], None]

    async def erase(self, whose: Whose, *, waits: bool) -> Erased:
        """Erase all of it; with *waits* look again until nothing was found, and no deletion is under way."""
        before, counts, refused = self.clock.now(), Counter[str](), Counter[str]()
        for _ in range(ROUNDS):
            found = _Round(whose, before)
            await self._go_round(found)
            counts, refused = counts + found.counts, found.refused
            if not waits:
                break
            is_quiet = await self._wait()
            if is_quiet and not (+found.counts or refused):
                break
        return Erased(counts=counts, refused=refused)

    async def _go_round(self, found: _Round) -> None:
        whose, counts = found.whose, found.counts
        if whose.user is None:
            await self._batches(found)
        await self._lines(found)
        await self._tasks(found)
        if whose.user is None:
            await self._uploads(found)
        else:
            counts["users"] += await self.users.delete(whose.reach, whose.user)
            counts["sessions"] += await self.belongings.forget_sessions(whose)
            if self.eraser.books_forget:
                await self.belongings.forget_in_ledger(whose)
        counts["deliveries"] += await self.belongings.forget_deliveries(whose)

    async def _batches(self, found: _Round) -> None:
        """Erase an owner's batches."""
        after = ""
        while page := await self.belongings.batches(found.whose, found.before, after):
            after = page[-1]
            await self._erase_batches(page, found)

    async def _lines(self, found: _Round) -> None:
        """Erase what is to be a task, and the pictures that it refers to."""
        lines = [line async for line in self.belongings.lines(found.whose, found.before)]
        await self._own_batches({line.batch for line in lines}, found)
        for line in lines:
            found.counts["lines"] += await self.belongings.forget_line(line)
            await self.assets.delete_task(line.task)

    async def _tasks(self, found: _Round) -> None:
        after = None
        while page := await self.belongings.tasks(found.whose, found.before, after):
            after = page[-1]
            await self._own_batches({task.batch for task in page if task.batch}, found)
            await self._delete([task.id for task in page], found)
            self.report(f"{found.counts['tasks']} tasks")

    async def _delete(self, ids: Sequence[str], found: _Round) -> None:
        """Delete tasks; those that are not finished are cancelled by that."""
        while ids:
            outcomes = await self.bulk.carry_out(_DELETE, ids, Caller.local())
            for outcome in outcomes:
                if outcome.done:
                    found.counts["tasks"] += 1
                elif outcome.code != "task_not_found":
                    found.refused[str(outcome.code)] += 1
            ids = ids[len(outcomes) :]

    async def _own_batches(self, ids: set[str], found: _Round) -> None:
        """Erase those of a user's batches in which nobody else has anything."""
        if found.whose.user is None:
            return
        new = sorted(ids - found.looked_at)
        found.looked_at |= ids
        await self._erase_batches(
            [id_ for id_ in new if not await self.belongings.is_shared(id_, found.whose)], found
        )

    async def _erase_batches(self, ids: Sequence[str], found: _Round) -> None:
        if ids:
            await self.eraser.keys.forget_all(ids)
        for id_ in ids:
            try:
                await self._close(id_)
            except (BatchUnreadable, TimeoutError):
                found.refused["batch_open"] += 1
                continue
            found.counts["batches"] += await self.belongings.forget_batch(id_)

    async def _close(self, batch_id: str) -> None:
        """Have no more tasks made of a batch. Raises TimeoutError while another process does not let go of it."""
        store = self.batches.store
        async with asyncio.timeout(CLOSES_WITHIN_S):
            while (batch := await store.find(batch_id, Reach.everybody())) and batch.status not in _CLOSED:
                if batch.status is BatchStatus.CREATING:
                    await store.cancel(batch_id, self.clock.now())
                if not await self.batches.feeder.go_on(batch_id):
                    await asyncio.sleep(POLL_S)

    async def _uploads(self, found: _Round) -> None:
        after = ""
        while page := await self.belongings.uploads(found.whose, found.before, after):
            after = page[-1]
            for upload_id in page:
                await self.uploads.erase(upload_id)
                found.counts["uploads"] += 1

    async def _wait(self) -> bool:
        """Wait until the deletions of this moment were looked at a second time; True when there were none.

        A server does so; without one it is done here, for as long as there are fewer and fewer.
        """
        until = self.clock.now() + self.eraser.look_again_after
        if not await self.eraser.deletions.are_due_until(until):
            return True
        self.report("waiting for what was on its way, a minute")
        patience_s = self.eraser.look_again_after.total_seconds() + 2 * ERASE_EVERY_S
        left, ends_s = await self.eraser.deletions.count_due_until(until), self.clock.monotonic_s() + patience_s
        while await self.eraser.deletions.are_due_until(until):
            if await self.eraser.go_on():
                await asyncio.sleep(POLL_S)
            if self.clock.monotonic_s() < ends_s:
                continue
            before, left = left, await self.eraser.deletions.count_due_until(until)
            if left >= before:
                break
            self.report(f"{left} tasks are still to be looked at again")
            ends_s = self.clock.monotonic_s() + patience_s
        return False
