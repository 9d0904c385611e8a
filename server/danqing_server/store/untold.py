"""What is still to be told of tasks' changes: marks that the changes left, beside what they changed.

A mark is set in the very write that makes a change, while somebody listens, and taken away once it was told. The
marks of a deleted task stand on the note of its deletion, as long as that is kept. Where nobody listens there are
none, and nothing here is called.

Source for partial indexes, and for the order of objects: MongoDB manual 6.0, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs
from pymongo import ASCENDING, IndexModel, UpdateOne

from danqing_plugins import TaskEvent, TaskEventKind
from danqing_server.codec.documents import from_document
from danqing_server.records.tasks import Task, TaskWebhook
from danqing_server.store.changes import Marks
from danqing_server.store.client import Database, translated
from danqing_server.store.keys import DELETED
from danqing_server.store.late_indexes import LateIndexes
from danqing_server.store.paths import of_mark
from danqing_server.store.reading import note_unreadable
from danqing_server.store.tasks import COLLECTION

__all__ = ["Notice", "Untold", "event_id", "transition_of"]

_IS_MARKED: Mapping[str, Any] = {"untold": {"$gt": {}}}
"""Any object but the empty one, which is what the last mark leaves behind."""
_INDEX = IndexModel([("updated_at", ASCENDING)], name="untold", partialFilterExpression=_IS_MARKED)
_FIELDS = ["provider", "model", "user_id", "owner", "webhook", "untold", "v"]
MOST_LOOKED_AT = 20_000
_KINDS = {kind.value: kind for kind in TaskEventKind}


def _always(notice: Notice) -> bool:
    return True


def event_id(task_id: str, transition_id: str) -> str:
    """Return the id of what is told of a change, the same whenever it is told."""
    return f"{task_id}/{transition_id}"


def transition_of(event: TaskEvent) -> str:
    """Return the id of the change that an event tells, which is unique only for its task."""
    return event.id.rpartition("/")[2]


@attrs.frozen
class Notice:
    """A change that is told, and whose task it is of: `owner` None was made without authentication.

    `webhook` is the task's own. `task` is the task as the change left it; None: who needs it is to read it.
    """

    event: TaskEvent
    owner: str | None
    webhook: TaskWebhook | None = None
    task: Task | None = attrs.field(default=None, repr=False)


@attrs.define(eq=False)
class Untold:
    """The marks in MongoDB. Every method raises StoreUnavailable when it does not answer in time."""

    database: Database
    _indexes: Sequence[LateIndexes] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._indexes = [LateIndexes(collection) for collection in (self._tasks, self._deleted)]

    async def ensure_indexes(self) -> None:
        """See to the indexes by which the marks are found; only where somebody listens."""
        for each in self._indexes:
            await each.ensure([_INDEX])

    async def drain(self) -> None:
        """Wait for no index any longer."""
        for each in self._indexes:
            await each.drain()

    async def of(self, task_id: str) -> Marks:
        """Return the marks of a task."""
        with translated():
            found = await self._tasks.find_one({"_id": task_id}, ["untold"])
        return found.get("untold", {}) if found else {}

    async def clear(self, told: Mapping[str, Collection[str]]) -> None:
        """Take marks away: transition ids by the id of their task, which may have been deleted since."""
        updates = [
            UpdateOne({"_id": task_id}, {"$unset": {of_mark(transition_id): "" for transition_id in transitions}})
            for task_id, transitions in told.items()
        ]
        with translated():
            outcome = await self._tasks.bulk_write(updates, ordered=False)
            if outcome.matched_count < len(updates):
                await self._deleted.bulk_write(updates, ordered=False)

    async def find(self, before: datetime, limit: int, is_owed: Callable[[Notice], bool] = _always) -> list[Notice]:
        """Return what is to be told of up to *limit* tasks, and as many deleted ones, unchanged since *before*.

        Oldest first. What is not owed, as what only a newer release knows, takes no room; of very much of it the
        rest is not looked at.
        """
        wanted = {**_IS_MARKED, "updated_at": {"$lt": before}}
        found = [each for of in (self._tasks, self._deleted) for each in await _told_of(of, wanted, limit, is_owed)]
        notices = {notice.event.id: notice for each in found for notice in each}
        return sorted(notices.values(), key=_moment)

    @property
    def _tasks(self) -> Any:
        return self.database[COLLECTION]

    @property
    def _deleted(self) -> Any:
        return self.database[DELETED]


async def _told_of(
    collection: Any, wanted: Mapping[str, Any], limit: int, is_owed: Callable[[Notice], bool]
) -> list[Sequence[Notice]]:
    """Return what is to be told of the oldest *limit* of which anything is; the others are passed over."""
    told: list[Sequence[Notice]] = []
    passed = 0
    while len(told) < limit and passed < MOST_LOOKED_AT:
        with translated():
            page = collection.find(wanted, _FIELDS).sort("updated_at", ASCENDING).skip(passed).limit(limit)
            documents = await page.to_list(None)
        told += filter(None, ([*filter(is_owed, _readable(document))] for document in documents))
        passed += len(documents)
        if len(documents) < limit:
            break
    return told[:limit]


def _readable(document: Mapping[str, Any]) -> Sequence[Notice]:
    """Return what is to be told of a document; of one that cannot be read, nothing here: others must not wait."""
    try:
        return _notices_of(document)
    except Exception as error:  # noqa: BLE001 — of a newer release, maybe: that one tells it
        note_unreadable(document, error)
        return ()


def _notices_of(document: Mapping[str, Any]) -> Sequence[Notice]:
    return [
        Notice(_event_of(document, transition_id, kind, mark), document.get("owner"), _webhook_of(document))
        for transition_id, mark in document["untold"].items()
        if (kind := _KINDS.get(mark.get("kind", ""))) is not None
    ]


def _webhook_of(document: Mapping[str, Any]) -> TaskWebhook | None:
    found = document.get("webhook")
    return None if found is None else from_document(TaskWebhook, found)


def _event_of(
    document: Mapping[str, Any], transition_id: str, kind: TaskEventKind, mark: Mapping[str, Any]
) -> TaskEvent:
    return TaskEvent(
        kind=kind,
        task_id=document["_id"],
        provider=document["provider"],
        model=document["model"],
        user_id=document["user_id"],
        error_code=mark.get("error_code"),
        id=event_id(document["_id"], transition_id),
        at=mark.get("at"),
    )


def _moment(notice: Notice) -> float:
    return notice.event.at.timestamp() if notice.event.at is not None else 0.0
