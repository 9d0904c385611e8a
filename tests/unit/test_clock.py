"""E11: a clock that is set does not change what a process takes for the time."""

from __future__ import annotations

import attrs

from danqing_server.clock import Clock, SteadyTime


@attrs.define
class Hands:
    """Both clocks of a machine."""

    wall: float = 1_000_000.0
    steady: float = 50.0

    def pass_s(self, seconds: float) -> None:
        """Let time go by."""
        self.wall += seconds
        self.steady += seconds


def steady_time(hands: Hands) -> SteadyTime:
    """Return the time as told from *hands*."""
    return SteadyTime(lambda: hands.wall, lambda: hands.steady)


class TestSteadyTime:
    def test_a_step_is_not_followed(self) -> None:
        """E11: an hour forward or back, in the middle of a task."""
        for step_s in (3600.0, -3600.0):
            hands = Hands()
            clock = Clock(wall_s=steady_time(hands))
            before_ms = clock.now_ms()
            hands.wall += step_s
            hands.pass_s(10.0)
            assert clock.now_ms() - before_ms == 10_000

    def test_what_the_wall_keeps_saying_is_taken_over(self) -> None:
        """A machine that slept is right again after a quarter of an hour."""
        hands = Hands()
        time = steady_time(hands)
        hands.wall += 3600.0
        hands.pass_s(1.0)
        time()
        hands.pass_s(899.0)
        assert time() == hands.wall - 3600.0
        hands.pass_s(1.0)
        assert time() == hands.wall

    def test_a_step_that_is_taken_back_is_none(self) -> None:
        """The quarter of an hour begins anew."""
        hands = Hands()
        time = steady_time(hands)
        for step_s in (3600.0, -3600.0, 3600.0):
            hands.wall += step_s
            hands.pass_s(1.0)
            time()
            hands.pass_s(599.0)
        assert time() == hands.wall - 3600.0
