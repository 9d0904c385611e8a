"""The books in MongoDB: postings, which are added and never removed; nothing of what they amount to is changed.

A posting's id is its task's and its number, so that one number is given once: of two who add to a task's books at
the same time one is told to look again.

Source for multikey indexes: MongoDB manual 6.0, read 2026-11-28.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs
import pymongo
from pymongo import ASCENDING, IndexModel
from pymongo.errors import BulkWriteError

from danqing_server.codec.documents import from_document, value_of
from danqing_server.loops.steps import step
from danqing_server.records.accounts import COSTS, LineKind, Posting
from danqing_server.store.client import Database, durable, translated
from danqing_server.store.reading import versioned

__all__ = ["COLLECTION", "LedgerStore", "Spent", "postings_of"]

COLLECTION = "danqing_ledger"
DUPLICATE_KEY = 11000
COUNT_S = 20.0
FORGOTTEN = ""
"""Who spent what a deleted task cost: nobody knows any more."""

_BY_PROJECT = IndexModel([("project", ASCENDING), ("lines.at", ASCENDING)], name="by_project")


@attrs.frozen
class Spent:
    """What was, or may have been, paid, in millionths; `over` are holds whose tasks' cost is in it."""

    amount_micro: int = 0
    over: Collection[str] = frozenset()


@attrs.define(eq=False)
class LedgerStore:
    """The books. Every method raises StoreUnavailable when MongoDB does not answer in time."""

    database: Database
    _indexed: bool = attrs.field(default=False, init=False)

    @step("books.add")
    async def add(self, postings: Sequence[Posting]) -> set[str]:
        """Add *postings*, each unless its number is taken; returns the tasks of those that were not added."""
        if not postings:
            return set()
        await self._ensure_index()
        with translated():
            try:
                await self._postings.insert_many([_document_of(posting) for posting in postings], ordered=False)
            except BulkWriteError as error:
                failed = error.details["writeErrors"]
                if error.details.get("writeConcernErrors") or any(each["code"] != DUPLICATE_KEY for each in failed):
                    raise
                return {postings[each["index"]].task for each in failed}
        return set()

    async def of(self, task_ids: Collection[str]) -> Mapping[str, Sequence[Posting]]:
        """Return the postings of tasks, of each in order; those of none are empty."""
        found: defaultdict[str, list[Posting]] = defaultdict(list)
        with translated():
            documents = await self._postings.find(postings_of(task_ids)).to_list(None) if task_ids else []
        for document in documents:
            found[document["task"]].append(from_document(Posting, document))
        for postings in found.values():
            postings.sort(key=_number)
        return found

    @step("erase.books")
    async def forget_user(self, task_id: str) -> None:
        """Have a deleted task's postings name no user; what they amount to stays. Idempotent."""
        of_task = {"task": task_id, "_id": _ids_of(task_id), "user": {"$ne": FORGOTTEN}}
        with translated():
            await self._postings.update_many(of_task, {"$set": {"user": FORGOTTEN}})

    async def spent(
        self,
        project: str | None,
        key: str | None,
        currency: str,
        spans: Sequence[tuple[datetime, datetime]],
        *,
        since: datetime,
    ) -> Spent:
        """Return what a project, or one of its keys, paid or may have paid in *spans*, one at least, durably.

        Each is from its first moment until before its second. With it come the holds that were over with what was
        booked at *since* or later. It reads all that was booked then: 100,000 postings take a second or two.
        """
        at = [{"$gte": start, "$lt": end} for start, end in spans]
        wanted: dict[str, Any] = {
            "project": project,
            "$or": [{"lines": {"$elemMatch": {"at": each}}} for each in at],
        }
        if key is not None:
            wanted["key"] = key
        costs = [kind.value for kind in COSTS]
        counted = {
            "$or": [{"lines.at": each} for each in at],
            "lines.currency": currency,
            "lines.kind": {"$in": [*costs, LineKind.RELEASE.value]},
        }
        is_cost = {"$in": ["$lines.kind", costs]}
        is_over = {"$and": [{"$not": is_cost}, {"$gte": ["$at", since]}]}
        stages = [
            {"$match": wanted},
            {"$unwind": "$lines"},
            {"$match": counted},
            {
                "$group": {
                    "_id": None,
                    "amount_micro": {"$sum": {"$cond": [is_cost, "$lines.amount_micro", 0]}},
                    "over": {"$addToSet": {"$cond": [is_over, "$lines.hold", "$$REMOVE"]}},
                }
            },
        ]
        with pymongo.timeout(COUNT_S), translated():
            found = await durable(self._postings).aggregate(stages).to_list(1)
        return Spent(int(found[0]["amount_micro"]), frozenset(found[0]["over"])) if found else Spent()

    async def _ensure_index(self) -> None:
        if not self._indexed:
            with translated():
                await self._postings.create_indexes([_BY_PROJECT])
            self._indexed = True

    @property
    def _postings(self) -> Any:
        return self.database[COLLECTION]


def postings_of(task_ids: Collection[str]) -> dict[str, Any]:
    """Return what finds the postings of tasks, one at least."""
    ranges = [{"_id": _ids_of(task_id)} for task_id in task_ids]
    return {"task": {"$in": [*task_ids]}, "$or": ranges}  # a task's postings are one shard's


def _document_of(posting: Posting) -> dict[str, Any]:
    document: dict[str, Any] = {"_id": f"{posting.task}/{posting.number}", **value_of(posting)}
    versioned(document)
    return document


def _ids_of(task_id: str) -> dict[str, str]:
    return {"$gt": f"{task_id}/", "$lt": f"{task_id}0"}  # `0` comes after `/`: the task's, and no other's


def _number(posting: Posting) -> int:
    return posting.number
