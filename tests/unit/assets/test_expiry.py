"""When signed URLs end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from danqing_server.assets.expiry import expires_at

END = datetime(2026, 11, 28, 10, 11, 12, tzinfo=UTC)
UNIX = int(END.timestamp())
HOST = "https://bucket.example/a%2Fb_0.jpeg"


class TestH2Expiry:
    """H2: how long a paid link can be asked is read from the link."""

    @pytest.mark.parametrize(
        "query",
        [
            "X-Tos-Algorithm=TOS4-HMAC-SHA256&X-Tos-Date=20261127T101112Z&X-Tos-Expires=86400&X-Tos-Signature=ab",
            "X-Amz-Expires=86400&X-Amz-Date=20261127T101112Z&X-Amz-Signature=ab",
            "X-Goog-Date=20261127T101112Z&X-Goog-Expires=86400",
            "x-oss-date=20261127T101112Z&x-oss-expires=86400&x-oss-signature=ab",
            "x-tos-date=20261127T101112Z&x-tos-expires=86400",
            f"OSSAccessKeyId=LT&Expires={UNIX}&Signature=a%2Bb",
            f"AWSAccessKeyId=AK&Signature=ab&Expires={UNIX}",
            f"Expires={UNIX}&Signature=ab&Key-Pair-Id=K",
            f"q-sign-algorithm=sha1&q-sign-time=1764000000;{UNIX}&q-signature=ab",
            "sv=2024-08-04&se=2026-11-28T10%3A11%3A12Z&sr=b&sig=ab",
            "se=2026-11-28T18%3A11%3A12%2B08%3A00&sig=ab",
        ],
    )
    def test_each_vendors_form_is_read(self, query: str) -> None:
        """Whatever the order and the case of its parameters."""
        assert expires_at(f"{HOST}?{query}") == END

    def test_a_day_alone_is_its_beginning(self) -> None:
        """As Azure reads it."""
        assert expires_at(f"{HOST}?se=2026-11-28&sig=ab") == datetime(2026, 11, 28, tzinfo=UTC)

    @pytest.mark.parametrize(
        "url",
        [
            "",
            HOST,
            "http://[::1/a?Expires=1",
            f"{HOST}?Expires={UNIX}",  # a page's own parameter, with nothing signed
            f"{HOST}?Expires=tomorrow&Signature=ab",
            f"{HOST}?Expires={'9' * 5000}&Signature=ab",
            f"{HOST}?Expires=99999999999&Signature=ab{'&x=1' * 1000}",
            f"{HOST}?X-Tos-Expires=86400",
            f"{HOST}?X-Tos-Date=20261127T101112Z",
            f"{HOST}?X-Tos-Date=20261350T101112Z&X-Tos-Expires=86400",
            f"{HOST}?X-Tos-Date=99991231T101112Z&X-Tos-Expires=99999999999",
            f"{HOST}?X-Tos-Date=20261127T101112Z&X-Tos-Expires=-5",
            f"{HOST}?X-Tos-Date=20261127T101112Z&X-Tos-Expires=%EF%BC%95",  # a digit, and none of ASCII's
            f"{HOST}?auth_key={UNIX}-0-0-ab",
            f"{HOST}?se=x&sig=ab",
        ],
    )
    def test_what_does_not_say_has_none(self, url: str) -> None:
        """A guess could end the asking too early."""
        assert expires_at(url) is None

    @given(
        st.text(),
        st.sampled_from(["", "X-Tos-Date=20261127T101112Z&X-Tos-Expires=", "sig=a&se=", "Signature&Expires="]),
    )
    def test_nothing_is_raised(self, noise: str, before: str) -> None:
        """The text is a stranger's."""
        assert expires_at(noise) is None
        found = expires_at(f"{HOST}?{before}{noise}")
        assert found is None or found.tzinfo is UTC
