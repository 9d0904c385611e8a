"""A picture, a video and texts of Volcengine's sandbox over HTTP, as the README shows them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from danqing_server.supervision.embedded.servers import free_port
from tests.integration.api.conftest import Client
from tests.support.installed import all_but
from tests.support.servers import RunningServer, run_sandbox

PATIENCE_S = 90.0
VIDEO, TEXT = "doubao-seedance-2-0-260128", "doubao-seed-1-6-250615"


@pytest.fixture(scope="module")
def quick_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A simulator whose orders take a moment."""
    arguments = ("--latency-s", "0", "--queued-s", "0.1", "--running-s", "0.2")
    with run_sandbox(tmp_path_factory.mktemp("sandbox"), port=free_port(), arguments=arguments) as server:
        yield server


@pytest.fixture
async def api(open_api: Callable[..., Any], quick_sandbox: RunningServer) -> AsyncIterator[Client]:
    """An application whose provider is Volcengine, simulated."""
    async with open_api(
        workers=True,
        DANQING_DISABLED_PLUGINS=all_but("volcengine"),
        DANQING_DEFAULT_PROVIDER="volcengine",
        DANQING_SANDBOX_URL=quick_sandbox.url,
        DANQING_VOLCENGINE_VIDEO_POLL_EVERY="0.1",
    ) as client:
        yield client


async def made(api: Client, **body: Any) -> Any:
    """Submit a task and return it when it is finished, as the API shows it."""
    reply = await api.ask("POST", "/api/v1/ai/tasks", json={"provider": "volcengine", "user_id": "u", **body})
    assert reply.status == 201, reply.body
    task_id = reply.json["data"].get("task_id") or reply.json["data"]["id"]
    await api.system.finished(task_id, PATIENCE_S)
    return (await api.ask("GET", f"/api/v1/tasks/{task_id}")).json["data"]


class TestOfEachKind:
    """One provider, one route."""

    async def test_a_video_and_its_last_frame(self, api: Client) -> None:
        """With a poster; it costs what Ark counted."""
        task = await made(
            api,
            model=VIDEO,
            type="video",
            input={
                "prompt": "小猫在花园里奔跑",
                "resolution": "480p",
                "ratio": "16:9",
                "duration": 4,
                "return_last_frame": True,
            },
        )
        assert task["status"] == "completed", task
        [video] = task["output"]["videos"]
        assert (video["width"], video["height"], video["fps"]) == (864, 496, 24.0)
        assert video["has_audio"]
        poster = await api.ask("GET", video["poster_url"].removeprefix(api.base))
        assert (poster.status, poster.headers["Content-Type"]) == (200, "image/jpeg")
        assert [image["index"] for image in task["output"]["images"]] == [1]
        tokens = (4 * 24 + 1) * 864 * 496 // 1024
        assert task["usage"]["completion_tokens"] == tokens
        assert float(task["cost"]["amount"]) == pytest.approx(tokens * 46 / 1e6)

    async def test_a_text(self, api: Client) -> None:
        """The old server's two types."""
        task = await made(api, model=TEXT, type="text_generation", input={"prompt": "江南春色"})
        assert task["output"]["text"] == "模拟回答：江南春色"
        task = await made(api, model=TEXT, type="translation", input={"text": "江南春色", "target_language": "en"})
        assert task["output"]["text"] == "[translated] 江南春色"

    async def test_what_is_wrong_with_a_video(self, api: Client) -> None:
        """Every field, in the client's language."""
        wrong = {"prompt": "x", "duration": 99, "ratio": "5:4"}
        body = {"provider": "volcengine", "model": VIDEO, "user_id": "u", "type": "video", "input": wrong}
        reply = await api.ask("POST", "/api/v1/ai/tasks", json=body)
        assert reply.status == 400
        assert b"duration" in reply.body
        assert b"ratio" in reply.body
