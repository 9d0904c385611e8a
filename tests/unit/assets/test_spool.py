"""Files under way."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from danqing_server.assets.spool import Spool


class TestSpool:
    """One file, written and then moved or thrown away."""

    def test_nothing_is_made_before_the_first_byte(self, tmp_path: Path) -> None:
        """Naming a file does not create it, and discarding it then does no harm."""
        Spool.within(tmp_path).discard()
        assert os.listdir(tmp_path) == []

    def test_size_and_hash_are_of_what_was_written(self, tmp_path: Path) -> None:
        """Chunks add up."""
        spool = Spool.within(tmp_path)
        spool.write(b"ab")
        spool.write(memoryview(b"cd"))
        assert (spool.size_bytes, spool.sha256) == (4, hashlib.sha256(b"abcd").hexdigest())
        assert spool.path.read_bytes() == b"abcd"
        spool.discard()
        assert os.listdir(tmp_path) == []

    def test_a_moved_file_survives_discard(self, tmp_path: Path) -> None:
        """`discard` removes the spool's name only."""
        spool = Spool.within(tmp_path)
        spool.write(b"whole")
        spool.move_to(tmp_path / "there")
        spool.discard()
        assert os.listdir(tmp_path) == ["there"]

    def test_a_late_write_does_not_bring_it_back(self, tmp_path: Path) -> None:
        """A thread that outlives its cancelled caller meets an error, and no new file."""
        spool = Spool.within(tmp_path)
        spool.write(b"x")
        spool.discard()
        with pytest.raises(FileNotFoundError):
            spool.write(b"y")
        assert os.listdir(tmp_path) == []
