"""The queue: one lane per provider, in which users take turns and workers reserve in batches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, cast

import attrs
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from danqing_server.batching import Batcher
from danqing_server.clock import Clock
from danqing_server.errors import QueueUnavailable, SettingsError
from danqing_server.queue import scripts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis.commands.core import AsyncScript

__all__ = ["Entry", "LaneDepth", "Queue", "open_queue"]

TIMEOUT_S = 1.0
LONGEST_WAIT_S = 1.0


@attrs.frozen(kw_only=True)
class Entry:
    """One waiting task as the queue knows it. `due_ms` 0 is at once; `priority` is `high`, `normal` or `low`."""

    id: str
    lane: str
    user_id: str
    priority: str
    images: int
    due_ms: int = 0

    def as_arguments(self) -> list[str | int]:
        """Return the five arguments the scripts take for one task."""
        return [self.id, self.images, self.priority[0], self.user_id, self.due_ms]


@attrs.frozen(kw_only=True)
class LaneDepth:
    """How many tasks of a lane are ready, delayed and held by workers."""

    queued: int
    delayed: int
    held: int


@attrs.define(eq=False)
class Queue:
    """The lanes in Redis. Every method raises QueueUnavailable when Redis does not answer within a second.

    A cancelled `reserve` may have reserved all the same: the next `held` shows it.
    """

    hot: Redis
    blocking: Redis
    prefix: str
    clock: Clock
    _scripts: dict[str, AsyncScript] = attrs.field(factory=dict, init=False)
    _pushes: Batcher[Entry, bool] = attrs.field(init=False)
    _acknowledgements: Batcher[tuple[str, str, str], bool] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._pushes = Batcher(self._push_batch)
        self._acknowledgements = Batcher(self._acknowledge_batch)

    async def push(self, entry: Entry) -> None:
        """Add a task at the end of its user's line; nothing happens when the lane knows it already."""
        await self._pushes.submit(entry)

    async def push_many(self, entries: Sequence[Entry]) -> int:
        """Add many tasks as `push` does; returns how many the lanes did not know."""
        added = 0
        for lane, group in _by_lane(entries).items():
            arguments = [argument for entry in group for argument in entry.as_arguments()]
            added += int(await self._run(scripts.PUSH, lane, [self.clock.now_ms(), *arguments]))
        return added

    async def reserve(self, lane: str, worker: str, count: int, nonce: str) -> list[str]:
        """Give up to *count* waiting ids to *worker*, users in turn; empty when none is due.

        They are its own until `acknowledge`, `release` or `give_back`. The same *nonce* again returns the same ids.
        """
        taken = await self._run(scripts.RESERVE, lane, [worker, nonce, count, self.clock.now_ms()])
        return [bytes(id_).decode() for id_ in taken]

    async def wait(self, lane: str) -> None:
        """Return when something was pushed, or after a second."""
        with _translated():
            await cast("Awaitable[Any]", self.blocking.blpop([f"{self._base(lane)}:wake"], timeout=LONGEST_WAIT_S))

    async def acknowledge(self, lane: str, worker: str, task_id: str) -> None:
        """Forget a task that *worker* holds; nothing happens when it does not hold it."""
        await self._acknowledgements.submit((lane, worker, task_id))

    async def release(self, worker: str, entry: Entry) -> None:
        """Put a task that *worker* holds back at the head of its user's line, or among the delayed."""
        await self._run(scripts.RELEASE, entry.lane, [self.clock.now_ms(), worker, *entry.as_arguments()])

    async def held(self, lane: str, worker: str) -> set[str]:
        """Return what Redis believes *worker* holds."""
        with _translated():
            found = await cast("Awaitable[set[bytes]]", self.hot.smembers(f"{self._base(lane)}:held:{worker}"))
        return {id_.decode() for id_ in found}

    async def give_back(self, lane: str, worker: str, ids: Iterable[str] | None = None) -> int:
        """Put *ids*, or all that *worker* holds when None, back at the head of their lines; returns how many."""
        chosen = [] if ids is None else list(ids)
        if ids is not None and not chosen:
            return 0
        return int(await self._run(scripts.GIVE_BACK, lane, [worker, *chosen]))

    async def remove(self, lane: str, task_id: str) -> bool:
        """Take a waiting task out; False when the lane does not have it waiting."""
        return bool(await self._run(scripts.REMOVE, lane, [task_id]))

    async def holders(self, lane: str) -> set[str]:
        """Return the workers that hold, or held, something of this lane."""
        with _translated():
            found = await cast("Awaitable[set[bytes]]", self.hot.smembers(f"{self._base(lane)}:workers"))
        return {worker.decode() for worker in found}

    async def depth(self, lane: str) -> LaneDepth:
        """Return how full a lane is."""
        base = self._base(lane)
        with _translated():
            workers = await self.holders(lane)
            async with self.hot.pipeline(transaction=False) as pipeline:
                pipeline.hlen(f"{base}:ids")
                pipeline.zcard(f"{base}:later")
                for worker in workers:
                    pipeline.scard(f"{base}:held:{worker}")
                known, delayed, *held = await pipeline.execute()
        return LaneDepth(queued=max(0, known - delayed - sum(held)), delayed=delayed, held=sum(held))

    async def claim_sweep(self, worker: str, lease_s: int) -> bool:
        """Let one process at a time compare the queue with MongoDB; True while it is *worker*'s turn."""
        key = f"{self.prefix}:sweeper"
        with _translated():
            if await self.hot.set(key, worker, nx=True, ex=lease_s):
                return True
            if await self.hot.get(key) != worker.encode():
                return False
            await self.hot.expire(key, lease_s)
            return True

    async def mark_known(self) -> bool:
        """Leave a mark that vanishes with everything else; False when it was gone: the queue must be rebuilt."""
        with _translated():
            return not await self.hot.set(f"{self.prefix}:mark", "1", nx=True)

    async def announce(self, task_id: str) -> None:
        """Tell every process that a task was cancelled or deleted. At most once: a lost message costs only time."""
        with _translated():
            await self.hot.publish(f"{self.prefix}:cancelled", task_id)

    async def announcements(self) -> AsyncIterator[str]:
        """Yield the ids that `announce` tells, until cancelled or Redis fails."""
        with _translated():
            async with self.blocking.pubsub() as subscription:
                await subscription.subscribe(f"{self.prefix}:cancelled")
                while True:
                    message = await subscription.get_message(ignore_subscribe_messages=True, timeout=LONGEST_WAIT_S)
                    if message is not None:
                        yield message["data"].decode()

    async def ping(self) -> None:
        """Raise QueueUnavailable unless Redis answers."""
        with _translated():
            await self.hot.ping()

    def _base(self, lane: str) -> str:
        return f"{{{self.prefix}:{lane}}}"

    async def _run(self, source: str, lane: str, arguments: Sequence[str | int]) -> Any:
        script = self._scripts.get(source)
        if script is None:
            script = self._scripts[source] = self.hot.register_script(source)
        with _translated():
            return await script(keys=[self._base(lane)], args=arguments)

    async def _push_batch(self, entries: Sequence[Entry]) -> list[bool]:
        await self.push_many(entries)
        return [True] * len(entries)

    async def _acknowledge_batch(self, items: Sequence[tuple[str, str, str]]) -> list[bool]:
        groups: dict[tuple[str, str], list[str]] = {}
        for lane, worker, task_id in items:
            groups.setdefault((lane, worker), []).append(task_id)
        for (lane, worker), ids in groups.items():
            await self._run(scripts.ACKNOWLEDGE, lane, [worker, *ids])
        return [True] * len(items)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise QueueUnavailable(f"Redis did not carry out the operation ({type(error).__name__})") from error


def _by_lane(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.lane, []).append(entry)
    return groups


@asynccontextmanager
async def open_queue(url: str, prefix: str, clock: Clock) -> AsyncIterator[Queue]:
    """Yield the queue at *url*; nothing is sent before the first operation.

    Two clients: one that fails fast and never repeats (a repeat could reserve twice), one whose reads outlast the
    longest wait. Without this redis-py 8 retries ten times and cuts a blocking read after 5 s.

    Raises:
        SettingsError: the URL is not one the client can read.
    """
    common: dict[str, Any] = {"retry": Retry(NoBackoff(), 0), "socket_connect_timeout": TIMEOUT_S}
    try:
        hot = Redis.from_url(url, socket_timeout=TIMEOUT_S, **common)
        blocking = Redis.from_url(url, socket_timeout=LONGEST_WAIT_S + 4, **common)
    except ValueError as error:
        raise SettingsError(f"REDIS_URL: {error}") from error
    async with hot, blocking:
        yield Queue(hot, blocking, prefix, clock)
