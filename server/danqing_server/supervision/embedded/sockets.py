"""Where the embedded servers listen: Unix sockets in a folder that only this account can enter."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from danqing_server.supervision.processes import StartRefused

__all__ = ["MONGODB_SOCKET", "REDIS_SOCKET", "find_socket", "socket_folder"]

MONGODB_SOCKET = "mongodb.sock"
REDIS_SOCKET = "redis.sock"
_PROBE = "danqing.sock"  # as long as the longest of the two


@contextlib.contextmanager
def socket_folder(data_dir: Path, parents: Sequence[str] = ()) -> Iterator[Path]:
    """Yield the folder for the sockets of *data_dir*'s servers while they run; nobody else's account can enter it.

    That is `run` inside, where they survive every kill. A socket's path may have 107 bytes on Linux, 103 on macOS
    (unix(7), read 2026-11-28), and some network file systems take no sockets: then it is a folder under one of
    *parents* (none: the system's temporary folders), whose name is kept in `run.path` for a start after a kill, and
    which goes when the block ends.

    Raises:
        StartRefused: no folder takes a socket.
    """
    inside = data_dir / "run"
    inside.mkdir(mode=0o700, exist_ok=True)
    if _takes_sockets(inside):
        yield inside
        return
    note = data_dir / "run.path"
    outside = _kept(note) or _made(note, inside, parents or (tempfile.gettempdir(), "/tmp"))
    yield outside
    shutil.rmtree(outside, ignore_errors=True)
    note.unlink(missing_ok=True)


def find_socket(data_dir: Path, name: str) -> Path | None:
    """Return the socket of a server of *data_dir* that runs, None when there is none."""
    folders = [data_dir / "run"]
    with contextlib.suppress(OSError):
        folders.append(Path((data_dir / "run.path").read_text().strip()))
    return next((folder.absolute() / name for folder in folders if (folder / name).is_socket()), None)


def _takes_sockets(folder: Path) -> bool:
    path = folder / _PROBE
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        probe.bind(str(path))
        path.unlink()
        return True
    return False


def _kept(note: Path) -> Path | None:
    """Return the folder that an earlier run made, if it is still there and still ours alone."""
    with contextlib.suppress(OSError):
        folder = Path(note.read_text().strip())
        found = folder.lstat()
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
        if ours and _takes_sockets(folder):
            return folder
    return None


def _made(note: Path, inside: Path, parents: Sequence[str]) -> Path:
    for parent in parents:
        with contextlib.suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix="danqing-", dir=parent))  # 0700, and a name nobody foresees
            if _takes_sockets(folder):
                note.write_text(f"{folder}\n")
                return folder
            folder.rmdir()
    raise StartRefused(
        f"neither {str(inside)!r} nor a temporary folder takes a Unix socket (a path too long, or a file system "
        "without them); set DANQING_DATA_DIR to another directory, or MONGO_URL and REDIS_URL to other servers"
    )
