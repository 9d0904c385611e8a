"""What is found in a body that may complain."""

from __future__ import annotations

from typing import Any

import pytest

from danqing_plugins.kit.failures import find_complaint


class TestComplaints:
    """An `error` beside what was paid for."""

    @pytest.mark.parametrize(
        "error",
        [None, "", False, {}, [], {"message": "", "type": "", "param": None, "code": None}],
    )
    def test_empty_one_is_none(self, error: Any) -> None:
        """An answer that says so by an empty error of any shape is as good as one without it."""
        assert find_complaint({"error": error, "data": [{"b64_json": "aaaa"}]}, refused=False) is None

    @pytest.mark.parametrize("error", [True, "no", {"code": 1301}, {"message": "no"}, {"type": "server_error"}])
    def test_any_word_is_one(self, error: Any) -> None:
        """What says anything is a complaint, with status 200 too."""
        assert find_complaint({"error": error}, refused=False) is not None
