"""What an answer says of its cost."""

from __future__ import annotations

from typing import Any

import pytest

from danqing_plugins import Price
from danqing_providers.dashscope.answers import cost_of

TWO = Price(amount_micro=250_000, most_micro=500_000, currency="CNY")
ONE = Price(amount_micro=200_000, currency="CNY")


class TestCost:
    """Of a model that has two prices, by the size of the picture."""

    @pytest.mark.parametrize(
        ("usage", "micro"),
        [
            ({"output_image_count": 1, "output_image_type": "qima_output_1k"}, 250_000),
            ({"output_image_count": 3, "output_image_type": "qima_output_2k"}, 1_500_000),
            ({"output_image_count": 2, "output_width": 1500, "output_height": 1500}, 500_000),
            ({"output_image_count": 2, "output_width": 1504, "output_height": 1504}, 1_000_000),
            ({"image_count": 1, "width": 2048, "height": 2048}, 500_000),
            ({"image_count": 0, "width": 2048, "height": 2048}, 0),
        ],
    )
    def test_is_that_of_the_pictures_that_were_made(self, usage: dict[str, Any], micro: int) -> None:
        """As many as the service counts, at the price of their size."""
        assert cost_of({"usage": usage}, TWO) == micro

    @pytest.mark.parametrize(
        "document",
        [
            {},
            {"usage": None},
            {"usage": {"image_count": 1}},
            {"usage": {"output_image_type": "qima_output_2k"}},
            {"usage": {"image_count": "1", "width": 1024, "height": 1024}},
            {"usage": {"image_count": -1, "width": 1024, "height": 1024}},
            {"usage": {"image_count": 1, "width": "1024", "height": 1024}},
        ],
    )
    def test_is_as_estimated_where_nothing_is_told(self, document: dict[str, Any]) -> None:
        """What is no count, or no size, is no ground for a sum."""
        assert cost_of(document, TWO) is None

    @pytest.mark.parametrize("price", [None, ONE])
    def test_one_price_needs_no_answer(self, price: Price | None) -> None:
        """It was known before."""
        assert cost_of({"usage": {"image_count": 1, "width": 2048, "height": 2048}}, price) is None
