"""How long a process that keeps dying is waited for."""

from __future__ import annotations

from danqing_server.supervision.child import RestartDelay


class TestRestartDelay:
    def test_first_death_costs_no_time(self) -> None:
        """A process that was killed once is back at once."""
        assert RestartDelay().after(lived_s=0.1) == 0

    def test_repeated_deaths_wait_longer_up_to_5_s(self) -> None:
        """0.2 s, then twice as long each time."""
        delay = RestartDelay()
        assert [round(delay.after(lived_s=1), 1) for _ in range(9)] == [0, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5]

    def test_a_thousand_deaths_do_not_overflow(self) -> None:
        """It never gives up, and never breaks."""
        delay = RestartDelay()
        assert {delay.after(lived_s=0) for _ in range(5000)} == {0, 0.2, 0.4, 0.8, 1.6, 3.2, 5}

    def test_long_life_is_forgiven(self) -> None:
        """After ten seconds of service the count begins anew."""
        delay = RestartDelay()
        for _ in range(5):
            delay.after(lived_s=1)
        assert delay.after(lived_s=10) == 0
