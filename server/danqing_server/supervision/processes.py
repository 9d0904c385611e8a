"""Commands as child processes: each in a session of its own, dying with its parent, its output in a file."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import attrs

from danqing_server.errors import DanqingError
from danqing_server.supervision import tether

__all__ = [
    "Command",
    "KeepsDying",
    "NotNow",
    "StartRefused",
    "end_with_parent",
    "last_words",
    "open_log",
    "read_tail",
    "tethered",
]

_LARGEST_LOG_BYTES = 16 * 1024 * 1024
_LONGEST_QUOTE = 400


class StartRefused(DanqingError):
    """The server cannot start here; the message is one line that names what is missing and the ways out.

    `explained` is True when a child process has said it already.
    """

    def __init__(self, message: str, *, explained: bool = False) -> None:
        super().__init__(message)
        self.explained = explained


class NotNow(StartRefused):
    """It cannot start just now: the same command does once there is room, an address, or another one has ended."""


class KeepsDying(DanqingError):
    """A process that is needed ended again and again, for so long that the server gave up.

    The message is one line with its last words. Everything else has been stopped in order; starting again is of use
    once the cause is gone.
    """


@attrs.frozen(kw_only=True)
class Command:
    """What to run. `environment` None passes ours on, `log_path` None shares our standard output and error.

    `death_signal` is what the child gets when its parent dies without stopping it (Linux).
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] | None = attrs.field(default=None, repr=False)
    log_path: Path | None = None
    death_signal: signal.Signals = signal.SIGKILL
    pass_fds: tuple[int, ...] = ()


def tethered(command: Command) -> list[str]:
    """Return the arguments that run *command* so that it dies with this process."""
    if sys.platform != "linux":
        return list(command.argv)
    wrapper = [sys.executable, "-I", "-S", str(Path(tether.__file__))]
    return [*wrapper, str(os.getpid()), str(int(command.death_signal)), *command.argv]


def open_log(path: Path) -> int:
    """Open a child's log for appending and return its descriptor; one that has grown large is set aside first."""
    if path.exists() and path.stat().st_size > _LARGEST_LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def read_tail(path: Path, *, since: int = 0, size_bytes: int = 4096) -> str:
    """Return the last bytes of a log as text, none from before offset *since*; empty when there is no file."""
    try:
        with path.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(min(since, end), end - size_bytes))
            return log.read().decode(errors="replace")
    except OSError:
        return ""


def last_words(output: str) -> str:
    """Return the line of a server's log that says best why it ended; mongod writes JSON, redis-server text."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    severe = [line for line in lines if '"s":"F"' in line or '"s":"E"' in line]
    chosen = (severe[:1] or lines[-1:] or ["it wrote nothing"])[0]
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
        entry = json.loads(chosen)
        detail = entry["attr"]
        chosen = f"{entry['msg']}: {detail.get('error', detail)}"
    return chosen[:_LONGEST_QUOTE]


def end_with_parent(interval_s: float = 1.0) -> None:
    """End this process within *interval_s* seconds of its parent's end, without a word; returns at once.

    For the systems that have no `PR_SET_PDEATHSIG`. A thread, so that a loop that is blocked does not delay it.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(interval_s)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
