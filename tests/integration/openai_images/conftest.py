"""Providers of `openai_images` against the sandbox, over real HTTP."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
from PIL import Image

from danqing_plugins import Reference, ReferenceData, Request
from danqing_plugins.recording import RecordingRun
from danqing_plugins.testing import job_of
from danqing_providers.openai_images.plugin import OpenAIImagesProvider
from tests.integration.sandbox.serving import Served, served
from tests.unit.openai_images.builders import configured


def png(width: int = 64, height: int = 64, *, alpha: bool = False) -> bytes:
    """Return a picture to edit."""
    buffer = io.BytesIO()
    Image.new("RGBA" if alpha else "RGB", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


REFERENCES: Mapping[str, ReferenceData] = {
    "image[0]": ReferenceData(body=png(), media_type="image/png"),
    "image[1]": ReferenceData(body=png(80, 80), media_type="image/png"),
    "mask": ReferenceData(body=png(alpha=True), media_type="image/png"),
}


@attrs.define(eq=False)
class Client:
    """Prepares submissions and carries them out, as the worker would."""

    provider: OpenAIImagesProvider
    session: aiohttp.ClientSession
    sandbox: Served

    def request(self, model: str | None = None, *, references: tuple[str, ...] = (), **input_: Any) -> Request:
        """Return a submission; *references* are fields of `REFERENCES`."""
        return Request(
            provider=self.provider.info.name,
            type="image",
            model=model,
            input={"prompt": "a hill", **input_},
            references=tuple(Reference(field=field, asset=f"own-{field}") for field in references),
        )

    def begin(self, model: str | None = None, **rest: Any) -> RecordingRun:
        """Return the run of a new task."""
        job = job_of(self.provider, self.request(model, **rest))
        return RecordingRun(job=job, http=self.session, references=REFERENCES)

    async def carry_out(self, model: str | None = None, **rest: Any) -> RecordingRun:
        """Make a new task's pictures, and return its run."""
        run = self.begin(model, **rest)
        await self.provider.generate(run.job, run)
        return run


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session like the server's."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        yield session


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Served]:
    """A sandbox."""
    async with served(tmp_path) as running:
        yield running


@pytest.fixture
def client(sandbox: Served, session: aiohttp.ClientSession) -> Client:
    """The provider `openai` without a key."""
    return Client(configured(sandbox_url=f"{sandbox.url}/openai", call_timeout_s=60.0), session, sandbox)
