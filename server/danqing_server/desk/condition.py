"""How the server is: what it stands on, who works, which loops run; for who looks after it."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import TypeVar

import attrs

from danqing_server.assets.places import Space
from danqing_server.assets.storage import Assets
from danqing_server.clock import Clock
from danqing_server.errors import ServiceUnavailable
from danqing_server.loops.supervised import Supervised
from danqing_server.queue.lanes import Queue
from danqing_server.store.leases import WorkerBeat, WorkerStore
from danqing_server.store.tasks import TaskStore

__all__ = ["Condition", "Found"]

T = TypeVar("T")

LOOK_S = 1.5


@attrs.frozen(kw_only=True)
class Found:
    """What was found. None is what could not be learned just now.

    `workers` are the processes that carry tasks out, of all machines, the oldest first; `space` is None of a
    bucket, too.
    """

    mongodb: str | None
    redis: str | None
    space: Space | None
    workers: Sequence[WorkerBeat] | None
    python: str = attrs.field(factory=platform.python_version)


@attrs.define(eq=False)
class Condition:
    """Made once per process. `loops` are this process's own, since `began_at`."""

    store: TaskStore
    queue: Queue
    assets: Assets
    workers: WorkerStore
    clock: Clock
    loops: Sequence[Supervised] = ()
    began_at: datetime = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.began_at = self.clock.now()

    async def look(self) -> Found:
        """Ask everything at once; what does not answer in time is None."""
        mongodb, redis, space, workers = await asyncio.gather(
            _unless_away(self.store.server_version()),
            _unless_away(self.queue.server_version()),
            _unless_away(self.assets.space()),
            _unless_away(self.workers.beats()),
        )
        by_age = None if workers is None else sorted(workers, key=lambda each: each.id)
        return Found(mongodb=mongodb, redis=redis, space=space, workers=by_age)


async def _unless_away(asked: Awaitable[T]) -> T | None:
    try:
        async with asyncio.timeout(LOOK_S):
            return await asked
    except (ServiceUnavailable, TimeoutError):
        return None
