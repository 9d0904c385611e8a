"""The places of the processes that count together."""

from __future__ import annotations

from pathlib import Path

from danqing_server.telemetry.slots import Slot, files_of_folder


def _names(folder: Path) -> list[str]:
    return [Path(path).name for path in files_of_folder(folder)]


class TestSlot:
    def test_two_at_one_time_have_different_ones(self, tmp_path: Path) -> None:
        """Two that wrote into one file would spoil each other's counts."""
        assert [Slot.take(tmp_path).number for _ in range(3)] == [0, 1, 2]

    def test_what_was_left_is_taken_again(self, tmp_path: Path) -> None:
        """So that there are no more files than processes, however often they are replaced."""
        first, second = Slot.take(tmp_path), Slot.take(tmp_path)
        first.leave()

        assert Slot.take(tmp_path).number == first.number
        assert second.number == 1

    def test_counts_outlive_their_process_and_gauges_do_not(self, tmp_path: Path) -> None:
        """The sum must not fall because a process died, and what it held is held no more."""
        slot = Slot.take(tmp_path)
        for name in ("counter_0.db", "histogram_0.db", "gauge_livesum_0.db"):
            (tmp_path / name).touch()
        assert _names(tmp_path) == ["counter_0.db", "gauge_livesum_0.db", "histogram_0.db"]

        slot.leave()

        assert _names(tmp_path) == ["counter_0.db", "histogram_0.db"]

    def test_who_takes_over_begins_without_the_gauges_of_the_dead(self, tmp_path: Path) -> None:
        """They would be taken for its own."""
        Slot.take(tmp_path).leave()
        (tmp_path / "gauge_livesum_0.db").touch()
        (tmp_path / "counter_0.db").touch()

        Slot.take(tmp_path)

        assert _names(tmp_path) == ["counter_0.db"]
