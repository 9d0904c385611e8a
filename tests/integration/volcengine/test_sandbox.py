"""The provider against the real sandbox, in a process of its own."""

from __future__ import annotations

import aiohttp
import pytest

from danqing_plugins import ContentRejected, InvalidRequest, Reference, ReferenceData
from danqing_providers.volcengine.plugin import VolcengineProvider
from tests.integration.volcengine.conftest import Client
from tests.support.providers import picture
from tests.unit.volcengine.builders import context


@pytest.fixture
def client(sandbox_url: str, session: aiohttp.ClientSession) -> Client:
    """The provider without a key."""
    provider = VolcengineProvider()
    provider.configure(context(sandbox_url=sandbox_url, call_timeout_s=30.0))
    return Client(provider, session)


class TestSandbox:
    """The whole path without a key."""

    async def test_every_model_makes_a_picture(self, client: Client, session: aiohttp.ClientSession) -> None:
        """The default size of each model of pictures is made, and the link gives a picture."""
        models = [model for model in client.provider.info.models if "image" in model.types]
        assert len(models) >= 4
        for model in models:
            run = client.begin(model=model.id)
            await client.carry_out(run)
            async with session.get(run.pictures[0].url or "") as response:
                assert response.status == 200
                assert response.content_type.startswith("image/")
            assert run.calls[0].request_id
            assert run.calls[0].usage["generated_images"] == 1

    async def test_every_parameter_is_taken(self, client: Client) -> None:
        """What our check lets through, the sandbox's own check takes as well."""
        inputs: list[tuple[str, dict[str, object]]] = [
            ("doubao-seedream-4-0-250828", {"size": "256x256", "optimize_prompt_options": {"mode": "fast"}}),
            ("doubao-seedream-4-0-250828", {"size": "1K", "watermark": False, "style": "anime"}),
            ("doubao-seedream-4-5-251128", {"size": "1024x1792", "sequential_image_generation": "disabled"}),
            ("doubao-seedream-5-0-260128", {"output_format": "png", "tools": [{"type": "web_search"}]}),
            ("doubao-seedream-5-0-pro-260628", {"size": "1K", "output_format": "png", "background": "opaque"}),
            ("doubao-seedream-5-0-flash-260915", {"size": "1.5k", "optimize_prompt_options": {"mode": "fast"}}),
        ]
        for model, input_ in inputs:
            run = client.begin(model=model, **input_)
            await client.carry_out(run)
            assert set(run.pictures) == {0}, input_

    async def test_base64(self, client: Client) -> None:
        """The picture itself comes in the answer."""
        run = client.begin(size="1K", response_format="b64_json")
        await client.carry_out(run)
        assert (run.pictures[0].base64 or "").startswith(("/9j/", "iVBOR"))

    @pytest.mark.parametrize(
        "words",
        [
            "[sandbox:answer-status=201]",
            "[sandbox:bom]",
            "[sandbox:answer-length]",
            "[sandbox:mislabelled]",
            "[sandbox:bytes]",
            "[sandbox:both]",
            "[sandbox:base64-lines]",
            "[sandbox:base64-unpadded]",
            "[sandbox:relative]",
            "[sandbox:hostless]",
            "[sandbox:stream-sample]",
            "[sandbox:bom][sandbox:mislabelled][sandbox:both][sandbox:answer-status]",
        ],
    )
    @pytest.mark.parametrize("streamed", [True, False])
    async def test_odd_answers_are_used(self, client: Client, words: str, streamed: bool) -> None:
        """H3, H4, H5, H11, H12, H13, H20: whatever the form, one call brings both pictures."""
        run = client.begin(
            prompt=f"two images {words}",
            size="1K",
            sequential_image_generation="auto",
            sequential_image_generation_options={"max_images": 2},
            stream=streamed,
        )
        await client.carry_out(run)
        assert set(run.pictures) == {0, 1}
        assert run.outcomes == ["answered"]
        for source in run.pictures.values():
            if source.url is not None:
                async with client.session.get(source.url) as response:
                    assert response.content_type == "image/jpeg"

    async def test_word_that_does_not_exist_is_the_clients_mistake(self, client: Client) -> None:
        """It is refused for good, in Ark's code: asking once more would change nothing."""
        run = client.begin(prompt="a cat [sandbox:500]", size="1K")
        with pytest.raises(InvalidRequest, match=r"docs/sandbox\.md") as caught:
            await client.carry_out(run)
        assert caught.value.code == "InvalidParameter"

    async def test_references_of_our_own(self, client: Client) -> None:
        """A picture from our storage is sent as a data URI."""
        run = client.begin(size="1K", references=(Reference(field="image", asset="own"),))
        run.assets["own"] = ReferenceData(body=picture(64, 64), media_type="image/png")
        await client.carry_out(run)
        assert set(run.pictures) == {0}

    @pytest.mark.parametrize("streamed", [True, False])
    async def test_group(self, client: Client, streamed: bool) -> None:
        """A group fills its places or leaves some out, by one call."""
        options = {"max_images": 3}
        run = client.begin(
            size="1K",
            sequential_image_generation="auto",
            sequential_image_generation_options=options,
            stream=streamed,
        )
        await client.carry_out(run)
        assert run.pictures
        assert run.missing == ()
        assert len(run.calls) == 1

    async def test_independent_pictures(self, client: Client) -> None:
        """n pictures come by n calls with ids of their own."""
        run = client.begin(size="1K", n=3)
        await client.carry_out(run)
        assert set(run.pictures) == {0, 1, 2}
        assert len({call.request_id for call in run.calls}) == 3

    async def test_reference_that_is_no_picture_is_refused(self, client: Client) -> None:
        """The sandbox checks what we could not, and its words reach the user."""
        run = client.begin(size="1K", references=(Reference(field="image", asset="own"),))
        run.assets["own"] = ReferenceData(body=b"no picture", media_type="image/png")
        with pytest.raises((InvalidRequest, ContentRejected)):
            await client.carry_out(run)
        assert run.pictures == {}
