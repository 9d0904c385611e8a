"""What OpenAI's own Python client makes of the sandbox: it, not our provider, says that the simulator is right."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from openai import (
    APIConnectionError,
    APIError,
    AsyncOpenAI,
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    RateLimitError,
)
from openai.types import ImagesResponse
from PIL import Image

from tests.integration.sandbox.serving import Served

pytestmark = pytest.mark.clients

SMALL = "1024x640"


def opened(encoded: str | None) -> Image.Image:
    """Return the picture in base64."""
    assert encoded is not None
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


def png(width: int = 64, height: int = 64, *, alpha: bool = False) -> bytes:
    """Return a picture to edit."""
    buffer = io.BytesIO()
    Image.new("RGBA" if alpha else "RGB", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


async def generate(client: AsyncOpenAI, prompt: str = "a hill", **fields: Any) -> ImagesResponse:
    """Ask for a small picture."""
    answer: ImagesResponse = await client.images.generate(
        **{"model": "gpt-image-2", "prompt": prompt, "size": SMALL, **fields}
    )
    return answer


class TestGenerate:
    """`client.images.generate`."""

    async def test_pictures_come_as_the_answer_says(self, client: AsyncOpenAI) -> None:
        """Size, format and quality are resolved, and the pictures are what they say."""
        answer = await generate(client, n=2, output_format="webp", quality="low")
        assert answer.data is not None
        pictures = [opened(item.b64_json) for item in answer.data]
        assert [(picture.size, picture.format) for picture in pictures] == [((1024, 640), "WEBP")] * 2
        assert (answer.size, answer.output_format, answer.quality) == (SMALL, "webp", "low")
        assert answer.background == "opaque"
        assert all(item.url is None for item in answer.data)

    async def test_usage_adds_up(self, client: AsyncOpenAI) -> None:
        """Tokens by OpenAI's names; two pictures count twice what one does."""
        one, two = [(await generate(client, n=n, quality="low")).usage for n in (1, 2)]
        assert one is not None
        assert two is not None
        assert two.output_tokens == 2 * one.output_tokens
        assert one.total_tokens == one.input_tokens + one.output_tokens
        assert one.input_tokens_details.text_tokens == one.input_tokens

    async def test_square_picture_of_each_quality_costs_what_openai_says(
        self, client: AsyncOpenAI, sandbox: Served
    ) -> None:
        """0.006, 0.053 and 0.211 US dollars for 1024x1024, but for the words of the prompt."""
        for quality in ("low", "medium", "high"):
            await generate(client, size="1024x1024", quality=quality)
        costs = [entry["cost_micro"] for entry in await sandbox.ledger()]
        assert costs == [pytest.approx(micro, rel=0.01) for micro in (6_000, 53_000, 211_000)]

    async def test_automatic_size_follows_the_prompt(self, client: AsyncOpenAI) -> None:
        """The answer names the size that was chosen, never `auto`."""
        answer = await generate(client, "a tall tower, portrait", size="auto")
        assert answer.size == "1024x1536"

    async def test_request_id_is_in_the_header(self, client: AsyncOpenAI) -> None:
        """And what is left of the limit beside it."""
        raw = await client.images.with_raw_response.generate(model="gpt-image-2", prompt="a hill", size=SMALL)
        assert raw.headers["x-request-id"].startswith("req_")
        assert int(raw.headers["x-ratelimit-limit-requests"]) == 12
        assert raw.headers["x-ratelimit-reset-requests"].endswith("s")

    async def test_same_request_twice_is_two_purchases(self, client: AsyncOpenAI, sandbox: Served) -> None:
        """There is no idempotency: each line of the ledger names its request."""
        for _ in range(2):
            await generate(client, extra_headers={"Idempotency-Key": "same"})
        assert len({entry["request_id"] for entry in await sandbox.ledger()}) == 2


class TestEdit:
    """`client.images.edit`, which always sends a form."""

    async def test_one_picture_with_a_mask(self, client: AsyncOpenAI) -> None:
        """The part is called `image`; references count as input."""
        answer = await client.images.edit(
            model="gpt-image-2", image=("hill.png", png()), mask=("mask.png", png(alpha=True)), prompt="snow", n=1
        )
        assert answer.data is not None
        assert opened(answer.data[0].b64_json).format == "PNG"
        assert answer.usage is not None
        assert answer.usage.input_tokens_details.image_tokens > 0

    async def test_several_pictures(self, client: AsyncOpenAI, sandbox: Served) -> None:
        """The parts are called `image[]`, unnamed bytes are octet streams."""
        answer = await client.images.edit(model="gpt-image-2", image=[png(), png(80, 80)], prompt="both", n=2)
        assert answer.data is not None
        assert len(answer.data) == 2
        assert [entry["image_index"] for entry in await sandbox.ledger()] == [0, 1]

    async def test_mask_of_another_size_is_refused(self, client: AsyncOpenAI) -> None:
        """The error names the mask."""
        with pytest.raises(BadRequestError) as refused:
            await client.images.edit(
                model="gpt-image-2", image=("a.png", png()), mask=("m.png", png(32, 32, alpha=True)), prompt="snow"
            )
        assert (refused.value.code, refused.value.param) == ("invalid_image_file", "mask")

    async def test_what_is_no_picture_is_refused(self, client: AsyncOpenAI) -> None:
        """By its bytes, whatever it is called."""
        with pytest.raises(BadRequestError) as refused:
            await client.images.edit(model="gpt-image-2", image=("a.png", b"nothing"), prompt="snow")
        assert refused.value.code == "invalid_image_file"

    async def test_fidelity_is_of_one_model(self, client: AsyncOpenAI) -> None:
        """gpt-image-2 refuses what gpt-image-1.5 takes."""
        fields: dict[str, Any] = {"image": ("a.png", png()), "prompt": "snow", "input_fidelity": "high"}
        await client.images.edit(model="gpt-image-1.5", **fields)
        with pytest.raises(BadRequestError) as refused:
            await client.images.edit(model="gpt-image-2", **fields)
        assert refused.value.code == "invalid_input_fidelity_model"

    async def test_json_form_is_taken(self, client: AsyncOpenAI) -> None:
        """`images` of `image_url`, as data or elsewhere."""
        data = f"data:image/png;base64,{base64.b64encode(png()).decode()}"
        images = [{"image_url": data}, {"image_url": "https://example.com/a.png"}]
        body = {"model": "gpt-image-2", "prompt": "snow", "images": images}
        answer = await client.post("/images/edits", body=body, cast_to=ImagesResponse)
        assert answer.data


class TestStream:
    """`stream=True`."""

    async def test_partial_pictures_come_before_the_picture(self, client: AsyncOpenAI) -> None:
        """Each event has the type of its route, the last one the usage."""
        stream = await client.images.generate(
            model="gpt-image-2", prompt="a hill", size=SMALL, stream=True, partial_images=2
        )
        events = [event async for event in stream]
        assert [event.type for event in events] == [
            "image_generation.partial_image",
            "image_generation.partial_image",
            "image_generation.completed",
        ]
        assert [event.partial_image_index for event in events[:2]] == [0, 1]  # type: ignore[union-attr] # by type
        last = events[-1]
        assert last.type == "image_generation.completed"
        assert opened(last.b64_json).size == (1024, 640)
        assert last.usage.output_tokens > 200

    async def test_edits_have_types_of_their_own(self, client: AsyncOpenAI) -> None:
        """And without partial pictures only one event."""
        stream = await client.images.edit(model="gpt-image-2", image=png(), prompt="snow", stream=True)
        assert [event.type async for event in stream] == ["image_edit.completed"]

    async def test_error_in_the_stream_is_raised(self, client: AsyncOpenAI, sandbox: Served) -> None:
        """It comes after the answer began, and after it was billed."""
        stream = await client.images.generate(
            model="gpt-image-2", prompt="a hill [sandbox:stream-error]", size=SMALL, stream=True
        )
        with pytest.raises(APIError) as raised:
            _ = [event async for event in stream]
        assert raised.value.code == "server_error"
        assert len(await sandbox.ledger()) == 1


class TestErrors:
    """Each in the form that the client knows; the code says what it is."""

    @pytest.mark.parametrize(
        ("fields", "code", "param"),
        [
            ({"size": "123x456"}, "invalid_value", "size"),
            ({"size": "4096x4096"}, "invalid_value", "size"),
            ({"quality": "hd"}, "invalid_value", "quality"),
            ({"quality": "max"}, "invalid_value", "quality"),
            ({"n": 11}, "integer_above_max_value", "n"),
            ({"response_format": "url"}, "unknown_parameter", "response_format"),
            ({"style": "vivid"}, "unknown_parameter", "style"),
            ({"background": "transparent", "output_format": "jpeg"}, "invalid_value", "background"),
            ({"model": "dall-e-3"}, "invalid_value", "model"),
            ({"model": "gpt-image-1.5", "size": "2048x2048"}, "invalid_value", "size"),
        ],
    )
    async def test_wrong_field_is_named(
        self, client: AsyncOpenAI, sandbox: Served, fields: dict[str, Any], code: str, param: str
    ) -> None:
        """Nothing is billed."""
        with pytest.raises(BadRequestError) as refused:
            await generate(client, **fields)
        assert (refused.value.code, refused.value.param) == (code, param)
        assert await sandbox.ledger() == []

    async def test_size_is_refused_in_recorded_words(self, client: AsyncOpenAI) -> None:
        """As recorded of the old models and the new ones."""
        with pytest.raises(BadRequestError, match="Supported sizes are 1024x1024, 1024x1536, 1536x1024, and auto"):
            await generate(client, model="gpt-image-1.5", size="123x456")
        with pytest.raises(BadRequestError, match="below the current minimum pixel budget"):
            await generate(client, size="576x1024")

    async def test_unknown_model_is_not_found(self, client: AsyncOpenAI) -> None:
        """A retired one is a wrong value instead."""
        with pytest.raises(NotFoundError) as missing:
            await generate(client, model="gpt-image-9")
        assert missing.value.code == "model_not_found"

    async def test_models_end_at_their_day(self, client: AsyncOpenAI, sandbox: Served) -> None:
        """gpt-image-1.5 is there until the first of December 2026."""
        await generate(client, model="gpt-image-1.5", size="1024x1024", quality="low")
        sandbox.now_s[0] = 1_796_083_200.0
        with pytest.raises(BadRequestError, match="does not exist"):
            await generate(client, model="gpt-image-1.5", size="1024x1024")
        assert "gpt-image-1.5" not in [model.id async for model in client.models.list()]

    async def test_keys(self, client: AsyncOpenAI) -> None:
        """A wrong one and none at all are told apart."""
        with pytest.raises(AuthenticationError) as refused:
            await generate(client.with_options(api_key="bad"))
        assert refused.value.code == "invalid_api_key"
        with pytest.raises(AuthenticationError) as unnamed:
            await generate(client, extra_headers={"Authorization": ""})
        assert unnamed.value.code is None

    async def test_moderation_is_told_with_its_stage(self, client: AsyncOpenAI, sandbox: Served) -> None:
        """The type is that of a wrong size; the code is not."""
        for word, stage in (("moderation", "input"), ("moderation-output", "output")):
            with pytest.raises(BadRequestError) as refused:
                await generate(client, f"a hill [sandbox:{word}]")
            body = refused.value.body
            assert isinstance(body, dict)
            assert refused.value.code == "moderation_blocked"
            assert body["moderation_details"]["moderation_stage"] == stage
        assert await sandbox.ledger() == []

    async def test_rate_limit_and_empty_account_differ_by_code(self, client: AsyncOpenAI) -> None:
        """Both are 429."""
        with pytest.raises(RateLimitError) as limited:
            await generate(client, "a hill [sandbox:429=7]")
        assert limited.value.code == "rate_limit_exceeded"
        assert limited.value.response.headers["retry-after"] == "7"
        with pytest.raises(RateLimitError) as empty:
            await generate(client, "a hill [sandbox:quota]")
        assert empty.value.type == "insufficient_quota"

    async def test_too_many_pictures_in_a_minute(self, client: AsyncOpenAI, sandbox: Served) -> None:
        """The next minute is another."""
        await generate(client, n=10, quality="low", output_format="jpeg")
        await generate(client, n=2, quality="low")
        with pytest.raises(RateLimitError):
            await generate(client)
        sandbox.now_s[0] += 60
        await generate(client)

    async def test_failures_before_and_after_billing(self, client: AsyncOpenAI, sandbox: Served) -> None:
        """A client cannot tell a lost answer from a lost request; the ledger can."""
        with pytest.raises(InternalServerError):
            await generate(client, "a hill [sandbox:fail]")
        for word, billed in (("reset", 0), ("reset-after-billing", 1), ("truncate", 2)):
            with pytest.raises(APIConnectionError):
                await generate(client, f"a hill [sandbox:{word}]")
            assert len(await sandbox.ledger()) == billed

    async def test_client_of_its_own_repeats_buys_again(self, client: AsyncOpenAI, sandbox: Served) -> None:
        """With its usual two retries, a lost answer is paid for twice."""
        await generate(client.with_options(max_retries=2), "a hill [sandbox:reset-after-billing x1]")
        assert len(await sandbox.ledger()) == 2
