"""The command `danqing`, which dies by SIGKILL: `python -m tests.support.dying_command WORDS…`.

`DIES_AT` is `before|after:<step>`: it dies when it comes there first. Empty, it lives to its end.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from danqing_server.loops.steps import listen
from danqing_server.settings.server import Settings
from tests.support.dying_process import Killer

__all__ = ["run_command"]

_ROOT = Path(__file__).parents[2]


def run_command(settings: Settings, *words: str, dies_at: str = "") -> int:
    """Run one to its end, and return its exit code: minus the signal's number when it died."""
    return subprocess.run(
        [sys.executable, "-m", "tests.support.dying_command", *words],
        cwd=_ROOT,
        env={**settings.environment, "DIES_AT": dies_at, "PATH": os.environ["PATH"]},
        stdout=subprocess.DEVNULL,
        check=False,
    ).returncode


if __name__ == "__main__":
    listen(Killer(os.environ["DIES_AT"]))
    # A step is listened to before the modules that have it are imported.
    from danqing_server.cli.commands import main

    sys.exit(main(sys.argv[1:]))
