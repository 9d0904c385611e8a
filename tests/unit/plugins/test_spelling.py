from __future__ import annotations

import pytest

from danqing_plugins import nearest

KNOWN = ("prompt", "user_id", "size", "watermark")


class TestNearest:
    """U4: a slip of the pen, and no guess beyond it."""

    @pytest.mark.parametrize(
        ("wrong", "near"),
        [
            ("promt", "prompt"),
            ("userId", "user_id"),
            ("SIZE", "size"),
            ("water-mark", "watermark"),
            ("extra", None),
        ],
    )
    def test_slips_are_understood(self, wrong: str, near: str | None) -> None:
        """Letters left out or added, another case, another separator."""
        assert nearest(wrong, KNOWN) == near

    def test_odd_names_do_no_harm(self) -> None:
        """Empty, endless, of other scripts."""
        assert [nearest(name, KNOWN) for name in ("", "x" * 10**6, "提示词")] == [None, None, None]
