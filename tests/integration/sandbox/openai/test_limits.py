"""What services that are like OpenAI refuse, or leave out and say nothing: their simulators do the same."""

from __future__ import annotations

import base64
import io
from typing import Any

import aiohttp
import pytest
from PIL import Image

from tests.integration.openai_images.conftest import png
from tests.integration.sandbox.serving import Served


def picture(form: str) -> bytes:
    """Return a picture in *form*."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, form)
    return buffer.getvalue()


async def asked(sandbox: Served, place: str, **fields: Any) -> tuple[int, Any]:
    """Return status and body of the answer to *fields*."""
    url = f"{sandbox.url}/openai/{place}/images/generations"
    async with sandbox.session.post(url, json={"prompt": "a hill", **fields}) as answer:
        return answer.status, await answer.json()


ZHIPU, XAI, SILICONFLOW = "zhipu/api/paas/v4", "xai/v1", "siliconflow/v1"


class TestRefusals:
    """Before anything is made."""

    @pytest.mark.parametrize(
        ("place", "fields"),
        [
            (ZHIPU, {"model": "cogview-4", "size": "500x512"}),
            (ZHIPU, {"model": "cogview-4", "size": "520x512"}),
            (ZHIPU, {"model": "cogview-4", "size": "2048x2048"}),
            (ZHIPU, {"model": "glm-image", "size": "1008x1024"}),
            (ZHIPU, {"model": "glm-image", "quality": "standard"}),
            (ZHIPU, {"model": "cogview-4", "user_id": "short"}),
            (XAI, {"model": "grok-imagine-image", "aspect_ratio": "7:5"}),
            (XAI, {"model": "grok-imagine-image", "n": 11}),
            (SILICONFLOW, {"model": "Qwen/Qwen-Image", "batch_size": 2}),
            (SILICONFLOW, {"model": "Kwai-Kolors/Kolors", "batch_size": 5}),
            (SILICONFLOW, {"model": "Qwen/Qwen-Image", "num_inference_steps": 101}),
            (SILICONFLOW, {"model": "Qwen/Qwen-Image", "seed": 10_000_000_000}),
        ],
    )
    async def test_each_limit_is_kept(self, sandbox: Served, place: str, fields: dict[str, Any]) -> None:
        """The service's own, with nothing billed."""
        status, _ = await asked(sandbox, place, **fields)
        assert status == 400
        assert await sandbox.ledger() == []

    async def test_stable_diffusion_cpp_reads_no_webp(self, sandbox: Served) -> None:
        """It reads PNG and JPEG."""
        statuses = []
        for form, name in (("WEBP", "webp"), ("PNG", "png")):
            body = aiohttp.FormData({"prompt": "snow", "size": "64x64"})
            body.add_field("image", picture(form), filename=f"a.{name}", content_type=f"image/{name}")
            async with sandbox.session.post(f"{sandbox.url}/openai/sdcpp/v1/images/edits", data=body) as answer:
                statuses.append(answer.status)
        assert statuses == [400, 200]


class TestSilence:
    """LocalAI says nothing of what it does not understand."""

    async def test_a_size_without_an_x_is_512(self, sandbox: Served) -> None:
        """Whatever was meant."""
        status, body = await asked(sandbox, "localai/v1", model="any", size="large", response_format="b64_json")
        assert status == 200
        with Image.open(io.BytesIO(base64.b64decode(body["data"][0]["b64_json"]))) as made:
            assert made.size == (512, 512)

    async def test_a_data_uri_is_dropped(self, sandbox: Served) -> None:
        """Raw base64 is taken."""
        raw = base64.b64encode(png()).decode()
        made = []
        for reference in ([], [f"data:image/png;base64,{raw}"], [raw]):
            fields = {"ref_images": reference, "seed": 1, "size": "64x64", "response_format": "b64_json"}
            _, body = await asked(sandbox, "localai/v1", model="any", **fields)
            made.append(body["data"][0]["b64_json"])
        assert made[0] == made[1]
        assert made[0] != made[2]
