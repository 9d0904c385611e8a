"""A process that deletes a task and dies by SIGKILL on the way: `python -m tests.support.deleting_process`.

Its settings are variables. `TASK_ID` is the task's, `DIES_AT` is `before|after:<step>`; empty: it lives.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from danqing_server.loops.steps import listen
from danqing_server.settings.server import Settings
from tests.support.dying_process import Killer

__all__ = ["delete_and_die"]

_ROOT = Path(__file__).parents[2]


async def delete_and_die(settings: Settings, task_id: str, dies_at: str) -> int:
    """Delete a task in a process of its own, and return how that ended: -9, or 0."""
    environment = {**settings.environment, "TASK_ID": task_id, "DIES_AT": dies_at, "PATH": os.environ["PATH"]}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.deleting_process",
        cwd=_ROOT,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    return await process.wait()


async def _delete() -> None:
    # A step is listened to before the modules that have it are imported.
    from danqing_server.access.caller import Caller
    from tests.support.providers import ScriptedProvider
    from tests.support.system import running_system

    async with running_system(Settings.read(os.environ), [ScriptedProvider()], workers=False) as system:
        await system.services.control.delete(os.environ["TASK_ID"], Caller.local())


if __name__ == "__main__":
    listen(Killer(os.environ["DIES_AT"]))
    asyncio.run(_delete())
