"""The order of lists, newest first as a rule, and what stands before and behind a place in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from pymongo import DESCENDING

__all__ = ["NEWEST_FIRST", "Place", "behind", "border", "past", "place_of", "up_to"]

NEWEST_FIRST: Final = [("created_at", DESCENDING), ("_id", DESCENDING)]

Place: TypeAlias = tuple[datetime, str]
"""Where in a list something stands: when it was made, and its id, for several are made at one moment."""


def place_of(document: Mapping[str, Any]) -> Place:
    """Return where *document* stands in a list."""
    return document["created_at"], document["_id"]


def behind(place: tuple[Any, str], way: str = "$lt", by: str = "created_at") -> dict[str, Any]:
    """Return what finds the documents after *place*: the older ones, with `$gt` as *way* those that are newer.

    The list is in the order of *by*, and of the ids.
    """
    at, id_ = place
    return {"$or": [{by: {way: at}}, {by: at, "_id": {way: id_}}]}


def past(place: tuple[Any, str], way: str = "$lt", by: str = "created_at") -> dict[str, Any]:
    """Return what `behind` does, with a bound on the index. Beside it in one mapping stands no other of *by*."""
    return {by: {f"{way}e": place[0]}, **behind(place, way, by)}


def up_to(place: tuple[Any, str], way: str = "$gt", by: str = "created_at") -> dict[str, Any]:
    """Return what finds *place* and the documents before it: the newer ones, with `$lt` as *way* the older."""
    at, id_ = place
    return {by: {f"{way}e": at}, "$or": [{by: {way: at}}, {by: at, "_id": {f"{way}e": id_}}]}


async def border(
    collection: Any, here: Mapping[str, Any], order: Sequence[tuple[str, int]], step: int
) -> Place | None:
    """Return where the *step*-th document of *here* stands, by an index alone; None when there are fewer."""
    by = order[0][0]
    found = await collection.find(here, {by: 1}).sort(order).skip(step - 1).limit(1).to_list(None)  # and `_id`
    return (found[0][by], found[0]["_id"]) if found else None
