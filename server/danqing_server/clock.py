"""Time as the database keeps it: UTC, aware, whole milliseconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import attrs

__all__ = ["EPOCH", "Clock", "from_ms", "to_ms"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(moment: datetime) -> int:
    """Return *moment* as milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


def from_ms(milliseconds: int) -> datetime:
    """Return the moment *milliseconds* after 1970, in UTC."""
    return EPOCH + timedelta(0, 0, 0, milliseconds)


@attrs.frozen
class Clock:
    """The two clocks of a process: the wall for what is stored, the monotonic one for what is measured.

    Both are arguments so that tests can turn them.
    """

    wall_s: Callable[[], float] = time.time
    monotonic_s: Callable[[], float] = time.monotonic

    def now(self) -> datetime:
        """Return the present moment, cut to whole milliseconds as MongoDB keeps it."""
        return datetime.fromtimestamp(self.now_ms() / 1000, UTC)  # to the millisecond in this century

    def now_ms(self) -> int:
        """Return milliseconds since 1970."""
        return int(self.wall_s() * 1000)
