"""What goes wrong, and when: kills drawn from a seed, carried out, and written down."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable, Coroutine, Mapping
from itertools import combinations
from typing import Any

import attrs

from tests.chaos.whole import Whole, send

__all__ = [
    "BUCKET_WEIGHTS",
    "FAILOVER_WEIGHTS",
    "LONGEST_CALL_OF_A_SET_S",
    "LONGEST_CALL_S",
    "MACHINE_WEIGHTS",
    "WEIGHTS",
    "FaultEvent",
    "FaultLog",
    "Mayhem",
]

WEIGHTS: Mapping[str, int] = {
    "serving": 56,
    "sandbox": 10,
    "redis": 13,
    "mongod": 10,
    "supervisor": 2,
    "pair": 4,
    "pause": 3,
    "freeze": 2,
    "clock": 5,
}
"""How often each kind of fault is drawn."""

FAILOVER_WEIGHTS: Mapping[str, int] = {**WEIGHTS, "serving": 24, "freeze": 6, "stepdown": 8, "failover": 10}
"""Where others stand in for MongoDB's and Redis' servers: who leads gives way in order, too."""

MACHINE_WEIGHTS: Mapping[str, int] = {**FAILOVER_WEIGHTS, "cut": 14, "isolate": 6, "slow": 6}
"""Between two machines: neither reaches the other, nobody reaches one of them, the link between them is slow."""

BUCKET_WEIGHTS: Mapping[str, int] = {**WEIGHTS, "bucket": 30}
"""Beside an S3: for a while half of what is asked of it goes wrong."""

PAUSE_S = 30.0
FREEZE_S = 3.0
CUT_S = (5.0, 40.0)
LONGEST_CALL_S = 15.0
"""The sandbox takes 5 s; a call may wait for a MongoDB that was killed before it leaves."""
LONGEST_CALL_OF_A_SET_S = 45.0
"""Where another member has to be elected first, a call waits as long as writes do before they are given up."""
RESTART_AFTER_S = 0.5
STEPS_S = (3600.0, -3600.0)
"""By how much the wall clock of one serving process is set, for the rest of its life."""

LEAST_JUMP_S = 0.5

HARMLESS_TO_CALLS = ("redis", "mongod", "freeze", "clock", "stepdown", "failover", "slow", "bucket")


@attrs.frozen(kw_only=True)
class FaultEvent:
    """One fault: from `at_s` to `until_s`, seconds since the epoch; `what` is the target and how."""

    at_s: float
    until_s: float
    what: str
    kills: int


@attrs.define
class FaultLog:
    """Every fault in order; `longest_call_s` is how long a call may be under way, announced and not ended."""

    longest_call_s: float = LONGEST_CALL_S
    events: list[FaultEvent] = attrs.field(factory=list)
    wall_s: Callable[[], float] = time.time
    monotonic_s: Callable[[], float] = time.monotonic
    _ahead_s: list[float] = attrs.field(factory=list, init=False)

    @property
    def lags_s(self) -> set[float]:
        """By how much the server's clock may be off the wall's: that jumps when the whole machine was halted.

        The server goes on as the monotonic clock does, for a quarter of an hour (`SteadyTime`).
        """
        return {before - after for before, after in combinations(self._ahead_s, 2)}

    def note(self, what: str, kills: int, lasted_s: float = 0.0, began_s: float | None = None) -> None:
        """Write a fault down that begins now, or that took from *began_s* until now."""
        now = self.wall_s()
        ahead_s = now - self.monotonic_s()
        if not self._ahead_s or abs(ahead_s - self._ahead_s[-1]) > LEAST_JUMP_S:
            self._ahead_s.append(ahead_s)
        self.events.append(FaultEvent(at_s=began_s or now, until_s=now + lasted_s, what=what, kills=kills))

    @property
    def kills(self) -> int:
        """How many processes were killed, children that die with the supervisor not counted."""
        return sum(event.kills for event in self.events)

    def within(self, from_s: float, until_s: float) -> list[FaultEvent]:
        """Return the faults of every kind within a span of time."""
        return [event for event in self.events if event.until_s >= from_s and event.at_s <= until_s]

    def cuts(self, from_s: float, until_s: float) -> list[FaultEvent]:
        """Return the faults within a span that can cut a call: not those of MongoDB, Redis and a clock alone."""
        return [event for event in self.within(from_s, until_s) if event.what not in HARMLESS_TO_CALLS]


@attrs.define(kw_only=True)
class Mayhem:
    """Does a fault every *mean_s* seconds or so, until told to stop."""

    whole: Whole
    random: random.Random
    log: FaultLog
    mean_s: float
    weights: Mapping[str, int] = attrs.field(factory=lambda: WEIGHTS)
    disturbed: asyncio.Task[None] | None = None
    _resuming: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)

    async def reign(self, for_s: float) -> None:
        """Do faults for *for_s* seconds; everything runs again, or is about to, when this returns."""
        ends_s = time.monotonic() + for_s
        while True:
            pause_s = min(self.random.expovariate(1 / self.mean_s), 3 * self.mean_s)
            if time.monotonic() + pause_s > ends_s:
                break
            await asyncio.sleep(pause_s)
            await self.strike(self._choose())
        await asyncio.sleep(max(0.0, ends_s - time.monotonic()))
        for task in tuple(self._resuming):
            await task

    async def strike(self, kind: str) -> None:
        """Do one fault of that kind; nothing happens when its target is not running."""
        if kind == "pair":
            for role in self.random.sample(["serving", "sandbox", "redis", "mongod"], 2):
                await self._kill(role)
        elif kind == "pause":
            await self._halt("serving", PAUSE_S)
        elif kind == "freeze":
            await self._halt(self.random.choice(["redis", "mongod"]), FREEZE_S)
        elif kind == "clock":
            await self._step()
        elif kind == "supervisor":
            await self._kill_all()
        elif kind in ("stepdown", "failover"):
            await self._fail_over(kind)
        elif kind in ("cut", "isolate", "slow", "bucket"):
            self._disturb(kind)
        else:
            await self._kill(kind)

    def _choose(self) -> str:
        return self.random.choices(list(self.weights), list(self.weights.values()))[0]

    async def _pid_of(self, role: str) -> int | None:
        """Choose one of that role; who leads of MongoDB or Redis is asked, and may be slow to answer."""
        pids = await asyncio.to_thread(self.whole.pids, role)
        return self.random.choice(pids) if pids else None

    async def _kill(self, role: str) -> None:
        if (pid := await self._pid_of(role)) is not None:
            self.log.note(role, 1)
            await asyncio.to_thread(self.whole.kill, pid)

    async def _fail_over(self, kind: str) -> None:
        role = "mongod" if kind == "stepdown" else "redis"
        now_s = time.time()
        if await asyncio.to_thread(self.whole.fail_over, role):
            self.log.note(kind, 0, began_s=now_s)

    def _disturb(self, kind: str) -> None:
        """Disturb the network for a while; one disturbance at a time."""
        if self.disturbed is None or self.disturbed.done():
            for_s = self.random.uniform(*CUT_S)
            self.log.note(kind, 0, for_s)
            self.whole.disturb(kind, self.random)
            self.disturbed = self._later(self._mend(for_s))

    async def _mend(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self.whole.mend()

    async def _kill_all(self) -> None:
        self.log.note("supervisor", 1, RESTART_AFTER_S)
        self.whole.end()
        await asyncio.sleep(RESTART_AFTER_S)
        self.whole.start()

    async def _step(self) -> None:
        if (pid := await self._pid_of("serving")) is not None:
            self.log.note("clock", 0)
            self.whole.set_clock(pid, self.random.choice(STEPS_S))

    async def _halt(self, role: str, for_s: float) -> None:
        if (pid := await self._pid_of(role)) is not None:
            self.log.note("pause" if role == "serving" else "freeze", 0, for_s)
            send(pid, signal.SIGSTOP)
            self._later(_resume(pid, for_s))

    def _later(self, doing: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(doing)
        self._resuming.add(task)
        task.add_done_callback(self._resuming.discard)
        return task


async def _resume(pid: int, after_s: float) -> None:
    await asyncio.sleep(after_s)
    send(pid, signal.SIGCONT)
