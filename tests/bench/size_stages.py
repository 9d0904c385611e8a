"""What a submission, a reservation and a poll cost with ten thousand to a million tasks stored.

The stored tasks are copies of a real one with names of their own; a hundred thousand more wait in the queue.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import attrs

from danqing_server.clock import Clock
from danqing_server.queue.connection import connect
from danqing_server.queue.entries import Entry
from danqing_server.queue.lanes import Queue
from tests.bench.arena import Arena, Ground
from tests.bench.contenders import OURS
from tests.bench.counters import Slot
from tests.bench.load import poll_load, submit_load
from tests.bench.machine import CpuWatch
from tests.bench.stages import Measured, Sizes, completed, preload, wait_for

__all__ = ["PASSES", "size"]

RESERVED = 4_000
INSERT_BATCH = 5_000
USERS = 1_000
POLLED = 10_000  # twice as many as a process holds, so that many are looked up
PASSES = 2
LOAD_S = 3
SEED = 7


@attrs.frozen
class _Filled:
    """A database with *count* completed tasks, whose ids are `stored`."""

    count: int
    ground: Ground
    stored: list[str]


def size(arena: Arena, sizes: Sizes) -> Iterator[tuple[str, Measured]]:
    """Yield `size_<operation>_<stored tasks>`: microseconds of all servers' processor time for each operation.

    All databases are filled first, so that an operation is measured with few and with many tasks right after one
    another: the machine's own speed changes within minutes.
    """
    with ExitStack() as stack:
        filled = [_filled(stack.enter_context(arena.ground(OURS)), count, sizes.queued) for count in sizes.stored]
        for operation, measure in (("submit", _submit), ("poll", _poll), ("reserve", _reserve)):
            for each in filled * PASSES:
                yield f"size_{operation}_{each.count}", measure(each)


def _filled(ground: Ground, count: int, queued: int) -> _Filled:
    finished, waiting = _examples(ground)
    _enqueue(ground, waiting, queued)
    return _Filled(count, ground, _store(ground, finished, 0, count))


def _submit(filled: _Filled) -> Measured:
    with filled.ground.serving(role="api") as running:
        submit_load(running.host, running.port, 1)
        watch = filled.ground.arena.watch(running)
        seen = submit_load(running.host, running.port, LOAD_S)
        return _each(watch, seen.requests, per_s=seen.per_s, p99_ms=seen.p99_ms)


def _poll(filled: _Filled) -> Measured:
    arena = filled.ground.arena
    chosen = random.Random(SEED).sample(filled.stored, min(POLLED, len(filled.stored)))
    with filled.ground.serving(role="api") as running:
        poll_load(running.host, running.port, 1, chosen, arena.folder)
        watch = arena.watch(running)
        seen = poll_load(running.host, running.port, LOAD_S, chosen, arena.folder)
        return _each(watch, seen.requests, per_s=seen.per_s, p99_ms=seen.p99_ms)


def _reserve(filled: _Filled) -> Measured:
    arena, counters = filled.ground.arena, filled.ground.arena.stub.counters
    counters.reset()
    with filled.ground.serving() as running:
        wait_for(lambda: counters[Slot.RECEIVED] >= 500, 60, 0.002)  # past the start
        watch, began_s, before = arena.watch(running), time.monotonic(), counters[Slot.RECEIVED]
        wait_for(lambda: counters[Slot.RECEIVED] >= before + RESERVED, 60, 0.002)
        done = counters[Slot.RECEIVED] - before
        return _each(watch, done, per_s=done / (time.monotonic() - began_s))


def _each(watch: CpuWatch, count: int, **seen: float) -> Measured:
    used_s = watch.used_s()
    servers = {name: round(used_s[name] / count * 1e6, 1) for name in ("server", "mongod", "redis")}
    return Measured(value=sum(servers.values()), details={**servers, **{k: round(v, 2) for k, v in seen.items()}})


def _examples(ground: Ground) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the documents of a completed task and of one that waits, as the server itself writes them."""
    ground.arena.stub.counters.reset()
    with ground.serving() as running:
        preload(running, 1)
        wait_for(lambda: completed(ground) == 1, 30)
        finished = ground.tasks.find_one({})
    with ground.serving(role="api") as running:
        [waiting_id] = preload(running, 1)
        waiting = ground.tasks.find_one({"_id": waiting_id})
    ground.tasks.delete_many({})
    return finished, waiting


def _store(ground: Ground, finished: dict[str, Any], start: int, end: int) -> list[str]:
    ids: list[str] = []
    for batch in _batches(start, end):
        documents = [_copy(finished, number) for number in batch]
        ground.tasks.insert_many(documents, ordered=False)
        ids += [document["_id"] for document in documents]
    return ids


def _enqueue(ground: Ground, waiting: dict[str, Any], count: int) -> None:
    entries = []
    for batch in _batches(0, count):
        documents = [_copy(waiting, -1 - number) for number in batch]
        ground.tasks.insert_many(documents, ordered=False)
        entries += [_entry(document) for document in documents]
    asyncio.run(_push(ground, entries))


async def _push(ground: Ground, entries: list[Entry]) -> None:
    async with connect(ground.arena.redis_server.url, ground.name, Clock()) as connection:
        queue = Queue(connection)
        for batch in _batches(0, len(entries), 1_000):
            await queue.push_many([entries[number] for number in batch])


def _batches(start: int, end: int, step: int = INSERT_BATCH) -> Iterator[range]:
    return (range(at, min(end, at + step)) for at in range(start, end, step))


def _copy(example: dict[str, Any], number: int) -> dict[str, Any]:
    """Return *example* as task *number*: older ones have smaller ids, as real ones do."""
    created_at = example["created_at"] - timedelta(hours=48) + timedelta(milliseconds=number)
    at_ms = int(created_at.timestamp() * 1000)
    copied = {**example, "created_at": created_at, "user_id": f"user-{number % USERS}"}
    prefix, _, _ = str(example["_id"]).rpartition("_")
    copied["_id"] = f"{prefix}_{at_ms:012x}{random.getrandbits(64):016x}"
    if "waiting" in example:
        copied["waiting"] = at_ms
    return copied


def _entry(document: dict[str, Any]) -> Entry:
    return Entry(
        id=document["_id"],
        lane=document["provider"],
        user_id=document["user_id"],
        model=document["model"],
        priority="normal",
        images=document.get("images", 0),
    )
