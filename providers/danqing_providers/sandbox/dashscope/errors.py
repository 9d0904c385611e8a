"""DashScope's errors: `{"code", "message", "request_id"}` with a status that is not always what one would expect.

Source: help.aliyun.com/zh/model-studio/error-code and manage-asynchronous-tasks, read 2026-11-28. A text that no
source gives is marked "our words".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

from danqing_providers.sandbox.troubles import Refusal, Trouble, TroubleKind

__all__ = [
    "DashScopeError",
    "body_of",
    "invalid",
    "not_asynchronous",
    "not_pending",
    "not_synchronous",
    "said",
    "unknown_model",
    "worded",
    "wrong_url",
]


class DashScopeError(Refusal):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


@attrs.frozen
class _Words:
    status: int
    code: str
    message: str


_WORDS: Final[Mapping[TroubleKind, _Words]] = MappingProxyType(
    {
        TroubleKind.KEY_MISSING: _Words(401, "InvalidApiKey", "No API-key provided."),
        TroubleKind.KEY_UNKNOWN: _Words(401, "InvalidApiKey", "Invalid API-key provided."),
        TroubleKind.INVALID: _Words(400, "InvalidParameter", "Required parameter(s) missing or invalid."),
        TroubleKind.ROUTE_NOT_FOUND: _Words(404, "NotFound", "Not found."),  # our words
        TroubleKind.METHOD_NOT_ALLOWED: _Words(405, "InvalidParameter", "Method not allowed."),  # our words
        TroubleKind.BODY_TOO_LARGE: _Words(413, "InvalidParameter", "The request body is too large."),  # our words
        TroubleKind.MODERATION: _Words(
            400, "DataInspectionFailed", "Input data may contain inappropriate content."
        ),
        TroubleKind.MODERATION_OUTPUT: _Words(
            400, "DataInspectionFailed", "Output data may contain inappropriate content."
        ),
        TroubleKind.REFERENCE_TIMEOUT: _Words(400, "InvalidURL", "Downloading the picture timed out."),  # our words
        TroubleKind.REFERENCE_AWAY: _Words(400, "InvalidURL", "The picture cannot be downloaded."),  # our words
        TroubleKind.RATE_LIMITED: _Words(
            429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later."
        ),
        TroubleKind.OVERLOADED: _Words(503, "ModelUnavailable", "Model is unavailable, please try again later."),
        TroubleKind.QUOTA: _Words(429, "Throttling.AllocationQuota", "Free allocated quota exceeded."),
        TroubleKind.OVERDUE: _Words(
            400, "Arrearage", "Access denied, please make sure your account is in good standing."
        ),
        TroubleKind.MODEL_CLOSED: _Words(403, "Model.AccessDenied", "Model access denied."),
        TroubleKind.INTERNAL: _Words(
            500,
            "InternalError",
            "An internal error has occured, please try again later or contact service support.",
        ),
        TroubleKind.UNAVAILABLE: _Words(503, "ModelUnavailable", "Model is unavailable, please try again later."),
    }
)
_GREEN_NET: Final = _Words(500, "InternalError.Algo.DataInspectionFailed", "Green net check failed.")
"""Moderation, in spite of the 500."""


def worded(trouble: Trouble) -> DashScopeError:
    """Return *trouble* in DashScope's words, or in those of its rule."""
    words = _WORDS[trouble.kind]
    if trouble.has_own_status and trouble.status == 500 and trouble.kind is TroubleKind.MODERATION:
        words = _GREEN_NET
    status = trouble.status if trouble.has_own_status else words.status
    message = trouble.message or words.message
    return DashScopeError(status, trouble.code or words.code, message)


def said(kind: TroubleKind) -> dict[str, str]:
    """Return what a task, or one picture of it, says of why it failed."""
    words = _WORDS[kind]
    return {"code": words.code, "message": words.message}


def body_of(error: DashScopeError, request_id: str) -> dict[str, Any]:
    """Return the JSON of an error."""
    return {"code": error.code, "message": error.message, "request_id": request_id}


def invalid(message: str) -> DashScopeError:
    """A parameter that is not taken."""
    return DashScopeError(400, "InvalidParameter", message)


def wrong_url() -> DashScopeError:
    """A model at a route that does not know it, or a picture's address of another kind."""
    return DashScopeError(400, "InvalidParameter", "url error, please check url！")


def unknown_model() -> DashScopeError:
    """A model that there is not. The message is our words."""
    return DashScopeError(404, "ModelNotFound", "Model not exist.")


def not_synchronous() -> DashScopeError:
    """A route that only takes orders, asked without `X-DashScope-Async`."""
    return DashScopeError(403, "AccessDenied", "current user api does not support synchronous calls.")


def not_asynchronous() -> DashScopeError:
    """A model that answers at once only, asked for an order. Our words."""
    return DashScopeError(403, "AccessDenied", "current user api does not support asynchronous calls.")


def not_pending() -> DashScopeError:
    """A task that cannot be cancelled any more."""
    message = "Failed to cancel the task, please confirm if the task is in PENDING status."
    return DashScopeError(400, "UnsupportedOperation", message)
