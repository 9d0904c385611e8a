"""Where a process begins to count: before anything that does a step is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from danqing_server.settings.reading import examine, read_environment

if TYPE_CHECKING:
    from danqing_server.telemetry.meters import Meters
    from danqing_server.telemetry.traces import Traces

__all__ = ["NOTHING", "Begun", "begin"]


class Begun(NamedTuple):
    """What a process counts and traces with; None where nobody wants it."""

    meters: Meters | None = None
    traces: Traces | None = None


NOTHING = Begun()


def begin(environment: Mapping[str, str]) -> Begun:
    """Return what this process counts and traces with, which hears of every step.

    What is wrong with the settings is said by who reads them next, also that OpenTelemetry is not installed.

    Raises:
        RuntimeError: a module with steps is imported already.
    """
    settings, _ = examine(read_environment(environment, Path(".env")))
    return Begun(
        meters=_count(environment) if settings.metrics else None,
        traces=_trace(settings.traces, environment) if settings.traces else None,
    )


# What follows is loaded only where it is wanted: nobody else pays for those libraries.


def _count(environment: Mapping[str, str]) -> Meters:
    from danqing_server.loops.steps import listen
    from danqing_server.telemetry.meters import open_meters
    from danqing_server.telemetry.steps import StepTimer

    meters = open_meters(environment)
    listen(StepTimer(meters))
    return meters


def _trace(share: float, environment: Mapping[str, str]) -> Traces | None:
    from danqing_server.loops.steps import listen

    try:
        from danqing_server.telemetry.traces import open_traces
    except ImportError:
        return None
    traces = open_traces(share, environment)
    listen(traces.step_tracer())
    return traces
