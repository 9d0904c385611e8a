"""Routes as clients meet them: listed, asked for at either door, and told of in the task."""

from __future__ import annotations

from collections.abc import AsyncIterator

import attrs
import pytest

from danqing_plugins import Job, Limits, Run, Unavailable
from danqing_server.settings.routes import Route, Target
from tests.integration.api.conftest import Client, opened
from tests.support.providers import ScriptedProvider, deliver_all
from tests.support.system import MakeSettings, until


async def _down_for_slow(job: Job, run: Run) -> None:
    if job.model == "slow":
        async with run.call(run.missing, "f"):
            raise Unavailable("down", code="ServerOverloaded")
    await deliver_all(job, run)


@pytest.fixture
async def api(make_settings: MakeSettings) -> AsyncIterator[Client]:
    """An application with a route over two models, of which the first is down."""
    targets = (Target(provider="scripted", model="slow"), Target(provider="scripted", model="uno"))
    settings = attrs.evolve(make_settings(), routes=(Route(model="poster", targets=targets),))
    provider = ScriptedProvider(_down_for_slow, lanes={"slow": Limits()})
    async with opened(settings, provider, workers=True) as client:
        yield client


async def _completed(api: Client, task_id: str) -> dict[str, object]:
    async def look() -> dict[str, object] | None:
        task: dict[str, object] = (await api.ask("GET", f"/api/v1/tasks/{task_id}")).json["data"]
        return task if task["status"] == "completed" else None

    found: dict[str, object] = await until(look)
    return found


class TestDoors:
    async def test_they_are_listed(self, api: Client) -> None:
        """With what stands behind each, as it was configured."""
        (route,) = (await api.ask("GET", "/api/v1/providers")).json["data"]["routes"]
        assert (route["model"], route["types"]) == ("poster", ["image", "text"])
        assert [(each["model"], each["present"]) for each in route["targets"]] == [("slow", True), ("uno", True)]

    async def test_the_old_servers_clients_name_one_as_a_model(self, api: Client) -> None:
        """Their door takes no provider."""
        body = {"prompt": "a cat", "user_id": "u", "model": "poster"}
        made = (await api.ask("POST", "/api/v1/ai/image/task", json=body)).json["data"]
        done = await _completed(api, made["task_id"])
        assert done["model"] == "one"
        assert (await api.ask("GET", f"/api/v1/ai/image/result/{made['task_id']}")).status == 200

    async def test_a_task_tells_of_its_way(self, api: Client) -> None:
        """So does its explanation: who made it, why the other did not, and to whom each call went."""
        body = {"type": "image", "model": "poster", "input": {"prompt": "a cat"}, "user_id": "u"}
        made = (await api.ask("POST", "/api/v1/ai/tasks", json=body)).json["data"]
        done = await _completed(api, made["id"])
        explained = (await api.ask("GET", f"/api/v1/tasks/{made['id']}/explain")).json["data"]
        assert done["route"] == explained["route"]
        route = explained["route"]
        assert (route["model"], route["target"]) == ("poster", "scripted/one")
        assert [(each["model"], each["code"]) for each in route["tried"]] == [("slow", "ServerOverloaded")]
        assert [call["provider"] for call in explained["calls"]] == ["scripted", "scripted"]

    async def test_a_wrong_field_is_named_as_it_was_sent(self, api: Client) -> None:
        """Where every target refuses it, by the first's words."""
        body = {"prompt": 7, "user_id": "u", "model": "poster"}
        refused = await api.ask("POST", "/api/v1/ai/image/task", json=body)
        assert (refused.status, refused.json["details"][0]["field"]) == (400, "prompt")
