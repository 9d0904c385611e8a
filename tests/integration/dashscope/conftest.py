"""The simulator of DashScope in this process, and the provider that speaks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp.test_utils import TestServer

from danqing_plugins import Job, Reference, ReferenceData, Request
from danqing_plugins.recording import RecordingRun
from danqing_providers.dashscope.plugin import DashScopeProvider
from danqing_providers.sandbox.app import create_app
from danqing_providers.sandbox.config import SandboxConfig
from tests.unit.dashscope.builders import configured

__all__ = ["Desk", "Simulator"]

QUICK = {"DANQING_DASHSCOPE_POLL_EVERY": "0.05"}


@attrs.frozen
class Simulator:
    """A running sandbox: `root` is its own address, `url` DashScope's in it."""

    root: str
    session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"{self.root}/dashscope"

    async def ledger(self) -> list[dict[str, Any]]:
        """Return what was billed."""
        async with self.session.get(f"{self.root}/sandbox/ledger") as answer:
            entries: list[dict[str, Any]] = (await answer.json())["entries"]
            return entries

    async def rule(self, **rule: Any) -> None:
        """Put a fault rule in force."""
        async with self.session.post(f"{self.root}/sandbox/faults", json=[rule]) as answer:
            assert answer.status == 201, await answer.text()

    async def jobs(self) -> list[dict[str, Any]]:
        """Return the orders that were placed, with all keys."""
        async with self.session.get(f"{self.url}/api/v1/tasks/", params={"page_size": "100"}) as answer:
            rows: list[dict[str, Any]] = (await answer.json())["data"]
            return rows


@attrs.frozen
class Desk:
    """Prepares submissions and carries them out, as the worker would."""

    provider: DashScopeProvider
    session: aiohttp.ClientSession

    def begin(
        self,
        model: str,
        *,
        prompt: str | None = "a red fox",
        references: Mapping[str, ReferenceData] | None = None,
        **input_: Any,
    ) -> RecordingRun:
        """Return the run of a new task; *references* are pictures in our storage, by field."""
        kinds = {info.id: info.types[0] for info in self.provider.info.models}
        named = tuple(Reference(field=field, asset=f"own/{field}") for field in references or {})
        request = Request(
            provider="dashscope",
            type=kinds[model],
            model=model,
            input={"prompt": prompt, **input_} if prompt is not None else input_,
            references=named,
        )
        done = self.provider.prepare(request)
        job = Job(
            task_id="t",
            user_id="u",
            provider="dashscope",
            type=request.type,
            model=done.model,
            input=done.input,
            outputs=done.outputs,
            kind=done.kind,
            references=named,
        )
        return RecordingRun(job=job, http=self.session, references=references or {})

    async def carry_out(self, run: RecordingRun) -> Any:
        """Carry *run* out once."""
        return await self.provider.generate(run.job, run)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session like the server's, and with a key for what the tests ask themselves."""
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout, headers={"Authorization": "Bearer key"}) as session:
        yield session


@pytest.fixture
async def simulator(tmp_path: Path, session: aiohttp.ClientSession) -> AsyncIterator[Simulator]:
    """A simulator that takes no time."""
    config = SandboxConfig(data_dir=tmp_path, latency_s=0, queued_s=0, running_s=0)
    async with TestServer(create_app(config)) as server:
        yield Simulator(str(server.make_url("")).rstrip("/"), session)


@pytest.fixture
def desk(simulator: Simulator, session: aiohttp.ClientSession) -> Desk:
    """The provider without a key, asking often."""
    return Desk(configured(QUICK, sandbox_url=simulator.url), session)
