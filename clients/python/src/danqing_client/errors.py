"""What can go wrong, and what the caller can do about it.

DanqingError
├── ConnectionFailed       no answer came, however often it was asked
├── UnusableProxy          the environment names a proxy that cannot be used, as SOCKS without `socksio`
├── ApiError               the server said no: `status`, `code`, `message`, `details`, `request_id`
│   ├── InvalidRequest         400, 413, 422: `details` names each wrong field
│   ├── NotAuthorized          401, 403: the key is missing, wrong, or may not do this
│   ├── NotFound               404: no such thing in this project
│   ├── Conflict               409: its state does not allow it
│   ├── LimitReached           402, 429: a budget or another limit; `retry_after_s` where it passes by itself
│   └── ServerUnavailable      5xx: try again later
├── TaskFailed             the task ended without what it was to make: `task` has everything about it
├── WaitTimeout            the task goes on; wait for it again
└── WrongSignature         this webhook is not from who holds the secret
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from danqing_client.models import Task

__all__ = [
    "ApiError",
    "Conflict",
    "ConnectionFailed",
    "DanqingError",
    "InvalidRequest",
    "LimitReached",
    "NotAuthorized",
    "NotFound",
    "ServerUnavailable",
    "TaskFailed",
    "UnusableProxy",
    "WaitTimeout",
    "WrongSignature",
    "error_of",
]


class DanqingError(Exception):
    """The base of every error of this library."""


class ConnectionFailed(DanqingError):
    """No answer came. What was submitted may have arrived: the same `idempotency_key` finds it."""


class UnusableProxy(DanqingError):
    """The environment names a proxy that cannot be used; nothing was sent. A server on this machine needs none."""


class ApiError(DanqingError):
    """The server refused. `code` is stable; `details` has `field`, `message` and `value` of each wrong field."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Sequence[Mapping[str, Any]] = (),
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        fields = "; ".join(f"{each.get('field')}: {each.get('message')}" for each in details)
        super().__init__(f"{status} {code}: {message}" + (f" ({fields})" if fields else ""))
        self.status = status
        self.code = code
        self.message = message
        self.details = tuple(details)
        self.request_id = request_id
        self.retry_after_s = retry_after_s


class InvalidRequest(ApiError):
    """Something in the request is wrong; repeating it changes nothing."""


class NotAuthorized(ApiError):
    """The key is missing, wrong, expired or revoked, or may not do this."""


class NotFound(ApiError):
    """There is no such thing, or it is another project's."""


class Conflict(ApiError):
    """The thing is in a state that does not allow this."""


class LimitReached(ApiError):
    """A budget or another limit is used up; `retry_after_s` None: it does not pass by itself soon."""


class ServerUnavailable(ApiError):
    """The server cannot answer at present."""


class TaskFailed(DanqingError):
    """A task ended as failed or cancelled. `task.error.billed` says whether it cost anything."""

    def __init__(self, task: Task) -> None:
        error = task.error
        why = f"{error.code}: {error.message}" if error is not None else task.status
        super().__init__(f"task {task.id} {task.status}: {why}")
        self.task = task


class WaitTimeout(DanqingError):
    """The task did not end in time; it goes on."""

    def __init__(self, task: Task, timeout_s: float) -> None:
        super().__init__(f"task {task.id} is {task.status} after {timeout_s:g} s; wait for it again")
        self.task = task


class WrongSignature(DanqingError):
    """The signature, the timestamp or the headers of a webhook are not what they should be."""


_KINDS: Mapping[int, type[ApiError]] = {
    400: InvalidRequest,
    401: NotAuthorized,
    402: LimitReached,
    403: NotAuthorized,
    404: NotFound,
    409: Conflict,
    413: InvalidRequest,
    422: InvalidRequest,
    429: LimitReached,
}


def error_of(
    status: int, document: object, *, request_id: str | None = None, retry_after_s: float | None = None
) -> ApiError:
    """Return the error of an answer; *document* is its body, None when that was no JSON."""
    body = document if isinstance(document, Mapping) else {}
    details = body.get("details")
    kind = _KINDS.get(status, ServerUnavailable if status >= 500 else ApiError)
    return kind(
        status,
        str(body.get("code") or f"http_{status}"),
        str(
            body.get("message") or body.get("error") or "what answered is no danqing server, or something before it"
        ),
        details=[each for each in details if isinstance(each, Mapping)] if isinstance(details, list) else (),
        request_id=request_id,
        retry_after_s=retry_after_s,
    )
