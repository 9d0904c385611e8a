"""What a person sees who starts the server on a terminal."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.examples import command_environment

pytestmark = pytest.mark.processes

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A terminal: our end, and the one for the program."""
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)


def read_until(descriptor: int, words: str, timeout_s: float = 60) -> str:
    """Return what appears on the terminal up to *words*, without colours."""
    seen, deadline_s = b"", time.monotonic() + timeout_s
    while words not in seen.decode(errors="replace"):
        assert time.monotonic() < deadline_s, seen
        seen += os.read(descriptor, 4096)
    return COLOUR.sub("", seen.decode())


class TestFirstLine:
    def test_it_is_the_address(
        self, mongo_url: str, redis_url: str, database_name: str, terminal: tuple[int, int], tmp_path: Path
    ) -> None:
        """U1: not a warning of the web framework's that nobody can act on."""
        ours, theirs = terminal
        given = {"MONGO_URL": mongo_url, "REDIS_URL": redis_url, "DANQING_DATABASE": database_name}
        process = subprocess.Popen(
            [sys.executable, "-m", "danqing_server", "serve", "--port", "0"],
            cwd=tmp_path,
            env=command_environment({**given, "DANQING_DATA_DIR": str(tmp_path / "data")}),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        try:
            seen = read_until(ours, "TASK_ID")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
        assert re.fullmatch(r"danqing is ready at http://127\.0\.0\.1:\d+", seen.splitlines()[0])
        assert "PRODUCTION" not in seen
