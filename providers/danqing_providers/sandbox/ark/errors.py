"""Ark's errors, in its own words.

    ArkError
    (one class: clients of Ark branch on `code`, then on the HTTP status, never on a type)

Source: volcengine.com/docs/82379/1299023 (codes and texts) and recorded answers of 2026-08 and 2026-09 (the texts
about sizes and unsupported parameters); read 2026-11-23. A text that no source gives is marked "our words".
"""

from __future__ import annotations

import secrets
from typing import Any, Final

__all__ = ["ArkError", "error_body", "new_request_id"]

_BAD_REQUEST: Final = "BadRequest"


class ArkError(Exception):
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
