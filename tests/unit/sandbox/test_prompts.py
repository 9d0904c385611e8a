"""What is read in a prompt."""

from __future__ import annotations

import pytest

from danqing_providers.sandbox.prompts import named_count, named_ratio, unnamed_count


class TestCount:
    """How many pictures a prompt names."""

    @pytest.mark.parametrize(
        ("prompt", "count"),
        [
            ("4张小猫", 4),
            ("生成四张图", 4),
            ("两幅山水", 2),
            ("十二张", 12),
            ("十张", 10),
            ("4 images of a cat", 4),
            ("Four images", 4),
            ("three different pictures", 3),
            ("0张", 1),
            ("a cat", None),
            ("四季", None),
        ],
    )
    def test_named(self, prompt: str, count: int | None) -> None:
        """Chinese and English number words before a word for picture count; others do not."""
        assert named_count(prompt) == count

    def test_unnamed_is_steady_and_within_bounds(self) -> None:
        """Without a number it is 1 to the most, always the same for a prompt, and not the same for all."""
        counts = [unnamed_count(f"prompt {number}", 5) for number in range(60)]
        assert counts == [unnamed_count(f"prompt {number}", 5) for number in range(60)]
        assert set(counts) == {1, 2, 3, 4, 5}


class TestRatio:
    """Which shape a prompt names."""

    @pytest.mark.parametrize(
        ("prompt", "ratio"),
        [
            ("猫 16:9", 16 / 9),
            ("猫，9：16", 9 / 16),
            ("竖版海报", 9 / 16),
            ("横版", 16 / 9),
            ("at 116:90", None),
            ("猫", None),
        ],
    )
    def test_named(self, prompt: str, ratio: float | None) -> None:
        """Ratios and words for upright and wide are found."""
        assert named_ratio(prompt) == ratio
