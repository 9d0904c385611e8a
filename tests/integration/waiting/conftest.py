"""A whole process with its HTTP API, and providers that make nothing before they are told to."""

from __future__ import annotations

import asyncio

import attrs

from danqing_plugins import Job, Run
from tests.integration.api.conftest import open_api as open_api  # a fixture of these tests, too
from tests.support.providers import ScriptedProvider, deliver_all

__all__ = ["Held", "Telling", "open_api"]


@attrs.define(eq=False)
class Held(ScriptedProvider):
    """Makes nothing before it is released."""

    released: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def generate(self, job: Job, run: Run) -> None:
        """Wait, and deliver."""
        self.jobs.append(job)
        await self.released.wait()
        await deliver_all(job, run)


@attrs.define(eq=False)
class Telling(ScriptedProvider):
    """Tells how far it is, one step for each that is asked of it."""

    steps: asyncio.Queue[float] = attrs.field(factory=asyncio.Queue)

    async def generate(self, job: Job, run: Run) -> None:
        """Tell, and deliver after the last step."""
        async with run.call(run.missing, "fingerprint"):
            while (fraction := await self.steps.get()) < 1:
                await run.progress(fraction)
        await deliver_all(job, run)
