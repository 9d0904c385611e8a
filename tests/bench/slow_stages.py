"""The stages of a slow upstream: what a task costs that waits, and what submitting is like meanwhile."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from typing import Any

import uvloop

from tests.bench.arena import Arena
from tests.bench.contenders import Contender, Running
from tests.bench.counters import Slot
from tests.bench.http_client import Connection, submission, submitted_id
from tests.bench.machine import memory_bytes
from tests.bench.stages import Measured, Sizes, completed, preload, wait_for

__all__ = ["slow", "waiting", "waiting_in_two"]

SLOW_MS = 2_000
WARM_UP = 200
PACED_PER_S = 200
PACED_S = 4


def slow(arena: Arena, contender: Contender, sizes: Sizes) -> Measured:
    """Microseconds of the server's processor time for a whole task, submission included, at 2 s upstream."""
    counters, count = arena.stub.counters, sizes.waiting
    counters.reset(delay_ms=SLOW_MS)
    with arena.ground(contender) as ground, ground.serving(concurrency=count) as running:
        watch = arena.watch(running)
        began_s = time.monotonic()
        preload(running, count)
        submitted_s = time.monotonic() - began_s
        wait_for(lambda: counters[Slot.ANSWERED] >= count, 120)
        wait_for(lambda: completed(ground) >= count, 60)
        details = {
            "tasks": count,
            "submitted_in_s": round(submitted_s, 2),
            "took_s": round(time.monotonic() - began_s, 2),
            "most_in_flight": counters[Slot.MOST_IN_FLIGHT],
            "cores": watch.cores(),
        }
        return Measured(value=watch.used_s()["server"] / count * 1e6, details=details)


def waiting(arena: Arena, contender: Contender, sizes: Sizes) -> Measured:
    """Kilobytes of memory (PSS) for each call that waits upstream in one process."""
    return _waiting(arena, contender, sizes.waiting, 1)


def waiting_in_two(arena: Arena, contender: Contender, sizes: Sizes) -> Measured:
    """The same for four times as many calls, spread over two processes."""
    return _waiting(arena, contender, 4 * sizes.waiting, 2)


def _waiting(arena: Arena, contender: Contender, count: int, processes: int) -> Measured:
    stubs = arena.stubs[:processes]
    for stub in arena.stubs:
        stub.counters.reset()
    slots = count // processes
    with arena.ground(contender) as ground, ground.serving(concurrency=slots, processes=processes) as running:
        preload(running, WARM_UP)
        wait_for(lambda: completed(ground) >= WARM_UP, 60)
        idle_bytes = _pss_bytes(running)
        for stub in stubs:
            stub.counters.reset(held=True)
        began_s = time.monotonic()
        preload(running, count)
        wait_for(lambda: sum(stub.counters.in_flight for stub in stubs) >= count, 120)
        details: dict[str, Any] = {"in_flight": count, "reached_in_s": round(time.monotonic() - began_s, 2)}
        time.sleep(0.5)  # let what the submissions themselves needed be given back
        held_bytes = _pss_bytes(running)
        watch = arena.watch(running)
        latencies_ms = uvloop.run(_paced(running))
        details |= {
            "submit_p50_ms": round(statistics.median(latencies_ms), 2),
            "submit_p99_ms": round(statistics.quantiles(latencies_ms, n=100)[-1], 2),
            "cores": watch.cores(),
            "process_mb": round(held_bytes / 1e6 / processes, 1),
            "idle_process_mb": round(idle_bytes / 1e6 / processes, 1),
        }
        for stub in stubs:
            stub.counters[Slot.HELD] = 0
        total = WARM_UP + count + len(latencies_ms)
        wait_for(lambda: completed(ground) >= total, 120)
        details["all_completed"] = True
        return Measured(value=(held_bytes - idle_bytes) / count / 1000, details=details)


def _pss_bytes(running: Running) -> int:
    return sum(memory_bytes(pid)[1] for pid in running.pids)


async def _paced(running: Running) -> Sequence[float]:
    """Submit at an even pace; return the milliseconds from each request's due time to its answer."""
    connections = [await Connection.open(running.host, running.port) for _ in range(8)]
    latencies_ms: list[float] = []
    began_s = time.perf_counter()

    async def work(first: int) -> None:
        for number in range(first, PACED_PER_S * PACED_S, len(connections)):
            due_s = began_s + number / PACED_PER_S
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            submitted_id(await connections[first].exchange(submission(number)))
            latencies_ms.append((time.perf_counter() - due_s) * 1000)

    await asyncio.gather(*(work(first) for first in range(len(connections))))
    for connection in connections:
        connection.close()
    return latencies_ms
