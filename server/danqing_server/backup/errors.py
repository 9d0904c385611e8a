"""What can go wrong with backups.

DanqingError
└── BackupError            what was asked for cannot be done; the message says what to do about it
    ├── BackupBusy             another backup into the same folder is under way
    └── BackupDamaged          a file of the backup is not what was written
"""

from __future__ import annotations

from danqing_server.errors import DanqingError

__all__ = ["BackupBusy", "BackupDamaged", "BackupError"]


class BackupError(DanqingError):
    """It cannot be done; nothing was changed unless the message says so."""


class BackupBusy(BackupError):
    """Another process takes, prunes or restores backups of this folder: wait for its end."""


class BackupDamaged(BackupError):
    """A file of the backup is missing, or is not what was written: take another backup, or another copy of it."""
