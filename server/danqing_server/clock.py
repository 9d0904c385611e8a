"""Time as the database keeps it: UTC, aware, whole milliseconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import attrs

__all__ = ["EPOCH", "Clock", "SteadyTime", "from_ms", "to_ms"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(moment: datetime) -> int:
    """Return *moment* as milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


def from_ms(milliseconds: int) -> datetime:
    """Return the moment *milliseconds* after 1970, in UTC."""
    return EPOCH + timedelta(0, 0, 0, milliseconds)


SETTLED_S = 900.0
STEP_S = 1.0


@attrs.define(eq=False)
class SteadyTime:
    """The time all processes share, seconds since 1970: another clock's, told once and carried on by our own.

    Until `hear` it is what the wall says. From the first time heard on it goes on as the monotonic clock does:
    neither this machine's wall, nor one that is set while tasks run, can end what has an hour left. What is told
    differently from then on is followed at once when it is less than a second (clocks drift), else after it stayed
    for a quarter of an hour: then it is right, and whatever ran at the step is over.
    """

    wall_s: Callable[[], float] = time.time
    monotonic_s: Callable[[], float] = time.monotonic
    _offset_s: float = attrs.field(init=False)
    _heard: bool = attrs.field(default=False, init=False)
    _stepped_since_s: float | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._offset_s = self.wall_s() - self.monotonic_s()

    def __call__(self) -> float:
        """Return the time."""
        return self.monotonic_s() + self._offset_s

    def hear(self, said_s: float) -> None:
        """Compare with *said_s*, which is what the shared clock says at this moment."""
        passed_s = self.monotonic_s()
        offset_s = said_s - passed_s
        if not self._heard or abs(offset_s - self._offset_s) < STEP_S:
            self._follow(offset_s)
        elif self._stepped_since_s is None:
            self._stepped_since_s = passed_s
        elif passed_s - self._stepped_since_s >= SETTLED_S:
            self._follow(offset_s)

    def _follow(self, offset_s: float) -> None:
        self._heard, self._offset_s, self._stepped_since_s = True, offset_s, None


@attrs.frozen
class Clock:
    """The two clocks of a process: the wall for what is stored, the monotonic one for what is measured.

    Both are arguments so that tests can turn them.
    """

    wall_s: Callable[[], float] = time.time
    monotonic_s: Callable[[], float] = time.monotonic

    def now(self) -> datetime:
        """Return the present moment, cut to whole milliseconds as MongoDB keeps it."""
        return datetime.fromtimestamp(int(self.wall_s() * 1000) / 1000, UTC)  # to the millisecond in this century

    def now_ms(self) -> int:
        """Return milliseconds since 1970."""
        return int(self.wall_s() * 1000)
