"""A provider no two of whose pictures are alike."""

from __future__ import annotations

import itertools

from danqing_plugins import Job, Run, Source
from tests.support.providers import ScriptedProvider, picture

__all__ = ["painter"]


def painter() -> ScriptedProvider:
    """Return a provider that delivers each picture in a size of its own."""
    widths = itertools.count(8)

    async def paint(_job: Job, run: Run) -> None:
        async with run.call(run.missing, "fingerprint"):
            for index in run.missing:
                await run.deliver(index, Source.from_bytes(picture(next(widths))))

    return ScriptedProvider(paint)
