"""Run a command that dies with its parent: `python -I -S tether.py PARENT SIGNAL COMMAND…`, Linux only.

The kernel sends SIGNAL when the *thread* that started us ends, so parents start commands from their main thread. A
wrapper, because `preexec_fn` is unsafe once a process has threads; it costs 20 ms and imports nothing of ours.
Source: prctl(2), PR_SET_PDEATHSIG, read 2026-11-24.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
CANNOT_EXECUTE = 126


def main(argv: list[str]) -> int:
    """Replace this process by the command; returns only when that fails."""
    parent, death_signal, command = int(argv[0]), int(argv[1]), argv[2:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the kernel knew of our wish
        return 1
    try:
        os.execv(command[0], command)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return CANNOT_EXECUTE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
