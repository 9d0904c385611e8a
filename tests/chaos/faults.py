"""What goes wrong, and when: kills drawn from a seed, carried out, and written down."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Mapping

import attrs

from tests.chaos.whole import Whole, send

__all__ = ["WEIGHTS", "FaultEvent", "FaultLog", "Mayhem"]

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

PAUSE_S = 30.0
FREEZE_S = 3.0
RESTART_AFTER_S = 0.5
STEPS_S = (3600.0, -3600.0)
"""By how much the wall clock of one serving process is set, for the rest of its life."""

HARMLESS_TO_CALLS = ("redis", "mongod", "freeze", "clock")


@attrs.frozen(kw_only=True)
class FaultEvent:
    """One fault: from `at_s` to `until_s`, seconds since the epoch; `what` is the target and how."""

    at_s: float
    until_s: float
    what: str
    kills: int


@attrs.define
class FaultLog:
    """Every fault in order."""

    events: list[FaultEvent] = attrs.field(factory=list)

    def note(self, what: str, kills: int, lasted_s: float = 0.0) -> None:
        """Write a fault down that begins now."""
        now = time.time()
        self.events.append(FaultEvent(at_s=now, until_s=now + lasted_s, what=what, kills=kills))

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
            first, second = self.random.sample(["serving", "sandbox", "redis", "mongod"], 2)
            self._kill(first)
            self._kill(second)
        elif kind == "pause":
            self._halt("serving", PAUSE_S)
        elif kind == "freeze":
            self._halt(self.random.choice(["redis", "mongod"]), FREEZE_S)
        elif kind == "clock":
            self._step()
        elif kind == "supervisor":
            await self._kill_all()
        else:
            self._kill(kind)

    def _choose(self) -> str:
        return self.random.choices(list(self.weights), list(self.weights.values()))[0]

    def _kill(self, role: str) -> None:
        pids = self.whole.pids(role)
        if pids:
            self.log.note(role, 1)
            self.whole.kill(self.random.choice(pids))

    async def _kill_all(self) -> None:
        self.log.note("supervisor", 1, RESTART_AFTER_S)
        self.whole.end()
        await asyncio.sleep(RESTART_AFTER_S)
        self.whole.start()

    def _step(self) -> None:
        pids = self.whole.pids("serving")
        if pids:
            pid, step_s = self.random.choice(pids), self.random.choice(STEPS_S)
            self.log.note("clock", 0)
            self.whole.set_clock(pid, step_s)

    def _halt(self, role: str, for_s: float) -> None:
        pids = self.whole.pids(role)
        if pids:
            pid = self.random.choice(pids)
            self.log.note("pause" if role == "serving" else "freeze", 0, for_s)
            send(pid, signal.SIGSTOP)
            task = asyncio.create_task(_resume(pid, for_s))
            self._resuming.add(task)
            task.add_done_callback(self._resuming.discard)


async def _resume(pid: int, after_s: float) -> None:
    await asyncio.sleep(after_s)
    send(pid, signal.SIGCONT)
