"""The official client library, unmodified, against the simulator."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest

from tests.integration.dashscope.conftest import Simulator

pytestmark = pytest.mark.clients

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    library = pytest.importorskip("dashscope")
    from dashscope.aigc.image_generation import ImageGeneration

KEY = "sk-0123456789abcdef"


@pytest.fixture(autouse=True)
def address(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Point the library at the simulator: it knows one address for the whole process."""
    monkeypatch.setattr(library, "base_http_api_url", f"{simulator.url}/api/v1")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield
    from dashscope.api_entities.http_request import close_shared_sync_session

    close_shared_sync_session()


async def ask(function: Any, **arguments: Any) -> Any:
    """Call *function* of the library, which blocks."""
    return await asyncio.to_thread(function, api_key=KEY, **arguments)


def said(prompt: str, *pictures: str) -> list[dict[str, Any]]:
    """Return the messages of a request."""
    return [{"role": "user", "content": [*({"image": url} for url in pictures), {"text": prompt}]}]


class TestOfficialLibrary:
    """`dashscope`: answers at once, orders, lists, errors."""

    async def test_pictures_at_once(self, simulator: Simulator) -> None:
        """MultiModalConversation, as the pages of Qwen-Image show it."""
        answer = await ask(
            library.MultiModalConversation.call,
            model="qwen-image-2.0",
            messages=said("a red fox"),
            n=2,
            size="1024*1024",
            watermark=False,
        )
        assert answer.status_code == HTTPStatus.OK
        content = answer.output.choices[0].message.content
        assert len(content) == 2
        async with simulator.session.get(content[0]["image"]) as picture:
            assert picture.content_type == "image/png"

    async def test_ordered_pictures(self) -> None:
        """ImageSynthesis orders and waits; without `n` four pictures are made."""
        answer = await ask(library.ImageSynthesis.call, model="wan2.2-t2i-flash", prompt="a red fox")
        assert answer.status_code == HTTPStatus.OK
        assert answer.output.task_status == "SUCCEEDED"
        assert len(answer.output.results) == 4
        assert answer.usage.image_count == 4

    async def test_a_picture_that_fails_among_others(self) -> None:
        """It has a code in the place of its link."""
        prompt = "a red fox [sandbox:moderation-output=1]"
        answer = await ask(library.ImageSynthesis.call, model="wan2.2-t2i-flash", prompt=prompt, n=2)
        assert answer.output.results[0].url
        assert answer.output.results[1].code == "DataInspectionFailed"
        assert answer.output.task_metrics == {"TOTAL": 2, "SUCCEEDED": 1, "FAILED": 1}

    async def test_ordered_by_messages(self) -> None:
        """ImageGeneration, as the pages of Wan 2.6 show it, both ways."""
        at_once = await ask(ImageGeneration.call, model="wan2.6-t2i", messages=said("a red fox"), n=1)
        assert at_once.output.choices[0].message.content[0]["image"]
        order = await ask(ImageGeneration.async_call, model="wan2.6-t2i", messages=said("a red fox"), n=1)
        assert order.output.task_status == "PENDING"
        done = await ask(ImageGeneration.wait, task=order)
        assert done.output.choices[0].message.content[0]["image"]

    async def test_videos(self, simulator: Simulator) -> None:
        """VideoSynthesis."""
        answer = await ask(
            library.VideoSynthesis.call, model="wan2.7-t2v", prompt="a red fox", resolution="720P", duration=2
        )
        assert answer.output.task_status == "SUCCEEDED"
        assert ".mp4" in answer.output.video_url
        assert answer.usage.duration == 2
        media = [{"type": "first_frame", "url": "https://example.com/a.png"}]
        order = await ask(library.VideoSynthesis.async_call, model="wan2.7-i2v", media=media, prompt="")
        assert order.output.task_id

    async def test_cancel_and_list(self) -> None:
        """What waits can be dropped, once; the list tells of it."""
        prompt = "a red fox [sandbox:queued=60]"
        order = await ask(library.ImageSynthesis.async_call, model="wan2.2-t2i-flash", prompt=prompt, n=1)
        assert (await ask(library.ImageSynthesis.cancel, task=order)).status_code == HTTPStatus.OK
        again = await ask(library.ImageSynthesis.cancel, task=order)
        assert (again.status_code, again.code) == (HTTPStatus.BAD_REQUEST, "UnsupportedOperation")
        listed = await ask(library.ImageSynthesis.list, status="CANCELED")
        assert [row["task_id"] for row in listed.output["data"]] == [order.output.task_id]
        assert listed.output["data"][0]["user_api_unique_key"].endswith("image-synthesis:wan2.2-t2i-flash")

    async def test_an_order_that_there_is_not(self) -> None:
        """UNKNOWN, with status 200."""
        answer = await ask(library.ImageSynthesis.fetch, task="00000000-0000-0000-0000-000000000000")
        assert (answer.status_code, answer.output.task_status) == (HTTPStatus.OK, "UNKNOWN")

    @pytest.mark.parametrize(
        ("word", "status", "code"),
        [
            ("fail", 500, "InternalError"),
            ("429", 429, "Throttling.RateQuota"),
            ("moderation", 400, "DataInspectionFailed"),
            ("overdue", 400, "Arrearage"),
            ("401", 401, "InvalidApiKey"),
        ],
    )
    async def test_errors(self, word: str, status: int, code: str) -> None:
        """Status, code and request id."""
        messages = said(f"a red fox [sandbox:{word}]")
        answer = await ask(library.MultiModalConversation.call, model="qwen-image-2.0", messages=messages)
        assert (answer.status_code, answer.code) == (status, code)
        assert answer.request_id

    @pytest.mark.parametrize("size", ["1024x1024", "10*10", "big"])
    async def test_a_size_that_is_not_taken(self, size: str) -> None:
        """The star is the only separator."""
        answer = await ask(library.ImageSynthesis.async_call, model="wan2.2-t2i-flash", prompt="x", n=1, size=size)
        assert (answer.status_code, answer.code) == (HTTPStatus.BAD_REQUEST, "InvalidParameter")
