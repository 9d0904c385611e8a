"""What is checked before anything is queued."""

from __future__ import annotations

from typing import Any

import pytest

from danqing_plugins import Reference
from tests.unit.openai_images.builders import configured, prepared, problems

OPENAI = configured()
XAI = configured({"preset": "xai"})
SILICONFLOW = configured({"preset": "siliconflow"})
ZHIPU = configured({"preset": "zhipu"})


def picture(field: str = "image", **known: Any) -> Reference:
    """Return a reference that was sent as data."""
    values = {"media_type": "image/png", "width": 64, "height": 64, "size_bytes": 1000, **known}
    return Reference(field=field, **values)


class TestOpenAI:
    @pytest.mark.parametrize("size", ["auto", "1024x1024", "3840x2160", "816x816", "2048x688", "1024×1536"])
    def test_sizes_within_the_rules_are_taken(self, size: str) -> None:
        """Multiples of 16, at most 3:1, from 655,360 to 8,294,400 pixels."""
        if "×" in size:
            assert "size" in problems(OPENAI, size=size)
        else:
            assert problems(OPENAI, size=size) == {}

    @pytest.mark.parametrize(
        "size", ["1000x1000", "512x512", "4096x4096", "3840x1024", "3840x3840", "16:9", "large"]
    )
    def test_other_sizes_are_refused(self, size: str) -> None:
        """With what is allowed."""
        assert set(problems(OPENAI, size=size)) == {"size"}

    def test_every_wrong_field_is_named_at_once(self) -> None:
        """Not the first one alone."""
        wrong = problems(
            OPENAI,
            prompt=" ",
            n=11,
            quality="hd",
            background="transparent",
            output_format="jpeg",
            seed=1,
            sise="1x1",
        )
        assert set(wrong) == {"prompt", "n", "quality", "background", "seed", "sise"}

    def test_quality_depends_on_the_model(self) -> None:
        """`max` came with 2.5, `complexity` with 2.6."""
        assert problems(OPENAI, "gpt-image-2.5-sunburst", quality="max") == {}
        assert set(problems(OPENAI, "gpt-image-2", quality="max", complexity="low")) == {"quality", "complexity"}
        assert "gpt-image-2.6-flare" in problems(OPENAI, "gpt-image-2", complexity="low")["complexity"]

    @pytest.mark.parametrize(("count", "previews", "share"), [(1, 0, 1.0), (4, 0, 0.25), (4, 1, 1.0)])
    def test_pictures_to_edit_are_part_of_what_is_expected(self, count: int, previews: int, share: float) -> None:
        """Sixteen cost twenty times what a picture of low quality does, once for each call."""
        references = tuple(picture(f"image[{number}]") for number in range(16))
        asked: dict[str, Any] = {"quality": "low", "n": count, "partial_images": previews}
        bare, price = prepared(OPENAI, **asked).price, prepared(OPENAI, references=references, **asked).price
        assert bare is not None
        assert price is not None
        assert price.amount_micro - bare.amount_micro == 16 * 1_000 * 8 * share
        assert (price.most_micro or 0) - (bare.most_micro or 0) == 16 * 6_240 * 8 * share

    def test_compression_needs_a_lossy_format(self) -> None:
        """PNG has none."""
        assert problems(OPENAI, output_compression=50, output_format="webp") == {}
        assert set(problems(OPENAI, output_compression=50)) == {"output_compression"}

    def test_pictures_and_mask(self) -> None:
        """A mask needs a picture of its size, and is a PNG."""
        assert problems(OPENAI, references=(picture("image[0]"), picture("image[1]"), picture("mask"))) == {}
        assert set(problems(OPENAI, references=(picture("mask"),))) == {"mask"}
        assert set(problems(OPENAI, references=(picture(), picture("mask", width=32)))) == {"mask"}
        assert set(problems(OPENAI, references=(picture(), picture("mask", media_type="image/jpeg")))) == {"mask"}
        too_many = tuple(picture(f"image[{number}]") for number in range(17))
        assert set(problems(OPENAI, references=too_many)) == {"image"}
        assert set(problems(OPENAI, references=(picture(media_type="image/gif"),))) == {"image"}

    def test_previews_make_one_call_for_each_picture(self) -> None:
        """Otherwise one call makes all."""
        assert prepared(OPENAI, n=4).single_call
        assert not prepared(OPENAI, n=4, partial_images=1).single_call

    @pytest.mark.parametrize(
        ("quality", "least", "most"),
        [("low", 6_000, 12_000), ("high", 211_000, 422_000), ("auto", 53_000, 422_000)],
    )
    def test_estimate_has_an_upper_end(self, quality: str, least: int, most: int) -> None:
        """The published price of 1024x1024, and twice as much for the largest; the words are added."""
        price = prepared(OPENAI, quality=quality).price
        assert price is not None
        assert price.most_micro is not None
        assert price.amount_micro == least
        assert most <= price.most_micro < most + 1000


class TestOthers:
    def test_xai_takes_shapes_and_turns_pixels_into_them(self) -> None:
        """With a note."""
        assert prepared(XAI, size="16:9").input["size"] == "16:9"
        done = prepared(XAI, size="1920x1080")
        assert done.input["size"] == "16:9"
        assert "1920x1080" in done.notes[0]
        assert prepared(XAI, size="1000x700").input["size"] == "3:2"
        assert set(problems(XAI, size="5:4")) == {"size"}

    def test_xai_says_what_a_picture_costs(self) -> None:
        """The newer model's price depends on what it chooses."""
        exact, range_ = prepared(XAI).price, prepared(XAI, "grok-imagine-image-2.0").price
        assert exact is not None
        assert range_ is not None
        assert (exact.amount_micro, exact.most_micro) == (20_000, None)
        assert (range_.amount_micro, range_.most_micro) == (40_000, 60_000)

    def test_siliconflow_models_differ(self) -> None:
        """Kolors makes four at once, Qwen-Image one a call; the editor needs a picture and takes no size."""
        assert prepared(SILICONFLOW, "Kwai-Kolors/Kolors", n=4).single_call
        assert not prepared(SILICONFLOW, "Qwen/Qwen-Image", n=2).single_call
        edit = "Qwen/Qwen-Image-Edit-2509"
        assert set(problems(SILICONFLOW, edit)) == {"image"}
        assert set(problems(SILICONFLOW, edit, references=(picture(),), size="1024x1024")) == {"size"}
        assert set(problems(SILICONFLOW, "Qwen/Qwen-Image", guidance_scale=5)) == {"guidance_scale"}

    def test_zhipu_sizes(self) -> None:
        """Steps of 16 and of 32, with limits of their own."""
        assert problems(ZHIPU, size="1040x1040") == {}
        assert set(problems(ZHIPU, size="2048x2048")) == {"size"}
        assert set(problems(ZHIPU, "glm-image", size="1040x1040")) == {"size"}
        assert set(problems(ZHIPU, user_id="short")) == {"user_id"}
