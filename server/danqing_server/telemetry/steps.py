"""Times the named steps."""

from __future__ import annotations

import asyncio
import time

import attrs

from danqing_server.telemetry.labels import Bounded
from danqing_server.telemetry.meters import Histogram, Meters

__all__ = ["StepTimer"]

MOST_ERRORS = 60


@attrs.define(eq=False)
class StepTimer:
    """A `loops.steps.Listener` that times each step; one that is cut by a cancellation counts as no failure."""

    meters: Meters
    _times: dict[str, Histogram] = attrs.field(factory=dict, init=False)
    _errors: Bounded = attrs.field(factory=lambda: Bounded(MOST_ERRORS), init=False)

    def before(self, step: str, doer: object) -> float:
        """Return when it begins."""
        return time.perf_counter()

    def after(self, step: str, doer: object, begun: float, error: BaseException | None) -> None:
        """Count how long it took, and what it raised."""
        times = self._times.get(step)
        if times is None:
            times = self._times[step] = self.meters.histogram("step_seconds", step)
        times.observe(time.perf_counter() - begun)
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self.meters.count("step_failures", step, self._errors.of(type(error).__name__))
