"""How many files and sockets a process may have open."""

from __future__ import annotations

import contextlib
import resource

__all__ = ["raise_descriptor_limit"]

_WANTED_DESCRIPTORS = 65536


def raise_descriptor_limit() -> None:
    """Let this process and its children open as many files as they are allowed to, 65536 at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _WANTED_DESCRIPTORS)
    # macOS refuses what is above a limit of its own; 10240 it always grants.
    for limit in (wanted, min(wanted, 10240)):
        if soft == resource.RLIM_INFINITY or soft >= limit:
            return
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            return
