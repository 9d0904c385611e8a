"""Kills a serving process under test at one of the product's steps.

The file whose path `CHAOS_ARMED` gives holds `before|after:<step>`. The first process that comes to that step takes
the file away, so that it strikes once, and dies by SIGKILL.
"""

from __future__ import annotations

import os
import signal

from danqing_server.loops.steps import listen

__all__ = ["install"]


class _Killer:
    """Looks at the file at each step; a step that failed has no `after`."""

    def __init__(self, armed: str) -> None:
        self._armed = armed

    def before(self, step: str, doer: object) -> None:
        """Die before *step* if so armed."""
        self._die_if_armed(f"before:{step}")

    def after(self, step: str, doer: object, begun: object, error: BaseException | None) -> None:
        """Die after *step* if so armed."""
        if error is None:
            self._die_if_armed(f"after:{step}")

    def _die_if_armed(self, point: str) -> None:
        try:
            with open(self._armed) as file:
                if file.read().strip() != point:
                    return
            os.rename(self._armed, f"{self._armed}.struck")
        except OSError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


def install(armed: str) -> None:
    """Listen to every step."""
    listen(_Killer(armed))
