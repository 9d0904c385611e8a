"""The queue: one lane per provider, in which owners and their users take turns and workers reserve in batches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from typing import Any, cast

import attrs

from danqing_server.errors import QueueUnavailable
from danqing_server.loops.batching import GATHER_S, Batcher
from danqing_server.loops.steps import step
from danqing_server.queue import scripts
from danqing_server.queue.clients import LONGEST_WAIT_S, Client
from danqing_server.queue.connection import RedisConnection, translated
from danqing_server.queue.entries import (
    Entry,
    LaneDepth,
    LaneTurned,
    LaneUser,
    Position,
    Pushed,
    Rates,
    Reservation,
    lane_user,
    quoted,
    user_of,
)
from danqing_server.queue.layout import FORGET, VERSION

__all__ = ["Queue"]

SOON_MS = 600_000
TURNED = ":turned"
MOST_UNANSWERED = 5
UNLIMITED = Rates()


@attrs.define(eq=False)
class Queue:
    """The lanes in Redis. Every method raises QueueUnavailable when Redis does not answer within a second.

    A cancelled `reserve` may have reserved all the same: the next `held` shows it. `suspect` are the lanes whose
    gate has seen failures, so that the next success is worth a report.
    """

    connection: RedisConnection
    suspect: set[str] = attrs.field(factory=set, init=False)
    _acknowledgements: Batcher[tuple[str, str, str, int, int], bool] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._acknowledgements = Batcher(self._acknowledge_batch, gather_s=GATHER_S)

    async def push(self, entry: Entry) -> None:
        """Add a task at the end of its user's line; one the lane knows already stays where it is.

        Unless it is due later than it may be: Redis' clock was set back since.
        """
        await self.push_many([entry])

    @step("heal.push_many")
    async def push_many(self, entries: Sequence[Entry]) -> Pushed:
        """Add many tasks as `push` does, in one round trip for each of their lanes."""
        new = 0
        waiting: dict[str, int] = {}
        for lane, group in _by_lane(entries).items():
            pushed = _pushed(group, await self._run(scripts.PUSH, lane, self._push_arguments(group)))
            new += pushed.new
            waiting.update(pushed.waiting)
        return Pushed(new=new, waiting=waiting)

    @step("submit.push_and_reserve")
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

    @step("work.reserve")
    async def reserve(
        self, lane: str, worker: str, count: int, nonce: str, rates: Rates = UNLIMITED
    ) -> Reservation:
        """Give up to *count* waiting ids to *worker*, in turn, as far as the lane's gate and *rates* allow.

        Turns go round the owners, and for each owner round its users.

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

    @step("work.acknowledge")
    async def acknowledge(
        self,
        lane: str,
        worker: str,
        task_id: str,
        ran_ms: int = 0,
        *,
        went_well: bool = False,
        failed: bool = False,
    ) -> None:
        """Forget a task that *worker* holds; nothing happens when it does not hold it.

        *ran_ms*, when positive, counts towards the lane's pace, and *failed* towards its failures. *went_well*: a
        call of it succeeded, so that single failures before are forgotten.
        """
        await self._acknowledgements.submit((lane, worker, task_id, ran_ms, went_well + 2 * failed))

    @step("work.release")
    async def release(self, worker: str, entry: Entry) -> None:
        """Put a task that *worker* holds back at the head of its user's line, or among the delayed."""
        await self._run(scripts.RELEASE, entry.lane, [worker, *self._push_arguments([entry])])

    async def held(self, lane: str, worker: str) -> set[str]:
        """Return what Redis believes *worker* holds."""
        with translated():
            found = await cast("Awaitable[set[bytes]]", self._hot.smembers(f"{self._base(lane)}:held:{worker}"))
        return {id_.decode() for id_ in found}

    @step("heal.give_back")
    async def give_back(
        self, lane: str, worker: str, ids: Iterable[str] | None = None, *, delay_s: float = 0.0
    ) -> int:
        """Put *ids*, or all that *worker* holds when None, back at the head of their lines; returns how many.

        With *delay_s*, five minutes at most, they wait among the delayed first.
        """
        chosen = [] if ids is None else list(ids)
        if ids is not None and not chosen:
            return 0
        return int(await self._run(scripts.GIVE_BACK, lane, [worker, int(delay_s * 1000), *chosen]))

    async def remove(self, lane: str, task_id: str) -> bool:
        """Take a waiting task out; False when the lane does not have it waiting."""
        return bool(await self.remove_many(lane, [task_id]))

    async def remove_many(self, lane: str, ids: Sequence[str]) -> int:
        """Take waiting tasks out, some thousand at most; returns how many the lane had waiting."""
        return int(await self._run(scripts.REMOVE, lane, ids)) if ids else 0

    async def holders(self, lane: str) -> set[str]:
        """Return the workers that hold, or held, something of this lane."""
        with translated():
            found = await cast("Awaitable[set[bytes]]", self._hot.smembers(f"{self._base(lane)}:workers"))
        return {worker.decode() for worker in found}

    async def depth(self, lane: str) -> LaneDepth:
        """Return how full a lane is."""
        known, delayed, soon, held = await self._run(scripts.DEPTH, lane, [SOON_MS])
        return LaneDepth(queued=max(0, known - delayed - held), delayed=delayed, held=held, due_soon=soon)

    async def depth_of(self, lane: str, owner: str | None) -> LaneDepth:
        """Return how many tasks of one owner are ready and delayed in a lane; what is held is not counted by owner.

        For people: it walks over all users who wait there.
        """
        of_theirs = f"{quoted(owner or '')}:*"
        waiting = 0
        with translated():
            async for _, count in self._hot.hscan_iter(f"{self._base(lane)}:waits", match=of_theirs, count=1000):
                waiting += int(count)
        delayed = await self.delayed_of(lane, owner)
        return LaneDepth(queued=max(0, waiting - delayed), delayed=delayed, held=0)

    async def position(self, entry: Entry) -> Position:
        """Return where a task stands; for people who wait, since it walks the user's line."""
        state, before, users, owners = await self._run(scripts.POSITION, entry.lane, self._push_arguments([entry]))
        return Position(
            state={b"q": "queued", b"d": "delayed", b"h": "held"}.get(state, "unknown"),
            before=None if before < 0 else int(before),
            users=int(users),
            owners=int(owners),
        )

    async def waiting_of(self, lane: str, owner: str | None, user_id: str) -> int:
        """Return how many tasks of one owner's user are ready or delayed in a lane, whatever their priority."""
        return await self._count(f"{self._base(lane)}:waits", user_of(owner, user_id))

    async def delayed_of(self, lane: str, owner: str | None) -> int:
        """Return how many tasks of one owner are delayed in a lane."""
        return await self._count(f"{self._base(lane)}:delays", quoted(owner or ""))

    async def forget_older_layouts(self, lane: str) -> None:
        """Take away what an older release left of a lane; whatever of it is still to run is in MongoDB."""
        await self.connection.run_at(FORGET, self.connection.first_base(lane), [])

    async def claim_sweep(self, worker: str, lease_s: int, role: str = "sweeper") -> bool:
        """Let one process at a time look after what was left in MongoDB; True while it is *worker*'s turn."""
        key = f"{self.connection.prefix}:{role}"
        with translated():
            if await self._hot.set(key, worker, nx=True, ex=lease_s):
                return True
            if await self._hot.get(key) != worker.encode():
                return False
            await self._hot.expire(key, lease_s)
            return True

    @step("heal.mark_known")
    async def mark_known(self, lanes: Iterable[str]) -> bool:
        """Leave a mark that vanishes with everything else; False when it was gone: the queue must be rebuilt.

        In a cluster a mark for each of *lanes*: one node may lose what it has while the others do not.
        """
        keys = [f"{self.connection.prefix}:mark:{VERSION}"]
        if self.connection.is_cluster:
            keys = [f"{self._base(lane)}:mark" for lane in lanes]
        with translated():
            return not any([await self._hot.set(key, "1", nx=True) for key in keys])

    async def announce(self, task_id: str) -> None:
        """Tell every process that a task was cancelled or deleted. At most once: a lost message costs only time."""
        with translated():
            await self._hot.publish(f"{self.connection.prefix}:changed", task_id)

    async def announcements(self) -> AsyncIterator[str | LaneTurned]:
        """Yield the ids that `announce` tells, and lanes whose gate turned, until cancelled or Redis fails.

        A connection on which nothing is said for a second is asked whether it lives: one whose other end vanished
        without a word would stay silent for ever.
        """
        turned = self.connection.base("*") + TURNED
        before, after = turned.split("*")
        with translated():
            async with self.connection.subscription() as subscription:
                await subscription.subscribe(f"{self.connection.prefix}:changed")
                await subscription.psubscribe(turned)
                yield LaneTurned(None)
                unanswered = 0
                while unanswered < MOST_UNANSWERED:
                    message = await subscription.get_message(ignore_subscribe_messages=True, timeout=LONGEST_WAIT_S)
                    if message is None:
                        unanswered += 1
                        await subscription.ping()
                        continue
                    unanswered = 0
                    if message["type"] == "pmessage":
                        yield LaneTurned(message["channel"].decode().removeprefix(before).removesuffix(after))
                    elif message["type"] == "message":
                        yield message["data"].decode()
        raise QueueUnavailable("Redis says nothing more on the connection that hears of changes")

    async def wake(self, lane: str) -> None:
        """Have who waits for tasks of *lane* look again: what kept it shut is over."""
        await self._run(scripts.WAKE, lane, [])

    async def waiting_by_user(self, lane: str, owner: str | None, most: int) -> list[LaneUser]:
        """Return who has tasks ready or delayed in *lane*, most first; *owner* None: of all owners.

        For people: it walks over all users who wait there.
        """
        of_theirs = "*" if owner is None else f"{quoted(owner)}:*"
        counts: dict[str, int] = {}
        with translated():
            async for field, count in self._hot.hscan_iter(
                f"{self._base(lane)}:waits", match=of_theirs, count=1000
            ):
                counts[field.decode()] = int(count)
        first = sorted(counts, key=lambda user: (-counts[user], user))[:most]
        turns = await self._run(scripts.TURNS, lane, first) if first else []
        return [lane_user(user, counts[user], int(turn)) for user, turn in zip(first, turns, strict=True)]

    async def ping(self) -> None:
        """Raise QueueUnavailable unless Redis answers."""
        with translated():
            await self._hot.ping()

    async def server_version(self) -> str:
        """Return which Redis this is, or `valkey` and which. Raises QueueUnavailable."""
        with translated():
            told = await self._hot.info("server")
        return f"valkey {told['valkey_version']}" if "valkey_version" in told else str(told["redis_version"])

    @property
    def _hot(self) -> Client:
        return self.connection.hot

    @property
    def _blocking(self) -> Client:
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

    async def _count(self, key: str, field: str) -> int:
        with translated():
            return int(await cast("Awaitable[bytes | None]", self._hot.hget(key, field)) or 0)

    async def _run(self, script: str, lane: str, arguments: Sequence[str | int]) -> Any:
        return await self.connection.run(script, lane, arguments)

    async def _acknowledge_batch(self, items: Sequence[tuple[str, str, str, int, int]]) -> list[bool | Exception]:
        """Acknowledge lane by lane: what one lane's keys refuse is no trouble of another's."""
        groups: dict[tuple[str, str], list[str | int]] = {}
        for lane, worker, task_id, ran_ms, ended in items:
            groups.setdefault((lane, worker), []).extend((task_id, ran_ms, ended))
        failed: dict[tuple[str, str], Exception] = {}
        for (lane, worker), triples in groups.items():
            try:
                await self._run(scripts.ACKNOWLEDGE, lane, [worker, *triples])
            except QueueUnavailable as error:
                failed[lane, worker] = error
        return [failed.get((lane, worker), True) for lane, worker, *_ in items]


def _pushed(entries: Sequence[Entry], answer: Sequence[int]) -> Pushed:
    new, *waiting = answer
    return Pushed(new=new, waiting=dict(zip((entry.id for entry in entries), waiting, strict=True)))


def _by_lane(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.lane, []).append(entry)
    return groups
