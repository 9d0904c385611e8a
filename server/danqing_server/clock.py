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
LOOK_EVERY_S = 1.0


@attrs.define(eq=False)
class SteadyTime:
    """The wall clock without its steps: seconds since 1970 that go on as the monotonic clock does.

    A clock that is set by an hour would end tasks whose deadline is an hour away. What the wall says is taken over
    after a quarter of an hour in which it stayed: then it is right, and whatever ran at the step is over.
    """

    wall_s: Callable[[], float] = time.time
    monotonic_s: Callable[[], float] = time.monotonic
    _offset_s: float = attrs.field(init=False)
    _stepped_since_s: float | None = attrs.field(default=None, init=False)
    _looked_at_s: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._looked_at_s = self.monotonic_s()
        self._offset_s = self.wall_s() - self._looked_at_s

    def __call__(self) -> float:
        """Return the time."""
        passed_s = self.monotonic_s()
        if passed_s - self._looked_at_s >= LOOK_EVERY_S:
            self._look(passed_s)
        return passed_s + self._offset_s

    def _look(self, passed_s: float) -> None:
        """Compare with the wall, which costs as much as telling the time."""
        self._looked_at_s = passed_s
        offset_s = self.wall_s() - passed_s
        if abs(offset_s - self._offset_s) < STEP_S:
            self._stepped_since_s = None
        elif self._stepped_since_s is None:
            self._stepped_since_s = passed_s
        elif passed_s - self._stepped_since_s >= SETTLED_S:
            self._offset_s, self._stepped_since_s = offset_s, None


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
