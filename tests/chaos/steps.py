"""The pass through every named step: a serving process dies before it and after it, once each, under load."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from danqing_server.loops.steps import STEPS
from tests.chaos.campaign import LEASE_S, calm_down
from tests.chaos.clients import Clients, new_session
from tests.chaos.faults import FaultLog
from tests.chaos.listening import TARGETS, listening
from tests.chaos.moves import COURSES
from tests.chaos.traffic import BATCHED, DELETED, PLAIN, ROUTED
from tests.chaos.verdict import Verdict
from tests.chaos.watch import Watch
from tests.chaos.whole import Whole, running_whole, send

__all__ = ["all_points", "run_steps"]

PATIENCE_S = 60.0
FAILING_SHARE = 0.25
POLL_S = 0.02
SYSTEMS = 3
OPERATED = "second"
OPERATE_EVERY_S = 5.0
TASK_TIMEOUT_S = 3600.0
"""The server's own default."""


NOT_REACHED = (
    "backup.",
    "books.count",
    "move.",
    "restore.",
    "submit.hold",
    "upgrade.",
)
"""What begins so is done for limits, backups, moves and upgrades, which the traffic here has none of."""


def all_points(prefix: str = "") -> tuple[str, ...]:
    """Return `before:` and `after:` of every step that the traffic reaches and whose name begins with *prefix*."""
    reached = [name for name in STEPS if name.startswith(prefix) and not name.startswith(NOT_REACHED)]
    return tuple(f"{when}:{name}" for name in reached for when in ("before", "after"))


async def run_steps(directory: Path, points: Sequence[str], seed: int) -> Verdict:
    """Let a serving process die at each of *points*, wait for calm, and judge; each is to be reached.

    Most of the time is waiting for a takeover: several systems share the points.
    """
    parts = [points[number::SYSTEMS] for number in range(SYSTEMS) if points[number::SYSTEMS]]
    verdicts = await asyncio.gather(
        *(_run_part(directory / str(number), part, seed + number) for number, part in enumerate(parts))
    )
    whole = Verdict()
    for verdict in verdicts:
        whole.add(verdict)
    return whole


async def _run_part(directory: Path, points: Sequence[str], seed: int, per_s: float = 3.0) -> Verdict:
    with running_whole(directory, DANQING_PROCESSES="1", DANQING_WEBHOOK_TARGETS=TARGETS) as whole:
        async with new_session() as session, listening(whole, directory, seed) as listeners:
            clients = Clients(
                base_urls=whole.base_urls,
                session=session,
                random=random.Random(f"steps {seed}"),
                courses=COURSES,
                kinds=(PLAIN, ROUTED, DELETED, BATCHED),
                failing_share=FAILING_SHARE,
            )
            log = FaultLog()
            watch = Watch(clients=clients, log=log, task_timeout_s=TASK_TIMEOUT_S)
            loading = asyncio.create_task(clients.load(float("inf"), per_s))
            operating = asyncio.create_task(_operate(clients))
            missed = [point for point in points if not await _strike(whole, log, point)]
            for background in (loading, operating):
                background.cancel()
            await asyncio.gather(loading, operating, return_exceptions=True)
            await _resume(clients)
            # One process dies again and again: many a task is cut twice, which ends it.
            verdict = await calm_down(whole, watch, listeners, least_completed=0.0, spend_limit=0)
    for point in missed:
        verdict.break_promise(None, "step never reached", point)
    verdict.counts["steps at which a process died"] = len(points) - len(missed)
    return verdict


async def _operate(clients: Clients) -> None:
    """Pause a lane for a moment again and again; its tasks have another on their route."""
    while True:
        await clients.ask("POST", f"/api/v1/lanes/{OPERATED}/pause", {"reason": "chaos"})
        await _resume(clients)
        await asyncio.sleep(OPERATE_EVERY_S)


async def _resume(clients: Clients) -> None:
    while True:
        status, _ = await clients.ask("POST", f"/api/v1/lanes/{OPERATED}/resume", {})
        if status == 200:
            return
        await asyncio.sleep(POLL_S)


async def _strike(whole: Whole, log: FaultLog, point: str) -> bool:
    """Arm *point* and wait until a process has died there; what only a takeover does needs a death before."""
    if point.partition(":")[2].startswith("heal."):
        await asyncio.to_thread(whole.until_healthy)
        for pid in whole.pids("serving"):
            log.note("serving", 1)
            send(pid, signal.SIGKILL)
    whole.armed_path.write_text(point)
    deadline = time.monotonic() + LEASE_S + PATIENCE_S
    while whole.armed_path.exists():
        if time.monotonic() > deadline:
            whole.armed_path.unlink(missing_ok=True)
            print(f"chaos: {point} was not reached", flush=True)
            return False
        await asyncio.sleep(POLL_S)
    log.note(point, 1)
    print(f"chaos: died {point}", flush=True)
    return True
