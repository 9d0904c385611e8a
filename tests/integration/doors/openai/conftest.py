"""OpenAI's door of a whole process, and OpenAI's own library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import openai
import pytest

from danqing_plugins import Job, Run, Source
from tests.integration.api.conftest import Client, Open, open_api
from tests.support.providers import Generate, ScriptedProvider, picture

__all__ = ["open_api"]


@attrs.define(eq=False)
class Studio:
    """Paints when it is told to, and counts what it was paid for. `gate` is open from the beginning."""

    gate: asyncio.Event = attrs.field(factory=asyncio.Event)
    bought: int = 0
    bodies: list[bytes] = attrs.field(factory=list)
    failing: BaseException | None = None

    async def paint(self, job: Job, run: Run) -> None:
        """Make what is missing, each picture other than all before."""
        for index in run.missing:
            async with run.call((index,), "f"):
                self.bought += 1
                await self.gate.wait()
                if self.failing is not None:
                    raise self.failing
                body = picture(16 + len(self.bodies), 8)
                self.bodies.append(body)
                await run.deliver(index, Source.from_bytes(body))


def previewed(gate: asyncio.Event) -> Generate:
    """Return what makes one picture, of which a small preview is there until *gate* opens."""

    async def paint(job: Job, run: Run) -> None:
        async with run.call(run.missing, "f"):
            await run.preview(0, Source.from_bytes(picture(5, 5)))
            await gate.wait()
            await run.deliver(0, Source.from_bytes(picture()))

    return paint


@pytest.fixture
def studio() -> Studio:
    """The service behind the door."""
    found = Studio()
    found.gate.set()
    return found


OpenDoor = Callable[..., Any]


@pytest.fixture
def open_door(open_api: Open, studio: Studio) -> OpenDoor:
    """Open an application that carries tasks out, with settings by name."""

    def open_(**variables: str) -> Any:
        provider = ScriptedProvider(studio.paint, concurrency=64)
        return open_api(workers=True, provider=provider, **variables)

    return open_


@pytest.fixture
async def door(open_door: OpenDoor) -> AsyncIterator[Client]:
    """An application without keys."""
    async with open_door() as client:
        yield client


@asynccontextmanager
async def library(api: Client, **options: Any) -> AsyncIterator[openai.AsyncOpenAI]:
    """Yield OpenAI's own; it repeats nothing unless told to."""
    told: dict[str, Any] = {"api_key": "none", "max_retries": 0, **options}
    async with openai.AsyncOpenAI(base_url=f"{api.base}/v1", **told) as client:
        yield client
