"""Where a process begins to count: before anything that does a step is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from danqing_server.settings.reading import examine
from danqing_server.settings.server import read_environment

if TYPE_CHECKING:
    from danqing_server.telemetry.meters import Meters

__all__ = ["begin"]


def begin(environment: Mapping[str, str]) -> Meters | None:
    """Return the meters of this process, which hear of every step; None where nobody wants metrics.

    What is wrong with the settings is said by who reads them next.

    Raises:
        RuntimeError: a module with steps is imported already.
    """
    settings, _ = examine(read_environment(environment, Path(".env")))
    if not settings.metrics:
        return None
    # Loaded only here: whoever wants no metrics pays for no library of theirs.
    from danqing_server.loops.steps import listen
    from danqing_server.telemetry.meters import open_meters
    from danqing_server.telemetry.steps import StepTimer

    meters = open_meters(environment)
    listen(StepTimer(meters))
    return meters
