"""A worker process with the installed plugins that dies by SIGKILL: `python -m tests.support.dying_process`.

Its settings are variables. `DIES_AT` is `before|after:<step>`: it dies when it comes there first. Empty, it lives
until it is killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from danqing_server.loops.steps import listen

if TYPE_CHECKING:
    from danqing_server.settings.server import Settings

__all__ = ["DEAD_AFTER_S", "Killer", "dying_process"]

DEAD_AFTER_S = 2.0
_ROOT = Path(__file__).parents[2]


@attrs.frozen
class Killer:
    point: str

    def before(self, step: str, doer: object) -> None:
        """Die before *step* when that is the point."""
        self._die_at(f"before:{step}")

    def after(self, step: str, doer: object, begun: object, error: BaseException | None) -> None:
        """Die after *step* when that is the point."""
        if error is None:
            self._die_at(f"after:{step}")

    def _die_at(self, point: str) -> None:
        if point == self.point:
            os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def dying_process(settings: Settings, *, dies_at: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Run one while the block lasts."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.dying_process"],
        cwd=_ROOT,
        env={**settings.environment, "DIES_AT": dies_at, "PATH": os.environ["PATH"]},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def _work() -> None:
    # A step is listened to before the modules that have it are imported.
    from danqing_server.log import configure_logging
    from danqing_server.settings.server import Settings
    from tests.support.system import running_system

    configure_logging("WARNING", json_lines=True)
    async with running_system(Settings.read(os.environ), [], dead_after_s=DEAD_AFTER_S):
        await asyncio.Event().wait()


if __name__ == "__main__":
    listen(Killer(os.environ["DIES_AT"]))
    asyncio.run(_work())
