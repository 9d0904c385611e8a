"""Days and months, where and when they begin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from danqing_server.windows import Span, window_of

BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")


class TestWindow:
    def test_a_day_is_utc_unless_said_otherwise(self) -> None:
        """From midnight to midnight."""
        day = window_of(Span.DAY, datetime(2026, 11, 28, 23, 30, tzinfo=UTC))
        assert (day.name, day.start, day.end) == (
            "2026-11-28",
            datetime(2026, 11, 28, tzinfo=UTC),
            datetime(2026, 11, 29, tzinfo=UTC),
        )

    def test_a_day_elsewhere_begins_elsewhere(self) -> None:
        """In Shanghai it is tomorrow already."""
        day = window_of(Span.DAY, datetime(2026, 11, 28, 23, 30, tzinfo=UTC), SHANGHAI)
        assert (day.name, day.start) == ("2026-11-29", datetime(2026, 11, 28, 16, tzinfo=UTC))

    def test_the_day_the_clocks_go_back_has_25_hours(self) -> None:
        """Source: the tz database, Europe/Berlin, 25 October 2026."""
        day = window_of(Span.DAY, datetime(2026, 10, 25, 12, tzinfo=UTC), BERLIN)
        assert day.end - day.start == timedelta(hours=25)

    def test_a_month_ends_where_the_next_one_begins(self) -> None:
        """December's end is next year."""
        month = window_of(Span.MONTH, datetime(2026, 12, 31, 12, tzinfo=UTC))
        assert (month.name, month.end) == ("2026-12", datetime(2027, 1, 1, tzinfo=UTC))

    @given(st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)), st.sampled_from(Span))
    def test_every_moment_is_in_its_window(self, moment: datetime, span: Span) -> None:
        """And the window's end is in the next one."""
        for zone in (UTC, BERLIN, SHANGHAI):
            window = window_of(span, moment, zone)
            assert window.holds(moment)
            assert window_of(span, window.end, zone).start == window.end
