"""What clients of each dialect send, at models of other services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.api.conftest import Client, Open, open_api
from tests.support.servers import RunningServer
from tests.support.whole import bills_of, only

__all__ = ["open_api"]

WORDS = "doubao-seed-1-6-250615"


class TestModelThatAnswersInWords:
    """It is asked elsewhere (`type: text`)."""

    @pytest.fixture
    async def api(self, open_api: Open, sandbox: RunningServer) -> AsyncIterator[Client]:
        """Volcengine, which has one beside its models of pictures."""
        async with open_api(workers=True, **only("volcengine", sandbox)) as client:
            yield client

    @pytest.mark.parametrize(
        ("path", "name"), [("/v1/models", "id"), ("/api/v3/models", "id"), ("/sdapi/v1/sd-models", "title")]
    )
    async def test_is_in_no_menu_of_pictures(self, api: Client, path: str, name: str) -> None:
        """Those beside it are."""
        found = (await api.ask("GET", path)).json
        names = {model[name] for model in (found if isinstance(found, list) else found["data"])}
        assert WORDS not in names
        assert "doubao-seedream-4-0-250828" in names

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/v1/images/generations", {"model": WORDS}),
            ("/api/v3/images/generations", {"model": WORDS}),
            ("/sdapi/v1/txt2img", {"override_settings": {"sd_model_checkpoint": WORDS}}),
        ],
    )
    async def test_is_not_asked_for_one(
        self, api: Client, sandbox: RunningServer, path: str, body: dict[str, Any]
    ) -> None:
        """404, as for a model that is not there; no words are bought."""
        prompt = f"a fox by {path}"
        assert (await api.ask("POST", path, json={**body, "prompt": prompt})).status == 404
        assert await bills_of(sandbox, prompt) == []


async def test_web_uis_batch_is_one_picture_where_no_more_are_made(open_api: Open, sandbox: RunningServer) -> None:
    """By a model that knows `n`, and of it 1."""
    async with open_api(workers=True, **only("dashscope", sandbox)) as api:
        body = {"prompt": "x", "batch_size": 4, "override_settings": {"sd_model_checkpoint": "qwen-image"}}
        reply = await api.ask("POST", "/sdapi/v1/txt2img", json=body)
    assert reply.status == 200, reply.body
    assert len(reply.json["images"]) == 1


@pytest.mark.parametrize(("format_", "kept"), [("png", None), (None, None), ("jpeg", 90)])
async def test_compression_is_left_out_where_it_says_nothing(
    open_api: Open, sandbox: RunningServer, format_: str | None, kept: int | None
) -> None:
    """OpenAI takes 100 of a PNG, too; programs send it as a constant."""
    plugin = {**only("openai_images", sandbox), "DANQING_DEFAULT_PROVIDER": "openai"}
    wish = {"model": "gpt-image-2", "prompt": "x", "output_format": format_, "output_compression": kept or 100}
    async with open_api(workers=True, **plugin) as api:
        reply = await api.ask("POST", "/v1/images/generations", json=wish)
        assert reply.status == 200, reply.body
        task = await api.system.get(reply.headers["x-danqing-task"])
    assert task.input.get("output_compression") == kept


@pytest.mark.parametrize(("streams", "kept"), [(False, None), (True, 2)])
async def test_previews_are_bought_for_who_is_shown_them(
    open_api: Open, sandbox: RunningServer, streams: bool, kept: int | None
) -> None:
    """OpenAI charges for each; without a stream nobody sees any."""
    plugin = {**only("openai_images", sandbox), "DANQING_DEFAULT_PROVIDER": "openai"}
    wish = {"model": "gpt-image-2", "prompt": "x", "partial_images": 2, "stream": streams}
    async with open_api(workers=True, **plugin) as api:
        reply = await api.ask("POST", "/v1/images/generations", json=wish)
        assert reply.status == 200, reply.body
        task = await api.system.get(reply.headers["x-danqing-task"])
    assert task.input.get("partial_images") == kept


async def test_video_is_no_task_of_pictures(open_api: Open, sandbox: RunningServer) -> None:
    """It would read as one that made none; it has a place of its own."""
    async with open_api(**only("volcengine", sandbox)) as api:
        made = (await api.ask("POST", "/v1/videos", json={"prompt": "x"})).json["id"]
        assert (await api.ask("GET", f"/v1/videos/{made}")).status == 200
        assert (await api.ask("GET", f"/v1/images/tasks/{made}")).status == 404
