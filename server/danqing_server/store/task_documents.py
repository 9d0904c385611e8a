"""How a new task stands in MongoDB, and how large it may be."""

from __future__ import annotations

import bson
from bson.raw_bson import RawBSONDocument as Document

from danqing_plugins import Message, Problem
from danqing_server.codec.documents import to_document
from danqing_server.errors import InvalidSubmission
from danqing_server.records.tasks import Task
from danqing_server.store.changes import NO_MARKS, Marks
from danqing_server.store.reading import versioned

__all__ = ["LARGEST_DOCUMENT_BYTES", "Document", "encode"]

LARGEST_DOCUMENT_BYTES = 2 * 1024 * 1024
MARKS_BYTES = 512  # beyond that: a line of a batch is measured without marks, and must not be refused for them
NOT_STORABLE = Message(key="not_storable", en="holds a value that cannot be stored", zh="包含无法存储的值")
TOO_LARGE = Message(
    key="too_large_to_store",
    en="is too large to be stored: {size} bytes, at most {most}",
    zh="过大，无法存储：{size} 字节，最多 {most} 字节",
)


def encode(task: Task, marks: Marks = NO_MARKS) -> Document:
    """Return one task as a document, encoded alone so that a bad one cannot take a whole batch down with it.

    *marks* say that its creation is still to be told.

    Raises:
        InvalidSubmission: it cannot be stored as a document, or is too large for one.
    """
    try:
        document = versioned(to_document(task))
        if marks:
            document["untold"] = marks
        encoded = bson.encode(document)
    except (bson.errors.InvalidDocument, OverflowError, UnicodeError) as error:
        raise InvalidSubmission([Problem(field="request_body", message=NOT_STORABLE())]) from error
    if len(encoded) > LARGEST_DOCUMENT_BYTES + (MARKS_BYTES if marks else 0):
        message = TOO_LARGE(size=len(encoded), most=LARGEST_DOCUMENT_BYTES)
        raise InvalidSubmission([Problem(field="request_body", message=message)])
    return Document(encoded)
