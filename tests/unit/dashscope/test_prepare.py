"""What is refused before it is queued, by each model's own table."""

from __future__ import annotations

from typing import Any

import pytest

from danqing_plugins import ConfigurationError, OutputKind, Reference
from danqing_plugins.testing import check_info
from tests.unit.dashscope.builders import KEY, configured, prepared, problems

PICTURE = Reference(field="image", url="https://example.com/a.png")
LAST = Reference(field="last_frame", url="https://example.com/b.png")


class TestSizes:
    """`width*height`, each model within its own limits."""

    @pytest.mark.parametrize("written", ["1328*1328", "1328x1328"])
    def test_is_sent_with_a_star(self, written: str) -> None:
        """DashScope knows no other separator; users write what they know."""
        assert prepared("qwen-image-plus", size=written).input["size"] == "1328*1328"

    @pytest.mark.parametrize(
        ("model", "size", "taken"),
        [
            ("qwen-image-plus", "1024*1024", False),
            ("qwen-image-plus", "1664*928", True),
            ("qwen-image-3.0-pro", "512*512", True),
            ("qwen-image-3.0-pro", "256*256", False),
            ("qwen-image-3.0-pro", "4096*300", False),
            ("wan2.6-t2i", "1280*1280", True),
            ("wan2.6-t2i", "1024*1024", False),
            ("wan2.2-t2i-flash", "512*1440", True),
            ("wan2.2-t2i-flash", "1441*512", False),
            ("wan2.7-image", "2k", True),
            ("wan2.7-image", "4K", False),
            ("wan2.7-image-pro", "4096*4096", True),
            ("wanx-v1", "768*1152", True),
            ("wanx-v1", "1280*1280", False),
            ("wan2.6-t2v", "1280*720", True),
            ("wan2.6-t2v", "832*480", False),
        ],
    )
    def test_each_model_has_its_own(self, model: str, size: str, taken: bool) -> None:
        """What one takes another refuses."""
        assert ("size" not in problems(model, size=size)) is taken

    def test_one_that_knows_no_size_names_who_does(self) -> None:
        """qwen-image-edit follows its input."""
        told = problems("qwen-image-edit", references=(PICTURE,), size="1024*1024")
        assert "qwen-image-edit-plus" in told["size"]

    def test_of_edits_for_one_picture_only(self) -> None:
        """A size and several pictures exclude each other."""
        assert set(problems("qwen-image-edit-plus", references=(PICTURE,), size="1024*1024", n=2)) == {"size"}
        assert not problems("qwen-image-edit-plus", references=(PICTURE,), size="1024*1024", n=1)

    def test_four_k_is_for_text(self) -> None:
        """With a picture 2K is the largest."""
        assert not problems("wan2.7-image-pro", size="4K")
        assert "size" in problems("wan2.7-image-pro", size="4K", references=(PICTURE,))


class TestCounts:
    """How many pictures; each is charged."""

    @pytest.mark.parametrize(
        ("model", "most"),
        [("qwen-image-plus", 1), ("qwen-image-2.0", 6), ("wan2.5-t2i-preview", 4), ("wanx-v1", 4)],
    )
    def test_each_model_has_its_own(self, model: str, most: int) -> None:
        """The largest is taken, the next is not."""
        assert prepared(model, n=most).outputs == most
        assert "n" in problems(model, n=most + 1)

    def test_a_set_may_be_larger(self) -> None:
        """Twelve belong together with `enable_sequential`."""
        assert "n" in problems("wan2.7-image", n=5)
        assert prepared("wan2.7-image", n=12, enable_sequential=True).outputs == 12

    def test_one_unless_asked(self) -> None:
        """The service's own default of four is never met."""
        assert prepared("wan2.2-t2i-flash").outputs == 1


class TestPictures:
    """References, by model."""

    @pytest.mark.parametrize(
        ("model", "count", "taken"),
        [
            ("qwen-image-plus", 1, False),
            ("qwen-image-3.0", 0, True),
            ("qwen-image-3.0", 3, True),
            ("qwen-image-3.0", 4, False),
            ("qwen-image-edit", 0, False),
            ("qwen-image-edit", 1, True),
            ("qwen-image-2.1-pro", 10, True),
            ("wan2.6-i2v", 1, True),
            ("wan2.6-i2v", 2, False),
        ],
    )
    def test_how_many(self, model: str, count: int, taken: bool) -> None:
        """Each model has its own number."""
        references = tuple(
            Reference(field=f"image[{place}]", url="https://example.com/x") for place in range(count)
        )
        assert ("image" not in problems(model, references=references)) is taken

    def test_too_small_for_edits(self) -> None:
        """What is known of a picture is checked before anything is queued."""
        small = Reference(field="image", media_type="image/png", width=300, height=800, size_bytes=1000)
        assert "384" in problems("qwen-image-edit-plus", references=(small,))["image"]

    def test_last_frame_belongs_to_one_model(self) -> None:
        """Others say which takes it."""
        assert not problems("wan2.7-i2v", references=(PICTURE, LAST))
        assert "wan2.7-i2v" in problems("wan2.6-i2v", references=(PICTURE, LAST))["last_frame"]


class TestParameters:
    """Everything else."""

    @pytest.mark.parametrize(
        ("model", "input_", "field"),
        [
            ("qwen-image-plus", {"seed": -1}, "seed"),
            ("qwen-image-plus", {"seed": 2**31}, "seed"),
            ("qwen-image-plus", {"prompt": "x" * 801}, "prompt"),
            ("qwen-image-plus", {"prompt": "  "}, "prompt"),
            ("qwen-image-plus", {"negative_prompt": "x" * 501}, "negative_prompt"),
            ("qwen-image-plus", {"watermark": "yes"}, "watermark"),
            ("qwen-image-plus", {"stile": "<anime>"}, "stile"),
            ("qwen-image-plus", {"style": "<anime>"}, "style"),
            ("wanx-v1", {"style": "anime"}, "style"),
            ("z-image-turbo", {"negative_prompt": "x"}, "negative_prompt"),
            ("qwen-image-3.0", {"prompt_extend_mode": "fast"}, "prompt_extend_mode"),
            ("qwen-image-3.0", {"prompt_extend_mode": "agent", "references": (PICTURE,)}, "prompt_extend_mode"),
            ("wan2.7-t2v", {"duration": 16}, "duration"),
            ("wan2.7-t2v", {"duration": -1}, "duration"),
            ("wan2.5-t2v-preview", {"duration": 6}, "duration"),
            ("wan2.7-t2v", {"resolution": "480P"}, "resolution"),
            ("wan2.7-t2v", {"ratio": "21:9"}, "ratio"),
            ("wan2.7-t2v", {"audio_url": "file:///etc/passwd"}, "audio_url"),
            ("wan2.7-t2v", {"shot_type": "multi"}, "shot_type"),
        ],
    )
    def test_a_wrong_one_is_named(self, model: str, input_: dict[str, Any], field: str) -> None:
        """One problem, at its field."""
        assert list(problems(model, **input_)) == [field]

    def test_all_at_once(self) -> None:
        """Every wrong field in one refusal."""
        assert set(problems("qwen-image-plus", size="1*1", seed=-1, n=9)) == {"size", "seed", "n"}

    def test_a_video_may_do_without_words(self) -> None:
        """Its first frame is enough."""
        assert not problems("wan2.7-i2v", references=(PICTURE,), prompt=None)
        assert prepared("wan3.0-video", duration=-1).kind is OutputKind.VIDEO


class TestPrices:
    """What it will cost, told before."""

    def test_by_picture(self) -> None:
        """A list price."""
        price = prepared("qwen-image-plus").price
        assert price is not None
        assert (price.amount_micro, price.currency, price.most_micro) == (200_000, "CNY", None)

    def test_by_size(self) -> None:
        """A range where the model picks the size, exact where it is given."""
        amounts = [
            prepared("qwen-image-3.0-pro", **size).price
            for size in ({}, {"size": "1024*1024"}, {"size": "2048*2048"})
        ]
        assert [(price and price.amount_micro, price and price.most_micro) for price in amounts] == [
            (250_000, 500_000),
            (250_000, None),
            (500_000, None),
        ]

    def test_a_second_of_wan_2_5_has_a_price(self) -> None:
        """By resolution; five seconds unless said."""
        price = prepared("wan2.5-t2v-preview", size="1280*720").price
        assert price is not None
        assert (price.amount_micro, price.currency) == (3_000_000, "CNY")
        own = configured({"DASHSCOPE_API_KEY": KEY, "DANQING_DASHSCOPE_PRICES": '{"wan2.5-t2v-preview": 0.1}'})
        listed = next(model.price for model in own.info.models if model.id == "wan2.5-t2v-preview")
        assert listed is not None
        assert listed.amount_micro == 100_000

    def test_by_second(self) -> None:
        """The operator's own price, at the resolution asked for."""
        prices = '{"wan2.7-t2v@720P": 0.6, "wan2.7-t2v@1080P": 1}'
        provider = configured({"DASHSCOPE_API_KEY": KEY, "DANQING_DASHSCOPE_PRICES": prices})
        listed = next(model.price for model in provider.info.models if model.id == "wan2.7-t2v")
        assert listed is not None
        assert (listed.unit, listed.amount_micro) == ("second", 600_000)

    @pytest.mark.parametrize(
        ("prices", "told"),
        [
            ('{"wan2.7-t2v@9P": 1}', "'wan2.7-t2v@9P' is not allowed; allowed: wan2.7-t2v@720P, wan2.7-t2v@1080P"),
            ('{"wan2.5-t2v-preview@4K": 1}', "allowed: wan2.5-t2v-preview@480P, wan2.5-t2v-preview@720P"),
            ('{"qwen-image@720P": 1}', "'qwen-image@720P' is not allowed; allowed: qwen-image"),
            (
                '{"qwen-image-3.0": [0.2, 0.1]}',
                "0.1, above 2.25 megapixels, is less than 0.2; allowed: the lower one",
            ),
            ('{"qwen-imag": 1}', "unknown model 'qwen-imag'; did you mean qwen-image?"),
        ],
    )
    def test_a_price_that_would_hold_for_nothing_is_refused(self, prices: str, told: str) -> None:
        """In one line, at the start."""
        with pytest.raises(ConfigurationError) as refused:
            configured({"DASHSCOPE_API_KEY": KEY, "DANQING_DASHSCOPE_PRICES": prices})
        assert refused.value.message.startswith("DANQING_DASHSCOPE_PRICES: ")
        assert told in refused.value.message

    def test_none_elsewhere(self) -> None:
        """Beijing's list is not Singapore's."""
        provider = configured({"DASHSCOPE_API_KEY": KEY, "DANQING_DASHSCOPE_REGION": "singapore"})
        assert all(model.price is None for model in provider.info.models)
        assert provider.info.endpoint == "https://dashscope-intl.aliyuncs.com/api/v1"


class TestInfo:
    """What the provider says of itself."""

    def test_keeps_the_kit_s_rules(self) -> None:
        """Names, models, forms."""
        check_info(configured({"DASHSCOPE_API_KEY": KEY}))

    def test_orders_are_looked_for_where_the_prompt_is_told(self) -> None:
        """Nowhere else can one be told from another's."""
        finding = {model.id for model in configured({"DASHSCOPE_API_KEY": KEY}).info.models if model.finds_orders}
        assert {"qwen-image", "wan2.2-t2i-flash", "wan2.7-t2v"} <= finding
        assert finding.isdisjoint({"qwen-image-max", "wan2.6-t2i", "wan2.7-i2v"})
