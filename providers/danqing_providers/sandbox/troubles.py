"""What can be wrong, before a dialect puts it into its own words.

Refusal                 a request is refused; what a dialect's own errors derive from
└── Trouble             one of the troubles that every service has
Answered                the answer is ready, whatever it is
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from aiohttp import web

__all__ = ["Answered", "Refusal", "Trouble", "TroubleKind", "kind_of_status"]


class TroubleKind(StrEnum):
    """What every service has a way to say."""

    KEY_MISSING = "key_missing"
    KEY_UNKNOWN = "key_unknown"
    INVALID = "invalid"
    """A field with a value that is not taken: `param` and `message` say which and why."""
    ROUTE_NOT_FOUND = "route_not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BODY_TOO_LARGE = "body_too_large"
    MODERATION = "moderation"
    """The input is refused."""
    MODERATION_OUTPUT = "moderation_output"
    """What was made is refused."""
    REFERENCE_TIMEOUT = "reference_timeout"
    """A picture of the request could not be fetched in time: `param` is its URL."""
    REFERENCE_AWAY = "reference_away"
    """A picture of the request answered with an error."""
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    QUOTA = "quota"
    """The allowance is used up: no use to try again."""
    OVERDUE = "overdue"
    """The account owes money."""
    MODEL_CLOSED = "model_closed"
    """The account may not use the model."""
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"


STATUSES: Final[Mapping[TroubleKind, int]] = MappingProxyType(
    {
        TroubleKind.KEY_MISSING: 401,
        TroubleKind.KEY_UNKNOWN: 401,
        TroubleKind.INVALID: 400,
        TroubleKind.ROUTE_NOT_FOUND: 404,
        TroubleKind.METHOD_NOT_ALLOWED: 405,
        TroubleKind.BODY_TOO_LARGE: 413,
        TroubleKind.MODERATION: 400,
        TroubleKind.MODERATION_OUTPUT: 400,
        TroubleKind.REFERENCE_TIMEOUT: 400,
        TroubleKind.REFERENCE_AWAY: 400,
        TroubleKind.RATE_LIMITED: 429,
        TroubleKind.OVERLOADED: 503,
        TroubleKind.QUOTA: 429,
        TroubleKind.OVERDUE: 403,
        TroubleKind.MODEL_CLOSED: 403,
        TroubleKind.INTERNAL: 500,
        TroubleKind.UNAVAILABLE: 503,
    }
)
"""The status of each where a service is not known to use another."""

_BY_STATUS: Final[Mapping[int, TroubleKind]] = MappingProxyType(
    {
        401: TroubleKind.KEY_UNKNOWN,
        402: TroubleKind.OVERDUE,
        403: TroubleKind.OVERDUE,
        404: TroubleKind.MODEL_CLOSED,
        429: TroubleKind.RATE_LIMITED,
        500: TroubleKind.INTERNAL,
    }
)


def kind_of_status(status: int) -> TroubleKind:
    """Return what *status*, 400 to 599, most often means."""
    return _BY_STATUS.get(status, TroubleKind.UNAVAILABLE if status >= 500 else TroubleKind.INVALID)


class Refusal(Exception):
    """A request is refused; `Dialect.refuse` makes the answer of it."""


class Trouble(Refusal):
    """One trouble.

    `status`, `code` and `message` are set where a rule or a handler wants other ones than the dialect's own.
    `param` is the field, the URL, the path, the method or the limit that the trouble is about. `retry_after_s` None
    sends no `Retry-After`. `unwrapped` asks for the bare error object that a service was seen to send.
    """

    def __init__(
        self,
        kind: TroubleKind,
        message: str | None = None,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str = "",
        retry_after_s: int | None = None,
        unwrapped: bool = False,
    ) -> None:
        super().__init__(f"{kind}: {message}" if message else str(kind))
        self.kind = kind
        self.message = message
        self.status = STATUSES[kind] if status is None else status
        self.has_own_status = status is not None
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s
        self.unwrapped = unwrapped


class Answered(Exception):
    """The answer is `response`: sent as it is."""

    def __init__(self, response: web.StreamResponse) -> None:
        super().__init__(response.status)
        self.response = response
