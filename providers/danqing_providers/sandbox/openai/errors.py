"""OpenAI's errors: one object, with a code that says what is wrong and a type that does not.

Sources: recorded answers of 2026-05 to 2026-10, openai 3.57.0; read 2026-11-28. Where no recorded text is known,
the wording is that of OpenAI's other routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from danqing_providers.sandbox.troubles import Refusal, Trouble, TroubleKind

__all__ = ["OpenAIError", "invalid_value", "missing", "unknown_parameter", "worded"]

INVALID: Final = "invalid_request_error"
USER_ERROR: Final = "image_generation_user_error"


class OpenAIError(Refusal):
    """One error as OpenAI says it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type_: str = INVALID,
        code: str | None = None,
        param: str | None = None,
        details: Mapping[str, Any] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type_
        self.code = code
        self.param = param
        self.details = details or {}
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, Any]:
        """Return the JSON object."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code, **self.details}
        return {"error": error}


def invalid_value(param: str, message: str, *, type_: str = INVALID, code: str = "invalid_value") -> OpenAIError:
    """Return the error of a value that is not taken."""
    return OpenAIError(400, message, type_=type_, code=code, param=param)


def missing(param: str) -> OpenAIError:
    """Return the error of a field that must be there."""
    message = f"Missing required parameter: '{param}'."
    return OpenAIError(400, message, code="missing_required_parameter", param=param)


def unknown_parameter(param: str) -> OpenAIError:
    """Return the error of a field that there is not."""
    return OpenAIError(400, f"Unknown parameter: '{param}'.", code="unknown_parameter", param=param)


_WORDS: Final[Mapping[TroubleKind, tuple[str, str | None, str]]] = MappingProxyType(
    {
        TroubleKind.KEY_MISSING: (
            INVALID,
            None,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using "
            "Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        ),
        TroubleKind.KEY_UNKNOWN: (INVALID, "invalid_api_key", "Incorrect API key provided."),
        TroubleKind.INVALID: (INVALID, "invalid_value", "Invalid value."),
        TroubleKind.ROUTE_NOT_FOUND: (INVALID, None, "Invalid URL."),
        TroubleKind.METHOD_NOT_ALLOWED: (INVALID, None, "Not allowed to use this method on this URL."),
        TroubleKind.BODY_TOO_LARGE: (INVALID, None, "The request is too large."),
        TroubleKind.MODERATION: (
            USER_ERROR,
            "moderation_blocked",
            "Your request was rejected by the safety system. If you believe this is an error, contact us at "
            "help.openai.com and include the request ID.",
        ),
        TroubleKind.MODERATION_OUTPUT: (
            USER_ERROR,
            "moderation_blocked",
            "Your request was rejected by the safety system. If you believe this is an error, contact us at "
            "help.openai.com and include the request ID.",
        ),
        TroubleKind.REFERENCE_TIMEOUT: (INVALID, "invalid_image_file", "Timeout while downloading the image."),
        TroubleKind.REFERENCE_AWAY: (INVALID, "invalid_image_file", "Error while downloading the image."),
        TroubleKind.RATE_LIMITED: (
            "requests",
            "rate_limit_exceeded",
            "Rate limit reached for images per min (IPM). Please try again later.",
        ),
        TroubleKind.OVERLOADED: (
            "service_unavailable_error",
            "server_is_overloaded",
            "The server is currently overloaded with other requests. Please try again later.",
        ),
        TroubleKind.QUOTA: (
            "insufficient_quota",
            "insufficient_quota",
            "You exceeded your current quota, please check your plan and billing details.",
        ),
        TroubleKind.OVERDUE: (
            "insufficient_quota",
            "organization_spend_limit_exceeded",
            "Your organization has reached its spend limit.",
        ),
        TroubleKind.MODEL_CLOSED: (
            INVALID,
            "model_not_found",
            "The model does not exist or you do not have access to it.",
        ),
        TroubleKind.INTERNAL: (
            "server_error",
            "server_error",
            "The server had an error while processing your request. Sorry about that!",
        ),
        TroubleKind.UNAVAILABLE: (
            "service_unavailable_error",
            "server_is_overloaded",
            "The server is currently overloaded with other requests. Please try again later.",
        ),
    }
)
_STATUSES: Final = {TroubleKind.OVERDUE: 429, TroubleKind.MODEL_CLOSED: 404}
_STAGES: Final = {TroubleKind.MODERATION: "input", TroubleKind.MODERATION_OUTPUT: "output"}


def worded(trouble: Trouble) -> OpenAIError:
    """Return *trouble* in OpenAI's words."""
    type_, code, message = _WORDS[trouble.kind]
    status = trouble.status if trouble.has_own_status else _STATUSES.get(trouble.kind, trouble.status)
    details: Mapping[str, Any] = {}
    if (stage := _STAGES.get(trouble.kind)) is not None:
        details = {"moderation_details": {"moderation_stage": stage, "categories": ["violence"]}}
    param = trouble.param if trouble.kind is TroubleKind.INVALID else None
    return OpenAIError(
        status,
        trouble.message or message,
        type_=type_,
        code=trouble.code or code,
        param=param or None,
        details=details,
        retry_after_s=trouble.retry_after_s,
    )
