"""A process that carries out tasks and sends webhooks, for tests that kill it.

`python -m tests.support.webhook_process`; its settings are variables.
What takes minutes in production takes seconds here: claims, tries, retelling.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from danqing_server.log import configure_logging
from danqing_server.settings.server import Settings
from danqing_server.supervision.processes import Command
from tests.support.providers import ScriptedProvider
from tests.support.servers import RunningServer
from tests.support.system import System, running_system

__all__ = ["hasten", "webhook_process"]

DEAD_AFTER_S = 3.0
CLAIM_S = 6.0
RETELL_AFTER = timedelta(seconds=4)
SCHEDULE_S = (0.0, *(1.0,) * 200)


def hasten(system: System) -> None:
    """Have a process wait for seconds where it would for minutes."""
    sender = system.services.webhooks.sender
    sender.claim_s, sender.timeout_s, sender.look_every_s = CLAIM_S, 3.0, 0.3
    sender.schedule_s = SCHEDULE_S
    system.services.control.register.outlet.retell_after = RETELL_AFTER


def webhook_process(directory: Path, name: str, environment: Mapping[str, str]) -> RunningServer:
    """Return such a process, to be started and killed; it is ready when it says so in a file."""
    ready = directory / f"{name}.ready"
    kept = {each: os.environ[each] for each in ("PATH", "HOME") if each in os.environ}
    root = str(Path(__file__).parents[2])
    command = Command(
        name=name,
        argv=(sys.executable, "-m", "tests.support.webhook_process"),
        environment={**kept, "PYTHONPATH": root, **environment, "READY": str(ready)},
        log_path=directory / f"{name}.log",
    )
    return RunningServer(command=command, answers=ready.exists, url="", data_dir=directory)


async def _work() -> None:
    async with running_system(Settings.read(os.environ), [ScriptedProvider()], dead_after_s=DEAD_AFTER_S) as system:
        hasten(system)
        os.close(os.open(os.environ["READY"], os.O_CREAT))
        await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logging("WARNING", json_lines=True)
    asyncio.run(_work())
