"""What is noted of tasks that are deleted: written before anything of them goes, with all that is needed to go on.

A note stays for as long as a key may still name its task. While `erase_at` stands in it, something of the task
may be left, and somebody is to look at that moment. What others are still to be told of the task (`Legacy`) stands
in it too, and leaves with the last of it. So does an `order` that its service may still be carrying out.
`settled_by` stays until the attempt of that id has heard of the deletion, however late.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from danqing_server.clock import Clock
from danqing_server.codec.documents import to_document
from danqing_server.loops.steps import step
from danqing_server.records.tasks import Task
from danqing_server.store.changes import Legacy
from danqing_server.store.client import Database, translated
from danqing_server.store.keys import DELETED
from danqing_server.store.reading import readable

__all__ = ["Deletion", "DeletionStore"]

_DUE = IndexModel(
    [("erase_at", ASCENDING)], name="to_erase", partialFilterExpression={"erase_at": {"$exists": True}}
)
LASTS = timedelta(days=30)
"""How long no process may look at a deletion that is not ended: then MongoDB removes its note all the same."""
_FIELDS = ("repeat_key", "still", "seen")
_TOLD_BY = ("provider", "model", "user_id", "owner", "webhook", "updated_at")


@attrs.frozen(kw_only=True)
class Deletion:
    """A task that is to go. `repeat_key` is the name of its Idempotency-Key, None without one.

    `seen` None: whatever it is; else only while its last transition is that one. With `still`, which is such a
    transition, too, also only when it has ended and no picture of it has a star. `order` is what is needed of the
    task to have dropped what was ordered for it, None where nothing is to be; who only goes on does not know it.
    `settled_by` is the attempt that is still to settle what it set aside of a day's limit, None where none is.
    """

    task_id: str
    repeat_key: str | None = None
    still: str | None = None
    seen: str | None = None
    order: Task | None = attrs.field(default=None, repr=False)
    settled_by: str | None = None


@attrs.define(eq=False)
class DeletionStore:
    """The notes, each kept for `LASTS`, and for `kept_s` after its end. Every method raises StoreUnavailable."""

    database: Database
    clock: Clock
    kept_s: float
    _indexed: bool = attrs.field(default=False, init=False)

    @step("erase.note")
    async def note(self, deletion: Deletion, look_at: datetime, legacy: Legacy | None = None) -> bool:
        """Write down that a task is about to be deleted, who is still to hear of it, and when to look again.

        False: somebody has it go whatever it is, and nothing is noted of one that only goes as it is.
        """
        await self._ensure_index()
        sets = {"expires_at": self._expiry(), "erase_at": look_at} | (
            {} if legacy is None else legacy.as_document()
        )
        if deletion.repeat_key is not None:
            sets["repeat_key"] = deletion.repeat_key
        if deletion.order is not None:
            sets["order"] = to_document(deletion.order)
        if deletion.settled_by is not None:
            sets["settled_by"] = deletion.settled_by
        as_it_is = {"still": deletion.still, "seen": deletion.seen}
        sets |= {name: transition for name, transition in as_it_is.items() if transition is not None}
        gone = {name: "" for name, transition in as_it_is.items() if transition is None}
        noted: dict[str, Any] = {"_id": deletion.task_id}
        if deletion.still is not None:
            noted["still"] = {"$exists": True}
        with translated():
            try:
                await self._notes.update_one(noted, {"$set": sets, "$unset": gone}, upsert=True)
            except DuplicateKeyError:
                return False
        return True

    async def withdraw(self, deletion: Deletion) -> None:
        """Remove the note of a task that is not deleted after all."""
        with translated():
            ours = {"_id": deletion.task_id, "still": deletion.still, "seen": deletion.seen}
            await self._notes.delete_one(ours)

    async def due(self, now: datetime, limit: int) -> Sequence[Deletion]:
        """Return the deletions that are to be looked at, the longest due first."""
        with translated():
            found = self._notes.find({"erase_at": {"$lte": now}}, _FIELDS).sort("erase_at", ASCENDING).limit(limit)
            return [_deletion_of(document) for document in await found.to_list(None)]

    async def are_due_until(self, moment: datetime) -> bool:
        """Tell whether any deletion is to be looked at by then."""
        with translated():
            return await self._notes.find_one({"erase_at": {"$lte": moment}}, ["_id"]) is not None

    async def orders(self, limit: int) -> Sequence[Task]:
        """Return what is noted of tasks whose orders are still to be dropped."""
        wanted = {"erase_at": {"$exists": True}, "order": {"$exists": True}}  # the index has the first
        with translated():
            found = await self._notes.find(wanted, ["order"]).limit(limit).to_list(None)
        return readable([each["order"] for each in found])

    async def let_order_go(self, task_id: str) -> None:
        """Take from a note that an order is to be dropped."""
        with translated():
            await self._notes.update_one({"_id": task_id}, {"$unset": {"order": ""}})

    async def count_due_until(self, moment: datetime) -> int:
        """Return how many deletions are to be looked at by then."""
        with translated():
            counted: int = await self._notes.count_documents({"erase_at": {"$lte": moment}})
        return counted

    async def find(self, task_id: str) -> Deletion:
        """Return the deletion of a task; where little is noted of it, it is to go whatever it is."""
        with translated():
            found = await self._notes.find_one({"_id": task_id}, _FIELDS)
        return _deletion_of(found or {"_id": task_id})

    async def postpone(self, task_id: str, until: datetime, *, kept_anew: bool = False) -> None:
        """Have a deletion looked at later; with *kept_anew* its note stays for as long again."""
        sets = {"erase_at": until} | ({"expires_at": self._expiry()} if kept_anew else {})
        with translated():
            await self._notes.update_one({"_id": task_id, "erase_at": {"$exists": True}}, {"$set": sets})

    async def finish(self, task_id: str) -> bool:
        """Take from a note what it says of its task; False: somebody is still to hear of it, or drop its order."""
        nobody = [{"untold": {"$exists": False}}, {"untold": {}}]
        told = {"_id": task_id, "$or": nobody, "order": {"$exists": False}}
        gone = dict.fromkeys((*_TOLD_BY, "erase_at", *_FIELDS), "")
        kept = {"expires_at": self.clock.now() + timedelta(seconds=self.kept_s)}
        with translated():
            outcome = await self._notes.update_one(told, {"$unset": gone, "$set": kept})
            return bool(outcome.matched_count) or await self._notes.find_one({"_id": task_id}) is None

    def _expiry(self) -> datetime:
        return self.clock.now() + max(LASTS, timedelta(seconds=self.kept_s))

    async def _ensure_index(self) -> None:
        """Create the index with the first deletion: who deletes nothing has none."""
        if not self._indexed:
            with translated():
                await self._notes.create_indexes([_DUE])
            self._indexed = True

    @property
    def _notes(self) -> Any:
        return self.database[DELETED]


def _deletion_of(document: Mapping[str, Any]) -> Deletion:
    return Deletion(task_id=document["_id"], **{name: document.get(name) for name in _FIELDS})
