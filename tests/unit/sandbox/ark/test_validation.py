"""The body of a generation request, against the limits and wordings that were measured."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from danqing_providers.sandbox.ark.catalogue import MODELS, Catalogue
from danqing_providers.sandbox.ark.errors import ArkError
from danqing_providers.sandbox.ark.fields import parse_body
from danqing_providers.sandbox.ark.sizes import Size, tier_sizes
from danqing_providers.sandbox.ark.validation import GenerationRequest, validate

V4 = "doubao-seedream-4-0-250828"
V45 = "doubao-seedream-4-5-251128"
LITE = "doubao-seedream-5-0-260128"
PRO = "doubao-seedream-5-0-pro-260628"
T2I = "doubao-seedream-3-0-t2i-250415"
EDIT = "doubao-seededit-3-0-i2i-250628"

SIZE = "The parameter `size` specified in the request is not valid: "
PRO_SIZE = "The parameter `size` specified in the request are not valid: "


def accept(model: str = V4, **fields: Any) -> GenerationRequest:
    """Return the request as validated, with the 3.0 family alive."""
    body = {"model": model, "prompt": "山水", **fields}
    catalogue = Catalogue(enable_3_0=True, endpoints={"ep-1": V4})
    return validate(parse_body(orjson.dumps(body)), catalogue)


def refuse(model: str = V4, **fields: Any) -> ArkError:
    """Return the error that the request meets."""
    with pytest.raises(ArkError) as caught:
        accept(model, **fields)
    return caught.value


class TestSizeWording:
    """Every measured sentence about a wrong size."""

    @pytest.mark.parametrize(
        ("model", "size", "message"),
        [
            (V45, "1k", SIZE + "the specified size is not supported for model doubao-seedream-4-5."),
            (V45, "512x512", SIZE + "image size must be at least 3686400 pixels."),
            (V45, "1919x1920", SIZE + "image size must be at least 3686400 pixels."),
            (V45, "8192x8192", SIZE + "image size must be at most 16777216 pixels."),
            (V45, "3686400x1", SIZE + "aspect ratio must be between 1/16 and 16."),
            (V45, "8192x450", SIZE + "aspect ratio must be between 1/16 and 16."),
            (V45, "0x0", SIZE + "invalid width."),
            (V45, "-1x-1", SIZE + "invalid width."),
            (V45, "2048", SIZE + "size must be one of 'WIDTHxHEIGHT', '2k', or '4k'."),
            (V4, "2048*2048", SIZE + "size must be one of 'WIDTHxHEIGHT', '1k', '2k', or '4k'."),
            (LITE, "big", SIZE + "size must be one of 'WIDTHxHEIGHT', '2k', '3k', or '4k'."),
            (V4, "900x900", SIZE + "image size must be at least 921600 pixels."),
            (PRO, "2880x1620", PRO_SIZE + "image area must be at most 4624220 pixels."),
            (PRO, "512x512", PRO_SIZE + "image area must be at least 921600 pixels."),
        ],
    )
    def test_words_are_the_servers(self, model: str, size: str, message: str) -> None:
        """The message is the measured one, under 400 InvalidParameter."""
        error = refuse(model, size=size)
        assert (error.status, error.code, error.message) == (400, "InvalidParameter", message)

    @pytest.mark.parametrize(
        ("model", "size"),
        [
            (V45, "2560x1440"),
            (V45, "4096x4096"),
            (V45, "3000x1230"),
            (V4, "1280x720"),
            (V4, "3840x240"),
            (PRO, "2720x1700"),
        ],
    )
    def test_limits_are_inclusive(self, model: str, size: str) -> None:
        """Sizes on or within the limits pass as they are."""
        assert str(accept(model, size=size).size) == size

    def test_tiers_in_any_case(self) -> None:
        """`2k` is `2K`."""
        assert accept(size="2k").size == "2K"

    @pytest.mark.parametrize("model", [model for model in MODELS if model.tiers])
    def test_recommended_sizes_are_legal(self, model: Any) -> None:
        """Every size of the documented tables passes the limits of its models."""
        for tier in model.tiers:
            for size in tier_sizes(model, tier):
                if model.id != PRO and size.pixels >= model.pixels[0]:
                    assert accept(model.id, size=str(size)).size == size


class TestDefaults:
    """What an absent field stands for."""

    def test_defaults_are_arks(self) -> None:
        """Watermark on, a link, 2048x2048, JPEG, one picture, no stream."""
        request = accept()
        assert request.watermark
        assert not request.inline
        assert not request.stream
        assert not request.group
        assert (request.size, request.output_format, request.most_images) == (Size(2048, 2048), "jpeg", 1)

    def test_null_is_absent(self) -> None:
        """The official client library sends null for every field that was not given."""
        names = ["size", "image", "seed", "tools", "stream", "output_format", "watermark", "response_format"]
        names += ["guidance_scale", "sequential_image_generation", "sequential_image_generation_options"]
        assert accept(V4, **dict.fromkeys(names)) == accept(V4)
        assert accept(PRO, **dict.fromkeys(names)) == accept(PRO)

    def test_null_inside_options_is_absent(self) -> None:
        """`max_images: null` is fifteen."""
        options = {"max_images": None}
        request = accept(sequential_image_generation="auto", sequential_image_generation_options=options)
        assert request.most_images == 15

    def test_unknown_fields_are_ignored(self) -> None:
        """A misnamed field changes nothing, as was reported of Ark."""
        assert accept(image_size="4K", n=4, quality="hd") == accept()

    @pytest.mark.parametrize("field", ["model", "prompt"])
    @pytest.mark.parametrize("value", [None, ""])
    def test_required_fields(self, field: str, value: object) -> None:
        """Without model or prompt the request is 400 MissingParameter, which names the field."""
        error = refuse(**{field: value})
        assert (error.status, error.code) == (400, "MissingParameter")
        assert error.message == f"The request failed because it is missing `{field}` parameter."


class TestModels:
    """Which names are known."""

    @pytest.mark.parametrize("name", ["doubao-seedream-4-0", "gpt-image-1", "ep-2", "DOUBAO-SEEDREAM-4-0-250828"])
    def test_unknown_name(self, name: str) -> None:
        """An unknown or unversioned name is 404 in Ark's words."""
        error = refuse(name)
        assert (error.status, error.code, error.kind) == (404, "InvalidEndpointOrModel.NotFound", "Not Found")
        assert error.message == f"The model or endpoint {name} does not exist or you do not have access to it."

    def test_shut_down(self) -> None:
        """The 3.0 family is 404 unless it is kept alive."""
        for name in (T2I, EDIT):
            with pytest.raises(ArkError, match="does not exist"):
                Catalogue(enable_3_0=False, endpoints={}).find(name)

    def test_overseas_alias_answers_with_its_own_name(self) -> None:
        """BytePlus's ids are the same models."""
        request = accept("seedream-4-5-251128")
        assert (request.model.id, request.model_name) == (V45, "seedream-4-5-251128")

    def test_endpoint_answers_with_the_models_name(self) -> None:
        """An endpoint id stands for its model."""
        assert accept("ep-1").model_name == V4

    @pytest.mark.parametrize("endpoints", [{"ep-1": "nothing"}, {"my-endpoint": V4}])
    def test_bad_endpoint_is_refused_at_start(self, endpoints: dict[str, str]) -> None:
        """An endpoint that names no model, or has no `ep-`, is a ValueError."""
        with pytest.raises(ValueError, match="endpoint"):
            Catalogue(enable_3_0=False, endpoints=endpoints)


class TestPerModel:
    """What one model takes and another refuses."""

    def test_pro_refuses_groups_even_disabled(self) -> None:
        """As measured, in its words."""
        error = refuse(PRO, sequential_image_generation="disabled")
        expected = "The parameter `sequential_image_generation` is not supported by the current model."
        assert (error.code, error.message) == ("InvalidParameter", expected)

    def test_older_models_refuse_output_format(self) -> None:
        """As measured, in its words."""
        expected = "The parameter `output_format` specified in the request is not valid."
        assert refuse(V4, output_format="png").message == expected

    def test_newer_models_take_output_format(self) -> None:
        """5.0 gives PNG on request, and nothing else."""
        assert accept(LITE, output_format="png").output_format == "png"
        assert refuse(LITE, output_format="webp").code == "InvalidParameter"

    def test_only_the_old_models_check_the_seed(self) -> None:
        """A seed out of range is refused where seeds are documented and ignored elsewhere."""
        assert refuse(T2I, seed=-2, size="512x512").code == "InvalidParameter"
        assert accept(V4, seed=-2).seed is None
        assert accept(T2I, seed=-1).seed is None
        assert accept(T2I, seed=2147483647).seed == 2147483647

    def test_references_and_outputs_are_fifteen_together(self) -> None:
        """With twelve references a group has at most three images."""
        images = [f"https://example.com/{number}.png" for number in range(12)]
        request = accept(image=images, sequential_image_generation="auto")
        assert request.most_images == 3

    @pytest.mark.parametrize(("model", "most"), [(V4, 14), (LITE, 14), (PRO, 10), (EDIT, 1)])
    def test_number_of_references(self, model: str, most: int) -> None:
        """One more than the model's limit is refused."""
        size = {"size": "adaptive"} if model == EDIT else {}
        assert len(accept(model, image=["https://e.com/a"] * most, **size).images) == most
        assert refuse(model, image=["https://e.com/a"] * (most + 1), **size).code == "InvalidParameter"

    def test_editing_model_needs_a_reference(self) -> None:
        """Seededit without an image is MissingParameter; its size is `adaptive` only."""
        assert refuse(EDIT).code == "MissingParameter"
        assert refuse(EDIT, image="https://e.com/a", size="1024x1024").code == "InvalidParameter"

    def test_tools(self) -> None:
        """Web search is 5.0 lite's alone."""
        assert accept(LITE, tools=[{"type": "web_search"}]).web_search
        assert refuse(V4, tools=[{"type": "web_search"}]).code == "InvalidParameter"

    def test_optimize_mode(self) -> None:
        """`fast` is known to 4.0 and not to 4.5."""
        accept(V4, optimize_prompt_options={"mode": "fast"})
        assert refuse(V45, optimize_prompt_options={"mode": "fast"}).code == "InvalidParameter"


class TestWrongTypes:
    """A value of the wrong type is 400 InvalidParameter, never an exception."""

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("prompt", 5),
            ("model", ["x"]),
            ("size", 2048),
            ("image", {"url": "x"}),
            ("image", ["https://e.com/a", 5]),
            ("watermark", "true"),
            ("stream", 1),
            ("response_format", "png"),
            ("response_format", 7),
            ("sequential_image_generation", "on"),
            ("sequential_image_generation", True),
            ("optimize_prompt_options", "fast"),
            ("optimize_prompt_options", {"mode": ["fast"]}),
        ],
    )
    def test_field(self, field: str, value: object) -> None:
        """The error names the field."""
        error = refuse(**{field: value})
        assert (error.status, error.code) == (400, "InvalidParameter")
        assert f"`{field}" in error.message

    @pytest.mark.parametrize("most", [0, 16, "4", 2.0, True])
    def test_max_images(self, most: object) -> None:
        """The number of images is an integer from 1 to 15."""
        options = {"max_images": most}
        error = refuse(sequential_image_generation="auto", sequential_image_generation_options=options)
        assert "`sequential_image_generation_options.max_images`" in error.message

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"x"', b"\xff"])
    def test_body(self, content: bytes) -> None:
        """What is no JSON object is 400."""
        with pytest.raises(ArkError) as caught:
            parse_body(content)
        assert caught.value.status == 400


class TestEditing:
    """Layers and transparent backgrounds, things of 5.0 pro."""

    def test_layers(self) -> None:
        """H22: exactly one picture, the prompt may be empty, the size may be left to the model."""
        assert accept(
            PRO, prompt=None, layer_decomposition=True, image="https://a.example/1.png", size="auto"
        ).layers
        assert "`layer_decomposition`" in refuse(PRO, layer_decomposition=True).message
        assert refuse(PRO, size="auto").code == "InvalidParameter"

    @pytest.mark.parametrize(
        "fields",
        [
            {"output_format": "png"},
            {"image": "https://a.example/1.png"},
            {"image": "https://a.example/1.png", "output_format": "jpeg"},
            {"image": ["https://a.example/1.png"] * 2, "output_format": "png"},
        ],
    )
    def test_transparent_background(self, fields: dict[str, Any]) -> None:
        """H22: it takes one picture and gives PNG; nothing else does."""
        assert "`background`" in refuse(PRO, background="transparent", **fields).message
        accept(PRO, background="transparent", image="https://a.example/1.png", output_format="png")
        accept(PRO, background="opaque", **fields)
        accept(V4, background="transparent")
