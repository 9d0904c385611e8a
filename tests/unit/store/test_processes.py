"""Whether a process of this machine is gone: told only when it is sure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from danqing_server.store.processes import has_died, identity_of

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells of its processes")


class TestIdentity:
    def test_a_process_that_lives_has_not_died(self) -> None:
        """This one, to begin with."""
        assert not has_died(identity_of(os.getpid()))

    def test_a_process_that_was_killed_has_died(self) -> None:
        """Before and after somebody asked how it ended."""
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
            identity = identity_of(process.pid)
            assert identity is not None
            assert not has_died(identity)
            process.kill()
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            assert has_died(identity)
        assert has_died(identity)

    def test_another_process_of_that_number_is_another(self) -> None:
        """Numbers come again."""
        here = identity_of(os.getpid())
        assert here is not None
        assert has_died(here.rpartition("/")[0] + "/1")

    @pytest.mark.parametrize("identity", [None, "boot/pid:[1]/1/1", "nonsense/x/y", "///"])
    def test_what_is_not_of_here_proves_nothing(self, identity: str | None) -> None:
        """Another machine's worker, or an older release's."""
        assert not has_died(identity)
