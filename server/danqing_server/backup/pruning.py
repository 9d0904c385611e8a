"""Removes old backups, and the pictures that none of those left names."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Sequence

from danqing_server.assets.spool import sync_folder
from danqing_server.backup.reading import Run
from danqing_server.backup.repository import PARTIAL, Repository, refusals

__all__ = ["prune"]

MOST_AT_ONCE = 500_000
"""Hashes, of 100 bytes each."""

_HASH = re.compile(r"[0-9a-f]{64}")
_FOLDERS = [f"{number:02x}" for number in range(256)]


def prune(repository: Repository, keep: int, *, most_at_once: int = MOST_AT_ONCE) -> list[str]:
    """Remove the oldest backups until *keep* are left, and return which; only while the repository is `locked`.

    Of the hashes that are still needed there are about *most_at_once* in memory; of more all lists are read again.
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
            _remove_unused(repository, most_at_once)
    return gone


def _remove_unused(repository: Repository, most_at_once: int) -> None:
    """Remove the pictures that no backup names: by the first digits of the hash, so that memory is bounded.

    What is no picture stays, such as what a network file system puts there.
    """
    runs = [Run.open(repository, run) for run in repository.runs()]
    rounds = max(1, min(len(_FOLDERS), -(-_count_of(runs) // most_at_once)))
    for number in range(rounds):
        names = frozenset(_FOLDERS[number::rounds])
        used = _used(runs, names)
        for name in names:
            for picture in (repository.folder / "pictures").glob(f"{name}/*"):
                whole = name + picture.name
                if _HASH.fullmatch(whole) and bytes.fromhex(whole) not in used:
                    picture.unlink()


def _count_of(runs: Sequence[Run]) -> int:
    """Return about how many pictures all of *runs* name together: those of one, and what was new to others."""
    named = (each.manifest.pictures.entries + each.manifest.pictures_again.entries for each in runs)
    return max(named, default=0) + sum(each.manifest.new_pictures for each in runs)


def _used(runs: Sequence[Run], names: Collection[str]) -> set[bytes]:
    """Return the hashes that *runs* name and that begin with one of *names*."""
    used: set[bytes] = set()
    for run in runs:
        used.update(bytes.fromhex(each.sha256) for each in run.lines() if each.sha256 and each.sha256[:2] in names)
    return used
