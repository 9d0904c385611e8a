"""HTTP's view of a picture."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from danqing_server.assets.serving import (
    UNSATISFIABLE,
    ByteRange,
    Unsatisfiable,
    etag_of,
    matches,
    parse_range,
    stored_headers,
)
from danqing_server.assets.storage import Stat


class TestRange:
    """RFC 9110 §14, for single ranges."""

    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            (None, None),
            ("", None),
            ("bytes=0-0", ByteRange(0, 1)),
            ("bytes=0-", ByteRange(0, 100)),
            ("bytes=99-", ByteRange(99, 100)),
            ("bytes=10-19", ByteRange(10, 20)),
            ("bytes=10-1000", ByteRange(10, 100)),
            ("BYTES = 10-19", ByteRange(10, 20)),
            ("bytes=-1", ByteRange(99, 100)),
            ("bytes=-1000", ByteRange(0, 100)),
            ("bytes=100-", UNSATISFIABLE),
            ("bytes=100-200", UNSATISFIABLE),
            ("bytes=-0", UNSATISFIABLE),
            ("bytes=20-10", None),
            ("bytes=0-1,5-6", None),
            ("bytes=-", None),
            ("bytes=a-b", None),
            ("bytes=١-٢", None),
            ("items=0-1", None),
            ("bytes=0-" + "9" * 5000, None),
        ],
    )
    def test_each_form(self, header: str | None, expected: ByteRange | Unsatisfiable | None) -> None:
        """What is malformed or not understood is ignored; what lies outside is unsatisfiable."""
        assert parse_range(header, 100) == expected

    @pytest.mark.parametrize("around", ["bytes={}x", "bytes{}=x", "bytes=0{}x", "bytes=0-1{}x"])
    def test_blanks_without_end_are_looked_through_once(self, around: str) -> None:
        """As many as a head may have; whoever has a link may send them."""
        began_s = time.process_time()
        assert parse_range(around.format(" ," * 16_000), 100) is None
        assert parse_range(around.format(" " * 32_000), 100) is None
        assert time.process_time() - began_s < 1.0

    def test_content_range_counts_inclusively(self) -> None:
        """The header's last byte is the last one sent."""
        assert ByteRange(10, 20).content_range(100) == "bytes 10-19/100"


class TestValidators:
    """A key is its own version."""

    def test_the_tag_is_strong_and_of_the_file(self) -> None:
        """No W/, and quoted."""
        assert etag_of("task/0-abc.png") == '"0-abc"'

    def test_if_none_match_compares_weakly(self) -> None:
        """A proxy may have weakened the tag."""
        assert matches('"x", W/"0-abc"', '"0-abc"')
        assert matches("*", '"0-abc"')
        assert not matches('"x"', '"0-abc"')
        assert not matches(None, '"0-abc"')

    def test_if_range_compares_strongly(self) -> None:
        """A weak tag, or a date, does not promise the same bytes."""
        assert matches('"0-abc"', '"0-abc"', weak=False)
        assert not matches('W/"0-abc"', '"0-abc"', weak=False)
        assert not matches("Tue, 24 Nov 2026 01:02:03 GMT", '"0-abc"', weak=False)

    def test_headers_allow_keeping_for_good_and_no_sniffing(self) -> None:
        """What is uploaded as a picture is never run as a page."""
        stat = Stat(
            key="task/0-abc.png",
            size_bytes=9,
            media_type="image/png",
            modified_at=datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC),
        )
        headers = stored_headers(stat)
        assert headers["Last-Modified"] == "Tue, 24 Nov 2026 01:02:03 GMT"
        assert "immutable" in headers["Cache-Control"]
        assert headers["X-Content-Type-Options"] == "nosniff"
