"""A provider beside its simulator: what a test does with both."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import attrs
import pytest
from PIL import Image

from danqing_plugins import PluginError, Provider, Request, Source
from danqing_plugins.testing import RecordingRun, job_of
from tests.integration.sandbox.serving import Served

__all__ = ["Simulated", "WatchedRun"]


class WatchedRun(RecordingRun):
    """A run that tells when its order is being worked on."""

    async def progress(self, fraction: float) -> None:
        """Keep the fraction, and say so."""
        await super().progress(fraction)
        self.held.set()

    async def under_way(self) -> None:
        """Return when the service has told of progress."""
        async with asyncio.timeout(20):
            await self.held.wait()


@attrs.frozen
class Simulated:
    """One provider, configured for the sandbox."""

    provider: Provider
    sandbox: Served

    def run(self, request: Request, **more: Any) -> WatchedRun:
        """Return the first attempt at a submission."""
        return WatchedRun(job=job_of(self.provider, request), http=self.sandbox.session, **more)

    async def made(self, request: Request, **more: Any) -> WatchedRun:
        """Return the run of a submission that was carried out."""
        run = self.run(request, **more)
        await self.carry_out(run)
        return run

    async def carry_out(self, run: RecordingRun) -> None:
        """Generate as the server would."""
        await self.provider.generate(run.job, run)

    async def failed(self, run: RecordingRun) -> PluginError:
        """Return what a generation raises."""
        with pytest.raises(PluginError) as caught:
            await self.carry_out(run)
        return caught.value

    async def refused(self, request: Request) -> PluginError:
        """Return what the generation of a submission raises."""
        return await self.failed(self.run(request))

    async def sizes(self, run: RecordingRun) -> list[tuple[int, int]]:
        """Return width and height of every picture that was delivered, by index."""
        return [await self._size(source) for _, source in sorted(run.pictures.items())]

    async def _size(self, source: Source) -> tuple[int, int]:
        body = source.body
        if source.url is not None:
            status, body = await self.sandbox.get(source.url)
            assert status == 200
        with Image.open(io.BytesIO(body or b"")) as picture:
            return picture.size
