"""Removes old backups, and the pictures that none of those left names."""

from __future__ import annotations

import re
import shutil

from danqing_server.assets.spool import sync_folder
from danqing_server.backup.reading import Run
from danqing_server.backup.repository import PARTIAL, Repository, refusals

__all__ = ["prune"]

_HASH = re.compile(r"[0-9a-f]{64}")


def prune(repository: Repository, keep: int) -> list[str]:
    """Remove the oldest backups until *keep* are left, and return which; only while the repository is `locked`.

    A backup loses its name before its files go, and its pictures go last: what is cut leaves whole backups whole.

    Raises:
        BackupDamaged: a backup that is left cannot be read, and so it is not known which pictures it needs.
        BackupError: the folder cannot be written.
    """
    runs = repository.runs()
    gone = runs[: max(0, len(runs) - keep)]
    with refusals(repository.folder):
        for run in gone:
            folder = repository.folder_of(run)
            dying = folder.rename(folder.with_name(f"{run}{PARTIAL}"))
            sync_folder(folder.parent)
            shutil.rmtree(dying)
        if gone:
            _remove_unused(repository)
    return gone


def _remove_unused(repository: Repository) -> None:
    """Remove the pictures that no backup names: by the first digit of the hash, so that memory is bounded.

    What is no picture stays, such as what a network file system puts there.
    """
    for digit in "0123456789abcdef":
        used = _used(repository, digit)
        for folder in (repository.folder / "pictures").glob(f"{digit}[0-9a-f]"):
            for picture in folder.iterdir():
                name = folder.name + picture.name
                if _HASH.fullmatch(name) and bytes.fromhex(name) not in used:
                    picture.unlink()


def _used(repository: Repository, digit: str) -> set[bytes]:
    used: set[bytes] = set()
    for run in repository.runs():
        lines = Run.open(repository, run).lines()
        used.update(bytes.fromhex(each.sha256) for each in lines if each.sha256 and each.sha256[0] == digit)
    return used
