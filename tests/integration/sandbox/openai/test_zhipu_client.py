"""Zhipu's own client against its simulator."""

from __future__ import annotations

import asyncio

import pytest
from zai import ZhipuAiClient
from zai.core import APIReachLimitError, APIRequestFailedError
from zai.types.image import ImagesResponded

from tests.integration.sandbox.serving import Served


async def generate(sandbox: Served, prompt: str) -> ImagesResponded:
    """Ask for a picture; the client blocks."""

    def ask() -> ImagesResponded:
        url = f"{sandbox.url}/openai/zhipu/api/paas/v4"
        with ZhipuAiClient(api_key="id.key", base_url=url, max_retries=0) as client:
            return client.images.generations(model="cogview-4-250304", prompt=prompt, size="1024x1024")

    return await asyncio.to_thread(ask)


class TestZhipu:
    async def test_picture_is_behind_a_link(self, sandbox: Served) -> None:
        """Beside it stands what the filter thought."""
        answer = await generate(sandbox, "a hill")
        async with sandbox.session.get(str(answer.data[0].url)) as picture:
            assert picture.status == 200
        assert answer.id
        assert answer.created == int(sandbox.now_s[0])

    async def test_refusals_are_of_the_classes_it_knows(self, sandbox: Served) -> None:
        """By status; the code is in the body."""
        with pytest.raises(APIReachLimitError) as limited:
            await generate(sandbox, "a hill [sandbox:429]")
        assert limited.value.response.json()["error"]["code"] == "1302"
        with pytest.raises(APIRequestFailedError) as refused:
            await generate(sandbox, "a hill [sandbox:moderation]")
        assert refused.value.response.json()["error"]["code"] == "1301"
