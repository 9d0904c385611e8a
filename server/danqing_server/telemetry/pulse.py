"""What a process shows of itself: looked at four times a second, by the process itself."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import attrs

from danqing_server.loops.supervised import Supervised
from danqing_server.telemetry.meters import Meters

__all__ = ["Pulse", "Vitals"]

EVERY_S = 0.25
_STATM = Path("/proc/self/statm")


@attrs.frozen(kw_only=True)
class Vitals:
    """What is looked at of a process. `lease_fresh` None: it carries nothing out."""

    role: str
    running: Callable[[], Mapping[str, int]]
    loops: Callable[[], Sequence[Supervised]]
    lease_fresh: Callable[[], bool] | None = None


@attrs.define(eq=False)
class Pulse:
    """Shows the vitals of this process. `beat` runs as long as the process does."""

    meters: Meters
    vitals: Vitals
    every_s: float = EVERY_S
    _deaths: dict[str, int] = attrs.field(factory=dict, init=False)
    _cpu_s: float = attrs.field(default=0.0, init=False)

    async def beat(self) -> None:
        """Look again and again, until cancelled."""
        self.look()
        while True:
            asleep_s = time.monotonic()
            await asyncio.sleep(self.every_s)
            late_s = time.monotonic() - asleep_s - self.every_s
            self.meters.observe("event_loop_lag_seconds", seconds=late_s)
            self.look()

    def look(self) -> None:
        """Show how things are now, and let the others know."""
        self.meters.show("processes", self.vitals.role, value=1)
        for lane, count in self.vitals.running().items():
            self.meters.show("tasks_running", lane, value=count)
        if self.vitals.lease_fresh is not None:
            self.meters.show("leases_fresh", value=self.vitals.lease_fresh())
        for loop in self.vitals.loops():
            self._look_at_loop(loop)
        self._look_at_process()
        self.meters.flush()

    def _look_at_loop(self, loop: Supervised) -> None:
        self.meters.show("loops_down", loop.name, value=not loop.alive)
        more = loop.deaths - self._deaths.get(loop.name, 0)
        if more:
            self._deaths[loop.name] = loop.deaths
            self.meters.count("loop_deaths", loop.name, by=more)

    def _look_at_process(self) -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu_s = used.ru_utime + used.ru_stime
        self.meters.count("process_cpu_seconds", by=max(0.0, cpu_s - self._cpu_s))
        self._cpu_s = cpu_s
        self.meters.show("process_resident_bytes", value=_resident_bytes(used.ru_maxrss))


def _resident_bytes(most: int) -> int:
    """Return how much memory this process holds; where the system does not tell, the most that it ever held."""
    with suppress(OSError, ValueError, IndexError):
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    return most if sys.platform == "darwin" else most * 1024
