"""What a plugin may raise, and what the server does about each.

PluginError
├── ConfigurationError   the start is refused with this message, in one line
├── InvalidRequest       400 at submission; while running: the picture fails, nothing is retried (`billed`: whether
│                        the service charges for it all the same)
├── ContentRejected      refused by moderation; the picture fails, nothing is retried (`billed`, too)
├── RateLimited          nothing was billed; tried again after `retry_after_s`, or a backoff (`scope`: whose limit)
├── Unavailable          nothing was billed; tried again after a backoff
├── OutcomeUnknown       the call may have run and been billed; `on_ambiguous` decides
└── AccountProblem       nothing was billed; the provider's lanes stop and the operator is told (`certain`: whether
                         the service said that it is the account)

Messages reach the task's user. They hold no key, no prompt and no signed URL.

What each means is said on its class, and read from there by whoever acts on it: `kind`, `task_code` (the stable
word that the task's user sees), `retryable`, `call_outcome` (of a paid call that it ended) and `billed` (what is
said of an output or a task that failed with it, unless its calls tell more). A subclass means what its parent does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import attrs

from danqing_plugins.outcomes import Billed, CallOutcome, ErrorKind

__all__ = [
    "AccountProblem",
    "ConfigurationError",
    "ContentRejected",
    "InvalidRequest",
    "OutcomeUnknown",
    "PluginError",
    "Problem",
    "RateLimited",
    "Unavailable",
]


@attrs.frozen(kw_only=True)
class Problem:
    """One thing wrong with one field of a request.

    `field` is the key in the input (`size`, or `image[2]`), `value` what was sent, shortened by the
    server before it is shown; None when there was none.
    """

    field: str
    message: str
    value: object = None


class PluginError(Exception):
    """The base of all errors a plugin may raise on purpose.

    Args:
        message: one sentence for the task's user.
        code: a stable word a program can branch on: the upstream service's own code where it has one.
        request_id: the upstream service's id of the request, for its support; None when it gave none.
    """

    default_code = "provider_error"
    kind: ClassVar[ErrorKind] = ErrorKind.UNBILLED
    task_code: ClassVar[str] = "provider_error"
    retryable: ClassVar[bool] = False
    call_outcome: ClassVar[CallOutcome] = CallOutcome.UNKNOWN
    billed: Billed = Billed.NO
    retry_after_s: float | None = None
    of_question: bool = False
    """Whether a question met it that named no reason its plugin knows: of what is asked about it says nothing."""

    def __init__(self, message: str, *, code: str | None = None, request_id: str | None = None) -> None:
        super().__init__(message)
        self.message = _sentence(message)
        self.code = str(code or self.default_code)
        self.request_id = None if request_id is None else str(request_id)


class ConfigurationError(PluginError):
    """A setting of the plugin is wrong; name the variable, its value (unless secret) and what is allowed."""

    default_code = "configuration"


class InvalidRequest(PluginError):
    """The request can never succeed as it is; `problems` names the fields, when known.

    `billed` is whether the service charges for it: one that refuses after it began to work may.
    """

    default_code = "invalid_request"
    kind = ErrorKind.REFUSED
    task_code = "invalid_request"
    call_outcome = CallOutcome.REJECTED

    def __init__(
        self,
        message: str,
        *,
        problems: Sequence[Problem] = (),
        billed: Billed = Billed.NO,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.problems = tuple(problems)
        self.billed = _billed(billed)


class ContentRejected(PluginError):
    """The service's moderation refused the prompt, a reference or the picture.

    `billed` is whether the service charges for it: some do for a picture that they made and hold back.
    """

    default_code = "content_rejected"
    kind = ErrorKind.REFUSED
    task_code = "content_rejected"
    call_outcome = CallOutcome.REJECTED

    def __init__(
        self,
        message: str,
        *,
        billed: Billed = Billed.NO,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.billed = _billed(billed)


class _Unbilled(PluginError):
    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.retry_after_s = _seconds(retry_after_s)


class RateLimited(_Unbilled):
    """The service asks for fewer requests; `retry_after_s` is its own wish, None when it named none.

    `scope` says whose limit it is: `provider` (the account's: everything of the lane waits) or `model` (the other
    models go on).
    """

    default_code = "rate_limited"
    kind = ErrorKind.RATE_LIMITED
    task_code = "rate_limited"
    retryable = True
    call_outcome = CallOutcome.FAILED_UNBILLED

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        scope: Literal["provider", "model"] = "provider",
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, retry_after_s=retry_after_s, code=code, request_id=request_id)
        self.scope = scope


class Unavailable(_Unbilled):
    """The service said that it failed, or was never reached: nothing was billed."""

    default_code = "provider_unavailable"
    kind = ErrorKind.UNBILLED
    task_code = "provider_unavailable"
    retryable = True
    call_outcome = CallOutcome.FAILED_UNBILLED


class OutcomeUnknown(PluginError):
    """The request left, and no answer tells what became of it: it may have been billed.

    `retry_after_s` is the service's own wish, where a bare 503 named one; None when it named none.
    """

    default_code = "outcome_unknown"
    kind = ErrorKind.UNKNOWN
    task_code = "outcome_unknown"
    retryable = True
    billed = Billed.UNKNOWN

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.retry_after_s = _seconds(retry_after_s)


class AccountProblem(PluginError):
    """The key or the account is refused (unknown key, overdue, quota spent): an operator must act.

    `certain` False: the service refused without saying that it is the account (a bare 401, 403, 404 or 3xx from an
    edge, say); it may be this one request, and the lane stops only when another request is refused alike.
    """

    default_code = "account_problem"
    kind = ErrorKind.ACCOUNT
    task_code = "account_problem"
    retryable = True
    call_outcome = CallOutcome.REJECTED

    def __init__(
        self,
        message: str,
        *,
        certain: bool = True,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.certain = certain


def _sentence(told: object) -> str:
    """Return *told*, or of another exception its name alone: what that one says may hold a key or a link."""
    return told if isinstance(told, str) else type(told).__name__


def _billed(told: Any) -> Billed:
    try:
        return Billed(told)
    except ValueError:
        return Billed.UNKNOWN


def _seconds(wish: Any) -> float | None:
    """Return a service's wish in seconds, as a number or as a header's text; None when it is neither."""
    try:
        seconds = float(wish)
    except (TypeError, ValueError):
        return None
    return seconds if seconds >= 0 else None
