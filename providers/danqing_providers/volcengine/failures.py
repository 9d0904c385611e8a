"""What Ark's refusals mean: by `code`, then by HTTP status, and what a broken connection leaves open.

Source: Volcengine's error codes 82379/1299023, read 2026-11-23. `type` varies and is never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp
import attrs

from danqing_plugins import (
    AccountProblem,
    ContentRejected,
    InvalidRequest,
    OutcomeUnknown,
    PluginError,
    RateLimited,
    Unavailable,
)
from danqing_providers.volcengine.redaction import readable

__all__ = [
    "DOWNLOAD_TIMEOUT",
    "MODERATION_FAILED",
    "Answered",
    "connection_failures",
    "find_error",
    "meaning_of",
    "retry_after_of",
]

LONGEST_RETRY_AFTER_S: Final = 300.0
CLOSED_ENDPOINT_S: Final = 60.0
LONGEST_CODE: Final = 100
MODERATION_FAILED: Final = "ContentSecurityDetectionError"
DOWNLOAD_TIMEOUT: Final = "InvalidParameter.DownloadTimeout"
"""Our own code for a reference that Ark could not fetch in time: worth one more try."""

_MODERATED = re.compile(r"(Input|Output)?(Text|Image|Video|Audio)?(SensitiveContentDetected|RiskDetection)")
_RATE_LIMITED = re.compile(r".*RateLimitExceeded|RequestBurstTooFast|ServerOverloaded|InflightBatchsizeExceeded")
_PER_MINUTE = re.compile(r".*[RTI]pmRateLimitExceeded")
_ACCOUNT = frozenset(
    {
        "AuthenticationError",
        "InvalidAccountStatus",
        "AccountOverdueError",
        "AccessDenied",
        "InvalidSubscription",
        "OperationDenied",
        "QuotaExceeded",
        "SetLimitExceeded",
    }
)
_INVALID = frozenset(
    {
        "MissingParameter",
        "InvalidParameter",
        "InvalidImageURL",
        "OutofContextError",
        "InvalidEndpointOrModel",
        "ModelNotOpen",
        "NotFound",
        "UnsupportedModel",
        "InvalidAction",
    }
)


@attrs.frozen(kw_only=True)
class Answered:
    """The answer an error came with.

    `status` is None for one picture's error inside a larger answer. `retry_after_s` is the server's wish;
    `now_s` the Unix time it came. `secret` and `prompt` must not show in a message.
    """

    status: int | None
    request_id: str | None = None
    retry_after_s: float | None = None
    now_s: float = 0.0
    secret: str = attrs.field(default="", repr=False)
    prompt: str = attrs.field(default="", repr=False)


def find_error(body: Any) -> tuple[str, str] | None:
    """Return (code, message) of an error, wrapped in `error` or not; None when *body* holds none."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if error is None and isinstance(body, Mapping) and "data" not in body and "code" in body:
        error = body
    if error is None:
        return None
    if not isinstance(error, Mapping):
        return "", str(error)
    return str(error.get("code") or "")[:LONGEST_CODE], str(error.get("message") or "")


def meaning_of(code: str, message: str, answered: Answered) -> PluginError:
    """Return what an error of Ark means for the task."""
    text = readable(message, secret=answered.secret, prompt=answered.prompt)
    text = text or f"Ark refused the request ({code or answered.status})"
    by_code = _by_code(code, message, text, answered)
    if by_code is not None:
        return by_code
    if answered.status is None:
        # One picture of a larger answer, which says itself that it was not made.
        return PluginError(text, code=code or None, request_id=answered.request_id)
    return _by_status(answered.status, code, text, answered)


def _by_code(code: str, message: str, text: str, answered: Answered) -> PluginError | None:
    family = code.partition(".")[0]
    request_id = answered.request_id
    if _MODERATED.fullmatch(family):
        return ContentRejected(text, code=code, request_id=request_id)
    if _RATE_LIMITED.fullmatch(family):
        return RateLimited(text, code=code, request_id=request_id, retry_after_s=_pause_s(code, answered))
    if code == "QuotaExceeded" and "queue" in message.lower():
        return RateLimited(text, code=code, request_id=request_id, retry_after_s=answered.retry_after_s)
    if family in _ACCOUNT:
        return AccountProblem(text, code=code, request_id=request_id)
    if family in ("InternalServiceError", MODERATION_FAILED):
        return Unavailable(text, code=code, request_id=request_id, retry_after_s=answered.retry_after_s)
    if code == "InvalidEndpoint.ClosedEndpoint":
        return Unavailable(text, code=code, request_id=request_id, retry_after_s=CLOSED_ENDPOINT_S)
    if family == "InvalidParameter" and "timeout while downloading" in message.lower():
        return Unavailable(text, code=DOWNLOAD_TIMEOUT, request_id=request_id)
    if family in _INVALID:
        return InvalidRequest(text, code=code, request_id=request_id)
    return None


def _by_status(status: int, code: str, text: str, answered: Answered) -> PluginError:
    request_id, known = answered.request_id, code or None
    if status in (401, 403):
        return AccountProblem(text, code=known, request_id=request_id)
    if status == 404 and not code:
        message = "Ark's address answers 404 without an error of Ark: is VOLCENGINE_ENDPOINT right?"
        return AccountProblem(message, request_id=request_id)
    if status == 429:
        return RateLimited(text, code=known, request_id=request_id, retry_after_s=answered.retry_after_s)
    if status == 408:
        return Unavailable(text, code=known, request_id=request_id, retry_after_s=answered.retry_after_s)
    if 300 <= status < 400:
        message = "Ark's address redirects elsewhere: is VOLCENGINE_ENDPOINT right?"
        return AccountProblem(message, request_id=request_id)
    if 400 <= status < 500:
        return InvalidRequest(text, code=known, request_id=request_id)
    return OutcomeUnknown(text, code=known, request_id=request_id)


def _pause_s(code: str, answered: Answered) -> float | None:
    if answered.retry_after_s is not None:
        return answered.retry_after_s
    if _PER_MINUTE.fullmatch(code):
        return 60.0 - answered.now_s % 60.0
    return None


def retry_after_of(headers: Mapping[str, str], now_s: float) -> float | None:
    """Return the seconds that `Retry-After` asks for (a number or a date), capped; None when it says nothing."""
    raw = headers.get("Retry-After", "").strip()
    if raw.isascii() and raw.isdigit():
        return min(float(raw[:9]), LONGEST_RETRY_AFTER_S)
    try:
        date = parsedate_to_datetime(raw)
    except ValueError:
        return None
    date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
    return min(max(0.0, date.timestamp() - now_s), LONGEST_RETRY_AFTER_S)


@contextmanager
def connection_failures(request_id: str | None = None) -> Iterator[None]:
    """Translate what the connection raises: `Unavailable` when nothing was sent, else `OutcomeUnknown`."""
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
        message = f"Ark could not be reached ({type(error).__name__})"
        raise Unavailable(message, code="not_reached") from error
    except TimeoutError as error:
        raise OutcomeUnknown("Ark did not answer in time", code="timeout", request_id=request_id) from error
    except (aiohttp.ClientError, OSError) as error:
        message = f"the connection to Ark broke ({type(error).__name__})"
        raise OutcomeUnknown(message, code="connection_lost", request_id=request_id) from error
