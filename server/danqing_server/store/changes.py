"""A compare-and-set on one task, as it joins a batch of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs
import bson
from pymongo import UpdateOne

from danqing_server.codec.documents import value_of
from danqing_server.records.outputs import Output
from danqing_server.records.tasks import CallRecord, Task
from danqing_server.store.paths import ATTEMPT_ID, of_mark
from danqing_server.store.reading import attempt_id_of
from danqing_server.store.refusals import ENCODING_ERRORS

__all__ = ["NO_MARKS", "Change", "Legacy", "Marks", "by_field", "encodable", "mark", "marks_as_sets"]

Marks = Mapping[str, Mapping[str, Any]]
"""What is still to be told of changes of a task, by their transition ids: `kind`, `at`, and `error_code` if any."""

NO_MARKS: Marks = {}


@attrs.frozen(kw_only=True)
class Change:
    """One compare-and-set on one task.

    `expected` is the filter beside `_id`. With a `transition_id` it changes the status, and that id, read back,
    says who won; without one it amends the task under the attempt named in `expected`, and must be idempotent.
    `sets` and `unsets` are dotted paths; values are those of `codec.documents.value_of`. `marks` say what is
    still to be told of it.

    A change that contradicts itself (one path set and unset, or inside another) is not made: ValueError. MongoDB
    would refuse it (code 40), and with it would go whatever else it says.
    """

    task_id: str
    expected: Mapping[str, Any]
    sets: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    unsets: Sequence[str] = ()
    increments: Mapping[str, int] = attrs.field(factory=dict)
    transition_id: str | None = None
    marks: Marks = NO_MARKS

    def __attrs_post_init__(self) -> None:
        if self.unsets or self.increments:  # keys of one mapping differ; dotted ones are ours, of one shape
            _require_consistent([*self.sets, *self.unsets, *self.increments])

    def as_update(self) -> UpdateOne:
        """Return the change as one operation of a bulk write."""
        sets = dict(self.sets)
        if self.transition_id is not None:
            sets["transition_id"] = self.transition_id
        if self.marks:
            sets |= marks_as_sets(self.marks)
        update: dict[str, Any] = {"$set": sets}
        if self.unsets:
            update["$unset"] = dict.fromkeys(self.unsets, "")
        if self.increments:
            update["$inc"] = dict(self.increments)
        return UpdateOne({"_id": self.task_id, **self.expected}, update)

    def won(self, found: Mapping[str, Any] | None) -> bool:
        """Say from the document *found* afterwards whether this change took effect."""
        if found is None:
            return False
        if self.transition_id is not None:
            return bool(found.get("transition_id") == self.transition_id)
        held = attempt_id_of(found) == self.expected.get(ATTEMPT_ID)
        return bool(held and found["status"] == self.expected.get("status"))


def by_field(path: str, value: CallRecord | Output) -> dict[str, Any]:
    """Return what writes over a call or a picture stored at *path*, all that this release knows of it and no more.

    What another release wrote inside it stays.
    """
    return {f"{path}.{field.name}": value_of(getattr(value, field.name)) for field in attrs.fields(type(value))}


@attrs.frozen(kw_only=True)
class Legacy:
    """What is kept of a task that is deleted: what is still to be told of it, and when it was deleted."""

    task: Task
    at: datetime
    marks: Marks

    def as_document(self) -> dict[str, Any]:
        """Return it in the form that a task has, as far as it is needed to tell of one."""
        task = self.task
        of_task = {"provider": task.provider, "model": task.model, "user_id": task.user_id, "owner": task.owner}
        if task.webhook is not None:
            of_task["webhook"] = value_of(task.webhook)
        return {**of_task, "updated_at": self.at, "untold": dict(self.marks)}


def mark(kind: str, at: datetime, error_code: str | None = None) -> Mapping[str, Any]:
    """Return what is to be told of one change."""
    told = {"kind": str(kind), "at": at}
    return told if error_code is None else {**told, "error_code": error_code}


def marks_as_sets(marks: Marks) -> dict[str, Any]:
    """Return *marks* as an update sets them."""
    return {of_mark(transition_id): mark for transition_id, mark in marks.items()}


def encodable(value: Any) -> bool:
    """Tell whether a document can hold *value*."""
    try:
        bson.encode({"value": value})
    except ENCODING_ERRORS:
        return False
    return True


def _require_consistent(paths: Sequence[str]) -> None:
    known = set(paths)
    if len(known) < len(paths):
        raise ValueError(f"a path stands twice: {sorted({path for path in paths if paths.count(path) > 1})}")
    for path in [path for path in paths if "." in path]:
        end = path.find(".")
        while end >= 0:
            if path[:end] in known:
                raise ValueError(f"{path} lies inside {path[:end]}")
            end = path.find(".", end + 1)
