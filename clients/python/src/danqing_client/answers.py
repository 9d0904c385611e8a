"""What is made of the answers, for both clients."""

from __future__ import annotations

import hashlib
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from danqing_client.errors import ConnectionFailed, error_of
from danqing_client.models import Output, Task, TaskRow, Upload

__all__ = ["checked", "read", "read_any", "retry_after_s", "row_of", "task_of", "upload_of"]

NDJSON = "application/x-ndjson"


def read(response: httpx.Response) -> Any:
    """Return the `data` of an answer. Raises ApiError, also of one that has none: it is somebody else's."""
    document = _document_of(response)
    if response.is_success and isinstance(document, dict) and "data" in document:
        return document["data"]
    raise error_of(
        response.status_code,
        document,
        request_id=response.headers.get("x-request-id"),
        retry_after_s=retry_after_s(response),
    )


def read_any(response: httpx.Response) -> Any:
    """Return the `data` of an answer, a document without any, a text, or bytes: whatever it is. Raises ApiError."""
    if not response.is_success:
        return read(response)
    media_type = response.headers.get("content-type", "").partition(";")[0].strip()
    if media_type == "application/json":
        document = _document_of(response)
        return document.get("data", document) if isinstance(document, dict) else document
    return response.text if media_type.startswith("text/") or media_type == NDJSON else response.content


def _document_of(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def retry_after_s(response: httpx.Response) -> float | None:
    """Return how long the server asks to wait, in seconds or by a date; None when it does not."""
    told: str | None = response.headers.get("retry-after")
    if told is None:
        return None
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        wait = parsedate_to_datetime(told) - parsedate_to_datetime(response.headers["date"])
        return max(0.0, wait.total_seconds())
    except (KeyError, TypeError, ValueError):
        return None


def checked(output: Output, response: httpx.Response) -> bytes:
    """Return the bytes of an output. Raises ApiError, and ConnectionFailed when they are others than were kept."""
    if not response.is_success:
        read(response)
    if hashlib.sha256(response.content).hexdigest() != output.sha256:
        raise ConnectionFailed(f"output {output.index} did not come as it is kept: {len(response.content)} bytes")
    return response.content


def task_of(data: Any) -> Task:
    """Return the task of an answer."""
    return Task.of(data)


def row_of(data: Any) -> TaskRow:
    """Return the row of a list."""
    return TaskRow.of(data)


def upload_of(data: Any) -> Upload:
    """Return the upload of an answer."""
    return Upload.of(data)
