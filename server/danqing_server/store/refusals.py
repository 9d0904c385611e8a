"""Which of MongoDB's errors can never pass, and which an outage explains: one table, from its error codes.

Source: github.com/mongodb/mongo, src/mongo/base/error_codes.yml of r6.0, and the manual's "Update" pages, read
2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bson
from pymongo.errors import DocumentTooLarge, InvalidOperation, PyMongoError

from danqing_server.errors import StoreUnavailable

__all__ = ["ENCODING_ERRORS", "REFUSED_FOR_GOOD", "as_unavailable", "write_error"]

ENCODING_ERRORS = (
    bson.errors.InvalidBSON,
    bson.errors.InvalidDocument,
    OverflowError,
    UnicodeError,
    DocumentTooLarge,
)
"""What the driver raises, before anything is sent, of a value that no document can hold."""

REFUSED_FOR_GOOD = frozenset(
    {
        2,  # BadValue
        9,  # FailedToParse
        14,  # TypeMismatch
        15,  # Overflow
        22,  # InvalidBSON
        28,  # PathNotViable
        40,  # ConflictingUpdateOperators
        52,  # DollarPrefixedFieldName
        55,  # InvalidDBRef
        56,  # EmptyFieldName
        57,  # DottedFieldName
        66,  # ImmutableField
        121,  # DocumentValidationFailure
        10003,  # CannotGrowDocumentInCappedNamespace
        10334,  # BSONObjectTooLarge
        11000,  # DuplicateKey
        17280,  # KeyTooLong
        17419,  # the update would make the document too large
        17420,  # the upserted document would be too large
    }
)
"""Codes that speak of the operation itself: the same one again is refused again.

Not here, though they do not pass by themselves either: a wrong password, a missing right, a full disk, a server
that may not be written to. A person mends those, and what was to be written is not lost until then.
"""


def as_unavailable(error: PyMongoError) -> StoreUnavailable:
    """Return the driver's error as ours; the message holds no document and no address."""
    code = getattr(error, "code", None)
    detail = type(error).__name__ if code is None else f"{type(error).__name__} {code}"
    permanent = isinstance(error, (*ENCODING_ERRORS, InvalidOperation)) or code in REFUSED_FOR_GOOD
    return StoreUnavailable(f"MongoDB did not carry out the operation ({detail})", permanent=permanent)


def write_error(entry: Mapping[str, Any]) -> StoreUnavailable:
    """Return the error of one operation of a bulk write, from its entry in `writeErrors`."""
    code = entry.get("code")
    return StoreUnavailable(f"MongoDB refused the write (code {code})", permanent=code in REFUSED_FOR_GOOD)
