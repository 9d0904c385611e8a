"""The three queues a rival may have: Redis's own BLMOVE, arq, SAQ."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

__all__ = ["FETCHERS", "RivalQueue", "open_queue"]

Job = dict[str, Any]
CarryOut = Callable[[Job], Awaitable[None]]

CONNECTIONS = 32
FETCHERS = int(os.environ.get("BENCH_FETCHERS", "16"))
"""BLMOVE loops of the baseline; each waits for a free slot, takes one id, and starts it."""


class RivalQueue(Protocol):
    """What the rivals' application needs of a queue."""

    async def push(self, job: Job) -> None:
        """Add a task."""

    async def work(self) -> None:
        """Carry out tasks for ever."""

    async def close(self) -> None:
        """Let go of the connections."""


class BlmoveQueue:
    """A list of waiting tasks and one of running ones."""

    def __init__(self, url: str, prefix: str, concurrency: int, carry_out: CarryOut) -> None:
        from redis.asyncio import BlockingConnectionPool, Redis

        # redis-py's own pool raises when a hundred connections are in use; anyone meets that on the first day.
        self.redis = Redis.from_pool(BlockingConnectionPool.from_url(url, max_connections=CONNECTIONS))
        self.blocking = Redis.from_url(url, socket_timeout=None, decode_responses=True)
        self.waiting, self.running = f"{prefix}:waiting", f"{prefix}:running"
        self.slots = asyncio.Semaphore(concurrency)
        self.carry_out = carry_out
        self.tasks: set[asyncio.Task[None]] = set()

    async def push(self, job: Job) -> None:
        """Add a task."""
        await self.redis.lpush(self.waiting, json.dumps(job))

    async def work(self) -> None:
        """Carry out tasks for ever."""
        await asyncio.gather(*(self._fetch() for _ in range(FETCHERS)))

    async def _fetch(self) -> None:
        while True:
            await self.slots.acquire()
            found = await self.blocking.blmove(self.waiting, self.running, 1, "RIGHT", "LEFT")
            if found is None:
                self.slots.release()
                continue
            task = asyncio.create_task(self._run(str(found)))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _run(self, found: str) -> None:
        try:
            await self.carry_out(json.loads(found))
            await self.redis.lrem(self.running, 1, found)
        finally:
            self.slots.release()

    async def close(self) -> None:
        """Let go of the connections."""
        await self.redis.aclose()
        await self.blocking.aclose()


class ArqQueue:
    """arq: a pool to enqueue and a worker inside the same process."""

    def __init__(self, url: str, prefix: str, concurrency: int, carry_out: CarryOut) -> None:
        from arq.connections import RedisSettings  # type: ignore[import-not-found, unused-ignore]  # another environment

        self.settings = RedisSettings.from_dsn(url)
        self.settings.conn_timeout = 10
        self.name, self.concurrency, self.carry_out = f"{prefix}:arq", concurrency, carry_out
        self.pool: Any = None

    async def push(self, job: Job) -> None:
        """Add a task."""
        await (await self._open()).enqueue_job("carry_out", job, _job_id=job["id"], _queue_name=self.name)

    async def work(self) -> None:
        """Carry out tasks for ever."""
        from arq.worker import Worker, func  # type: ignore[import-not-found, unused-ignore]  # another environment

        async def carry_out(_context: Any, job: Job) -> None:
            await self.carry_out(job)

        worker = Worker(
            functions=[func(carry_out, name="carry_out", keep_result=0)],
            redis_pool=await self._open(),
            queue_name=self.name,
            max_jobs=self.concurrency,
            handle_signals=False,
            poll_delay=0.05,
        )
        await worker.async_run()

    async def _open(self) -> Any:
        from arq.connections import create_pool

        if self.pool is None:
            self.pool = await create_pool(self.settings, default_queue_name=self.name)
        return self.pool

    async def close(self) -> None:
        """Let go of the connections."""
        if self.pool is not None:
            await self.pool.aclose()


class SaqQueue:
    """SAQ: a queue and a worker inside the same process."""

    def __init__(self, url: str, prefix: str, concurrency: int, carry_out: CarryOut) -> None:
        from saq import Queue  # type: ignore[import-not-found, unused-ignore]  # another environment

        self.queue: Any = Queue.from_url(url, name=f"{prefix}-saq")
        self.concurrency, self.carry_out = concurrency, carry_out

    async def push(self, job: Job) -> None:
        """Add a task."""
        await self.queue.enqueue("carry_out", job=job, ttl=-1, timeout=600)

    async def work(self) -> None:
        """Carry out tasks for ever."""
        from saq import Worker

        async def carry_out(_context: Any, *, job: Job) -> None:
            await self.carry_out(job)

        worker: Any = Worker(self.queue, functions=[("carry_out", carry_out)], concurrency=self.concurrency)
        worker.SIGNALS = []
        await worker.start()

    async def close(self) -> None:
        """Let go of the connections."""
        await self.queue.disconnect()


QUEUES: dict[str, Callable[[str, str, int, CarryOut], RivalQueue]] = {
    "blmove": BlmoveQueue,
    "arq": ArqQueue,
    "saq": SaqQueue,
}


def open_queue(kind: str, url: str, prefix: str, concurrency: int, carry_out: CarryOut) -> RivalQueue:
    """Return the queue of that kind."""
    return QUEUES[kind](url, prefix, concurrency, carry_out)
