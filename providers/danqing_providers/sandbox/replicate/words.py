"""Replicate's words for what goes wrong: of refused requests, and of predictions that fail.

Sources: replicate.com/docs/reference/http, /docs/reference/errors, replicate 1.0.7; read 2026-11-28. Problem JSON,
except where only `detail` was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from danqing_providers.sandbox.replicate.inputs import Problem
from danqing_providers.sandbox.troubles import Refusal, Trouble, TroubleKind

__all__ = ["error_of", "refusal_of"]

_NO_CREDIT: Final = (
    402,
    "Insufficient credit",
    "You have insufficient credit to run this model. Go to https://replicate.com/account/billing#billing to "
    "purchase credit. Once you purchase credit, please wait a few minutes before trying again.",
)
_WORDS: Final[Mapping[TroubleKind, tuple[int, str, str]]] = {
    TroubleKind.KEY_MISSING: (401, "Unauthenticated", "You did not pass an authentication token"),
    TroubleKind.KEY_UNKNOWN: (401, "Unauthenticated", "You did not pass a valid authentication token"),
    TroubleKind.OVERDUE: _NO_CREDIT,
    TroubleKind.QUOTA: _NO_CREDIT,
    TroubleKind.MODEL_CLOSED: (403, "", "You do not have permission to perform this action."),
    TroubleKind.RATE_LIMITED: (429, "", "Request was throttled. Your rate limit resets in ~{seconds}s."),
    TroubleKind.OVERLOADED: (503, "", "Service temporarily unavailable, try again later."),
    TroubleKind.UNAVAILABLE: (503, "", "Service temporarily unavailable, try again later."),
    TroubleKind.INTERNAL: (500, "Internal server error", "Internal server error"),
    TroubleKind.ROUTE_NOT_FOUND: (404, "Not found", "The requested resource could not be found."),
    TroubleKind.METHOD_NOT_ALLOWED: (405, "", "Method not allowed."),
    TroubleKind.BODY_TOO_LARGE: (413, "", "Request body is too large."),
    TroubleKind.INVALID: (400, "Bad request", "The request body is not valid JSON."),
}
_SENSITIVE: Final = "The input or output was flagged as sensitive. Please try again with different inputs. (E005)"
_ERRORS: Final[Mapping[TroubleKind, str]] = {
    TroubleKind.MODERATION: _SENSITIVE,
    TroubleKind.MODERATION_OUTPUT: "NSFW content detected. Try running it again, or try a different prompt.",
    TroubleKind.OVERLOADED: "Service is currently unavailable due to high demand. Please try again later. (E003)",
    TroubleKind.UNAVAILABLE: "Prediction interrupted; please retry (code: PA)",
    TroubleKind.BODY_TOO_LARGE: "CUDA out of memory. Tried to allocate 2.25 GiB",
    TroubleKind.REFERENCE_TIMEOUT: "Could not download the input file.",
    TroubleKind.REFERENCE_AWAY: "Could not download the input file.",
}
_UNKNOWN_ERROR: Final = "Prediction failed for an unknown reason. (E1000)"
_RETRY_AFTER_S: Final = 5


def refusal_of(refusal: Refusal) -> tuple[int, dict[str, Any]]:
    """Return status and body of *refusal*."""
    if isinstance(refusal, Problem):
        told = {"title": refusal.title, "detail": refusal.detail, "status": refusal.status}
        fields = [{"type": "invalid", "field": name, "description": said} for name, said in refusal.fields.items()]
        return refusal.status, {**told, "invalid_fields": fields} if fields else told
    trouble = refusal if isinstance(refusal, Trouble) else Trouble(TroubleKind.INTERNAL)
    status, title, words = _WORDS.get(trouble.kind, _WORDS[TroubleKind.INVALID])
    status = trouble.status if trouble.has_own_status else status
    if trouble.kind is TroubleKind.RATE_LIMITED:
        seconds = _RETRY_AFTER_S if trouble.retry_after_s is None else trouble.retry_after_s
        return status, {"detail": words.format(seconds=seconds), "status": status, "retry_after": seconds}
    detail = trouble.message or words
    return status, {"title": title, "detail": detail, "status": status} if title else {"detail": detail}


def error_of(trouble: TroubleKind) -> str:
    """Return the `error` of a prediction that fails with *trouble*."""
    return _ERRORS.get(trouble, _UNKNOWN_ERROR)
