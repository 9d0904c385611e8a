"""The tasks in MongoDB: inserted, started and changed in batches, each change a compare-and-set.

Source for the semantics of bulk writes and of partial indexes: MongoDB manual 6.0, read 2026-11-23.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import attrs
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.errors import BulkWriteError

from danqing_server.clock import to_ms
from danqing_server.codec.documents import value_of
from danqing_server.errors import AttemptLost, StoreUnavailable, Unreadable
from danqing_server.loops.batching import GATHER_S, Batcher
from danqing_server.loops.steps import step
from danqing_server.records.lanes import lane_name
from danqing_server.records.outputs import TaskError
from danqing_server.records.tasks import (
    FINISHED,
    NOBODY,
    WAITING,
    Attempt,
    CallOutcome,
    CallRecord,
    Reserved,
    Status,
    Task,
)
from danqing_server.store.changes import NO_MARKS, Change, Marks, marks_as_sets
from danqing_server.store.client import Database, durable, find_newest, translated
from danqing_server.store.keys import DELETED
from danqing_server.store.late_indexes import LateIndexes
from danqing_server.store.newborn import Newborn, started, untouched
from danqing_server.store.newest import NEWEST_FIRST, Place, past
from danqing_server.store.paths import ATTEMPT_ID, of_call, of_mark
from danqing_server.store.reach import Reach
from danqing_server.store.reading import readable, task_of
from danqing_server.store.refusals import write_error
from danqing_server.store.task_documents import Document, encode

__all__ = ["COLLECTION", "TaskStore"]

COLLECTION = "danqing_tasks"
DUPLICATE_KEY = 11000
MOST_COUNTED = 10_000
UNREADABLE_PAUSE = timedelta(seconds=60)
AFTER = ReturnDocument.AFTER

INDEXES = [
    IndexModel([("user_id", ASCENDING), *NEWEST_FIRST], name="by_user"),
    IndexModel(  # one key's list does not read others' tasks of the same user_id; without keys it stays empty
        [("owner", ASCENDING), ("user_id", ASCENDING), *NEWEST_FIRST],
        name="by_owner",
        partialFilterExpression={"owner": {"$gt": ""}},
    ),
    IndexModel(
        [("waiting", ASCENDING), ("_id", ASCENDING)],
        name="waiting",
        partialFilterExpression={"waiting": {"$exists": True}},
    ),
    IndexModel(
        [("attempt.worker", ASCENDING)],
        name="running",
        partialFilterExpression={"attempt.worker": {"$exists": True}},
    ),
]


@attrs.define(eq=False)
class TaskStore:
    """The tasks. Every method raises StoreUnavailable when MongoDB does not answer in time."""

    database: Database
    unreadable_pause: timedelta = UNREADABLE_PAUSE
    _tasks: Any = attrs.field(init=False)
    _newborn: Newborn = attrs.field(factory=Newborn, init=False)
    _indexes: LateIndexes = attrs.field(init=False)
    _inserts: Batcher[Document, bool] = attrs.field(init=False)
    _changes: Batcher[Change, bool] = attrs.field(init=False)
    _reads: Batcher[str, Task | None] = attrs.field(init=False)
    _durable_reads: Batcher[str, Task | None] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._tasks = self.database[COLLECTION]  # once: a driver makes a new object each time it is asked
        self._indexes = LateIndexes(self._tasks)
        self._inserts = Batcher(self.insert_many)
        self._changes = Batcher(self._change_batch, gather_s=GATHER_S)
        self._reads = Batcher(partial(_read_batch, self._tasks))
        self._durable_reads = Batcher(partial(_read_batch, durable(self._tasks)))

    async def ensure_indexes(self) -> None:
        """See to the indexes that are missing; cheap when all are there, and begun where there are many tasks."""
        await self._indexes.ensure(INDEXES)

    async def ping(self) -> None:
        """Raise StoreUnavailable unless MongoDB answers."""
        with translated():
            await self.database.command("ping")

    async def server_version(self) -> str:
        """Return which MongoDB this is. Raises StoreUnavailable."""
        with translated():
            return str((await self.database.command("buildInfo"))["version"])

    async def count_running(self, reach: Reach) -> Mapping[str, int]:
        """Return how many tasks within *reach* are with a worker, by lane."""
        running = {"attempt.worker": {"$exists": True, "$ne": NOBODY}, **reach.filter}
        with translated():
            found = await self._tasks.find(running, {"provider": 1, "lane_word": 1}).to_list(None)
        return Counter(lane_name(each["provider"], each.get("lane_word")) for each in found)

    async def insert(self, task: Task) -> bool:
        """Keep *task*, on a majority's disks; True when it is new, False when its id was there already.

        Raises:
            InvalidSubmission: the task cannot be stored as a document, or is too large for one.
        """
        return await self._inserts.submit(encode(task))

    @step("submit.insert")
    async def insert_many(self, documents: Sequence[Document]) -> list[bool | Exception]:
        """Keep tasks that `encode` encoded, on a majority's disks; for each what `insert` says of it."""
        with translated():
            try:
                await self._tasks.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                if error.details.get("writeConcernErrors"):
                    raise
                failed = {entry["index"]: entry["code"] for entry in error.details["writeErrors"]}
                return [_inserted(failed.get(number)) for number in range(len(documents))]
        return [True] * len(documents)

    def hold(self, task: Task, document: Document) -> None:
        """Remember a task that was just stored as *document*: `start` need not read it back in this process."""
        self._newborn.hold(task, len(document.raw))

    async def get(self, task_id: str) -> Task | None:
        """Return the task of that id, None when there is none. Raises Unreadable for one of a newer release."""
        return await self._reads.submit(task_id)

    async def get_durable(self, task_id: str) -> Task | None:
        """Return what `get` returns as a majority has it: what is told of it no failover takes back."""
        return await self._durable_reads.submit(task_id)

    async def confirm_absent(self, task_id: str) -> Task | None:
        """Return the task that a read did not find and that is there all the same; None once that is certain.

        Right after a failover a majority's reads lack what was stored right before it, and who was cut off misses
        all that came since. Raises StoreUnavailable when nobody can say, Unreadable as `get` does.
        """
        with translated():
            document = await find_newest(self._tasks, task_id)
        found = None if document is None else task_of(document)
        if isinstance(found, Exception):
            raise found
        return found

    @step("work.start")
    async def start(
        self, ids: Iterable[str], attempt: Attempt, deadline_at: datetime, marks: Marks = NO_MARKS
    ) -> list[Task]:
        """Move the waiting tasks among *ids* to `processing` under *attempt*, and return those that are ours.

        *deadline_at* holds for tasks that never started before. One command starts them all; reading back the
        attempt's id says which were won. When all are held by `hold` and untouched, there is nothing to read. One
        that cannot be read is put back for a while, for a process of another release.
        """
        now = attempt.started_at
        chosen = list(ids)
        ours: dict[str, Any] = {"_id": chosen[0] if len(chosen) == 1 else {"$in": chosen}}  # one: one shard's
        update = {
            "$set": {
                "status": Status.PROCESSING.value,
                "attempt": value_of(attempt),
                "transition_id": attempt.id,
                "updated_at": now,
                **marks_as_sets(marks),
            },
            "$min": {"started_at": now, "deadline_at": deadline_at},
            "$inc": {"attempts": 1},
            "$unset": {"waiting": "", "run_at": ""},
        }
        waiting = {"status": {"$in": [status.value for status in WAITING]}}
        with translated():
            newborn = self._newborn.release(chosen)
            if newborn:
                outcome = await self._tasks.update_many({**ours, **waiting, **untouched(newborn)}, update)
                if outcome.matched_count == len(chosen):
                    return [started(task, attempt, deadline_at) for task in newborn]
            if len(chosen) == 1:  # an idle system starts its one task in one round trip
                found = await self._tasks.find_one_and_update({**ours, **waiting}, update, return_document=AFTER)
                if found is not None:
                    return await self._begun([found], attempt)
            else:
                await self._tasks.update_many({**ours, **waiting}, update)
            found = await self._tasks.find({**ours, ATTEMPT_ID: attempt.id}).to_list(None)
        return await self._begun(found, attempt)

    async def _begun(self, documents: Sequence[Mapping[str, Any]], attempt: Attempt) -> list[Task]:
        tasks = readable(documents)
        if len(tasks) < len(documents):
            started = {task.id for task in tasks}
            await self._put_back([document for document in documents if document["_id"] not in started], attempt)
        return tasks

    async def _put_back(self, documents: Sequence[Mapping[str, Any]], attempt: Attempt) -> None:
        """Let tasks wait that were started and cannot be read: nothing of theirs is known here but their times."""
        due = attempt.started_at + self.unreadable_pause
        for document in documents:
            created_at = document.get("created_at")
            since = created_at if isinstance(created_at, datetime) else attempt.started_at
            waiting = {"waiting": to_ms(since), "run_at": due, "status": Status.PENDING.value}
            gone = {"attempt": "", of_mark(attempt.id): ""}
            update = {"$set": waiting, "$unset": gone, "$inc": {"attempts": -1}}
            with translated():
                await self._tasks.update_one({"_id": document["_id"], ATTEMPT_ID: attempt.id}, update)

    @step("work.apply")
    async def apply(self, change: Change) -> bool:
        """Carry out *change* with others of the moment; True when it took effect, now or in an earlier try.

        StoreUnavailable is `permanent` when this very change can never be carried out; the others are.
        """
        return await self._changes.submit(change)

    async def amend(self, task: Task, sets: Mapping[str, Any], unsets: Sequence[str] = ()) -> None:
        """Change fields of a task this process is carrying out; safe to repeat.

        Raises:
            AttemptLost: it is in other hands, cancelled, or gone.
        """
        attempt_id = task.attempt.id if task.attempt else None
        expected = {"status": Status.PROCESSING.value, ATTEMPT_ID: attempt_id}
        if not await self.apply(Change(task_id=task.id, expected=expected, sets=sets, unsets=unsets)):
            raise AttemptLost(task.id)

    async def amend_late(
        self, task: Task, sets: Mapping[str, Any], unsets: Sequence[str] = (), marks: Marks = NO_MARKS
    ) -> None:
        """Change fields of a task that was cancelled while this attempt's call was under way; safe to repeat.

        Raises:
            AttemptLost: it was retried since, or is gone.
        """
        attempt_id = task.attempt.id if task.attempt else None
        expected = {"_id": task.id, "late_attempt": attempt_id}
        sets = {**sets, **marks_as_sets(marks)}
        update: dict[str, Any] = {"$set": sets} if sets else {}
        if unsets:
            update["$unset"] = dict.fromkeys(unsets, "")
        with translated():
            outcome = await self._tasks.update_one(expected, update)
        if not outcome.matched_count:
            raise AttemptLost(task.id)

    async def note_late_answer(self, task_id: str, answered: CallRecord, marks: Marks = NO_MARKS) -> bool:
        """Note what a call turned out to be whose attempt was given up; False when it is not waiting for that.

        So is what its service said that it cost, and for which of its pictures.
        """
        call = of_call(answered.id)
        expected = {
            "_id": task_id,
            f"{call}.outcome": CallOutcome.UNKNOWN.value,
            f"{call}.late_outcome": None,  # or absent: a call written over field by field holds a null
        }
        told = {
            "late_outcome": answered.outcome,
            "request_id": answered.request_id,
            "cost_micro": answered.cost_micro,
            "usage": answered.usage,
            "indexes": answered.indexes,
        }
        sets = {f"{call}.{field}": value_of(value) for field, value in told.items()} | marks_as_sets(marks)
        with translated():
            outcome = await self._tasks.update_one(expected, {"$set": sets})
        return bool(outcome.matched_count)

    async def take_reserved(self, task: Task, reserved: Reserved) -> bool:
        """Take the note that this is set aside for *task* away; True for who is to settle it.

        Of a task that is deleted that is the attempt which its deletion found at it, once.
        """
        noted = {f"reserved.{name}": value for name, value in value_of(reserved).items()}
        with translated():
            outcome = await self._tasks.update_one({"_id": task.id, **noted}, {"$unset": {"reserved": ""}})
            if outcome.matched_count or await self._tasks.find_one({"_id": task.id}, ["_id"]) is not None:
                return bool(outcome.matched_count)
            deletions = self.database[DELETED]
            ours = {"_id": task.id, "settled_by": task.attempt.id if task.attempt else None}
            outcome = await deletions.update_one(ours, {"$unset": {"settled_by": ""}})
            return bool(outcome.matched_count) and task.attempt is not None

    @step("erase.document")
    async def delete(self, task_id: str, still: str | None = None, seen: str | None = None) -> bool:
        """Remove a task; True when there is none any more.

        With *seen* only one goes whose last transition is that one; with *still* only one of that transition that
        has ended, that nobody works at, and of which no picture has a star.
        """
        wanted: dict[str, Any] = {"_id": task_id} if seen is None else {"_id": task_id, "transition_id": seen}
        if still is not None:
            ended = {"$in": [status.value for status in FINISHED]}
            wanted |= {"transition_id": still, "status": ended, "attempt": None}
            wanted["stars.0"] = {"$exists": False}
        with translated():
            outcome = await self._tasks.delete_one(wanted)
            return bool(outcome.deleted_count) or await self._tasks.find_one({"_id": task_id}, ["_id"]) is None

    async def list_for_user(
        self, user_id: str, reach: Reach, *, limit: int, offset: int, before: Place | None
    ) -> list[Task]:
        """Return a user's tasks in *reach*, newest first.

        *before* continues after the task of that creation and id.
        """
        wanted: dict[str, Any] = {"user_id": user_id, **reach.filter}
        if before is not None:
            wanted |= past(before)
        with translated():
            found = await self._tasks.find(wanted).sort(NEWEST_FIRST).skip(offset).limit(limit).to_list(None)
        return readable(found)

    async def count_for_user(self, user_id: str, reach: Reach) -> int:
        """Return how many tasks a user has in *reach*, `MOST_COUNTED` at most: each costs one index key."""
        with translated():
            wanted = {"user_id": user_id, **reach.filter}
            return int(await self._tasks.count_documents(wanted, limit=MOST_COUNTED))

    async def look(self, task_id: str) -> Task | Unreadable | None:
        """Return what `get` returns, or why the task cannot be read."""
        try:
            return await self.get(task_id)
        except Unreadable as unreadable:
            return unreadable

    async def end_unreadable(self, task_id: str, now: datetime, error: TaskError, marks: Marks = NO_MARKS) -> bool:
        """End a task as `failed` of which nothing can be read but its id; False when it is finished already."""
        unfinished = {"status": {"$nin": [status.value for status in FINISHED]}}
        sets = {"status": Status.FAILED.value, "completed_at": now, "updated_at": now, "error": value_of(error)}
        sets |= marks_as_sets(marks)
        update = {"$set": sets, "$unset": dict.fromkeys(("attempt", "reserved", "waiting", "run_at"), "")}
        with translated():
            outcome = await self._tasks.update_one({"_id": task_id, **unfinished}, update)
        return bool(outcome.matched_count)

    async def drain(self) -> None:
        """Wait for the writes under way."""
        for batcher in (self._inserts, self._changes, self._reads, self._durable_reads):
            await batcher.drain()
        await self._indexes.drain()

    async def _change_batch(self, changes: Sequence[Change]) -> list[bool | Exception]:
        """Carry changes out; one that never can be stops no others: halves of a refused batch are tried alone."""
        try:
            return await self._write(changes)
        except StoreUnavailable as refusal:
            if not refusal.permanent:
                raise
            if len(changes) == 1:
                return [refusal]
        half = len(changes) // 2
        return [*await self._change_batch(changes[:half]), *await self._change_batch(changes[half:])]

    async def _write(self, changes: Sequence[Change]) -> list[bool | Exception]:
        failed: dict[int, Exception] = {}
        with translated():
            try:
                outcome = await self._tasks.bulk_write([change.as_update() for change in changes], ordered=False)
                if outcome.matched_count == len(changes):
                    return [True] * len(changes)
            except BulkWriteError as error:
                if error.details.get("writeConcernErrors"):
                    raise
                failed = {entry["index"]: write_error(entry) for entry in error.details["writeErrors"]}
            ids = list({change.task_id for change in changes})
            fields = ["status", "transition_id", ATTEMPT_ID]
            found = await self._tasks.find({"_id": {"$in": ids}}, fields).to_list(None)
        by_id = {document["_id"]: document for document in found}
        won = [change.won(by_id.get(change.task_id)) for change in changes]
        return [failed.get(number, answer) for number, answer in enumerate(won)]


async def _read_batch(tasks: Any, ids: Sequence[str]) -> list[Task | Exception | None]:
    with translated():
        found = await tasks.find({"_id": {"$in": list(set(ids))}}).to_list(None)
    by_id = {document["_id"]: task_of(document) for document in found}
    return [by_id.get(task_id) for task_id in ids]


def _inserted(failure_code: int | None) -> bool | Exception:
    if failure_code is None:
        return True
    if failure_code == DUPLICATE_KEY:
        return False
    return write_error({"code": failure_code})
