"""The provider that ships with us keeps the rules it asks of others."""

from __future__ import annotations

import aiohttp
import pytest

from danqing_plugins import Request
from danqing_plugins.testing import check_provider
from tests.unit.volcengine.builders import configured

pytestmark = pytest.mark.processes


class TestVolcengine:
    """Against the sandbox."""

    @pytest.mark.parametrize(
        "parameters",
        [
            {"n": 3},
            {"n": 1, "watermark": False},
            {"sequential_image_generation": "auto", "sequential_image_generation_options": {"max_images": 3}},
        ],
        ids=["many", "one", "group"],
    )
    async def test_keeps_every_rule(self, sandbox_url: str, parameters: dict[str, object]) -> None:
        """The whole kit: one call each, one call for all, cut in the middle, and resumed."""
        prompt = "three pictures of a quiet hill"
        request = Request(provider="volcengine", type="image", model=None, input={"prompt": prompt, **parameters})
        async with aiohttp.ClientSession() as session:
            await check_provider(configured(sandbox_url=sandbox_url), request, session=session)

    @pytest.mark.parametrize(
        "parameters",
        [{}, {"return_last_frame": True}, {"draft": True}],
        ids=["video", "with last frame", "draft"],
    )
    async def test_videos_keep_every_rule(self, sandbox_url: str, parameters: dict[str, object]) -> None:
        """Cut everywhere, found by their mark, dropped."""
        request = Request(
            provider="volcengine",
            type="video",
            model="doubao-seedance-1-5-pro-251215",
            input={"prompt": "a quiet hill", "resolution": "480p", "duration": 4, **parameters},
        )
        provider = configured({"DANQING_VOLCENGINE_VIDEO_POLL_EVERY": "0.05"}, sandbox_url=sandbox_url)
        async with aiohttp.ClientSession() as session:
            await check_provider(provider, request, session=session)

    @pytest.mark.parametrize("type_", ["text_generation", "translation"])
    async def test_texts_keep_every_rule(self, sandbox_url: str, type_: str) -> None:
        """Data without outputs, bought once."""
        request = Request(provider="volcengine", type=type_, model=None, input={"prompt": "a quiet hill"})
        async with aiohttp.ClientSession() as session:
            await check_provider(configured(sandbox_url=sandbox_url), request, session=session)
