"""The words for what became of a paid call, for whether it was charged, and for what an error means."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Billed", "CallOutcome", "ErrorKind"]


class Billed(StrEnum):
    """Whether the provider charged for something."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class CallOutcome(StrEnum):
    """What became of one paid upstream call.

    `open` is written before the call leaves; an order that the service took, under an id that was saved, stays open
    until it is settled. `delivered`: answered, its pictures are ours or on their way. `rejected`,
    `failed_unbilled`: answered with a refusal or a failure that costs nothing. `unknown`: it may have run and been
    billed, or was answered and its picture is lost. `unsent`: opened, and given up before anything left.
    """

    OPEN = "open"
    DELIVERED = "delivered"
    REJECTED = "rejected"
    FAILED_UNBILLED = "failed_unbilled"
    UNKNOWN = "unknown"
    UNSENT = "unsent"


class ErrorKind(StrEnum):
    """What an error means for its task.

    `refused`: it can never succeed. `unbilled`, `rate_limited`: nothing was charged, and another try may succeed.
    `account`: an operator has to act. `unknown`: it may have been charged.
    """

    REFUSED = "refused"
    UNBILLED = "unbilled"
    RATE_LIMITED = "rate_limited"
    ACCOUNT = "account"
    UNKNOWN = "unknown"
