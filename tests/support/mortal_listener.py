"""A worker process whose plugin dies of what it hears: `python -m tests.support.mortal_listener`.

Its settings are variables, and `DIES_OF` is the kind of event at which it kills its process. It listens first, so
that no mark of what it hears then is ever taken away.
"""

from __future__ import annotations

import asyncio
import os
import signal

import attrs

from danqing_plugins import RateLimited, TaskEvent, hookimpl
from danqing_plugins.models import Job
from danqing_plugins.run import Run
from danqing_server.log import configure_logging
from danqing_server.settings.server import Settings
from tests.support.providers import ScriptedProvider, deliver_all
from tests.support.system import running_system

__all__: list[str] = []


@attrs.define(eq=False)
class _Mortal(ScriptedProvider):
    dies_of: str = ""

    @hookimpl
    def danqing_task_event(self, event: TaskEvent) -> None:
        if event.kind == self.dies_of:
            os.kill(os.getpid(), signal.SIGKILL)


async def _limited(job: Job, run: Run) -> None:
    raise RateLimited("later", retry_after_s=0.1)


async def _work() -> None:
    dies_of = os.environ["DIES_OF"]
    generation = _limited if dies_of == "retrying" else deliver_all
    async with running_system(Settings.read(os.environ), [_Mortal(generation, dies_of=dies_of)]):
        await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logging("WARNING", json_lines=True)
    asyncio.run(_work())
