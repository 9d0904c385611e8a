"""What people did with lanes, in MongoDB: one document for each lane that somebody ever touched.

Two who act at once both leave a trace, and the later one's word stands: each act raises the revision, and whoever
tells the queue tells it the revision too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from danqing_server.codec.documents import from_document, to_document, value_of
from danqing_server.loops.steps import step
from danqing_server.records.lanes import LaneAct, LaneRecord, Pause
from danqing_server.store.client import Database, translated

__all__ = ["LaneStore"]

COLLECTION = "danqing_lanes"
ACTS_KEPT = 200


@attrs.define(eq=False)
class LaneStore:
    """The lanes' records. Every method raises StoreUnavailable when MongoDB does not answer in time."""

    database: Database

    @property
    def _lanes(self) -> Any:
        return self.database[COLLECTION]

    async def all(self) -> list[LaneRecord]:
        """Return the record of every lane that has one."""
        with translated():
            found = await self._lanes.find({}).to_list(None)
        return [from_document(LaneRecord, document) for document in found]

    async def find(self, lane: str) -> LaneRecord | None:
        """Return the record of one lane, None when nobody ever touched it."""
        with translated():
            found = await self._lanes.find_one({"_id": lane})
        return None if found is None else from_document(LaneRecord, found)

    @step("lane.record")
    async def record(
        self, lane: str, act: LaneAct, *, pause: Pause | None, revision: int | None = None
    ) -> LaneRecord | None:
        """Note *act*, after which *pause* is the lane's; None when somebody acted since *revision*.

        None given: whoever acted. Revision 0 is that of a lane that nobody ever touched.
        """
        change = {
            "$inc": {"revision": 1},
            "$set": {"pause": None if pause is None else value_of(pause)},
            "$push": {"acts": {"$each": [to_document(act)], "$slice": -ACTS_KEPT}},
        }
        wanted: dict[str, Any] = {"_id": lane}
        if revision:
            wanted["revision"] = revision
        elif revision == 0:
            wanted["revision"] = {"$exists": False}
        with translated():
            try:
                found = await self._update(wanted, change, upsert=not revision)
            except DuplicateKeyError:  # another's act came in between
                found = None if revision == 0 else await self._update(wanted, change, upsert=False)
        return None if found is None else from_document(LaneRecord, found)

    async def _update(
        self, wanted: Mapping[str, Any], change: Mapping[str, Any], *, upsert: bool
    ) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = await self._lanes.find_one_and_update(
            wanted, change, upsert=upsert, return_document=ReturnDocument.AFTER
        )
        return found
