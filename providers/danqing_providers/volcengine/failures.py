"""What Ark's refusals mean: by `code`, then by HTTP status, and what a broken connection leaves open.

Source: Volcengine's error codes 82379/1299023, read 2026-11-23. `type` varies and is never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Literal

import aiohttp
import attrs

from danqing_plugins import (
    AccountProblem,
    ContentRejected,
    InvalidRequest,
    OutcomeUnknown,
    PluginError,
    RateLimited,
    Text,
    Unavailable,
)
from danqing_plugins.kit.redaction import readable
from danqing_providers.volcengine import texts

__all__ = [
    "DOWNLOAD_TIMEOUT",
    "MODERATION_FAILED",
    "Answered",
    "connection_failures",
    "find_error",
    "meaning_of",
]

CLOSED_ENDPOINT_S: Final = 60.0
LONGEST_CODE: Final = 100
MODERATION_FAILED: Final = "ContentSecurityDetectionError"
DOWNLOAD_TIMEOUT: Final = "InvalidParameter.DownloadTimeout"
"""Our own code for a reference that Ark could not fetch in time: worth one more try."""

_MODERATED = re.compile(r"(Input|Output)?(Text|Image|Video|Audio)?(SensitiveContentDetected|RiskDetection)")
_RATE_LIMITED = re.compile(r".*RateLimitExceeded|RequestBurstTooFast|ServerOverloaded|InflightBatchsizeExceeded")
_PER_MINUTE = re.compile(r".*[RTI]pmRateLimitExceeded")
_OF_MODEL = re.compile(r"ModelAccount[RTI]pmRateLimitExceeded|RateLimitExceeded\.Endpoint[RTI]PMExceeded")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S*", re.IGNORECASE)
_FETCHING = re.compile(r"download|fetch|connect|resource|retriev", re.IGNORECASE)
_SLOW_HOST = re.compile(
    r"time[ds]?[ -]?out|deadline exceeded|temporar|connection (reset|refused|closed)|unexpected eof"
    r"|status[ _]?(code)?\W{0,3}(408|425|429|5\d\d)\b",
    re.IGNORECASE,
)
_ACCOUNT = frozenset(
    {
        "AuthenticationError",
        "InvalidAccountStatus",
        "AccountOverdueError",
        "InvalidSubscription",
        "OperationDenied",
        "QuotaExceeded",
        "SetLimitExceeded",
    }
)
_PERHAPS_ACCOUNT = re.compile(r"AccessDenied(\..*)?|OperationDenied\.(PermissionDenied|InvalidState)")
"""These may speak of one endpoint or model only."""

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
    `now_s` the Unix time it came, by the server's clock; `base_url` what relative links are relative to. `secret`
    and `prompt` must not show in a message.
    """

    status: int | None
    request_id: str | None = None
    retry_after_s: float | None = None
    now_s: float = 0.0
    base_url: str = ""
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
    text = message  # our own holds nothing that must not be read
    if not isinstance(message, Text):
        text = readable(message, secret=answered.secret, prompt=answered.prompt)
    text = text or texts.REFUSED(code=code or answered.status)
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
        pause_s = _pause_s(code, answered)
        return RateLimited(text, code=code, request_id=request_id, retry_after_s=pause_s, scope=_scope(code))
    if code == "QuotaExceeded" and "queue" in message.lower():
        return RateLimited(text, code=code, request_id=request_id, retry_after_s=answered.retry_after_s)
    if _PERHAPS_ACCOUNT.fullmatch(code):
        return AccountProblem(text, certain=False, code=code, request_id=request_id)
    if family in _ACCOUNT:
        return AccountProblem(text, code=code, request_id=request_id)
    if family in ("InternalServiceError", MODERATION_FAILED):
        return Unavailable(text, code=code, request_id=request_id, retry_after_s=answered.retry_after_s)
    if code == "InvalidEndpoint.ClosedEndpoint":
        pause_s = max(CLOSED_ENDPOINT_S, answered.retry_after_s or 0.0)
        return Unavailable(text, code=code, request_id=request_id, retry_after_s=pause_s)
    if family in ("InvalidParameter", "InvalidImageURL") and _is_slow_host(message):
        return Unavailable(text, code=DOWNLOAD_TIMEOUT, request_id=request_id, retry_after_s=answered.retry_after_s)
    if family in _INVALID:
        return InvalidRequest(text, code=code, request_id=request_id)
    return None


def _by_status(status: int, code: str, text: str, answered: Answered) -> PluginError:
    """Return what a status means by itself: no code says that a refusal is the account's, so none is certain."""
    request_id, known = answered.request_id, code or None
    if status in (401, 402, 403):
        return AccountProblem(text, certain=False, code=known, request_id=request_id)
    if status == 404 and not code:
        message = texts.NOT_FOUND_ADDRESS()
        return AccountProblem(message, certain=False, request_id=request_id)
    if status == 429:
        return RateLimited(text, code=known, request_id=request_id, retry_after_s=answered.retry_after_s)
    if status == 408:
        return Unavailable(text, code=known, request_id=request_id, retry_after_s=answered.retry_after_s)
    if 300 <= status < 400:
        message = texts.REDIRECTED()
        return AccountProblem(message, certain=False, request_id=request_id)
    if 400 <= status < 500:
        return InvalidRequest(text, code=known, request_id=request_id)
    return OutcomeUnknown(text, code=known, request_id=request_id, retry_after_s=answered.retry_after_s)


def _pause_s(code: str, answered: Answered) -> float | None:
    if answered.retry_after_s is not None:
        return answered.retry_after_s
    if _PER_MINUTE.fullmatch(code):
        return 60.0 - answered.now_s % 60.0
    return None


def _scope(code: str) -> Literal["provider", "model"]:
    """Say whose limit *code* names: Ark counts per model and account, or per endpoint (82379/1299023)."""
    return "model" if _OF_MODEL.fullmatch(code) else "provider"


def _is_slow_host(message: str) -> bool:
    """Say whether *message* tells that a reference's host was slow or away: Ark has several wordings for it."""
    words = _ADDRESS.sub(" ", message)
    return _FETCHING.search(words) is not None and _SLOW_HOST.search(words) is not None


@contextmanager
def connection_failures(request_id: str | None = None) -> Iterator[None]:
    """Translate what the connection raises: `Unavailable` when nothing was sent, else `OutcomeUnknown`."""
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
        message = texts.NOT_REACHED(error=type(error).__name__)
        raise Unavailable(message, code="not_reached") from error
    except TimeoutError as error:
        raise OutcomeUnknown(texts.NO_ANSWER(), code="timeout", request_id=request_id) from error
    except (aiohttp.ClientError, OSError) as error:
        message = texts.CONNECTION_BROKE(error=type(error).__name__)
        raise OutcomeUnknown(message, code="connection_lost", request_id=request_id) from error
