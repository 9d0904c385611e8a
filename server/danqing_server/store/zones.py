"""A time zone as MongoDB is to see it: by its offsets, of the rules that this process goes by.

MongoDB has rules of its own, as old as its release: of a name younger than that it knows nothing, and where a
country has changed its clocks since, it puts an hour of each night to another day than limits do. So it is told no
name.

Source for `timezone`, which may be an expression: MongoDB manual 6.0, read 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

__all__ = ["timezone_of"]

FIRST, LAST = 2000, 2100
"""Years. What lies before or after is seen as at their ends: nothing is booked there."""

_DAY, _EXACTLY = timedelta(days=1), timedelta(minutes=1)


def timezone_of(at: Any, zone: tzinfo, since: datetime, until: datetime) -> Any:
    """Return the `timezone` for *at*, an expression of moments from *since* until before *until*."""
    offset, branches = _offset_at(_within(since), zone), list[dict[str, Any]]()
    for changed_at, next_offset in _changes(zone, _within(since), _within(until)):
        branches.append({"case": {"$lt": [at, changed_at]}, "then": _text_of(offset)})
        offset = next_offset
    if not branches:
        return _text_of(offset)
    return {"$switch": {"branches": branches, "default": _text_of(offset)}}


def _within(moment: datetime) -> datetime:
    return min(max(moment, datetime(FIRST, 1, 1, tzinfo=UTC)), datetime(LAST, 1, 1, tzinfo=UTC))


def _changes(zone: tzinfo, since: datetime, until: datetime) -> Iterator[tuple[datetime, timedelta]]:
    for year in range(since.year, until.year + 1):
        for changed_at, offset in _changes_of(zone, year):
            if since < changed_at < until:
                yield changed_at, offset


@lru_cache(maxsize=1024)
def _changes_of(zone: tzinfo, year: int) -> tuple[tuple[datetime, timedelta], ...]:
    """Return when the offset of *zone* changes in a year of UTC, and to what."""
    found, day = [], datetime(year, 1, 1, tzinfo=UTC)
    while day.year == year:
        offset = _offset_at(day + _DAY, zone)
        if offset != _offset_at(day, zone):
            found.append((_first_with(offset, day, zone), offset))
        day += _DAY
    return tuple(found)


def _first_with(offset: timedelta, day: datetime, zone: tzinfo) -> datetime:
    """Return the first minute after *day* begins, and before it is over, that has *offset*."""
    before, after = day, day + _DAY
    while after - before > _EXACTLY:
        middle = before + (after - before) // 2 // _EXACTLY * _EXACTLY
        before, after = (before, middle) if _offset_at(middle, zone) == offset else (middle, after)
    return after


def _offset_at(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _text_of(offset: timedelta) -> str:
    """Return an offset in whole minutes as MongoDB reads it, `-03:30`."""
    minutes = int(abs(offset).total_seconds()) // 60
    return f"{'-' if offset < timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}"
