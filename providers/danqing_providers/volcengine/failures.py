"""What Ark's refusals mean, by `code`; `type` varies and is never looked at.

Source: Volcengine's error codes 82379/1299023, read 2026-11-23.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from danqing_plugins import AccountProblem, ContentRejected, InvalidRequest, RateLimited, Text, Unavailable
from danqing_plugins.kit.failures import Answered, Complaint, Failures, Rule

__all__ = ["DOWNLOAD_TIMEOUT", "FAILURES", "MODERATION_FAILED", "find_error"]

CLOSED_ENDPOINT_S: Final = 60.0
LONGEST_CODE: Final = 100
MODERATION_FAILED: Final = "ContentSecurityDetectionError"
DOWNLOAD_TIMEOUT: Final = "InvalidParameter.DownloadTimeout"
"""Our own code for a reference that Ark could not fetch in time: worth one more try."""

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S*", re.IGNORECASE)
_FETCHING = re.compile(r"download|fetch|connect|resource|retriev", re.IGNORECASE)
_SLOW_HOST = re.compile(
    r"time[ds]?[ -]?out|deadline exceeded|temporar|connection (reset|refused|closed)|unexpected eof"
    r"|status[ _]?(code)?\W{0,3}(408|425|429|5\d\d)\b",
    re.IGNORECASE,
)


def find_error(body: Any, *, refused: bool = True) -> Complaint | None:
    """Return the error of an answer, wrapped in `error` or not; None when *body* holds none.

    An empty one, as relays send it beside what was made, is none.
    """
    if not isinstance(body, Mapping):
        return None
    error = body.get("error")
    if not _is_said(error) and "data" not in body and "code" in body:
        error = {name: body.get(name) for name in ("code", "message")}
    if not _is_said(error):
        return None
    if not isinstance(error, Mapping):
        return Complaint("", str(error))
    return Complaint(str(error.get("code") or "")[:LONGEST_CODE], str(error.get("message") or ""))


def _is_said(error: Any) -> bool:
    return any(error.values()) if isinstance(error, Mapping) else bool(error)


def _families(*names: str) -> re.Pattern[str]:
    """Return a pattern of the codes that are, or begin with, one of *names* (patterns) and a point."""
    return re.compile(rf"({'|'.join(names)})(\..*)?", re.DOTALL)


def _next_minute_s(answered: Answered) -> float:
    return 60.0 - answered.now_s % 60.0


def _is_slow_host(message: str) -> bool:
    """Say whether *message* tells that a reference's host was slow or away: Ark has several wordings for it."""
    words = _ADDRESS.sub(" ", message)
    return _FETCHING.search(words) is not None and _SLOW_HOST.search(words) is not None


_MODERATED = _families(r"(Input|Output)?(Text|Image|Video|Audio)?(SensitiveContentDetected|RiskDetection)")
_ACCOUNT = _families(
    "AuthenticationError",
    "InvalidAccountStatus",
    "AccountOverdueError",
    "InvalidSubscription",
    "OperationDenied",
    "QuotaExceeded",
    "SetLimitExceeded",
)
_INVALID = _families(
    "MissingParameter",
    "InvalidParameter",
    "InvalidImageURL",
    "OutofContextError",
    "InvalidEndpointOrModel",
    "ModelNotOpen",
    "NotFound",
    "UnsupportedModel",
    "InvalidAction",
)
_LIMITS: Final = (
    # Ark counts per model and account, or per endpoint, and by the minute.
    Rule(
        RateLimited,
        codes=(re.compile(r"ModelAccount[RTI]pmRateLimitExceeded"),),
        scope="model",
        pause_s=_next_minute_s,
    ),
    Rule(RateLimited, codes=(re.compile(r"RateLimitExceeded\.Endpoint[RTI]PMExceeded"),), scope="model"),
    Rule(RateLimited, codes=(re.compile(r".*[RTI]pmRateLimitExceeded"),), pause_s=_next_minute_s),
    Rule(
        RateLimited,
        codes=(
            _families(
                r"[^.]*RateLimitExceeded", "RequestBurstTooFast", "ServerOverloaded", "InflightBatchsizeExceeded"
            ),
        ),
    ),
    Rule(RateLimited, codes=("QuotaExceeded",), words=re.compile("queue", re.IGNORECASE)),
)

FAILURES: Final = Failures(
    service=Text("Ark", "火山方舟"),
    setting="VOLCENGINE_ENDPOINT",
    find=find_error,
    rules=(
        Rule(ContentRejected, codes=(_MODERATED,)),
        *_LIMITS,
        # These may speak of one endpoint or model only.
        Rule(
            AccountProblem,
            codes=(re.compile(r"AccessDenied(\..*)?|OperationDenied\.(PermissionDenied|InvalidState)"),),
            certain=False,
        ),
        Rule(AccountProblem, codes=(_ACCOUNT,)),
        Rule(Unavailable, codes=(_families("InternalServiceError", MODERATION_FAILED),)),
        Rule(Unavailable, codes=("InvalidEndpoint.ClosedEndpoint",), pause_s=CLOSED_ENDPOINT_S),
        Rule(
            Unavailable,
            codes=(_families("InvalidParameter", "InvalidImageURL"),),
            words=_is_slow_host,
            code=DOWNLOAD_TIMEOUT,
        ),
        Rule(InvalidRequest, codes=(_INVALID,)),
    ),
)
