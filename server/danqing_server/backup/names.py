"""Which content a key of the picture storage had, for files whose documents do not say: they are read once.

A key is given to one content only, so what is known of it stays right. The file is a cache: without it files are
read again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Self

import attrs

__all__ = ["KnownNames"]


@attrs.define(eq=False)
class KnownNames:
    """The digests by key. Its methods block for microseconds; one thread at a time."""

    _database: sqlite3.Connection
    _is_damaged: bool = attrs.field(default=False, init=False)

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Yield what is known; a file that cannot be used is begun anew, at once or the next time.

        Raises OSError when it cannot be.
        """
        try:
            database = _connect(path)
        except sqlite3.DatabaseError:
            path.unlink(missing_ok=True)
            database = _begun_anew(path)
        path.chmod(0o600)
        known = cls(database)
        with closing(database):
            yield known
            with suppress(sqlite3.Error):  # a full disk: it is but a cache
                database.commit()
        if known._is_damaged:
            path.unlink(missing_ok=True)

    def find(self, key: str) -> tuple[str, int] | None:
        """Return the SHA-256 and size of what stands at *key*, None when they are not known."""
        try:
            found = self._database.execute("SELECT sha256, size_bytes FROM names WHERE key = ?", (key,)).fetchone()
        except sqlite3.DatabaseError:  # that it is damaged shows where one reads
            self._is_damaged = True
            return None
        return None if found is None else (found[0], found[1])

    def note(self, key: str, sha256: str, size_bytes: int) -> None:
        """Remember them."""
        with suppress(sqlite3.Error):
            self._database.execute("INSERT OR REPLACE INTO names VALUES (?, ?, ?)", (key, sha256, size_bytes))


def _begun_anew(path: Path) -> sqlite3.Connection:
    try:
        return _connect(path)
    except sqlite3.Error as error:
        raise OSError(f"{path.name} cannot be written: {error}") from error


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, check_same_thread=False)
    try:
        database.execute("CREATE TABLE IF NOT EXISTS names (key TEXT PRIMARY KEY, sha256 TEXT, size_bytes INTEGER)")
    except sqlite3.Error:
        database.close()
        raise
    return database
