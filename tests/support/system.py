"""The whole of one serving process, without HTTP, inside the test's own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import attrs

from danqing_plugins import Provider
from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.composition.process import open_process
from danqing_server.composition.workers import Workers
from danqing_server.desk.request import Submission
from danqing_server.http.services import Services
from danqing_server.plugins.registry import load_registry
from danqing_server.records.tasks import FINISHED, Task
from danqing_server.settings.server import Settings
from danqing_server.telemetry.meters import Meters
from danqing_server.telemetry.traces import Traces
from danqing_server.telemetry.watching import Watched
from danqing_server.worker.keeping import LinkPatience
from tests.support.installed import all_but

__all__ = ["HASTY", "MakeSettings", "System", "running_system", "settings_for", "until"]

HASTY = LinkPatience(pauses_s=(0.01, 0.02, 0.02, 0.02, 0.02), broken_pauses_s=(0.01,), young_s=0.3)
"""Believes that a link is dead within a second."""

LET_GO_S = 2.0

MakeSettings = Callable[..., Settings]
"""Makes settings from variables by name."""


async def until(condition: Callable[[], Any], *, timeout_s: float = 20.0, what: str = "the condition") -> Any:
    """Return the first true answer of *condition*, a function that may be async; AssertionError after a while."""
    async with asyncio.timeout(timeout_s):
        while True:
            answer = condition()
            if asyncio.iscoroutine(answer):
                answer = await answer
            if answer:
                return answer
            await asyncio.sleep(0.01)
    raise AssertionError(f"{what} did not come true")


def settings_for(
    mongo_url: str, database: str, redis_url: str, prefix: str, data_dir: Path, **variables: str
) -> Settings:
    """Return settings that use the given servers and names."""
    return Settings.read(
        {
            "MONGO_URL": mongo_url,
            "REDIS_URL": redis_url,
            "DANQING_DATABASE": database,
            "DANQING_REDIS_PREFIX": prefix,
            "DANQING_DATA_DIR": str(data_dir),
            "DANQING_DISABLED_PLUGINS": all_but(),
            "DANQING_DEFAULT_PROVIDER": "scripted",
            "DANQING_STOP_GRACE": "5",
            **variables,
        }
    )


@attrs.define(eq=False, repr=False)
class System:
    """A running process: its services and its workers."""

    services: Services
    workers: Workers | None
    watched: Watched | None = None

    async def submit(
        self,
        prompt: str = "a cat",
        user_id: str = "u1",
        key: str | None = None,
        caller: Caller | None = None,
        **fields: Any,
    ) -> Task:
        """Submit a task as *caller*, or with the API key *key*; of pictures to the default *provider* and *model*.

        `n` and other input keys are given by name.
        """
        optional = ("delay_s", "priority", "on_ambiguous", "repeat")
        provider, model = fields.pop("provider", None), fields.pop("model", None)
        type_ = fields.pop("type", "image")
        named = {key: fields.pop(key) for key in optional if key in fields}
        submission = Submission(
            provider=provider,
            type=type_,
            model=model,
            input={"prompt": prompt, **fields},
            user_id=user_id,
            caller=caller or (Caller.local() if key is None else Caller.with_key(key)),
            **named,
        )
        return (await self.services.submissions.submit(submission)).task

    async def get(self, task_id: str) -> Task:
        """Return the task as it is stored."""
        task = await self.services.store.get(task_id)
        assert task is not None
        return task

    async def finished(self, task_id: str, timeout_s: float = 20.0) -> Task:
        """Wait until the task is finished and return it.

        What follows its end in this process (the limit's books, the counters) has been done by then, unless a test
        holds its attempt up.
        """

        async def look() -> Task | None:
            task = await self.get(task_id)
            return task if task.status in FINISHED else None

        found: Task = await until(look, timeout_s=timeout_s, what=f"the end of {task_id}")
        with suppress(TimeoutError):
            await until(lambda: not self._holds(task_id), timeout_s=LET_GO_S)
        return found

    def _holds(self, task_id: str) -> bool:
        lanes = self.workers.pool.lanes.values() if self.workers is not None else ()
        return any(task_id in lane.running for lane in lanes)


@asynccontextmanager
async def running_system(
    settings: Settings,
    providers: Sequence[Provider],
    *,
    workers: bool = True,
    dead_after_s: float | None = None,
    link_patience: LinkPatience | None = None,
    meters: Meters | None = None,
    traces: Traces | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[System]:
    """Yield a process that serves *providers*, by *clock* if given; stopped in order at the end.

    With *dead_after_s* it takes over from a silent worker that much sooner, and beats ten times as fast itself.
    """
    registry = load_registry(settings, extra=[(provider.info.name, provider) for provider in providers])
    without = attrs.evolve(settings, role="all" if workers else "api")
    async with open_process(
        without, registry, link_patience=link_patience, meters=meters, traces=traces, clock=clock
    ) as process:
        if process.workers is not None and dead_after_s is not None:
            process.workers.tools.lease.beat_s = dead_after_s / 10
            process.workers.janitor.dead_after_s = dead_after_s
        process.start()
        try:
            yield System(process.services, process.workers, process.watched)
        finally:
            await process.stop(settings.stop_grace_s)
