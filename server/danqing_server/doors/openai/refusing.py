"""What failed, as OpenAI's clients read it.

Sources: openai-python 3.57.0 and openai-node 7.59.0, whose classes follow the status and whose attributes the
members of `error`; OpenAI's error codes, platform.openai.com/docs/guides/error-codes, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping

from danqing_server.doors.openai_shapes import OpenAIErrorShape
from danqing_server.http.doors import Door, Refusal
from danqing_server.http.messages import ENGLISH
from danqing_server.http.reports import ProblemReport

__all__ = ["DOOR", "RETRY_HEADER", "envelope", "refusal_of"]

RETRY_HEADER = "x-should-retry"
"""Obeyed by OpenAI's and Ark's libraries: whether they ask again."""

SERVER_ERROR = "server_error"
INVALID_REQUEST = "invalid_request_error"

CODES: Mapping[str, str] = {
    "unauthenticated": "invalid_api_key",
    "budget_exceeded": "insufficient_quota",
    "too_many_tasks": "rate_limit_exceeded",
    "too_many_requests": "rate_limit_exceeded",
    "too_many_wrong_keys": "rate_limit_exceeded",
    "overloaded": "server_is_overloaded",
    "internal_error": SERVER_ERROR,
}
"""Where their programs branch on a word, it; our own codes otherwise."""

PARAMS: Mapping[str, str] = {"model_not_found": "model"}
"""The field that an error is about which is of no field to us."""

TYPES: Mapping[str, str] = {
    "insufficient_quota": "insufficient_quota",
    "moderation_blocked": "image_generation_user_error",
}
"""What is of a kind of its own to their programs, whatever its status."""

_TYPES: Mapping[int, str] = {403: "permission_error", 429: "rate_limit_error", 503: "service_unavailable_error"}
_CONFLICT, _BAD_REQUEST, _UNAVAILABLE = 409, 400, 503


def refusal_of(report: ProblemReport, request_id: str) -> Refusal:
    """Return the answer; `x-should-retry` says what the status alone says wrong."""
    status = _status_of(report)
    param = str(report.details[0]["field"]) if report.details else PARAMS.get(report.code)
    headers = {**report.headers, RETRY_HEADER: "true" if report.retryable else "false"}
    return Refusal(status=status, body=envelope(status, report.code, report.message, param), headers=headers)


def envelope(status: int, code: str, message: str, param: str | None = None) -> OpenAIErrorShape:
    """Return the body of an error; *code* is one of ours."""
    type_ = _TYPES.get(status, SERVER_ERROR if status >= 500 else INVALID_REQUEST)
    said = CODES.get(code, code)
    return {"error": {"message": message, "type": TYPES.get(said, type_), "param": param, "code": said}}


def _status_of(report: ProblemReport) -> int:
    """Return the status: never 409, which their libraries repeat whatever it says; 429 for want of money."""
    if report.code == "budget_exceeded":
        return 429
    if report.status != _CONFLICT:
        return report.status
    return _UNAVAILABLE if report.retryable else _BAD_REQUEST


DOOR = Door(prefixes=("/v1",), refuse=refusal_of, language=ENGLISH)
