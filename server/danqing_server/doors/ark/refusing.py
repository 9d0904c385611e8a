"""What failed, as Ark's clients read it.

Sources: Volcengine's error codes 82379/1299023, recorded answers of 2026-08 and 2026-09, and
`volcenginesdkarkruntime` 5.0.54, whose classes follow the status; read 2026-11-28. Where Ark is not known to have a
code for what happened here, the code is ours, in its style.
"""

from __future__ import annotations

from collections.abc import Mapping

from danqing_server.doors.ark_shapes import ArkErrorShape, ArkFaultShape
from danqing_server.http.doors import Door, Refusal
from danqing_server.http.messages import ENGLISH
from danqing_server.http.problem_shapes import DetailShape
from danqing_server.http.reports import ProblemReport

__all__ = ["DOOR", "INTERNAL", "NOT_FOUND_MODEL", "PREFIX", "RETRY_HEADER", "envelope", "refusal_of", "type_of"]

PREFIX = "/api/v3"
RETRY_HEADER = "x-should-retry"
"""Obeyed by Ark's library: whether it asks again."""

INTERNAL = "InternalServiceError"
MISSING, INVALID = "MissingParameter", "InvalidParameter"
NOT_FOUND_MODEL = "InvalidEndpointOrModel.NotFound"

REQUIRED = "required"
"""The key of what is said of a field that is missing."""

CODES: Mapping[str, str] = {
    "unauthenticated": "AuthenticationError",
    "forbidden": "AccessDenied",
    "too_many_tasks": "ServerOverloaded",
    "too_many_wrong_keys": "RequestBurstTooFast",
    "overloaded": "ServerOverloaded",
    "route_not_found": "NotFound",
    "task_not_found": "ResourceNotFound",
    "method_not_allowed": "MethodNotAllowed",
    "body_too_large": "RequestEntityTooLarge",
    "task_processing": "InvalidAction.RunningTaskDeletion",
    "internal_error": INTERNAL,
}
_BY_STATUS: Mapping[int, str] = {
    401: "AuthenticationError",
    402: "SetLimitExceeded",
    403: "AccessDenied",
    404: "NotFound",
    409: "InvalidAction",
    429: "RequestBurstTooFast",
}
_TYPES: Mapping[int, str] = {
    400: "BadRequest",
    401: "Unauthorized",
    402: "TooManyRequests",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    429: "TooManyRequests",
    500: "InternalServerError",
}

NO_KEY = "The API key or AK/SK in the request is missing or invalid."
NO_MODEL = "The model or endpoint {model} does not exist or you do not have access to it."
NO_PARAMETER = "The request failed because it is missing `{name}` parameter."
BAD_PARAMETER = "The parameter `{name}` specified in the request is not valid: {reason}."
"""Ark's own sentences, which it has in English alone."""


def refusal_of(report: ProblemReport, request_id: str) -> Refusal:
    """Return the answer; `x-should-retry` says what the status alone says wrong."""
    headers = {**report.headers, RETRY_HEADER: "true" if report.retryable else "false"}
    if report.details:
        status, fault = _fault_of(report)
    else:
        status, fault = report.status, _plain(report)
    return Refusal(status=status, body=envelope(status, request_id, **fault), headers=headers)


def envelope(status: int, request_id: str, code: str, message: str, param: str = "") -> ArkErrorShape:
    """Return the body of an error; every message of Ark's ends with the request's id."""
    told: ArkFaultShape = {
        "code": code,
        "message": f"{message} Request id: {request_id}",
        "param": param,
        "type": type_of(status),
    }
    return {"error": told}


def type_of(status: int) -> str:
    """Return Ark's coarse word for a status."""
    return _TYPES.get(status, _TYPES[500] if status >= 500 else _TYPES[400])


def _plain(report: ProblemReport) -> dict[str, str]:
    code = (
        CODES.get(report.code) or _BY_STATUS.get(report.status) or (INTERNAL if report.status >= 500 else INVALID)
    )
    message = NO_KEY if report.code == "unauthenticated" else report.message
    return {"code": code, "message": message}


def _fault_of(report: ProblemReport) -> tuple[int, dict[str, str]]:
    """Return how a wrong field is told of; all that are wrong stand in the message."""
    first = report.details[0]
    message = " ".join(_sentence(detail) for detail in report.details)
    code = MISSING if first["code"] == REQUIRED else INVALID
    status = report.status
    if first["field"] == "model" and code == INVALID:
        status, code = 404, NOT_FOUND_MODEL
    return status, {"code": code, "message": message, "param": str(first["field"])}


def _sentence(detail: DetailShape) -> str:
    name, value = detail["field"], detail["value"]
    if detail["code"] == REQUIRED:
        return NO_PARAMETER.format(name=name)
    if name == "model" and isinstance(value, str):
        return f"{NO_MODEL.format(model=value)} ({detail['message']})"
    return BAD_PARAMETER.format(name=name, reason=detail["message"])


DOOR = Door(prefixes=(PREFIX,), refuse=refusal_of, language=ENGLISH)
