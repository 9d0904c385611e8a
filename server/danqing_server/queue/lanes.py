"""The queue: one lane per provider, in which users take turns and workers reserve in batches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from typing import Any, cast

import attrs
from redis.asyncio import Redis

from danqing_server.batching import GATHER_S, Batcher
from danqing_server.queue import scripts
from danqing_server.queue.connection import LONGEST_WAIT_S, Connection, translated

__all__ = ["Entry", "LaneDepth", "Position", "Pushed", "Queue", "Rates", "Reservation"]


@attrs.frozen(kw_only=True)
class Entry:
    """One waiting task as the queue knows it.

    `images` and `calls` are what it takes of the lane's rates. `due_ms` 0 is at once, else a time by the clock of
    whoever wrote the task, who wanted it to wait for `longest_ms` at most. `priority` is `high`, `normal` or `low`.
    """

    id: str
    lane: str
    user_id: str
    priority: str
    images: int
    calls: int = 1
    due_ms: int = 0
    longest_ms: int = 0

    def as_argument(self, now_ms: int) -> str:
        """Return the one argument that the scripts take for a task; what its user chose comes last.

        Only how long it is still to wait leaves this machine: others' clocks may differ.
        """
        delay_ms = max(0, min(self.due_ms - now_ms, self.longest_ms))
        times = f"{delay_ms},{max(0, self.longest_ms)}"
        return f"{self.id} {self.images},{self.calls} {self.priority[0]} {times} {self.user_id}"


@attrs.frozen(kw_only=True)
class Rates:
    """How much of a lane's work may begin in a minute, over all processes; 0 is without limit."""

    images_per_min: int = 0
    calls_per_min: int = 0


@attrs.frozen(kw_only=True)
class Reservation:
    """What `reserve` got: ids, or how long the lane gives nothing (`wait_ms` 0: nothing is waiting)."""

    ids: tuple[str, ...]
    wait_ms: int = 0


@attrs.frozen(kw_only=True)
class Pushed:
    """What `push_many` found: how many tasks the lanes did not know, and by id how many now stand in its line."""

    new: int
    in_line: Mapping[str, int]


@attrs.frozen(kw_only=True)
class Position:
    """Where a task stands: `queued`, `delayed`, `held` by a worker, or `unknown` to the queue.

    `before` counts its user's own tasks ahead of it, None when it is not queued; `users_waiting` those of its
    priority that take turns; `of_user` the user's waiting tasks of that priority.
    """

    state: str
    before: int | None
    users_waiting: int
    of_user: int


@attrs.frozen(kw_only=True)
class LaneDepth:
    """How many tasks of a lane are ready, delayed and held by workers."""

    queued: int
    delayed: int
    held: int


UNLIMITED = Rates()


@attrs.define(eq=False)
class Queue:
    """The lanes in Redis. Every method raises QueueUnavailable when Redis does not answer within a second.

    A cancelled `reserve` may have reserved all the same: the next `held` shows it. `suspect` are the lanes whose
    gate has seen failures, so that the next success is worth a report.
    """

    connection: Connection
    suspect: set[str] = attrs.field(factory=set, init=False)
    _acknowledgements: Batcher[tuple[str, str, str, int, bool], bool] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._acknowledgements = Batcher(self._acknowledge_batch, gather_s=GATHER_S)

    async def push(self, entry: Entry) -> None:
        """Add a task at the end of its user's line; one the lane knows already stays where it is.

        Unless it is due later than it may be: Redis' clock was set back since.
        """
        await self.push_many([entry])

    async def push_many(self, entries: Sequence[Entry]) -> Pushed:
        """Add many tasks as `push` does, in one round trip for each of their lanes."""
        new = 0
        in_line: dict[str, int] = {}
        for lane, group in _by_lane(entries).items():
            pushed = _pushed(group, await self._run(scripts.PUSH, lane, self._push_arguments(group)))
            new += pushed.new
            in_line.update(pushed.in_line)
        return Pushed(new=new, in_line=in_line)

    async def push_and_reserve(
        self, entries: Sequence[Entry], worker: str, count: int, nonce: str, rates: Rates = UNLIMITED
    ) -> tuple[Pushed, Reservation]:
        """Add tasks of one lane as `push_many` does, and `reserve` there, in one round trip.

        Nobody else is woken when nothing is left.
        """
        lane = entries[0].lane
        reserving = self._reserve_arguments(worker, count, nonce, rates)
        arguments = [*reserving, *self._push_arguments(entries)]
        pushed, reserved = await self._run(scripts.PUSH_AND_RESERVE, lane, arguments)
        return _pushed(entries, pushed), self._reserved(lane, reserved)

    async def reserve(
        self, lane: str, worker: str, count: int, nonce: str, rates: Rates = UNLIMITED
    ) -> Reservation:
        """Give up to *count* waiting ids to *worker*, users in turn, as far as the lane's gate and *rates* allow.

        They are its own until `acknowledge`, `release` or `give_back`. The same *nonce* again returns the same ids.
        """
        arguments = self._reserve_arguments(worker, count, nonce, rates)
        return self._reserved(lane, await self._run(scripts.RESERVE, lane, arguments))

    async def wait(self, lane: str) -> None:
        """Return when something was pushed, or after a second."""
        with translated():
            await cast(
                "Awaitable[Any]",
                self._blocking.blpop([f"{self._base(lane)}:wake"], timeout=LONGEST_WAIT_S),
            )

    async def acknowledge(
        self, lane: str, worker: str, task_id: str, ran_ms: int = 0, *, went_well: bool = False
    ) -> None:
        """Forget a task that *worker* holds; nothing happens when it does not hold it.

        *ran_ms*, when positive, counts towards the lane's pace. *went_well*: a call of it succeeded, so that single
        failures before are forgotten.
        """
        await self._acknowledgements.submit((lane, worker, task_id, ran_ms, went_well))

    async def release(self, worker: str, entry: Entry) -> None:
        """Put a task that *worker* holds back at the head of its user's line, or among the delayed."""
        await self._run(scripts.RELEASE, entry.lane, [worker, *self._push_arguments([entry])])

    async def held(self, lane: str, worker: str) -> set[str]:
        """Return what Redis believes *worker* holds."""
        with translated():
            found = await cast("Awaitable[set[bytes]]", self._hot.smembers(f"{self._base(lane)}:held:{worker}"))
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
        with translated():
            found = await cast("Awaitable[set[bytes]]", self._hot.smembers(f"{self._base(lane)}:workers"))
        return {worker.decode() for worker in found}

    async def depth(self, lane: str) -> LaneDepth:
        """Return how full a lane is."""
        base = self._base(lane)
        with translated():
            workers = await self.holders(lane)
            async with self._hot.pipeline(transaction=False) as pipeline:
                pipeline.hlen(f"{base}:ids")
                pipeline.zcard(f"{base}:later")
                for worker in workers:
                    pipeline.scard(f"{base}:held:{worker}")
                known, delayed, *held = await pipeline.execute()
        return LaneDepth(queued=max(0, known - delayed - sum(held)), delayed=delayed, held=sum(held))

    async def position(self, entry: Entry) -> Position:
        """Return where a task stands; for people who wait, since it walks the user's line."""
        arguments = [entry.id, entry.priority[0], entry.user_id]
        state, before, users, of_user = await self._run(scripts.POSITION, entry.lane, arguments)
        return Position(
            state={b"q": "queued", b"d": "delayed", b"h": "held"}.get(state, "unknown"),
            before=None if before < 0 else int(before),
            users_waiting=int(users),
            of_user=int(of_user),
        )

    async def waiting_of(self, lane: str, user_id: str) -> int:
        """Return how many tasks of one user are ready in a lane, whatever their priority."""
        base = self._base(lane)
        with translated():
            async with self._hot.pipeline(transaction=False) as pipeline:
                for priority in "hnl":
                    pipeline.llen(f"{base}:line:{priority}:{user_id}")
                return sum(await pipeline.execute())

    async def claim_sweep(self, worker: str, lease_s: int) -> bool:
        """Let one process at a time compare the queue with MongoDB; True while it is *worker*'s turn."""
        key = f"{self.connection.prefix}:sweeper"
        with translated():
            if await self._hot.set(key, worker, nx=True, ex=lease_s):
                return True
            if await self._hot.get(key) != worker.encode():
                return False
            await self._hot.expire(key, lease_s)
            return True

    async def mark_known(self) -> bool:
        """Leave a mark that vanishes with everything else; False when it was gone: the queue must be rebuilt."""
        with translated():
            return not await self._hot.set(f"{self.connection.prefix}:mark", "1", nx=True)

    async def announce(self, task_id: str) -> None:
        """Tell every process that a task was cancelled or deleted. At most once: a lost message costs only time."""
        with translated():
            await self._hot.publish(f"{self.connection.prefix}:changed", task_id)

    async def announcements(self) -> AsyncIterator[str]:
        """Yield the ids that `announce` tells, until cancelled or Redis fails."""
        with translated():
            async with self._blocking.pubsub() as subscription:
                await subscription.subscribe(f"{self.connection.prefix}:changed")
                while True:
                    message = await subscription.get_message(ignore_subscribe_messages=True, timeout=LONGEST_WAIT_S)
                    if message is not None:
                        yield message["data"].decode()

    async def ping(self) -> None:
        """Raise QueueUnavailable unless Redis answers."""
        with translated():
            await self._hot.ping()

    @property
    def _hot(self) -> Redis:
        return self.connection.hot

    @property
    def _blocking(self) -> Redis:
        return self.connection.blocking

    def _base(self, lane: str) -> str:
        return self.connection.base(lane)

    def _push_arguments(self, entries: Sequence[Entry]) -> list[str | int]:
        now_ms = self.connection.clock.now_ms()
        return [entry.as_argument(now_ms) for entry in entries]

    def _reserve_arguments(self, worker: str, count: int, nonce: str, rates: Rates) -> list[str | int]:
        return [worker, nonce, count, rates.images_per_min, rates.calls_per_min]

    def _reserved(self, lane: str, answer: Sequence[Any]) -> Reservation:
        wait_ms, suspect, *taken = answer
        (self.suspect.add if int(suspect) else self.suspect.discard)(lane)
        return Reservation(ids=tuple(bytes(id_).decode() for id_ in taken), wait_ms=int(wait_ms))

    async def _run(self, script: str, lane: str, arguments: Sequence[str | int]) -> Any:
        return await self.connection.run(script, lane, arguments)

    async def _acknowledge_batch(self, items: Sequence[tuple[str, str, str, int, bool]]) -> list[bool]:
        groups: dict[tuple[str, str], list[str | int]] = {}
        for lane, worker, task_id, ran_ms, went_well in items:
            groups.setdefault((lane, worker), []).extend((task_id, ran_ms, int(went_well)))
        for (lane, worker), triples in groups.items():
            await self._run(scripts.ACKNOWLEDGE, lane, [worker, *triples])
        return [True] * len(items)


def _pushed(entries: Sequence[Entry], answer: Sequence[int]) -> Pushed:
    new, *lengths = answer
    return Pushed(new=new, in_line=dict(zip((entry.id for entry in entries), lengths, strict=True)))


def _by_lane(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.lane, []).append(entry)
    return groups
