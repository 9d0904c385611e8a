"""When a delivery is tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from danqing_server.delivery.webhooks.schedule import SCHEDULE_S, due_in

MIDDLE = 0.5


class TestSchedule:
    def test_it_lasts_for_three_days(self) -> None:
        """75 hours and a little, in ten tries."""
        assert len(SCHEDULE_S) == 10
        assert timedelta(seconds=sum(SCHEDULE_S)) == timedelta(hours=75, minutes=35, seconds=5)

    def test_chance_spreads_the_tries(self) -> None:
        """By a tenth to either side."""
        assert due_in(1, 0.0) == timedelta(seconds=4.5)
        assert due_in(1, MIDDLE) == timedelta(seconds=5)
        assert due_in(1, 1.0) == timedelta(seconds=5.5)

    def test_after_the_last_there_is_none(self) -> None:
        """It has failed."""
        assert due_in(9, MIDDLE) == timedelta(hours=24)
        assert due_in(10, MIDDLE) is None

    @pytest.mark.parametrize(("wish_s", "expected_s"), [(None, 5), (1, 5), (90, 90), (10**9, 86400)])
    def test_what_the_receiver_asks_for_only_puts_it_off(self, wish_s: float | None, expected_s: float) -> None:
        """For a day at most: nobody parks a delivery for ever."""
        assert due_in(1, MIDDLE, wish_s) == timedelta(seconds=expected_s)
