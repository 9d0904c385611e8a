"""Why a task or one of its outputs failed, in Ark's codes.

Ark's library in Python obeys `x-should-retry`; the one in Go asks again after 429 and 5xx whatever it says. So what
may have been paid for is answered with a status that neither repeats.
Sources: Volcengine's error codes 82379/1299023, read 2026-11-23; volcengine-go-sdk cf20b61b,
`service/arkruntime/client.go`, read 2026-11-30.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from danqing_plugins import Message, in_language
from danqing_server.doors.ark.addressing import ARK_WORD
from danqing_server.doors.ark.refusing import INTERNAL, INVALID, RETRY_HEADER, envelope
from danqing_server.doors.ark_shapes import ArkImageErrorShape
from danqing_server.http.doors import Refusal
from danqing_server.http.messages import ENGLISH
from danqing_server.life.billing import billed_of
from danqing_server.plugins.registry import Registry
from danqing_server.records.outputs import TaskError
from danqing_server.records.tasks import Billed, Status, Task

__all__ = ["EXPIRED", "fault_of", "is_expired", "refusal_of_task"]

EXPIRED = "order_expired"
FAILED_DEPENDENCY, RATE_LIMITED, INTERNAL_ERROR = 424, 429, 500

FAILED = Message(key="ark.failed", en="The task failed.", zh="任务失败。")

_CODES: Mapping[str, str] = {
    "invalid_request": INVALID,
    "content_rejected": "SensitiveContentDetected",
    "rate_limited": "ServerOverloaded",
    "cancelled": "InvalidAction",
}
_STATUSES: Mapping[str, int] = {
    "invalid_request": 400,
    "content_rejected": 400,
    "rate_limited": RATE_LIMITED,
    "cancelled": 400,
}
_ABOUT_THE_REQUEST = re.compile(
    r"(MissingParameter|InvalidParameter|InvalidImageURL|OutofContextError"
    r"|(Input|Output)?(Text|Image|Video|Audio)?(SensitiveContentDetected|RiskDetection))(\.[A-Za-z.]+)?"
)
"""Ark's codes that tell of the request, and not of the account that the server asks with."""


def fault_of(error: TaskError, task: Task, registry: Registry) -> ArkImageErrorShape:
    """Return what is said of *error*: by the code that Ark itself said, where it did."""
    return {"code": _code(error, task, registry), "message": in_language(error.message, ENGLISH)}


def refusal_of_task(task: Task, registry: Registry, request_id: str) -> Refusal:
    """Return the answer for a task that failed or was cancelled: what may be repeated the server has repeated."""
    error = task.error or TaskError(code="internal_error", message=FAILED())
    fault = fault_of(error, task, registry)
    status = _STATUSES.get(error.code, INTERNAL_ERROR)
    if status in (RATE_LIMITED, INTERNAL_ERROR) and billed_of(task) is not Billed.NO:
        status = FAILED_DEPENDENCY
    body = envelope(status, request_id, fault["code"], fault["message"])
    return Refusal(status=status, body=body, headers={RETRY_HEADER: "false"})


def is_expired(task: Task) -> bool:
    """Tell whether a task failed because the service gave it up after its time; one that is tried again has not."""
    return task.status is Status.FAILED and task.error is not None and task.error.provider_code == EXPIRED


def _code(error: TaskError, task: Task, registry: Registry) -> str:
    own, provider = error.provider_code, registry.find_provider(task.provider)
    if own and provider is not None and ARK_WORD in provider.parameters and _ABOUT_THE_REQUEST.fullmatch(own):
        return own
    return _CODES.get(error.code, INTERNAL)
