"""A real receiver of webhooks, and applications that may send to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.integration.api.conftest import Client, opened
from tests.support.providers import ScriptedProvider
from tests.support.receiver import Receiver, run_receiver
from tests.support.system import MakeSettings

WEBHOOKS = "/api/v1/webhooks"
LOOPBACK = "127.0.0.0/8,localhost"


@pytest.fixture(scope="session")
def receiving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """The run's receiver. Do not kill it, and send to paths of your own."""
    with run_receiver(tmp_path_factory.mktemp("receiver")) as receiver:
        yield receiver


@pytest.fixture
async def api(make_settings: MakeSettings) -> AsyncIterator[Client]:
    """An application that carries tasks out and may send to loopback."""
    async with sending(make_settings) as client:
        yield client


@asynccontextmanager
async def sending(
    make_settings: MakeSettings, provider: ScriptedProvider | None = None, **variables: str
) -> AsyncIterator[Client]:
    """Yield a client of an application whose webhooks may go to loopback, and which looks often for what is due."""
    settings = make_settings(
        DANQING_WEBHOOK_TARGETS=variables.pop("DANQING_WEBHOOK_TARGETS", LOOPBACK), **variables
    )
    async with opened(settings, provider or ScriptedProvider(), workers=True) as client:
        client.services.webhooks.sender.look_every_s = 0.05
        yield client


async def create(api: Client, url: str, **members: Any) -> dict[str, Any]:
    """Create an endpoint and return it, with its secret."""
    reply = await api.ask("POST", WEBHOOKS, json={"url": url, **members})
    assert reply.status == 201, reply.json
    made: dict[str, Any] = reply.json["data"]
    return made


async def submit(api: Client, **members: Any) -> str:
    """Submit a task and return its id."""
    body = {"type": "image", "model": "one", "input": {"prompt": "a secret cat"}, "user_id": "u1", **members}
    reply = await api.ask("POST", "/api/v1/ai/tasks", json=body)
    assert reply.status == 201, reply.json
    task_id: str = reply.json["data"]["id"]
    return task_id


async def deliveries(api: Client, webhook_id: str, **query: str) -> list[dict[str, Any]]:
    """Return an endpoint's deliveries, newest first."""
    reply = await api.ask("GET", f"{WEBHOOKS}/{webhook_id}/deliveries", params=query)
    assert reply.status == 200, reply.json
    found: list[dict[str, Any]] = reply.json["data"]["deliveries"]
    return found
