"""The folder that backups are in: each has a folder of its own under `runs/`, and all share their pictures.

    danqing-backups.json    what the folder is
    lock                    held by who takes, prunes or restores
    names.sqlite            which content a key had: spares reading again; may be deleted
    damaged.txt             the hashes of the pictures that `verify` found damaged; may be deleted
    pictures/ab/cdef…       a picture, by the SHA-256 of its content
    pictures/.new/          pictures under way
    runs/20261129T024207Z/  a backup: `manifest.json`, documents, which pictures
    runs/….partial/         one that is under way, or was cut

A picture has its place only when it is whole and on the disk, and a backup its name only when all of it is. So what
is cut leaves nothing that could be taken for a backup, and the next one goes on with its pictures.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import attrs

from danqing_server.assets.spool import Spool, remove_if_dead, sync_folder
from danqing_server.backup.errors import BackupBusy, BackupError
from danqing_server.backup.manifest import MANIFEST, Manifest
from danqing_server.codec.bodies import dump_json

__all__ = ["PARTIAL", "Repository", "refusals"]

MARK = "danqing-backups.json"
DAMAGED = "damaged.txt"
PRIVATE_MODE = 0o700
PARTIAL = ".partial"


@attrs.define(eq=False)
class Repository:
    """A folder of backups. Its methods block; what the file system refuses is a BackupError."""

    folder: Path

    @classmethod
    def open(cls, folder: Path) -> Repository:
        """Return the repository that is there. Raises BackupError when there is none."""
        if not (folder / MARK).is_file():
            raise BackupError(f"{str(folder)!r} holds no backups of danqing")
        return cls(folder)

    @classmethod
    def make(cls, folder: Path) -> Repository:
        """Return the repository in *folder*, which is made when it is missing; a folder of something else is left.

        Raises:
            BackupError: there are other files in it, or it cannot be written.
        """
        with refusals(folder):
            folder.mkdir(PRIVATE_MODE, parents=True, exist_ok=True)
            if not (folder / MARK).is_file():
                strange = sorted(each.name for each in folder.iterdir() if each.name not in ("lock", "lost+found"))
                if strange:
                    raise BackupError(
                        f"{str(folder)!r} is neither empty nor a folder of backups (there is {strange[0]!r}); "
                        "name another one"
                    )
                folder.chmod(PRIVATE_MODE)
                _write(folder / MARK, dump_json({"danqing_backups": 1}))
            for name in ("pictures", "pictures/.new", "runs"):
                (folder / name).mkdir(PRIVATE_MODE, exist_ok=True)
            sync_folder(folder)
        return cls(folder)

    @contextmanager
    def locked(self) -> Iterator[Repository]:
        """Keep others from changing the repository. Raises BackupBusy."""
        with refusals(self.folder):
            descriptor = _lock_of(self.folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield self
        except BlockingIOError:
            raise BackupBusy(f"another process works with the backups in {str(self.folder)!r}") from None
        finally:
            os.close(descriptor)

    def runs(self) -> list[str]:
        """Return the ids of the whole backups, the oldest first."""
        with refusals(self.folder):
            found = [each.name for each in (self.folder / "runs").iterdir() if (each / MANIFEST).is_file()]
        return sorted((name for name in found if not name.endswith(PARTIAL)), key=_place_of)

    def chosen(self, run: str | None) -> str:
        """Return *run*, or the newest one for None. Raises BackupError when it is not there."""
        runs = self.runs()
        if not runs:
            raise BackupError(f"there is no whole backup in {str(self.folder)!r}")
        if run is not None and run not in runs:
            raise BackupError(f"there is no backup {run!r}; there are {', '.join(runs[-10:])}")
        return run or runs[-1]

    def folder_of(self, run: str) -> Path:
        """Return the folder of a backup."""
        return self.folder / "runs" / run

    def manifest_of(self, run: str) -> Manifest:
        """Return what a backup says of itself. Raises BackupDamaged."""
        return Manifest.read(self.folder_of(run))

    def begin(self, now: datetime) -> Path:
        """Return the folder of a new backup, and remove what cut ones left; only while it is `locked`.

        It comes after all others, also where the clock was set back since.
        """
        with refusals(self.folder):
            for left in (self.folder / "runs").glob(f"*{PARTIAL}"):
                shutil.rmtree(left)
            for spooled in (self.folder / "pictures" / ".new").iterdir():
                remove_if_dead(spooled)
            run = _name_after(self.runs(), f"{now:%Y%m%dT%H%M%SZ}")
            folder = self.folder / "runs" / f"{run}{PARTIAL}"
            folder.mkdir(PRIVATE_MODE)
        return folder

    def publish(self, folder: Path, manifest: Manifest) -> Path:
        """Make the backup in *folder* one: from now on it is there, whole."""
        with refusals(self.folder):
            _write(folder / MANIFEST, manifest.sealed())
            sync_folder(folder)
            final = folder.with_name(manifest.id)
            folder.rename(final)
            sync_folder(final.parent)
        return final

    def picture(self, sha256: str) -> Path:
        """Return where a picture of that content stands, or would."""
        return self.folder / "pictures" / sha256[:2] / sha256[2:]

    def has_picture(self, sha256: str, size_bytes: int | None) -> bool:
        """Tell whether a picture is here, by its name and size; `verify` looks at more."""
        with suppress(FileNotFoundError):
            found = self.picture(sha256).stat().st_size
            return size_bytes is None or found == size_bytes
        return False

    def found_damaged(self) -> frozenset[str]:
        """Return the hashes of the pictures that the last proof found damaged; they may be whole again since."""
        with refusals(self.folder), suppress(FileNotFoundError):
            return frozenset((self.folder / DAMAGED).read_text("ascii", "replace").split())
        return frozenset()

    def note_damaged(self, hashes: Iterable[str]) -> None:
        """Write down which pictures a proof found damaged, for the next backup, if this folder can be written."""
        path = self.folder / DAMAGED
        with suppress(OSError):
            spool = Spool.within(self.folder / "pictures" / ".new")
            try:
                spool.write("".join(f"{each}\n" for each in sorted(hashes)).encode())
                spool.move_to(path)
            finally:
                spool.discard()

    def spool(self) -> Spool:
        """Return a new file for a picture under way."""
        return Spool.within(self.folder / "pictures" / ".new")

    def keep(self, spool: Spool) -> None:
        """Give a whole picture its place, synced."""
        target = self.picture(spool.sha256)
        target.parent.mkdir(PRIVATE_MODE, exist_ok=True)
        spool.move_to(target)
        sync_folder(target.parent)
        sync_folder(target.parent.parent)


def _lock_of(folder: Path) -> int:
    try:
        return os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # a snapshot: a restore needs no more


def _place_of(run: str) -> tuple[str, int]:
    """Return where a backup comes among others: by the moment that its name says, and its number there."""
    stem, _, number = run.partition("-")
    return stem, int(number) if number.isdecimal() else 1


def _name_after(runs: Sequence[str], stem: str) -> str:
    """Return *stem*, or what comes right after the last of *runs* where that is no earlier."""
    last_stem, last_number = _place_of(runs[-1]) if runs else ("", 0)
    return stem if stem > last_stem else f"{last_stem}-{last_number + 1}"


def _write(path: Path, body: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        rest = memoryview(body)
        while rest:  # a disk that fills up takes a part, and refuses the next
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def refusals(folder: Path) -> Iterator[None]:
    """Raise BackupError for what the file system refuses in *folder*."""
    try:
        yield
    except OSError as error:
        place = error.filename or folder
        raise BackupError(f"{str(place)!r}: {error.strerror or error}") from error
