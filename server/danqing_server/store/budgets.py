"""Counters of what is committed of a limit, so that it holds over all processes at once.

A counter only grows: by what is set aside, and only while there is room. It comes down when it is counted anew, out
of the ledger and of what open tasks hold. What was set aside stands in it under the hold's id until its task is
stored: so a count knows what is neither a task nor nothing. It counts what no failover takes back (`durable`).

Source for conditional updates of one document: MongoDB manual 6.0, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.errors import DuplicateKeyError

from danqing_server.codec.documents import value_of
from danqing_server.loops.steps import step
from danqing_server.records.batches import BatchStatus
from danqing_server.records.tasks import FINISHED, WAITING, Status
from danqing_server.store.batches import COLLECTION as BATCHES
from danqing_server.store.client import Database, durable, translated
from danqing_server.store.keys import DELETED
from danqing_server.store.late_indexes import LateIndexes
from danqing_server.store.tasks import COLLECTION as TASKS

__all__ = ["BudgetStore", "Committed", "Held", "Pending", "Unmade"]

COLLECTION = "danqing_budgets"
KEPT_AFTER = timedelta(days=2)
AFTER = ReturnDocument.AFTER
_HELD = IndexModel([("owner", ASCENDING)], name="held", partialFilterExpression={"hold.id": {"$exists": True}})
_EXPIRY = IndexModel([("expires_at", ASCENDING)], name="expiry", expireAfterSeconds=0)


@attrs.frozen(kw_only=True)
class Pending:
    """What was set aside for a task that may not say so itself yet; `again`: one that is there, and is retried.

    With `lines` it is a batch of so many tasks, of which the dearest takes `each`; `task` is the batch's id then.
    """

    task: str
    amount: int
    at: datetime
    again: bool = False
    lines: int = 0
    each: int = 0


@attrs.frozen(kw_only=True)
class Committed:
    """A counter as it stands. `spent` is the part of it that is in the ledger; `counted_at` is when it was exact.

    `version` changes whenever something is set aside or given back.
    """

    total: int = 0
    spent: int = 0
    version: int = 0
    counted_at: datetime | None = None
    pending: Mapping[str, Pending] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Held:
    """A task with a hold, as far as limits look at it, of so many `outputs` as the hold is for.

    `line` is its line in the `batch` that it came with.
    """

    task: str
    hold: str
    at: datetime
    amounts_micro: Mapping[str, int]
    status: Status
    outputs: int
    key: str | None
    batch: str | None = None
    line: int = 0

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, and what it cost is to be booked."""
        return self.status in FINISHED

    @property
    def waits(self) -> bool:
        """Whether it waits for its start."""
        return self.status in WAITING


@attrs.frozen
class Unmade:
    """How many lines of a batch are still to become tasks: those behind `made_to`."""

    lines: int
    made_to: int


@attrs.define(eq=False)
class BudgetStore:
    """The counters, by ids of the caller's choice. Every method raises StoreUnavailable."""

    database: Database
    _indexed: bool = attrs.field(default=False, init=False)
    _late: LateIndexes = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._late = LateIndexes(self._tasks)

    @step("submit.hold")
    async def take(
        self, counter: str, notes: Mapping[str, Pending], most: int, counted_since: datetime
    ) -> tuple[int, bool] | None:
        """Set aside what *notes* say, by their holds' ids: all, or nothing; returns what is committed then.

        With it comes whether its project was warned before. None when no more than *most* would not hold, or when
        it was not counted since *counted_since*: a count has to come first.
        """
        amount = sum(note.amount for note in notes.values())
        room = {"_id": counter, "total": {"$lte": most - amount}, "counted_at": {"$gte": counted_since}}
        pending = {_of_note(hold): value_of(note) for hold, note in notes.items()}
        update = {"$inc": {"total": amount, "version": 1}, "$set": pending}
        with translated():
            found = await self._counters.find_one_and_update(
                room, update, ["total", "warned"], return_document=AFTER
            )
        return None if found is None else (int(found["total"]), "warned" in found)

    async def note_warned(self, counter: str) -> None:
        """Note that its project was warned."""
        with translated():
            await self._counters.update_one({"_id": counter}, {"$set": {"warned": True}})

    async def give_back(self, counter: str, hold: str) -> None:
        """Undo `take` for one hold whose task is not stored; once, however often it is called.

        What goes is what its note says by now: a count may have taken some of it away.
        """
        note = _of_note(hold)
        less = {"$subtract": ["$total", f"${note}.amount"]}
        update = [{"$set": {"total": less, "version": {"$add": ["$version", 1]}}}, {"$unset": note}]
        with translated():
            await self._counters.update_one({"_id": counter, note: {"$exists": True}}, update)

    async def forget(self, counter: str, holds: Collection[str]) -> None:
        """Take the notes of holds away whose tasks are stored: they are found there from now on."""
        with translated():
            await self._counters.update_one({"_id": counter}, {"$unset": {_of_note(hold): "" for hold in holds}})

    async def look(self, counter: str) -> Committed:
        """Return a counter as it stands; empty, and never counted, when there is none."""
        with translated():
            found = await durable(self._counters).find_one({"_id": counter})
        if found is None:
            return Committed()
        pending = {hold: Pending(**note) for hold, note in found.get("pending", {}).items()}
        return Committed(
            total=found["total"],
            spent=found["spent"],
            version=found["version"],
            counted_at=found["counted_at"],
            pending=pending,
        )

    @step("books.count")
    async def put(
        self,
        counter: str,
        before: Committed,
        counted: Committed,
        *,
        expires_at: datetime | None,
        by_difference: bool = False,
    ) -> bool:
        """Write what a count came to, unless the counter changed since it was seen as *before*.

        Notes that *counted* is without go, and others say as little as they do there. *by_difference*: what changed
        since is added, where it may have been counted, too; but nothing is written when such a note is not as it
        was: what it said was taken away with it, and would be once more. The counter is forgotten some time after
        *expires_at*.
        """
        await self._ensure_indexes()
        gone = before.pending.keys() - counted.pending.keys()
        less = {hold: note for hold, note in counted.pending.items() if note != before.pending[hold]}
        seen: dict[str, Any] = {"_id": counter, "version": before.version}  # 0: there is none, and none is made
        sets: dict[str, Any] = {"total": counted.total, "spent": counted.spent, "counted_at": counted.counted_at}
        added = {"version": 1}
        if by_difference and before.version:
            seen = {"_id": counter, "counted_at": before.counted_at}
            seen |= {f"{_of_note(hold)}.amount": before.pending[hold].amount for hold in (*gone, *less)}
            added["total"] = sets.pop("total") - before.total
        if expires_at is not None:
            sets["expires_at"] = expires_at + KEPT_AFTER
        sets |= {f"{_of_note(hold)}.amount": note.amount for hold, note in less.items()}
        update: dict[str, Any] = {"$set": sets, "$inc": added}
        if gone:
            update["$unset"] = {_of_note(hold): "" for hold in gone}
        with translated():
            try:
                outcome = await self._counters.update_one(seen, update, upsert=not before.version)
            except DuplicateKeyError:
                return False
        return bool(outcome.matched_count or outcome.upserted_id is not None)

    async def held(self, project: str | None, key: str | None = None) -> list[Held]:
        """Return a project's tasks that hold something, or those of one of its keys."""
        await self._ensure_indexes()
        wanted: dict[str, Any] = {"owner": project, "hold.id": {"$exists": True}}
        if key is not None:
            wanted["key"] = key
        with translated():
            found = await durable(self._tasks).find(wanted, _FIELDS).to_list(None)
        return [_held_of(document) for document in found]

    async def of_tasks(self, task_ids: Collection[str]) -> Mapping[str, Held | None]:
        """Return which of these tasks there are, or were, and what each holds, None for nothing."""
        with translated():
            wanted = {"_id": {"$in": list(task_ids)}}
            found = await durable(self._tasks).find(wanted, _FIELDS).to_list(None)
            tasks = {document["_id"]: _held_of(document) if "hold" in document else None for document in found}
            missing = [task_id for task_id in task_ids if task_id not in tasks]
            if missing:  # what is deleted was booked before
                notes = durable(self.database[DELETED])
                gone = await notes.find({"_id": {"$in": missing}}, ["_id"]).to_list(None)
                tasks.update({document["_id"]: None for document in gone})
        return tasks

    async def unmade(self, batch_ids: Collection[str]) -> Mapping[str, Unmade]:
        """Return what of each of these batches is still to become tasks; none of what is no batch."""
        fields = ["status", "accepted", "made", "made_to"]
        with translated():
            batches = durable(self.database[BATCHES])
            found = await batches.find({"_id": {"$in": list(batch_ids)}}, fields).to_list(None)
        return {batch["_id"]: _unmade_of(batch) for batch in found}

    async def release(self, task_ids: Collection[str], holds: Collection[str]) -> None:
        """Take holds away from tasks whose cost is in the books."""
        with translated():
            await self._tasks.update_many(
                {"_id": {"$in": list(task_ids)}, "hold.id": {"$in": list(holds)}}, {"$unset": {"hold": ""}}
            )

    async def drain(self) -> None:
        """Wait for no index any longer."""
        await self._late.drain()

    async def _ensure_indexes(self) -> None:
        if not self._indexed:
            with translated():
                await self._counters.create_indexes([_EXPIRY])
            self._indexed = True
        await self._late.prepare(_HELD)

    @property
    def _counters(self) -> Any:
        return self.database[COLLECTION]

    @property
    def _tasks(self) -> Any:
        return self.database[TASKS]


def _of_note(hold: str) -> str:
    return f"pending.{hold}"


_FIELDS = ["hold", "status", "images", "key", "batch"]


def _unmade_of(batch: Mapping[str, Any]) -> Unmade:
    """Return what is left of a batch; also of one that is being cancelled, of which a slice may be on its way."""
    may_become = batch["status"] in (BatchStatus.CREATING, BatchStatus.CANCELLING)
    return Unmade(batch["accepted"] - batch.get("made", 0) if may_become else 0, batch.get("made_to", 0))


def _held_of(document: Mapping[str, Any]) -> Held:
    hold, place = document["hold"], document.get("batch") or {}
    return Held(
        task=document["_id"],
        hold=hold["id"],
        at=hold["at"],
        amounts_micro=hold.get("amounts_micro", {}),
        status=Status(document["status"]),
        outputs=document["images"] if (some := hold.get("outputs")) is None else some,
        key=document.get("key"),
        batch=place.get("id"),
        line=place.get("line", 0),
    )
