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

from danqing_server.codec.documents import to_document, value_of
from danqing_server.log import get_logger
from danqing_server.loops.steps import step
from danqing_server.records.lanes import LaneAct, LaneActKind, LaneRecord, Pause
from danqing_server.store.client import Database, translated
from danqing_server.store.reading import decoded

__all__ = ["LaneStore"]

COLLECTION = "danqing_lanes"
ACTS_KEPT = 200
_KINDS = frozenset(kind.value for kind in LaneActKind)

log = get_logger(__name__)


@attrs.define(eq=False)
class LaneStore:
    """The lanes' records. Every method raises StoreUnavailable when MongoDB does not answer in time."""

    database: Database

    @property
    def _lanes(self) -> Any:
        return self.database[COLLECTION]

    async def all(self) -> list[LaneRecord]:
        """Return the record of every lane that has one which can be read."""
        with translated():
            found = await self._lanes.find({}).to_list(None)
        return [record for document in found if isinstance(record := _record_of(document), LaneRecord)]

    async def find(self, lane: str) -> LaneRecord | None:
        """Return the record of one lane, None when nobody ever touched it."""
        with translated():
            found = await self._lanes.find_one({"_id": lane})
        return None if found is None else _readable(found)

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
        return None if found is None else _readable(found)

    async def _update(
        self, wanted: Mapping[str, Any], change: Mapping[str, Any], *, upsert: bool
    ) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = await self._lanes.find_one_and_update(
            wanted, change, upsert=upsert, return_document=ReturnDocument.AFTER
        )
        return found


def _record_of(document: Mapping[str, Any]) -> LaneRecord | Exception:
    """Return the record of *document*, without acts that only a newer release knows; or why there is none."""
    known = [act for act in document.get("acts", ()) if act.get("kind") in _KINDS]
    found = decoded(LaneRecord, {**document, "acts": known})
    if not isinstance(found, LaneRecord):
        log.error("lane_unreadable", lane=document["_id"], reason=type(found).__name__)
    return found


def _readable(document: Mapping[str, Any]) -> LaneRecord:
    """Return the record that *document* holds. Raises what reading it raised."""
    found = _record_of(document)
    if isinstance(found, LaneRecord):
        return found
    raise found
