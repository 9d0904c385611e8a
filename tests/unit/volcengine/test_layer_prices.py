"""What taking a picture apart may cost, before it is done."""

from __future__ import annotations

from typing import Any

import pytest

from danqing_plugins import Prepared
from tests.unit.volcengine.test_prepare import PRO, prepared, urls


def layered(**input_: Any) -> Prepared:
    """Return a submission that takes one picture apart."""
    return prepared(PRO, layer_decomposition=True, references=urls(1), **input_)


class TestLayers:
    """Each layer is a picture."""

    def test_where_the_model_chooses_the_size_the_price_is_a_range(self) -> None:
        """Up to 1.5K or above it: a day's limit must count with the dearer one."""
        price = layered(size="auto").price
        assert price is not None
        assert (price.amount_micro, price.most_micro) == (300_000, 600_000)

    @pytest.mark.parametrize(("size", "micro"), [("1K", 300_000), ("2K", 600_000)])
    def test_a_size_that_is_named_has_one(self, size: str, micro: int) -> None:
        """As that of any picture."""
        price = layered(size=size).price
        assert price is not None
        assert (price.amount_micro, price.most_micro) == (micro, None)
