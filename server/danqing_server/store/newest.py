"""The order of lists, newest first, and what stands behind a place in one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from pymongo import DESCENDING

__all__ = ["NEWEST_FIRST", "Place", "behind", "place_of"]

NEWEST_FIRST: Final = [("created_at", DESCENDING), ("_id", DESCENDING)]

Place: TypeAlias = tuple[datetime, str]
"""Where in a list something stands: when it was made, and its id, for several are made at one moment."""


def place_of(document: Mapping[str, Any]) -> Place:
    """Return where *document* stands in a list."""
    return document["created_at"], document["_id"]


def behind(place: Place, way: str = "$lt") -> dict[str, Any]:
    """Return what finds the documents after *place*: the older ones, with `$gt` as *way* those that are newer."""
    created_at, id_ = place
    return {"$or": [{"created_at": {way: created_at}}, {"created_at": created_at, "_id": {way: id_}}]}
