"""When a process that ends at once is worth starting again, and when it is not."""

from __future__ import annotations

import attrs

from danqing_server.supervision.deaths import Deaths


@attrs.define
class Watch:
    """A clock that a test sets."""

    now_s: float = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


class TestDeaths:
    def test_five_short_lives_are_more_than_a_mishap(self) -> None:
        """Said once, with the fifth."""
        deaths = Deaths()
        told = []
        for _ in range(7):
            deaths.note(1, lived_s=0.1)
            told.append((deaths.first_of_many, deaths.many))
        assert told == [(False, False)] * 4 + [(True, True)] + [(False, True)] * 2

    def test_a_kill_from_outside_is_not_counted(self) -> None:
        """Whatever kills it a thousand times, it may live."""
        deaths = Deaths()
        for _ in range(1000):
            deaths.note(-9, lived_s=0.1)
            deaths.note(-15, lived_s=0.1)
        assert not deaths.many

    def test_crashes_of_its_own_are(self) -> None:
        """A segmentation fault or an abort comes from inside."""
        deaths = Deaths()
        for _ in range(5):
            deaths.note(-11, lived_s=0.1)
        assert deaths.many

    def test_a_long_life_is_forgiven(self) -> None:
        """The count begins anew."""
        deaths = Deaths()
        for _ in range(4):
            deaths.note(1, lived_s=0.1)
        deaths.note(1, lived_s=10)
        deaths.note(1, lived_s=0.1)
        assert not deaths.many

    def test_it_is_hopeless_after_a_while(self) -> None:
        """Ten minutes, counted from the first of the row; a few quick deaths are not enough, nor is time alone."""
        watch = Watch()
        deaths = Deaths(monotonic_s=watch)
        deaths.note(1, lived_s=0.1)
        watch.now_s = 700
        assert not deaths.hopeless
        for _ in range(4):
            deaths.note(1, lived_s=0.1)
        assert deaths.hopeless
