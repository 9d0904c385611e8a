"""The provider, its session and its jobs, for tests against a loopback Ark."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import attrs
import pytest

from danqing_plugins import Job, Reference, ReferenceData, Request, Result
from danqing_providers.volcengine.plugin import VolcengineProvider
from tests.integration.volcengine.recording import RecordingRun
from tests.integration.volcengine.scripted import KEY, ScriptedArk
from tests.unit.volcengine.builders import context

REVIVED = '{"doubao-seedream-3-0-t2i-250415": {}}'


@attrs.define(eq=False)
class Client:
    """Prepares a submission and carries it out against one server, as the worker would."""

    provider: VolcengineProvider
    session: aiohttp.ClientSession

    def begin(
        self, *, references: tuple[Reference, ...] = (), model: str | None = None, **input_: Any
    ) -> RecordingRun:
        """Return the run of a new task."""
        request = Request(
            provider="volcengine",
            type="image",
            model=model,
            input={"prompt": "a red fox", **input_},
            references=references,
        )
        done = self.provider.prepare(request)
        job = Job(
            task_id="t",
            user_id="u",
            provider="volcengine",
            type="image",
            model=done.model,
            input=done.input,
            outputs=done.outputs,
            references=references,
        )
        return RecordingRun(job, self.session, assets={"own": ReferenceData(body=b"bytes", media_type="image/PNG")})

    async def carry_out(self, run: RecordingRun) -> Result | None:
        """Carry *run* out once."""
        return await self.provider.generate(run.job, run)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session like the server's."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        yield session


@pytest.fixture
def connect(session: aiohttp.ClientSession) -> Callable[..., Client]:
    """Return a function that makes a client of a server, or of a URL."""

    def make(ark: ScriptedArk | str, *, call_timeout_s: float = 5.0) -> Client:
        provider = VolcengineProvider()
        url = ark if isinstance(ark, str) else ark.url
        environment = {
            "VOLCENGINE_API_KEY": KEY,
            "VOLCENGINE_ENDPOINT": url,
            "DANQING_VOLCENGINE_MODELS": REVIVED,
        }
        provider.configure(context(environment, call_timeout_s=call_timeout_s))
        return Client(provider, session)

    return make
