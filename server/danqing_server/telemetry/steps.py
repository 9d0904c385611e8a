"""Times the named steps."""

from __future__ import annotations

import asyncio
import time

import attrs

from danqing_server.telemetry.labels import Bounded
from danqing_server.telemetry.meters import Meters

__all__ = ["StepTimer"]

MOST_ERRORS = 60

_Begun = tuple[str, int, int]


@attrs.define(eq=False)
class StepTimer:
    """A `loops.steps.Listener` that times each step; one that is cut by a cancellation counts as no failure."""

    meters: Meters
    _begun: dict[_Begun, float] = attrs.field(factory=dict, init=False)
    _errors: Bounded = attrs.field(factory=lambda: Bounded(MOST_ERRORS), init=False)

    def before(self, step: str, doer: object) -> None:
        """Note when it begins."""
        self._begun[_key(step, doer)] = time.perf_counter()

    def after(self, step: str, doer: object, error: BaseException | None) -> None:
        """Count how long it took, and what it raised."""
        begun_s = self._begun.pop(_key(step, doer), None)
        if begun_s is not None:
            self.meters.observe("step_seconds", step, seconds=time.perf_counter() - begun_s)
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self.meters.count("step_failures", step, self._errors.of(type(error).__name__))


def _key(step: str, doer: object) -> _Begun:
    """Return what tells a step from the same one of other tasks: a coroutine does one at a time."""
    return step, id(doer), id(asyncio.current_task())
