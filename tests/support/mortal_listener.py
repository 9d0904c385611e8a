"""A worker process whose plugin dies of what it hears: `python -m tests.support.mortal_listener`.

Its settings are variables. `DIES_OF` is the kind of event at which it kills its process, before the mark of what it
hears is taken away; `HEARD` names a file that gets one line, `kind id`, for everything that it heard before.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

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
    heard: Path | None = None

    @hookimpl
    def danqing_task_event(self, event: TaskEvent) -> None:
        if event.kind == self.dies_of:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.heard is not None:
            with self.heard.open("a") as file:
                file.write(f"{event.kind} {event.id}\n")


async def _limited(job: Job, run: Run) -> None:
    raise RateLimited("later", retry_after_s=0.1)


async def _work() -> None:
    dies_of, heard = os.environ["DIES_OF"], os.environ.get("HEARD")
    generation = _limited if dies_of == "retrying" else deliver_all
    plugin = _Mortal(generation, dies_of=dies_of, heard=Path(heard) if heard else None)
    async with running_system(Settings.read(os.environ), [plugin]):
        await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logging("WARNING", json_lines=True)
    asyncio.run(_work())
