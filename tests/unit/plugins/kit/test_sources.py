"""Where a picture of an answer is to be had."""

from __future__ import annotations

from typing import Any

import pytest

from danqing_plugins import Source
from danqing_plugins.kit.sources import source_of

BASE = "https://ark.example:8443/api/v3/images/generations"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
LINK = "https://pictures.example/1.jpeg?X-Tos-Signature=a%2Fb&c=%E5%9B%BE"


class TestBytes:
    """Bytes at hand come first."""

    @pytest.mark.parametrize("encoded", [PNG, f"data:image/png;base64,{PNG}", f"{PNG[:20]}\r\n{PNG[20:]}"])
    def test_beat_a_link(self, encoded: str) -> None:
        """H3: bytes cannot be late, gone or expired."""
        source = source_of({"url": "https://pictures.example/404.jpeg", "b64_json": encoded}, BASE)
        assert source == Source.from_base64(encoded)

    @pytest.mark.parametrize("encoded", ["AAAA", "not base64!", "aGVsbG8gd29ybGQ=", "data:image/png;base64,", "é"])
    def test_that_are_no_picture_leave_the_link(self, encoded: str) -> None:
        """H3: of two, the one that can be a picture."""
        assert source_of({"url": LINK, "b64_json": encoded}, BASE) == Source.from_url(LINK)

    def test_alone_are_handed_on_as_they_are(self) -> None:
        """H11: line breaks and missing padding are the storage's to read, not ours to refuse."""
        text = f"{PNG[:20]}\n{PNG[20:]}".rstrip("=")
        assert source_of({"b64_json": text}, BASE) == Source.from_base64(text)

    def test_in_the_place_of_a_link(self) -> None:
        """H13: a data URI under `url` is bytes."""
        assert source_of({"url": f"data:image/png;base64,{PNG}"}, BASE) == Source.from_base64(
            f"data:image/png;base64,{PNG}"
        )


class TestLinks:
    """A link is followed as it was written."""

    @pytest.mark.parametrize(
        ("link", "absolute"),
        [
            (LINK, LINK),
            ("HTTPS://Pictures.Example/a/../b", "HTTPS://Pictures.Example/a/../b"),
            ("/pic/1.jpeg?s=%2F", "https://ark.example:8443/pic/1.jpeg?s=%2F"),
            ("//host.example/pic/1.jpeg", "https://host.example/pic/1.jpeg"),
            ("1.jpeg", "https://ark.example:8443/api/v3/images/1.jpeg"),
            (f" {LINK}\n", LINK),
        ],
    )
    def test_is_of_the_endpoint_unless_it_names_another(self, link: str, absolute: str) -> None:
        """H4: a relative link is resolved against the address that was asked; a whole one stays to the letter."""
        assert source_of({"url": link}, BASE) == Source.from_url(absolute)

    @pytest.mark.parametrize("item", [None, 5, "x", {}, {"url": ""}, {"url": 5, "b64_json": None}, {"url": " "}])
    def test_nothing_is_none(self, item: Any) -> None:
        """An item without either is no picture."""
        assert source_of(item, BASE) is None
