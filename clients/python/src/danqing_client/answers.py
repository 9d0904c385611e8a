"""What is made of the answers, for both clients."""

from __future__ import annotations

import hashlib
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from danqing_client.errors import ConnectionFailed, error_of
from danqing_client.models import Output, Task, Upload

__all__ = ["checked", "read", "retry_after_s", "task_of", "upload_of"]


def read(response: httpx.Response) -> Any:
    """Return the `data` of an answer, and text as it is. Raises ApiError."""
    if response.is_success and response.headers.get("content-type", "").startswith("text/"):
        return response.text
    try:
        document = response.json()
    except ValueError:
        document = None
    if response.is_success and isinstance(document, dict):
        return document.get("data")
    raise error_of(
        response.status_code,
        document,
        request_id=response.headers.get("x-request-id"),
        retry_after_s=retry_after_s(response),
    )


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


def upload_of(data: Any) -> Upload:
    """Return the upload of an answer."""
    return Upload.of(data)
