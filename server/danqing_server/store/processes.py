"""Which process of which machine: so that a worker of this machine is known to be dead as soon as it is.

Sources: proc(5), namespaces(7) and kill(2), Linux man-pages 6, read 2026-11-28. Elsewhere nothing is known, and
only a beat that stands still tells.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["has_died", "identity_of"]

PROC = Path("/proc")
DEAD = ("Z", "X")


def identity_of(pid: int) -> str | None:
    """Return what names one process of all machines and times; None when there is none, or it cannot be told.

    `boot/namespace/pid/start`: ids of the boot and of the process-id namespace (a container has its own), the pid,
    and the clock tick it was started at.
    """
    try:
        return f"{_here()}/{pid}/{_state_and_start(pid)[1]}"
    except (OSError, IndexError):
        return None


def has_died(identity: str | None) -> bool:
    """Tell that the process of that identity ran here, and does not any more; False whenever that cannot be told.

    What cannot be read (too many open files, another user's process) proves nothing.
    """
    if identity is None:
        return False
    try:
        here, pid, start = identity.rsplit("/", 2)
        if here != _here():
            return False
        os.kill(int(pid), 0)
        state, started = _state_and_start(int(pid))
    except ProcessLookupError:
        return True
    except (OSError, ValueError, IndexError):
        return False
    return state in DEAD or started != start


def _state_and_start(pid: int) -> tuple[str, str]:
    stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    fields = stat.rpartition(")")[2].split()  # a name may hold anything, a bracket too
    return fields[0], fields[19]


def _here() -> str:
    boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}/{(PROC / 'self/ns/pid').readlink()}"
