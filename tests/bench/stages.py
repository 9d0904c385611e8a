"""The stages in which every contender is measured: submit, drain, steady, polls, idle latency."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import uvloop

from tests.bench.arena import Arena, Ground
from tests.bench.contenders import Contender, Running
from tests.bench.counters import Slot
from tests.bench.http_client import Answer, Connection, drive, submission, submitted_id
from tests.bench.load import CONNECTIONS, LoadResult, poll_load, submit_load
from tests.bench.machine import cpu_s
from tests.bench.stub import Shown

__all__ = [
    "Measured",
    "Sizes",
    "drain",
    "idle",
    "poll_finished",
    "poll_unfinished",
    "preload",
    "start",
    "steady",
    "submit",
]

POLLED = 5_000
LOOK_EVERY_S = 0.002
"""uvloop takes less than a millisecond for none at all: the client would keep a whole core busy by looking."""
BACKLOG = 1_000
"""How many tasks are unfinished at most in the steady state."""


@attrs.frozen(kw_only=True)
class Sizes:
    """How long each stage lasts."""

    load_s: int
    drained: int
    steady_s: int
    idle_tasks: int
    pictures: int
    large_pictures: int
    waiting: int
    stored: tuple[int, ...]
    queued: int


@attrs.frozen(kw_only=True)
class Measured:
    """One measurement: the value that is compared, and what else was seen."""

    value: float
    details: Mapping[str, Any] = attrs.field(factory=dict)


def start(arena: Arena, contender: Contender, sizes: Sizes) -> Measured:
    """Milliseconds of a process's processor time until it has answered its first request."""
    with arena.ground(contender) as ground, ground.serving() as running:
        return Measured(value=cpu_s(running.pids[0]) * 1000)


def submit(arena: Arena, contender: Contender, sizes: Sizes) -> Measured:
    """Submissions per second over 64 connections, while nobody carries tasks out."""
    with arena.ground(contender) as ground, ground.serving(role="api") as running:
        submit_load(running.host, running.port, 1)
        watch = arena.watch(running)
        seen = submit_load(running.host, running.port, sizes.load_s)
        return _of_load(seen, watch.used_s()["server"], watch.cores())


def drain(
    arena: Arena, contender: Contender, sizes: Sizes, type_: str = "text", shown: Shown = Shown.NOISE
) -> Measured:
    """Tasks per second, from the first call upstream to the last task completed, of a full queue."""
    count = sizes.drained if type_ == "text" else sizes.pictures
    if shown is not Shown.NOISE:
        count = sizes.large_pictures
    with arena.ground(contender) as ground:
        with ground.serving(role="api") as running:
            preload(running, count, type_)
        arena.stub.show(shown)
        with ground.serving() as running:
            watch = arena.watch(running)
            wait_for(lambda: arena.stub.counters[Slot.RECEIVED] >= count, 120)
            wait_for(lambda: completed(ground) >= count, 60)
            took_s = (time.monotonic_ns() - arena.stub.counters[Slot.FIRST_AT_NS]) / 1e9
            return _of_tasks(count, took_s, watch.used_s()["server"], watch.cores())


def steady(arena: Arena, contender: Contender, sizes: Sizes, type_: str = "text") -> Measured:
    """Tasks per second that are submitted and completed together; at most 1,000 are unfinished at any time."""
    counters = arena.stub.counters
    counters.reset()
    with arena.ground(contender) as ground, ground.serving() as running:
        submitted = 0

        async def room() -> None:
            nonlocal submitted
            while submitted - counters[Slot.ANSWERED] > BACKLOG:  # noqa: ASYNC110 — another process counts
                await asyncio.sleep(0.001)
            submitted += 1

        def requests() -> Any:
            until_s = time.monotonic() + sizes.steady_s
            number = 0
            while time.monotonic() < until_s:
                yield submission(number, type_)
                number += 1

        watch = arena.watch(running)
        began_s = time.monotonic()
        uvloop.run(drive(running.host, running.port, requests(), CONNECTIONS, _accepted, room))
        wait_for(lambda: counters[Slot.ANSWERED] >= submitted, 60)
        wait_for(lambda: completed(ground) >= submitted, 60)
        return _of_tasks(submitted, time.monotonic() - began_s, watch.used_s()["server"], watch.cores())


def poll_finished(arena: Arena, contender: Contender, sizes: Sizes) -> Measured:
    """Polls per second of completed tasks, 5,000 of them in random order."""
    arena.stub.counters.reset()
    with arena.ground(contender) as ground:
        with ground.serving() as running:
            ids = preload(running, POLLED)
            wait_for(lambda: completed(ground) >= POLLED, 120)
        with ground.serving() as running:
            return _poll(arena, running, ids, sizes)


def poll_unfinished(arena: Arena, contender: Contender, sizes: Sizes) -> Measured:
    """Polls per second of tasks that wait, 5,000 of them in random order."""
    with arena.ground(contender) as ground:
        with ground.serving(role="api") as running:
            ids = preload(running, POLLED)
        with ground.serving(role="api") as running:
            return _poll(arena, running, ids, sizes)


def idle(arena: Arena, contender: Contender, sizes: Sizes) -> Measured:
    """Milliseconds, in the median, from a submission's first byte to its call's arrival upstream, when idle."""
    counters = arena.stub.counters
    counters.reset()
    with arena.ground(contender) as ground, ground.serving() as running:
        found = uvloop.run(_one_by_one(running, counters, sizes.idle_tasks))
        called, acknowledged = zip(*found, strict=True)
        details = {
            "p90_ms": round(statistics.quantiles(called, n=10)[-1], 2),
            "acknowledged_ms": round(statistics.median(acknowledged), 2),
            "tasks": completed(ground),
        }
        return Measured(value=statistics.median(called), details=details)


async def _one_by_one(running: Running, counters: Any, count: int) -> list[tuple[float, float]]:
    connection = await Connection.open(running.host, running.port)
    found = []
    for number in range(count + 10):
        began_ns = time.monotonic_ns()
        submitted_id(await connection.exchange(submission(number)))
        acknowledged_ns = time.monotonic_ns()
        while counters[Slot.ANSWERED] <= number:  # noqa: ASYNC110 — another process counts
            await asyncio.sleep(LOOK_EVERY_S)
        called_ms = (counters[Slot.LAST_AT_NS] - began_ns) / 1e6
        found.append((called_ms, (acknowledged_ns - began_ns) / 1e6))
        await asyncio.sleep(0.01)  # the end of one task must not meet the next: idle is what is measured
    connection.close()
    return found[10:]


def preload(running: Running, count: int, type_: str = "text") -> list[str]:
    """Submit *count* tasks and return their ids."""
    ids: list[str] = []
    requests = (submission(number, type_) for number in range(count))
    uvloop.run(
        drive(running.host, running.port, requests, CONNECTIONS, lambda answer, _: ids.append(submitted_id(answer)))
    )
    return ids


def completed(ground: Ground) -> int:
    """Count the tasks that are completed."""
    count: int = ground.tasks.count_documents({"status": "completed"})
    return count


def wait_for(condition: Callable[[], bool], timeout_s: float, every_s: float = 0.01) -> None:
    """Return when *condition* holds. Raises RuntimeError when it does not in time."""
    until_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > until_s:
            raise RuntimeError(f"not within {timeout_s} s")
        time.sleep(every_s)


def _poll(arena: Arena, running: Running, ids: list[str], sizes: Sizes) -> Measured:
    poll_load(running.host, running.port, 1, ids, arena.folder)
    watch = arena.watch(running)
    seen = poll_load(running.host, running.port, sizes.load_s, ids, arena.folder)
    return _of_load(seen, watch.used_s()["server"], watch.cores())


def _accepted(answer: Answer, _took_s: float) -> None:
    if answer.status != 201:
        raise RuntimeError(f"a submission was answered {answer.status}: {answer.body[:300]!r}")


def _of_load(seen: LoadResult, cpu_s: float, cores: Mapping[str, float]) -> Measured:
    details = {
        "requests": seen.requests,
        "p50_ms": round(seen.p50_ms, 2),
        "p99_ms": round(seen.p99_ms, 2),
        "server_cpu_us_each": round(cpu_s / seen.requests * 1e6, 1),
        "cores": dict(cores),
    }
    return Measured(value=seen.per_s, details=details)


def _of_tasks(count: int, took_s: float, cpu_s: float, cores: Mapping[str, float]) -> Measured:
    details = {
        "tasks": count,
        "took_s": round(took_s, 2),
        "server_cpu_us_each": round(cpu_s / count * 1e6, 1),
        "cores": dict(cores),
    }
    return Measured(value=count / took_s, details=details)
