"""The data directory: writable, used by one supervisor at a time, and free of an earlier run's servers."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pwd
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

from danqing_server.log import get_logger
from danqing_server.supervision.processes import NotNow, StartRefused

__all__ = ["DataDirectory"]

_POLL_S = 0.05
_OF_A_FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
_SERVERS = ("mongodb", "redis")
_ROOM_BYTES = 64 * 1024 * 1024  # MongoDB's journal alone takes more

_log = get_logger(__name__)


@attrs.define(kw_only=True)
class DataDirectory:
    """A data directory that is ours.

    `danqing.lock` is held by the supervisor. `servers.lock` is open in every server that keeps files here
    (`servers_fd` is handed down to them), so that its lock lasts until the last of them is gone, however it ended.
    """

    path: Path
    servers_fd: int
    _own_fd: int

    @classmethod
    @contextlib.contextmanager
    def claim(cls, path: Path, *, patience_s: float = 15.0) -> Iterator[DataDirectory]:
        """Make the directory and hold it while the block lasts.

        An earlier run's servers are given *patience_s* seconds to end. Blocks.

        Raises:
            NotNow: another supervisor, or a command that needs its servers, has it, or the disk is full.
            StartRefused: an earlier run's server does not end, or it cannot be written, or is another account's.
        """
        with contextlib.ExitStack() as opened:
            try:
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
                own = opened.enter_context((path / "danqing.lock").open("a+"))
                servers = opened.enter_context((path / "servers.lock").open("a+"))
            except OSError as error:
                refused = NotNow if error.errno in _OF_A_FULL_DISK else StartRefused
                raise refused(
                    f"DANQING_DATA_DIR: {str(path.absolute())!r} cannot be written ({error.strerror}); "
                    "make it writable for this user, or name another directory"
                ) from error
            if not _lock(own.fileno()):
                raise NotNow(_in_use(path))
            _require_own(path)
            _note(own.fileno(), [os.getpid()])
            _shut(path)
            _wait_for_leftovers(path, servers.fileno(), patience_s)
            yield cls(path=path, servers_fd=servers.fileno(), own_fd=own.fileno())

    @property
    def is_full(self) -> bool:
        """Whether there is hardly room for a server that starts here."""
        stat = os.statvfs(self.path)
        return stat.f_bavail * stat.f_frsize < _ROOM_BYTES

    def note_servers(self, pids: list[int]) -> None:
        """Write down the servers' process ids, for a later run that finds them still here."""
        with contextlib.suppress(OSError):  # the disk may be full: that must not keep a server from coming back
            _note(self.servers_fd, pids)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _require_own(path: Path) -> None:
    """Raise StartRefused where the servers' files are another account's than what is written here would be.

    Root could go on with them; but what root's mongod makes among them no other account's can read.
    """
    with tempfile.TemporaryFile(dir=path) as probe:  # on a network file system root may be somebody else
        ours = os.fstat(probe.fileno()).st_uid
    for folder in (path.absolute() / name for name in _SERVERS):
        if folder.is_dir() and (owner := folder.stat().st_uid) != ours:
            theirs = _named(owner)
            raise StartRefused(
                f"{str(folder)!r} belongs to the account {theirs!r}, which could not read what is written there as "
                f"{_named(ours)!r}: run this as {theirs!r} (`sudo -u {theirs} …`), or give the files away "
                "(chown --recursive)"
            )


def _named(account: int) -> str:
    try:
        return pwd.getpwuid(account).pw_name
    except KeyError:
        return str(account)


def _shut(path: Path) -> None:
    """Keep other accounts out of a directory that an earlier release, or its owner, left open.

    One that belongs to somebody else or is shared by design (sticky, as /tmp) stays as it is, and that is said.
    """
    mode = path.stat().st_mode
    if not mode & 0o077:
        return
    with contextlib.suppress(OSError):
        if not mode & stat.S_ISVTX:
            path.chmod(stat.S_IMODE(mode) & ~0o077)
            return
    _log.warning("data_directory_is_open", path=str(path.absolute()), mode=oct(stat.S_IMODE(mode)))


def _note(descriptor: int, pids: list[int]) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, "".join(f"{pid}\n" for pid in pids).encode(), 0)


def _noted(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split() if line.isdigit()]


def _in_use(path: Path) -> str:
    holder = "".join(f" (process {pid})" for pid in _noted(path / "danqing.lock"))
    return (
        f"{str(path.absolute())!r} is in use by another `danqing serve`, or by a command such as `danqing backup`"
        f"{holder}; wait for its end or stop it, or set DANQING_DATA_DIR to another directory"
    )


def _wait_for_leftovers(path: Path, descriptor: int, patience_s: float) -> None:
    """Wait until no server of an earlier run has files open here. Linux ends them with their supervisor."""
    if _lock(descriptor):
        return
    for pid in _leftovers(path):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + patience_s
    while not _lock(descriptor):
        if time.monotonic() > deadline:
            shown = ", ".join(str(pid) for pid in _leftovers(path)) or "unknown"
            raise StartRefused(
                f"a server of an earlier run still uses {str(path.absolute())!r} (process {shown}); "
                "end that process, then start again"
            )
        time.sleep(_POLL_S)


def _leftovers(path: Path) -> list[int]:
    """Return the noted processes that are still what they were: their command line names this directory."""
    commands = {pid: _command_line(pid) for pid in _noted(path / "servers.lock")}
    return [pid for pid, command in commands.items() if str(path.absolute()) in command]


def _command_line(pid: int) -> str:
    proc = Path(f"/proc/{pid}/cmdline")
    if proc.parent.parent.is_dir() and Path("/proc/self").exists():
        with contextlib.suppress(OSError):
            return proc.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return ""
    listed = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout
