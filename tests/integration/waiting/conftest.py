"""A whole process with its HTTP API, and a provider that makes nothing before it is released."""

from __future__ import annotations

import asyncio

import attrs

from danqing_plugins import Job, Run
from tests.integration.api.conftest import open_api as open_api  # a fixture of these tests, too
from tests.support.providers import ScriptedProvider, deliver_all

__all__ = ["Held", "open_api"]


@attrs.define(eq=False)
class Held(ScriptedProvider):
    """Makes nothing before it is released."""

    released: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def generate(self, job: Job, run: Run) -> None:
        """Wait, and deliver."""
        self.jobs.append(job)
        await self.released.wait()
        await deliver_all(job, run)
