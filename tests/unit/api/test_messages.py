from __future__ import annotations

import pytest

from danqing_server.http.messages import language_of


class TestLanguage:
    @pytest.mark.parametrize(
        ("header", "language"),
        [
            ("", "zh"),
            ("en", "en"),
            ("en-GB,en;q=0.9", "en"),
            ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
            ("en;q=0.2, zh;q=0.8", "zh"),
            ("zh;q=0, en;q=0.1", "en"),
            ("fr,de", "zh"),
            ("fr, en;q=0.5", "en"),
            ("*", "zh"),
            ("en;q=broken", "zh"),
            (f"en,{'x' * 500}", "zh"),
        ],
    )
    def test_the_highest_weight_decides(self, header: str, language: str) -> None:
        """Weights are heeded, and what is not understood is Chinese."""
        assert language_of({"accept-language": header}) == language

    def test_no_header_is_chinese(self) -> None:
        """The old server spoke Chinese."""
        assert language_of({}) == "zh"
