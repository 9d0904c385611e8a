"""A serving process that dies by SIGKILL at a step: `python -m tests.support.dying_serving --fd N`.

`DIES_AT` is `before|after:<step>`, as for `dying_process`, and `DIES_ON` which time that is, the first when unset.
"""

from __future__ import annotations

import os
import signal
import sys

import attrs

from danqing_server.loops.steps import listen


@attrs.define
class _Killer:
    point: str
    left: int

    def before(self, step: str, doer: object) -> None:
        """Die before *step* when that is the point."""
        self._come_to(f"before:{step}")

    def after(self, step: str, doer: object, begun: object, error: BaseException | None) -> None:
        """Die after *step* when that is the point."""
        self._come_to(f"after:{step}")

    def _come_to(self, point: str) -> None:
        self.left -= point == self.point
        if point == self.point and not self.left:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    listen(_Killer(os.environ.get("DIES_AT", ""), int(os.environ.get("DIES_ON", "1"))))
    # A step is listened to before the modules that have it are imported.
    from danqing_server.serving.process import main

    sys.exit(main())
