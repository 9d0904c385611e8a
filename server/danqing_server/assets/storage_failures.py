"""Every failure of disk, bucket and memory, and whether repeating the same operation can ever succeed.

What an operator can mend while we go on trying (room, rights, credentials, a mount, a network) is passing, and so
is a want of memory: a paid picture waits for it. Permanent is what lies in the operation itself. What is not in
the table is passing: nothing is given up on a guess. Sources: errno(3); object_store's `Error` and obstore's
`exceptions`, read 2026-11-28.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    InvalidPathError,
    NotSupportedError,
    PreconditionError,
    UnknownConfigurationKeyError,
)

from danqing_server.errors import StorageUnavailable

__all__ = ["storage_failures"]

_PERMANENT_NUMBERS = frozenset(
    {
        errno.ENAMETOOLONG,
        errno.EILSEQ,  # a name that the file system cannot spell
        errno.EINVAL,
        errno.EFBIG,  # larger than the file system's files may be
        errno.EISDIR,
        errno.ENOSYS,
        errno.EOPNOTSUPP,
    }
)
_PERMANENT_KINDS = (
    AlreadyExistsError,
    InvalidPathError,
    NotSupportedError,
    PreconditionError,
    UnknownConfigurationKeyError,
)


@contextmanager
def storage_failures(action: str) -> Iterator[None]:
    """Translate every failure of the disk, the bucket or memory; *action* says what failed, in a few words."""
    try:
        yield
    except OSError as error:
        # obstore's own carry no number, and a text of pages that holds keys.
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise StorageUnavailable(f"{action}: {reason}", permanent=error.errno in _PERMANENT_NUMBERS) from error
    except MemoryError as error:
        raise StorageUnavailable(f"{action}: out of memory") from error
    except BaseError as error:
        permanent = isinstance(error, _PERMANENT_KINDS)
        raise StorageUnavailable(f"{action}: {type(error).__name__}", permanent=permanent) from error
