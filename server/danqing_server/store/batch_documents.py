"""How a batch stands in MongoDB."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from danqing_plugins import Text
from danqing_server.codec.documents import from_document
from danqing_server.errors import BatchUnreadable
from danqing_server.log import get_logger
from danqing_server.records.batches import Batch, LineProblem
from danqing_server.store.reading import SCHEMA_VERSION

__all__ = ["batch_document", "batch_of", "require_batch"]

log = get_logger(__name__)


def batch_document(batch: Batch) -> dict[str, Any]:
    """Return the document that holds *batch*."""
    document = attrs.asdict(batch, filter=lambda field, _: field.name not in ("id", "problems"))
    if batch.owner is None:
        del document["owner"]
    document |= {"_id": batch.id, "mode": batch.mode.value, "status": batch.status.value}
    document["problems"] = [_stored(problem) for problem in batch.problems]
    return document


def _stored(problem: LineProblem) -> dict[str, Any]:
    zh = problem.message.zh if isinstance(problem.message, Text) else problem.message
    return {**attrs.asdict(problem), "message": str(problem.message), "message_zh": zh}


def batch_of(document: Mapping[str, Any]) -> Batch | BatchUnreadable:
    """Return the batch that *document* holds, or why there is none, as `task_of` does of a task."""
    try:
        problems = tuple(_problem_of(each) for each in document.get("problems", ()))
        rest = {name: value for name, value in document.items() if name != "problems"}
        return attrs.evolve(from_document(Batch, {**rest, "id": document["_id"]}), problems=problems)
    except Exception as error:  # noqa: BLE001 — whatever a strange document does to the codec, it is its own
        log.error(  # noqa: TRY400 — the traceback may quote what a client sent
            "batch_unreadable",
            batch_id=document["_id"],
            reason=type(error).__name__,
            version=document.get("v", 1),
            own_version=SCHEMA_VERSION,
        )
        return BatchUnreadable(document["_id"])


def require_batch(found: Batch | BatchUnreadable) -> Batch:
    """Return the batch that was read. Raises BatchUnreadable."""
    if isinstance(found, Batch):
        return found
    raise found


def _problem_of(stored: Mapping[str, Any]) -> LineProblem:
    names = {field.name for field in attrs.fields(LineProblem)}
    known = {name: value for name, value in stored.items() if name in names}
    return LineProblem(**{**known, "message": Text(stored["message"], stored["message_zh"])})
