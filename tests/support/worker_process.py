"""A worker process that a test may kill: `python -m tests.support.worker_process`, its settings are variables.

`JOURNAL` names a file that gets one line, `task_id index pid`, for each paid call when it is over at the service;
`CALL_S` is how long one takes.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from danqing_plugins import Job, Run, Source
from danqing_server.log import configure_logging
from danqing_server.settings.server import Settings
from tests.support.providers import ScriptedProvider, picture
from tests.support.system import running_system

__all__ = ["DEAD_AFTER_S", "journaled", "paid_by", "paying_provider"]

DEAD_AFTER_S = 2.0


def journaled(path: Path) -> list[str]:
    """Return the task of every paid call, in order."""
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def paid_by(path: Path) -> set[str]:
    """Return the processes that paid for something."""
    return {line.split()[2] for line in path.read_text().splitlines()}


def paying_provider(journal: Path, call_s: float, concurrency: int = 32) -> ScriptedProvider:
    """Return a provider that writes down what was paid, in a file that survives its process."""

    async def generate(job: Job, run: Run) -> None:
        for index in run.missing:
            async with run.call([index], "fingerprint"):
                with journal.open("a") as file:
                    file.write(f"{job.task_id} {index} {os.getpid()}\n")
                await asyncio.sleep(call_s)
                await run.deliver(index, Source.from_bytes(picture()))

    return ScriptedProvider(generate, concurrency=concurrency)


async def _work() -> None:
    settings = Settings.read(os.environ)
    provider = paying_provider(Path(os.environ["JOURNAL"]), float(os.environ["CALL_S"]))
    async with running_system(settings, [provider], dead_after_s=DEAD_AFTER_S):
        await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logging("WARNING", json_lines=True)
    asyncio.run(_work())
