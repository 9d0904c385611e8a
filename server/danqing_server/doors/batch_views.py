"""Batches as JSON."""

from __future__ import annotations

from collections.abc import Mapping

from danqing_server.doors.batch_shapes import BatchShape, TaskCountsShape
from danqing_server.records.batches import Batch, BatchStatus
from danqing_server.records.tasks import FINISHED

__all__ = ["batch_view"]


def batch_view(batch: Batch, counts: Mapping[str, int], base: str) -> BatchShape:
    """Return a batch; *counts* are of its tasks by status. What is wrong with its lines is left out."""
    tasks: TaskCountsShape = {
        "pending": counts.get("pending", 0),
        "scheduled": counts.get("scheduled", 0),
        "processing": counts.get("processing", 0),
        "completed": counts.get("completed", 0),
        "failed": counts.get("failed", 0),
        "cancelled": counts.get("cancelled", 0),
    }
    there = sum(counts.values())
    over = sum(counts.get(status, 0) for status in FINISHED)
    deleted = max(0, batch.made - there)
    return {
        "id": batch.id,
        "status": _state(batch, there - over),
        "mode": batch.mode,
        "lines": batch.lines,
        "accepted": batch.accepted,
        "rejected": batch.rejected,
        "created": batch.made,
        "progress": min(1.0, (over + deleted) / batch.accepted) if batch.accepted else 1.0,
        "tasks": tasks,
        "created_at": batch.created_at,
        "updated_at": batch.updated_at,
        "results_url": f"{base}/api/v1/batches/{batch.id}/results",
        "files_url": f"{base}/api/v1/batches/{batch.id}/files",
    }


def _state(batch: Batch, unfinished: int) -> str:
    if batch.status is not BatchStatus.CREATED:
        return batch.status.value
    return "running" if unfinished else "finished"
