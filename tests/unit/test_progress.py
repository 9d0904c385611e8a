from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from danqing_server.desk.progress import MOST_UNFINISHED, Progress, estimated
from danqing_server.records.tasks import Status
from tests.unit.api.tasks import NOW, make_task

SECONDS = st.floats(0, 1e6)
RUNNING = make_task(status=Status.PROCESSING)


class TestEstimate:
    """U6: while one picture is made its provider tells nothing; the lane's pace does."""

    @given(SECONDS, SECONDS, st.floats(0.001, 1e4))
    def test_it_never_goes_back_and_never_arrives(self, early_s: float, late_s: float, mean_s: float) -> None:
        """However long it takes."""
        early, late = (estimated(ran_s, mean_s) for ran_s in sorted((early_s, late_s)))
        assert 0 <= early <= late <= MOST_UNFINISHED < 1

    @pytest.mark.parametrize(("ran_s", "shown"), [(0, 0), (5, 0.45), (10, 0.9), (20, 0.925)])
    def test_it_follows_the_recent_pace(self, ran_s: float, shown: float) -> None:
        """Where tasks took ten seconds."""
        assert estimated(ran_s, 10) == pytest.approx(shown)

    def test_nothing_known_is_nothing_told(self) -> None:
        """A lane's first task has no pace to go by."""
        assert estimated(5, None) == 0


class TestProgress:
    """U6: what is shown of a task."""

    def test_what_the_provider_tells_is_shown(self) -> None:
        """And at its end what is stored."""
        half = attrs.evolve(RUNNING, images=2, progress=0.5)
        assert Progress().of(half, NOW + timedelta(seconds=1), 10) == 0.5
        assert Progress().of(attrs.evolve(half, progress=1.0), NOW, 10) == MOST_UNFINISHED
        assert Progress().of(make_task(status=Status.COMPLETED), NOW, 10) == 1.0

    def test_it_is_not_taken_back_when_the_pace_changes(self) -> None:
        """A bar that jumps back looks like trouble."""
        progress, later = Progress(), NOW + timedelta(seconds=5)
        assert progress.of(RUNNING, later, 10) == 0.45
        assert progress.of(RUNNING, later, 100) == 0.45
        assert progress.of(RUNNING, NOW + timedelta(seconds=10), 10) == 0.9

    def test_of_several_pictures_the_first_is_estimated_alone(self) -> None:
        """So that the provider's own number, one of four, is no step back."""
        assert Progress().of(attrs.evolve(RUNNING, images=4), NOW + timedelta(hours=1), 10) < 0.25

    def test_retried_by_its_user_it_begins_anew(self) -> None:
        """It does."""
        progress = Progress()
        progress.of(RUNNING, NOW + timedelta(seconds=9), 10)
        assert progress.of(attrs.evolve(RUNNING, retried_at=NOW), NOW, 10) == 0

    def test_waiting_is_no_progress(self) -> None:
        """Nothing is made while it is queued."""
        assert Progress().of(make_task(), NOW + timedelta(hours=1), 10) == 0

    def test_memory_is_bounded(self) -> None:
        """Tens of thousands of tasks may be polled."""
        progress = Progress()
        for number in range(6000):
            progress.of(attrs.evolve(RUNNING, id=f"t{number}"), NOW + timedelta(seconds=5), 10)
        assert len(progress._told) == 5000
