"""DashScope's dialect: what its pages say, and its clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sandbox.serving import Served, served

DAY_S = 86_400
TEXT = "text2image/image-synthesis"
AT_ONCE = "multimodal-generation/generation"
ASYNC = {"X-DashScope-Async": "enable"}


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Served]:
    """A sandbox whose clock the test moves."""
    async with served(tmp_path, queued_s=2, running_s=3) as running:
        yield running


async def post(sandbox: Served, route: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    """Return status and body of a request to a service."""
    url = f"{sandbox.url}/dashscope/api/v1/services/aigc/{route}"
    async with sandbox.session.post(url, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


def text_to_image(prompt: str = "a fox", model: str = "wan2.2-t2i-flash", **parameters: Any) -> dict[str, Any]:
    """Return the body of an order."""
    return {"model": model, "input": {"prompt": prompt}, "parameters": parameters}


async def ordered(sandbox: Served, **parameters: Any) -> str:
    """Place an order and return its id."""
    status, body = await post(sandbox, TEXT, text_to_image(**parameters), ASYNC)
    assert status == 200, body
    assert body["output"]["task_status"] == "PENDING"
    return str(body["output"]["task_id"])


async def task(sandbox: Served, id_: str) -> dict[str, Any]:
    """Return what is said of a task; always with 200."""
    async with sandbox.session.get(f"{sandbox.url}/dashscope/api/v1/tasks/{id_}") as answer:
        assert answer.status == 200
        body: dict[str, Any] = await answer.json()
        return body


class TestTasks:
    """Their states, by the clock."""

    async def test_from_order_to_oblivion(self, sandbox: Served) -> None:
        """PENDING, RUNNING, SUCCEEDED, and UNKNOWN a day later."""
        id_ = await ordered(sandbox)
        states = []
        for seconds in (0, 2, 3, DAY_S):
            sandbox.now_s[0] += seconds
            states.append((await task(sandbox, id_))["output"]["task_status"])
        assert states == ["PENDING", "RUNNING", "SUCCEEDED", "UNKNOWN"]

    async def test_four_pictures_unless_told(self, sandbox: Served) -> None:
        """The default of the old models, all of it charged."""
        id_ = await ordered(sandbox)
        sandbox.now_s[0] += 5
        done = await task(sandbox, id_)
        assert done["usage"] == {"image_count": 4}
        assert done["output"]["task_metrics"] == {"TOTAL": 4, "SUCCEEDED": 4, "FAILED": 0}
        assert done["output"]["results"][0]["orig_prompt"] == "a fox"
        assert len(await sandbox.ledger()) == 4

    async def test_one_that_fails_is_free(self, sandbox: Served) -> None:
        """FAILED with status 200: the code is in the output, and there is no usage."""
        id_ = await ordered(sandbox, prompt="a fox [sandbox:job-fails]")
        sandbox.now_s[0] += 5
        done = await task(sandbox, id_)
        assert (done["output"]["task_status"], done["output"]["code"]) == ("FAILED", "InternalError")
        assert "usage" not in done
        assert await sandbox.ledger() == []

    async def test_links_live_for_a_day(self, sandbox: Served) -> None:
        """From the task's end, whenever it is asked for."""
        id_ = await ordered(sandbox, n=1)
        sandbox.now_s[0] += 5
        link = (await task(sandbox, id_))["output"]["results"][0]["url"]
        sandbox.now_s[0] += DAY_S - 10
        assert (await sandbox.get(link))[0] == 200
        sandbox.now_s[0] += 20
        assert (await sandbox.get(link))[0] == 403

    async def test_times_are_in_beijing(self, sandbox: Served) -> None:
        """Without a zone, to the millisecond."""
        id_ = await ordered(sandbox)
        assert (await task(sandbox, id_))["output"]["submit_time"] == "2026-11-24 10:57:24.000"

    async def test_list_by_model_and_time(self, sandbox: Served) -> None:
        """The account's tasks of the last day, the newest first."""
        first = await ordered(sandbox)
        sandbox.now_s[0] += 60
        second = await ordered(sandbox, model="wan2.2-t2i-plus")
        url = f"{sandbox.url}/dashscope/api/v1/tasks/"

        async def listed(**query: str) -> list[str]:
            async with sandbox.session.get(url, params=query) as answer:
                return [row["task_id"] for row in (await answer.json())["data"]]

        assert await listed() == [second, first]
        assert await listed(model_name="wan2.2-t2i-flash") == [first]
        assert await listed(start_time="20261124105800") == [second]
        assert await listed(page_size="1", page_no="2") == [first]
        async with sandbox.session.get(
            url, params={"start_time": "20261101000000", "end_time": "20261103000000"}
        ) as answer:
            assert answer.status == 400


class TestRefusals:
    """In its words, with its statuses."""

    @pytest.mark.parametrize(("pictures", "status"), [([], 200), ([{"image": "https://a.example/1.png"}], 400)])
    async def test_an_agent_takes_words_alone(
        self, sandbox: Served, pictures: list[dict[str, str]], status: int
    ) -> None:
        """To rewrite the prompt; with pictures it is refused."""
        messages = [{"role": "user", "content": [*pictures, {"text": "a fox"}]}]
        parameters = {"size": "512*512", "prompt_extend_mode": "agent"}
        body = {"model": "qwen-image-3.0", "input": {"messages": messages}, "parameters": parameters}
        assert (await post(sandbox, AT_ONCE, body))[0] == status

    async def test_without_the_header(self, sandbox: Served) -> None:
        """Some models take orders only, others none."""
        status, body = await post(sandbox, TEXT, text_to_image())
        assert (status, body["code"]) == (403, "AccessDenied")
        assert "does not support synchronous calls" in body["message"]
        status, body = await post(sandbox, AT_ONCE, text_to_image(model="qwen-image-2.0"), ASYNC)
        assert (status, body["code"]) == (403, "AccessDenied")

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            (text_to_image(model="no-such-model"), 404, "ModelNotFound"),
            (text_to_image(model="qwen-image-max"), 400, "InvalidParameter"),
            (text_to_image(prompt=""), 400, "InvalidParameter"),
            (text_to_image(n=5), 400, "InvalidParameter"),
            (text_to_image(seed=-1), 400, "InvalidParameter"),
            (text_to_image(size="1024x1024"), 400, "InvalidParameter"),
            (text_to_image(model="wan2.5-t2i-preview", size="1024*1024"), 400, "InvalidParameter"),
            ([], 400, "InvalidParameter"),
        ],
    )
    async def test_bodies(self, sandbox: Served, body: Any, status: int, code: str) -> None:
        """Each with its code, and the request's id."""
        answered, said = await post(sandbox, TEXT, body, ASYNC)
        assert (answered, said["code"]) == (status, code)
        assert set(said) == {"code", "message", "request_id"}

    async def test_unknown_parameters_are_nothing_to_it(self, sandbox: Served) -> None:
        """As the service does."""
        assert await ordered(sandbox, aspect_ratio="1:1")

    async def test_a_key_is_needed(self, sandbox: Served) -> None:
        """InvalidApiKey, with two messages."""
        for headers, message in (
            ({"Authorization": ""}, "No API-key provided."),
            ({"Authorization": "Bearer bad-key"}, "Invalid"),
        ):
            status, body = await post(sandbox, TEXT, text_to_image(), headers)
            assert (status, body["code"]) == (401, "InvalidApiKey")
            assert body["message"].startswith(message)

    async def test_only_what_waits_can_be_cancelled(self, sandbox: Served) -> None:
        """Then it is never charged."""
        id_ = await ordered(sandbox)
        url = f"{sandbox.url}/dashscope/api/v1/tasks/{id_}/cancel"
        for status in (200, 400):
            async with sandbox.session.post(url) as answer:
                assert answer.status == status
        sandbox.now_s[0] += 10
        assert (await task(sandbox, id_))["output"]["task_status"] == "CANCELED"
        assert await sandbox.ledger() == []
