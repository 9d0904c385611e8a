"""What the deaths of one process say: a mishap, or that it cannot live."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import attrs

__all__ = ["GIVE_UP_AFTER_S", "SHORT_LIFE_S", "Deaths"]

SHORT_LIFE_S = 10.0
GIVE_UP_AFTER_S = 600.0
"""Long enough to make room on a full disk; then whoever looks after the server is to see that it ended."""

_KEEPS_DYING = 5
# Somebody else's doing, the kernel's out of memory included.
_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM)


@attrs.define(kw_only=True)
class Deaths:
    """The short lives of one process in a row. A kill from outside is no fault of its own, and is not counted."""

    give_up_after_s: float = GIVE_UP_AFTER_S
    monotonic_s: Callable[[], float] = time.monotonic
    count: int = 0
    _first_at_s: float = 0.0

    def note(self, exit_code: int, *, lived_s: float) -> None:
        """Take down one death; *exit_code* is minus the number of a signal."""
        if lived_s >= SHORT_LIFE_S:
            self.count = 0
        elif exit_code not in _FROM_OUTSIDE:
            self._first_at_s = self._first_at_s if self.count else self.monotonic_s()
            self.count += 1

    @property
    def many(self) -> bool:
        """Whether this is more than a mishap: five in a row."""
        return self.count >= _KEEPS_DYING

    @property
    def first_of_many(self) -> bool:
        """Whether the last one is the one to be reported."""
        return self.count == _KEEPS_DYING

    @property
    def hopeless(self) -> bool:
        """Whether it has gone on for so long that starting it again is of no use."""
        return self.many and self.monotonic_s() - self._first_at_s >= self.give_up_after_s
