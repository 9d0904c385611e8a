"""Who is dead: only the time counts in which MongoDB answered who watches."""

from __future__ import annotations

import pytest

from danqing_server.worker.vigil import Vigil

DEAD_AFTER_S = 20.0


@pytest.fixture
def vigil() -> Vigil:
    """Nobody has been seen yet."""
    return Vigil()


def look(vigil: Vigil, now_s: float, **beats: int | None) -> list[str]:
    """Look at what MongoDB says at *now_s*."""
    return vigil.look(beats, now_s, DEAD_AFTER_S)


class TestVigil:
    def test_a_beat_that_stands_still_is_dead_after_a_while(self, vigil: Vigil) -> None:
        """By the clock of who watches; one that was never seen begins at nothing."""
        assert look(vigil, 1000, one=7) == []
        assert look(vigil, 1019, one=7, two=1) == []
        assert look(vigil, 1020, one=7, two=1) == ["one"]

    def test_a_beat_that_moves_begins_anew(self, vigil: Vigil) -> None:
        """However short before the end."""
        look(vigil, 0, one=1)
        look(vigil, 19, one=1)
        assert look(vigil, 20, one=2) == []
        assert look(vigil, 39, one=2) == []
        assert look(vigil, 40, one=2) == ["one"]

    def test_a_worker_without_a_document_stands_still(self, vigil: Vigil) -> None:
        """Tasks name it, and nobody renews it."""
        look(vigil, 0, one=None)
        assert look(vigil, 20, one=None) == ["one"]

    def test_time_without_an_answer_counts_for_nobody(self, vigil: Vigil) -> None:
        """And what was seen before it is not lost: else nobody would be taken over from on a busy machine."""
        look(vigil, 0, one=1)
        look(vigil, 18, one=1)
        vigil.miss()
        assert look(vigil, 23, one=1) == []
        assert look(vigil, 24, one=1) == []
        assert look(vigil, 25, one=1) == ["one"]

    def test_all_begin_anew_after_an_outage(self, vigil: Vigil) -> None:
        """Nobody could renew."""
        look(vigil, 0, one=1)
        look(vigil, 18, one=1)
        vigil.begin_anew()
        assert look(vigil, 30, one=1) == []
        assert look(vigil, 49, one=1) == []
        assert look(vigil, 50, one=1) == ["one"]
