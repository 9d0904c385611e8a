"""The simulator of Replicate in this process, and the provider that speaks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from danqing_plugins import PluginContext
from danqing_providers.replicate.plugin import ReplicateProvider
from danqing_providers.sandbox.app import create_app
from danqing_providers.sandbox.config import SandboxConfig
from tests.integration.sandbox.serving import Served
from tests.support.simulated import Simulated

VERSION = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"
FILM: Mapping[str, Any] = {
    "id": "minimax/video-01",
    "kind": "video",
    "price": "0.50",
    "pictures": ["first_frame_image"],
}
OBJECT: Mapping[str, Any] = {"id": f"acme/pictures-object:{VERSION}", "count": "num_outputs"}


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Served]:
    """A simulator by the real clock, whose predictions take no time."""
    config = SandboxConfig(data_dir=tmp_path / "sandbox", latency_s=0, queued_s=0, running_s=0)
    async with (
        TestServer(create_app(config)) as server,
        aiohttp.ClientSession(headers={"Authorization": "Bearer key"}) as session,
    ):
        yield Served(str(server.make_url("")).rstrip("/"), session, [])


@pytest.fixture
def replicate(sandbox: Served, tmp_path: Path) -> Simulated:
    """The provider, with models that its operator named."""
    return Simulated(configured(tmp_path, f"{sandbox.url}/replicate"), sandbox)


def configured(folder: Path, url: str | None, **options: Any) -> ReplicateProvider:
    """Return a provider of the simulator at *url*."""
    provider = ReplicateProvider()
    defaults = {setting.name: setting.default for setting in ReplicateProvider.settings}
    provider.configure(
        PluginContext(
            name="replicate",
            options={**defaults, "models": (FILM, OBJECT), **options},
            data_dir=folder,
            call_timeout_s=20,
            sandbox=True,
            sandbox_url=url,
        )
    )
    return provider
