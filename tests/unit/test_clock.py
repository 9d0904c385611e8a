"""E11: neither a clock that is set, nor one that was wrong from the start, is what a process takes for the time."""

from __future__ import annotations

import attrs
import pytest

from danqing_server.clock import Clock, SteadyTime


@attrs.define
class Hands:
    """The clocks of a machine, and one elsewhere that says the same."""

    wall: float = 1_000_000.0
    steady: float = 50.0
    shared: float = 1_000_000.0

    def pass_s(self, seconds: float) -> None:
        """Let time go by."""
        self.wall += seconds
        self.steady += seconds
        self.shared += seconds


def steady_time(hands: Hands) -> SteadyTime:
    """Return the time as told from *hands*."""
    return SteadyTime(lambda: hands.wall, lambda: hands.steady)


class TestSteadyTime:
    @pytest.mark.parametrize("step_s", [3600.0, -3600.0])
    def test_a_wall_that_is_set_is_not_followed(self, step_s: float) -> None:
        """E11: an hour forward or back, in the middle of a task."""
        hands = Hands()
        clock = Clock(wall_s=steady_time(hands))
        before_ms = clock.now_ms()
        hands.wall += step_s
        hands.pass_s(10.0)
        assert clock.now_ms() - before_ms == 10_000

    @pytest.mark.parametrize("wrong_s", [3600.0, -3600.0])
    def test_a_wall_that_was_wrong_from_the_start_is_put_right_at_once(self, wrong_s: float) -> None:
        """A host an hour ahead would end every other host's tasks as past their deadlines."""
        hands = Hands(wall=1_000_000.0 + wrong_s)
        time = steady_time(hands)
        time.hear(hands.shared)
        assert time() == hands.shared

    def test_what_the_shared_clock_keeps_saying_is_taken_over(self) -> None:
        """A machine that slept is right again after a quarter of an hour."""
        hands = Hands()
        time = steady_time(hands)
        time.hear(hands.shared)
        hands.shared += 3600.0
        time.hear(hands.shared)
        hands.pass_s(899.0)
        time.hear(hands.shared)
        assert time() == hands.shared - 3600.0
        hands.pass_s(1.0)
        time.hear(hands.shared)
        assert time() == hands.shared

    def test_a_step_that_is_taken_back_is_none(self) -> None:
        """The quarter of an hour begins anew."""
        hands = Hands()
        time = steady_time(hands)
        time.hear(hands.shared)
        for step_s in (3600.0, -3600.0, 3600.0):
            hands.shared += step_s
            time.hear(hands.shared)
            hands.pass_s(599.0)
            time.hear(hands.shared)
        assert time() == hands.shared - 3600.0

    def test_a_drift_is_followed_at_once(self) -> None:
        """Quartz differs by a few seconds a day."""
        hands = Hands()
        time = steady_time(hands)
        time.hear(hands.shared)
        hands.shared += 0.5
        time.hear(hands.shared)
        assert time() == hands.shared
