"""How long the service asks us to wait."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from danqing_plugins.kit.waiting import retry_after_of, service_time_s

NOON = "Sat, 28 Nov 2026 12:00:00 GMT"


class TestRetryAfter:
    """Every form of the wish."""

    @pytest.mark.parametrize(
        ("raw", "seconds"),
        [
            ("7", 7.0),
            (" 7 ", 7.0),
            ("0", 0.0),
            ("5.5", 5.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("86400", 300.0),
            ("9" * 400, 300.0),
            ("Sat, 28 Nov 2026 12:00:40 GMT", 40.0),
            ("Sat, 28 Nov 2026 11:59:40 GMT", 0.0),
            ("Thu, 01 Jan 2099 00:00:40 GMT", 300.0),
            ("Sat, 28 Nov 2026 12:00:40", 40.0),
            ("Sat, 28 Nov 2026 13:00:40 +0100", 40.0),
            ("Saturday, 28-Nov-26 12:00:40 GMT", 40.0),
            ("Sat Nov 28 12:00:40 2026", 40.0),
            ("soon", None),
            ("-5", None),
            ("inf", None),
            ("nan", None),
            ("1e3", None),
            ("٣", None),
            ("", None),
        ],
    )
    def test_numbers_and_dates(self, raw: str, seconds: float | None) -> None:
        """H18: numbers and the three forms of a date count, up to five minutes; the rest is nothing."""
        assert retry_after_of({"Retry-After": raw, "Date": NOON}) == seconds

    def test_date_is_read_by_the_services_clock(self) -> None:
        """H7: the service's clock is an hour ahead; the wish is six seconds."""
        ahead = time.time() + 3600
        headers = {"Date": _http_date(ahead), "Retry-After": _http_date(ahead + 6)}
        assert retry_after_of(headers) == 6.0

    @pytest.mark.parametrize("date", [None, "yesterday"])
    def test_own_clock_stands_in(self, date: str | None) -> None:
        """H7: an answer without a `Date` that can be read is measured by our own."""
        headers = {"Retry-After": _http_date(time.time() + 60)} | ({} if date is None else {"Date": date})
        seconds = retry_after_of(headers)
        assert seconds is not None
        assert 50 < seconds <= 60

    @pytest.mark.parametrize(("raw", "seconds"), [("1500", 1.5), ("250.0", 0.25), ("9" * 20, 300.0), ("x", 9.0)])
    def test_milliseconds_are_more_exact(self, raw: str, seconds: float) -> None:
        """H18: `retry-after-ms` comes before `Retry-After`, where it is a number."""
        assert retry_after_of(CIMultiDict({"Retry-After-Ms": raw, "retry-after": "9"})) == seconds

    def test_may_be_missing(self) -> None:
        """Ark promises no such header."""
        assert retry_after_of({}) is None

    @given(st.text(max_size=40), st.text(max_size=40))
    def test_nothing_breaks_it(self, wish: str, date: str) -> None:
        """Whatever stands there is a bounded wait or none."""
        seconds = retry_after_of({"Retry-After": wish, "Date": date})
        assert seconds is None or 0 <= seconds <= 300


class TestServiceTime:
    """The answer's own clock."""

    def test_is_the_date_of_the_answer(self) -> None:
        """H7: what happens "at the next minute" happens by the clock that counts the minutes."""
        assert service_time_s({"Date": NOON}) == 1_795_867_200.0

    def test_is_ours_without_one(self) -> None:
        """No date, no difference."""
        assert abs(service_time_s({}) - time.time()) < 5


def _http_date(unix_s: float) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(unix_s))
