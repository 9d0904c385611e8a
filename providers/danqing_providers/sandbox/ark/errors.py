"""Ark's errors, in its own words.

    Refusal
    └── ArkError    (one class: clients of Ark branch on `code`, then on the HTTP status, never on a type)

Source: volcengine.com/docs/82379/1299023 (codes and texts) and recorded answers of 2026-08 and 2026-09 (the texts
about sizes and unsupported parameters); read 2026-11-23. A text that no source gives is marked "our words".
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

from danqing_providers.sandbox.troubles import Refusal, Trouble, TroubleKind

__all__ = ["ArkError", "error_body", "new_request_id", "worded"]

_BAD_REQUEST: Final = "BadRequest"


class ArkError(Refusal):
    """An answer that is an error; `message` is without the request id, which `error_body` adds."""

    def __init__(self, status: int, code: str, message: str, *, param: str = "", kind: str = "") -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.kind = kind


def new_request_id(now_s: float) -> str:
    """Return an id as Ark makes them: `02`, 13 digits of milliseconds, hexadecimal digits; 57 characters."""
    return f"02{int(now_s * 1000):013d}{secrets.token_hex(21)}"


def error_body(error: ArkError, request_id: str, *, unwrapped: bool = False) -> dict[str, Any]:
    """Return the JSON of an error answer; *unwrapped* is the bare object that BytePlus was seen to answer."""
    message = f"{error.message} Request id: {request_id}"
    inner = {"code": error.code, "message": message, "param": error.param, "type": error.kind}
    return inner if unwrapped else {"error": inner}


def missing_key() -> ArkError:
    """No bearer, or an empty one."""
    message = "The API key or AK/SK in the request is missing or invalid."
    return ArkError(401, "AuthenticationError", message, kind="Unauthorized")


def unknown_key() -> ArkError:
    """A bearer that is none of the accepted ones."""
    return ArkError(401, "AuthenticationError", "The API key doesn't exist.", kind="Unauthorized")


def model_not_found(name: str) -> ArkError:
    """A model that is unknown, unversioned or shut down."""
    message = f"The model or endpoint {name} does not exist or you do not have access to it."
    return ArkError(404, "InvalidEndpointOrModel.NotFound", message, kind="Not Found")


def missing_parameter(name: str) -> ArkError:
    """A required field that is absent, null or empty."""
    message = f"The request failed because it is missing `{name}` parameter."
    return ArkError(400, "MissingParameter", message, param=name, kind=_BAD_REQUEST)


def invalid_parameter(name: str, reason: str, *, code: str = "InvalidParameter", verb: str = "is") -> ArkError:
    """A field with a value that the model does not take; *verb* is "are" in the newest model's own texts."""
    message = f"The parameter `{name}` specified in the request {verb} not valid: {reason}."
    return ArkError(400, code, message, param=name)


def unsupported_parameter(name: str) -> ArkError:
    """A field that the model refuses, whatever its value."""
    message = f"The parameter `{name}` is not supported by the current model."
    return ArkError(400, "InvalidParameter", message, param=name)


def refused_parameter(name: str) -> ArkError:
    """A field that the model refuses, in the words of the 4.x models."""
    message = f"The parameter `{name}` specified in the request is not valid."
    return ArkError(400, "InvalidParameter", message, param=name)


def download_timeout(url: str) -> ArkError:
    """A reference picture that Ark could not fetch in time."""
    return invalid_parameter("image", f"Timeout while downloading url={url}", verb="are")


def malformed_body(reason: str) -> ArkError:
    """A body that is no JSON object. Our words."""
    return ArkError(400, "InvalidParameter", f"The request body is not valid: {reason}.", kind=_BAD_REQUEST)


def body_too_large(limit_bytes: int) -> ArkError:
    """A body above the limit. Our words."""
    message = f"The request body must be at most {limit_bytes} bytes."
    return ArkError(413, "RequestEntityTooLarge", message, kind=_BAD_REQUEST)


def rate_exceeded() -> ArkError:
    """More images in this minute than the account may have of the model."""
    message = "The request failed because the IPM (Images Per Minute) limit of the model is exceeded."
    return ArkError(429, "ModelAccountIpmRateLimitExceeded", message, kind="TooManyRequests")


def overloaded() -> ArkError:
    """The service has too much to do."""
    return ArkError(429, "ServerOverloaded", "The service is currently overloaded.", kind="TooManyRequests")


def quota_exceeded() -> ArkError:
    """The free images are used up."""
    message = "Your account has exceeded its free trial quota."
    return ArkError(429, "QuotaExceeded", message, kind="TooManyRequests")


def account_overdue() -> ArkError:
    """The account owes money."""
    message = "The request failed because your account has an overdue balance."
    return ArkError(403, "AccountOverdueError", message, kind="Forbidden")


def model_not_open() -> ArkError:
    """The account has not activated the model."""
    message = "Your account has not activated the model. Please activate the model service in the Ark Console."
    return ArkError(404, "ModelNotOpen", message, kind="Not Found")


def download_failed() -> ArkError:
    """A reference picture whose server answered with an error."""
    reason = "Error while downloading: https://example.com/reference.png, status code: 503"
    return invalid_parameter("image", reason, verb="are")


def text_refused() -> ArkError:
    """A prompt refused by moderation."""
    message = "The request failed because the input text may contain sensitive information."
    return ArkError(400, "InputTextSensitiveContentDetected", message, kind=_BAD_REQUEST)


def image_refused() -> ArkError:
    """A finished picture refused by moderation."""
    message = "The request failed because the output image may contain sensitive information."
    return ArkError(400, "OutputImageSensitiveContentDetected", message, kind=_BAD_REQUEST)


def internal_error() -> ArkError:
    """An unexpected failure of the service."""
    message = "The service encountered an unexpected internal error."
    return ArkError(500, "InternalServiceError", message, kind="InternalServerError")


def route_not_found(path: str) -> ArkError:
    """A path that the service does not have. Our words."""
    return ArkError(404, "NotFound", f"The path {path} does not exist.", kind="Not Found")


def method_not_allowed(method: str) -> ArkError:
    """A path that exists, with another method. Our words."""
    return ArkError(405, "MethodNotAllowed", f"The method {method} is not allowed.", kind="Method Not Allowed")


def unavailable() -> ArkError:
    """The service cannot be had. Our words."""
    message = "The service is temporarily unavailable."
    return ArkError(503, "ServiceUnavailable", message, kind="ServiceUnavailable")


_PLAIN: Final[Mapping[TroubleKind, Callable[[], ArkError]]] = {
    TroubleKind.KEY_MISSING: missing_key,
    TroubleKind.KEY_UNKNOWN: unknown_key,
    TroubleKind.RATE_LIMITED: rate_exceeded,
    TroubleKind.OVERLOADED: overloaded,
    TroubleKind.QUOTA: quota_exceeded,
    TroubleKind.OVERDUE: account_overdue,
    TroubleKind.MODEL_CLOSED: model_not_open,
    TroubleKind.MODERATION: text_refused,
    TroubleKind.MODERATION_OUTPUT: image_refused,
    TroubleKind.REFERENCE_AWAY: download_failed,
    TroubleKind.INTERNAL: internal_error,
    TroubleKind.UNAVAILABLE: unavailable,
}
_ABOUT: Final[Mapping[TroubleKind, Callable[[str], ArkError]]] = {
    TroubleKind.ROUTE_NOT_FOUND: route_not_found,
    TroubleKind.METHOD_NOT_ALLOWED: method_not_allowed,
    TroubleKind.REFERENCE_TIMEOUT: lambda url: download_timeout(url or "https://example.com/reference.png"),
    TroubleKind.BODY_TOO_LARGE: lambda limit: body_too_large(int(limit)),
}
_TYPES: Final[Mapping[int, str]] = {
    400: _BAD_REQUEST,
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    429: "TooManyRequests",
    500: "InternalServerError",
}


def worded(trouble: Trouble) -> ArkError:
    """Return *trouble* in Ark's words, or in those it brings."""
    if trouble.kind is TroubleKind.INVALID:
        error = invalid_parameter(trouble.param, trouble.message or "not accepted")
    elif trouble.kind in _ABOUT:
        error = _ABOUT[trouble.kind](trouble.param)
    else:
        error = _PLAIN[trouble.kind]()
    if trouble.code is None and not trouble.has_own_status:
        return error
    message = error.message if trouble.message is None else trouble.message
    status = trouble.status if trouble.has_own_status else error.status
    return ArkError(status, trouble.code or error.code, message, kind=_TYPES.get(status, ""))
