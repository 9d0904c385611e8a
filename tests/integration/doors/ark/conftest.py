"""Ark's own library, unmodified, at the server's door, with the simulated Ark behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from danqing_server.supervision.embedded.servers import free_port
from tests.integration.api.conftest import Client, Open, open_api
from tests.support.installed import all_but
from tests.support.servers import RunningServer, run_sandbox

__all__ = ["open_api"]

ark_library = pytest.importorskip("volcenginesdkarkruntime")

KEY = "a-secret-of-sixteen"
OTHER_KEY = "another-of-sixteen!"

Library = Callable[..., Any]
"""Makes a client of Ark's library; options as `Ark` takes them, another key by `api_key`."""


@pytest.fixture(scope="module")
def ark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A simulator whose orders take a moment."""
    arguments = ("--latency-s", "0", "--queued-s", "0.1", "--running-s", "0.2")
    with run_sandbox(tmp_path_factory.mktemp("sandbox"), port=free_port(), arguments=arguments) as server:
        yield server


@pytest.fixture
async def api(open_api: Open, ark: RunningServer) -> AsyncIterator[Client]:
    """An application that asks for keys, and whose provider is Volcengine, simulated."""
    async with open_api(
        workers=True,
        DANQING_API_KEYS=f"shop:{KEY},other:{OTHER_KEY}",
        DANQING_DISABLED_PLUGINS=all_but("volcengine"),
        DANQING_DEFAULT_PROVIDER="volcengine",
        DANQING_SANDBOX_URL=ark.url,
        DANQING_VOLCENGINE_VIDEO_POLL_EVERY="0.1",
        DANQING_STOP_GRACE="0.1",  # no test ends with a film that it waits for
    ) as client:
        yield client


@pytest.fixture
async def library(api: Client, imported: None) -> AsyncIterator[Library]:
    """Make clients of the application: Ark's own library, in the test's loop."""
    made: list[Any] = []

    def make(**options: Any) -> Any:
        settings = {"base_url": f"{api.base}/api/v3", "api_key": KEY, "max_retries": 0, **options}
        made.append(ark_library.AsyncArk(**settings))
        return made[-1]

    yield make
    for each in made:
        await each.close()


@pytest.fixture(scope="session")
def imported() -> None:
    """Have the library import what it imports when it is first used: in a test that would hold up the loop."""
    client = ark_library.Ark(api_key="k")
    assert client.images is not None
    assert client.content_generation.tasks is not None
    client.close()
