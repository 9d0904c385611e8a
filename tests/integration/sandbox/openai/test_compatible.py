"""The simulators of services that are like OpenAI, as OpenAI's own client sees them."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from openai import (
    AsyncAzureOpenAI,
    AsyncOpenAI,
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    RateLimitError,
)
from PIL import Image

from tests.integration.sandbox.serving import Served

pytestmark = pytest.mark.clients

ClientOf = Callable[..., AsyncOpenAI]


@pytest.fixture
async def client_of(sandbox: Served) -> AsyncIterator[ClientOf]:
    """Return a function that makes a client of one service."""
    async with AsyncExitStack() as stack:

        def make(base: str, key: str = "key") -> AsyncOpenAI:
            client = AsyncOpenAI(base_url=f"{sandbox.url}/openai{base}", api_key=key, max_retries=0)
            stack.push_async_callback(client.close)
            return client

        yield make


def png() -> bytes:
    """Return a picture to edit."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG")
    return buffer.getvalue()


def size_of(encoded: str | None) -> tuple[int, int]:
    """Return the size of a picture in base64."""
    assert encoded is not None
    return Image.open(io.BytesIO(base64.b64decode(encoded))).size


class TestAzure:
    async def test_deployment_is_in_the_path(self, sandbox: Served) -> None:
        """The client names the model in the body too, which gpt-image-2 does not take."""
        async with AsyncAzureOpenAI(
            azure_endpoint=f"{sandbox.url}/openai/azure",
            api_key="key",
            api_version="2025-04-01-preview",
            max_retries=0,
        ) as client:
            answer = await client.images.generate(model="mine", prompt="a hill", size="1024x1024")
            assert answer.data is not None
            assert size_of(answer.data[0].b64_json) == (1024, 1024)
            edited = await client.images.edit(model="mine", image=png(), prompt="snow")
            assert edited.data
            with pytest.raises(BadRequestError) as refused:
                await client.images.generate(model="gpt-image-2", prompt="a hill")
            assert "model" in refused.value.message

    async def test_key_has_a_header_of_its_own(self, sandbox: Served) -> None:
        """A bearer alone is none."""
        url = f"{sandbox.url}/openai/azure/openai/deployments/mine/images/generations"
        async with sandbox.session.post(url, json={"prompt": "a hill"}) as answer:
            assert answer.status == 401
            assert (await answer.json())["error"]["code"] == "401"


class TestXai:
    async def test_shapes_and_links(self, client_of: ClientOf, sandbox: Served) -> None:
        """A size is refused; the answer is a link, and says what it cost."""
        client = client_of("/xai/v1")
        shape: dict[str, Any] = {"aspect_ratio": "16:9"}
        answer = await client.images.generate(model="grok-imagine-image", prompt="a hill", extra_body=shape)
        assert answer.data is not None
        async with sandbox.session.get(str(answer.data[0].url)) as picture:
            assert Image.open(io.BytesIO(await picture.read())).size == (1360, 768)
        assert answer.usage is not None
        assert answer.usage.model_extra == {"cost_in_usd_ticks": 200_000_000}
        with pytest.raises(BadRequestError) as refused:
            await client.images.generate(model="grok-imagine-image", prompt="a hill", size="1024x1024")
        assert refused.value.response.json()["error"] == "Argument not supported: size"

    @pytest.mark.parametrize(
        ("model", "resolution", "ticks"),
        [
            ("grok-imagine-image", "1k", 200_000_000),
            ("grok-imagine-image-2.0", "1k", 400_000_000),
            ("grok-imagine-image-2.0", "2k", 600_000_000),
        ],
    )
    async def test_each_model_has_its_price(
        self, client_of: ClientOf, sandbox: Served, model: str, resolution: str, ticks: int
    ) -> None:
        """In the answer, and on the bill."""
        asked = {"resolution": resolution}
        answer = await client_of("/xai/v1").images.generate(model=model, prompt="a hill", extra_body=asked)
        assert answer.usage is not None
        assert answer.usage.model_extra == {"cost_in_usd_ticks": ticks}
        assert [bill["cost_micro"] for bill in await sandbox.ledger()] == [ticks // 10_000]


class TestSiliconFlow:
    async def test_names_of_its_own(self, client_of: ClientOf) -> None:
        """`image_size`, `batch_size` and `images`."""
        client = client_of("/siliconflow/v1")
        own = {"image_size": "960x1280", "batch_size": 2}
        answer = await client.images.generate(model="Kwai-Kolors/Kolors", prompt="a hill", extra_body=own)
        assert answer.data is None
        assert len((answer.model_extra or {})["images"]) == 2

    async def test_wrong_key_is_a_bare_string(self, client_of: ClientOf) -> None:
        """In JSON."""
        with pytest.raises(AuthenticationError) as refused:
            await client_of("/siliconflow/v1", key="bad").images.generate(model="m", prompt="a hill")
        assert refused.value.body == "Invalid token"

    async def test_link_ends_after_an_hour(self, client_of: ClientOf, sandbox: Served) -> None:
        """Then it is forbidden."""
        client = client_of("/siliconflow/v1")
        answer = await client.images.generate(model="Qwen/Qwen-Image", prompt="a hill")
        (item,) = (answer.model_extra or {})["images"]
        sandbox.now_s[0] += 3601
        async with sandbox.session.get(item["url"]) as picture:
            assert picture.status == 403


class TestZhipu:
    async def test_one_picture_behind_a_link(self, client_of: ClientOf) -> None:
        """Whatever `n` says; and what its filter thought."""
        client = client_of("/zhipu/api/paas/v4")
        answer = await client.images.generate(model="cogview-4", prompt="a hill", n=2)
        assert answer.data is not None
        assert [bool(item.url) for item in answer.data] == [True]
        assert "content_filter" in (answer.model_extra or {})

    @pytest.mark.parametrize(
        ("model", "micro"), [("cogview-4", 60_000), ("cogview-3-flash", 0), ("glm-image", 100_000)]
    )
    async def test_each_model_has_its_price(
        self, client_of: ClientOf, sandbox: Served, model: str, micro: int
    ) -> None:
        """One of them is free."""
        await client_of("/zhipu/api/paas/v4").images.generate(model=model, prompt="a hill")
        assert [bill["cost_micro"] for bill in await sandbox.ledger()] == [micro]

    async def test_empty_account_is_429_with_a_code(self, client_of: ClientOf) -> None:
        """Codes are strings."""
        client = client_of("/zhipu/api/paas/v4")
        with pytest.raises(RateLimitError) as empty:
            await client.images.generate(model="cogview-4", prompt="a hill [sandbox:quota]")
        assert empty.value.code == "1113"


class TestServersOfOnesOwn:
    async def test_sglang_wants_to_be_asked_for_bytes(self, client_of: ClientOf) -> None:
        """Its own default is a link, for which it has no folder; more than ten pictures are cut in silence."""
        client = client_of("/sglang/v1")
        with pytest.raises(BadRequestError) as refused:
            await client.images.generate(model="any", prompt="a hill")
        assert "response_format" in refused.value.response.json()["detail"]
        answer = await client.images.generate(
            model="any", prompt="a hill", size="64x64", n=10, response_format="b64_json", extra_body={"n": 12}
        )
        assert answer.data is not None
        assert len(answer.data) == 10

    async def test_errors_of_each(self, client_of: ClientOf) -> None:
        """A detail, a text, an object."""
        bodies = []
        for name in ("vllm_omni", "sdcpp", "localai"):
            with pytest.raises(InternalServerError) as failed:
                await client_of(f"/{name}/v1").images.generate(model="any", prompt="[sandbox:fail]")
            bodies.append(failed.value.body)
        assert "detail" in bodies[0]
        assert isinstance(bodies[1], str)
        assert bodies[2]["code"] == "server_error"

    async def test_unknown_path_is_not_found(self, client_of: ClientOf) -> None:
        """In the words of whoever was asked."""
        with pytest.raises(NotFoundError):
            await client_of("/together/v1").images.edit(model="m", image=png(), prompt="a hill")
