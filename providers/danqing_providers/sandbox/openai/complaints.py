"""The forms of errors of services that are like OpenAI, and their codes.

Sources: as in `profiles`. Codes of SiliconFlow (30001, 50505) and some of Zhipu's are not confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from danqing_providers.sandbox.openai.errors import OpenAIError
from danqing_providers.sandbox.troubles import Trouble, TroubleKind

__all__ = ["complaint"]

_INVALID: Final = TroubleKind.INVALID
_LIMITED: Final = TroubleKind.RATE_LIMITED

_ZHIPU: Final[Mapping[TroubleKind, tuple[int, str]]] = MappingProxyType(
    {
        TroubleKind.KEY_MISSING: (401, "1001"),
        TroubleKind.KEY_UNKNOWN: (401, "1000"),
        _INVALID: (400, "1214"),
        TroubleKind.MODERATION: (400, "1301"),
        TroubleKind.MODERATION_OUTPUT: (400, "1301"),
        _LIMITED: (429, "1302"),
        TroubleKind.OVERLOADED: (429, "1305"),
        TroubleKind.QUOTA: (429, "1113"),
        TroubleKind.OVERDUE: (429, "1113"),
        TroubleKind.MODEL_CLOSED: (400, "1211"),
        TroubleKind.INTERNAL: (500, "1234"),
        TroubleKind.UNAVAILABLE: (500, "1234"),
    }
)
_SILICONFLOW: Final[Mapping[TroubleKind, tuple[int, int]]] = MappingProxyType(
    {
        TroubleKind.QUOTA: (403, 30001),
        TroubleKind.OVERDUE: (403, 30001),
        TroubleKind.OVERLOADED: (503, 50505),
        TroubleKind.UNAVAILABLE: (503, 50505),
    }
)
_WORDS: Final[Mapping[TroubleKind, str]] = MappingProxyType(
    {
        TroubleKind.MODERATION: "The input may contain sensitive content.",
        TroubleKind.MODERATION_OUTPUT: "The picture may contain sensitive content.",
        _LIMITED: "Too many requests, please try again later.",
    }
)
"""Where OpenAI's own words would name OpenAI."""

_AZURE: Final[Mapping[TroubleKind, tuple[int, str]]] = MappingProxyType(
    {
        TroubleKind.KEY_MISSING: (401, "401"),
        TroubleKind.KEY_UNKNOWN: (401, "401"),
        TroubleKind.MODERATION: (400, "moderation_blocked"),
        TroubleKind.MODERATION_OUTPUT: (400, "moderation_blocked"),
        _LIMITED: (429, "429"),
        TroubleKind.QUOTA: (403, "Forbidden"),
        TroubleKind.OVERDUE: (403, "Forbidden"),
        TroubleKind.MODEL_CLOSED: (404, "DeploymentNotFound"),
    }
)


def complaint(form: str, error: OpenAIError, trouble: Trouble | None) -> tuple[int, Any]:
    """Return status and JSON value of *error* in *form*; *trouble* is what it is, None for one of a field."""
    kind = _INVALID if trouble is None else trouble.kind
    if trouble is not None and trouble.message is None:
        error.message = _WORDS.get(kind, error.message)
    own = trouble is not None and trouble.has_own_status
    if form == "zhipu":
        status, code = _ZHIPU.get(kind, (error.status, "1234"))
        return error.status if own else status, {"error": {"code": code, "message": error.message}}
    if form == "azure":
        status, code = _AZURE.get(kind, (error.status, error.code or str(error.status)))
        return error.status if own else status, {"error": {"code": code, "message": error.message}}
    if form == "siliconflow":
        return _siliconflow(kind, error, own)
    if form == "code_and_text":
        return error.status, {"code": error.code or error.type, "error": error.message}
    if form == "detail":
        return error.status, {"detail": error.message}
    if form == "text":
        return error.status, {"error": error.message}
    return error.status, error.body()


def _siliconflow(kind: TroubleKind, error: OpenAIError, own: bool) -> tuple[int, Any]:
    if kind in (TroubleKind.KEY_MISSING, TroubleKind.KEY_UNKNOWN):
        return 401, "Invalid token"
    if kind is _LIMITED:
        return 429, {"message": "Request was rejected due to rate limiting. IPM limit reached.", "data": None}
    if kind in (TroubleKind.ROUTE_NOT_FOUND, TroubleKind.METHOD_NOT_ALLOWED):
        return 404, "404 page not found"
    status, code = _SILICONFLOW.get(kind, (error.status, 20012))
    return error.status if own else status, {"code": code, "message": error.message, "data": None}
