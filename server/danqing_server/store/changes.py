"""A compare-and-set on one task, as it joins a batch of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from pymongo import UpdateOne

__all__ = ["Change"]


@attrs.frozen(kw_only=True)
class Change:
    """One compare-and-set on one task.

    `expected` is the filter beside `_id`. With a `transition_id` it changes the status, and that id, read back,
    says who won; without one it amends the task under the attempt named in `expected`, and must be idempotent.
    `sets` and `unsets` are dotted paths; values are those of `codec.value_of`.
    """

    task_id: str
    expected: Mapping[str, Any]
    sets: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    unsets: Sequence[str] = ()
    increments: Mapping[str, int] = attrs.field(factory=dict)
    transition_id: str | None = None

    def as_update(self) -> UpdateOne:
        """Return the change as one operation of a bulk write."""
        sets = dict(self.sets)
        if self.transition_id is not None:
            sets["transition_id"] = self.transition_id
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
        holder = found.get("attempt", {}).get("id")
        return bool(holder == self.expected.get("attempt.id") and found["status"] == self.expected.get("status"))
