"""Every failure of disk, bucket and memory, and whether repeating the same operation can ever succeed.

What an operator can mend while we go on trying (room, rights, credentials, a mount, a network) is passing, and so
is a want of memory: a paid picture waits for it. Permanent is what lies in the operation itself. What is not in
the table is passing: nothing is given up on a guess. Sources: errno(3); object_store's `Error` and obstore's
`exceptions`, read 2026-11-28.
"""

from __future__ import annotations

import errno
import os
import re
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
_CODE = re.compile(r"<Code>([A-Za-z]{1,64})</Code>")


@contextmanager
def storage_failures(action: str) -> Iterator[None]:
    """Translate every failure of the disk, the bucket or memory; *action* says what failed, in a few words."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else _told(error)  # obstore's own carry no number
        raise StorageUnavailable(f"{action}: {reason}", permanent=error.errno in _PERMANENT_NUMBERS) from error
    except MemoryError as error:
        raise StorageUnavailable(f"{action}: out of memory") from error
    except BaseError as error:
        permanent = isinstance(error, _PERMANENT_KINDS)
        raise StorageUnavailable(f"{action}: {_told(error)}", permanent=permanent) from error


def _told(error: Exception) -> str:
    """Return the kind of an error of obstore, with S3's code where its text of pages, which holds keys, has one.

    The code says what the kind does not: a `FileNotFoundError` may be `NoSuchBucket`, a `PermissionDeniedError`
    `RequestTimeTooSkewed`.
    """
    found = _CODE.search(str(error))
    return type(error).__name__ + (f" ({found[1]})" if found else "")
