"""What ended an attempt early, in the terms of `retry` and of the task's user."""

from __future__ import annotations

from enum import StrEnum

from danqing_plugins import AccountProblem, PluginError, RateLimited, Text
from danqing_server.codec.bodies import storable
from danqing_server.errors import SourceUnavailable, StorageUnavailable
from danqing_server.life.decision import LEASE_IN_DOUBT, Failure, FailureKind
from danqing_server.records.outputs import TaskError
from danqing_server.records.tasks import Billed
from danqing_server.worker import texts

__all__ = ["Interruption", "error_of", "failure_of", "interruption_of", "picture_lost"]

LONGEST_MESSAGE = 2000


class Interruption(StrEnum):
    """Why the server itself ends an attempt early."""

    DEADLINE = "deadline"
    GIVEN_BACK = "given_back"
    LOST = "lost"


def error_of(error: PluginError) -> TaskError:
    """Return what the task's user reads of a plugin's error; the provider's own code stands beside ours."""
    own_words = error.code not in (error.task_code, error.default_code)
    return TaskError(
        code=error.task_code,
        message=_cut(error.message),
        retryable=error.retryable,
        billed=error.billed,
        provider_code=storable(error.code) if own_words else None,
        request_id=storable(error.request_id),
    )


def _cut(message: str) -> str:
    """Return *message*, no longer than a sentence is: some pass a service's whole page on."""
    if isinstance(message, Text):
        return Text(_cut(str(message)), _cut(message.zh), message.key)
    sound: str = storable(message)
    return sound if len(sound) <= LONGEST_MESSAGE else f"{sound[:LONGEST_MESSAGE]}…"


def failure_of(error: BaseException, *, call_open: bool) -> Failure:
    """Return how an attempt failed; *call_open* says whether a paid call was cut by *error*."""
    if isinstance(error, PluginError):
        kind = FailureKind(error.kind)
        if error.code == LEASE_IN_DOUBT:  # our own trouble, not held against the task
            kind = FailureKind.GIVEN_BACK
        certain = not isinstance(error, AccountProblem) or error.certain
        return Failure(
            kind=kind,
            error=error_of(error),
            retry_after_s=error.retry_after_s,
            certain=certain,
            of_model=isinstance(error, RateLimited) and error.scope == "model",
        )
    if isinstance(error, StorageUnavailable):
        return Failure(kind=FailureKind.STORAGE, error=_error("storage_unavailable", texts.STORAGE_FULL()))
    if isinstance(error, SourceUnavailable):
        return Failure(kind=FailureKind.STORAGE, error=_error("download_failed", texts.LINK_SILENT()))
    # The text of an exception nobody planned may hold anything: it goes to the log, never to the user.
    message = texts.PLUGIN_FAILED(error=type(error).__name__)
    kind = FailureKind.UNKNOWN if call_open else FailureKind.UNBILLED
    return Failure(kind=kind, error=_error("plugin_error", message))


def picture_lost() -> Failure:
    """Return how an attempt failed whose provider made a picture that cannot be fetched from its link any more."""
    error = TaskError(code="picture_lost", message=texts.PICTURE_LOST(), retryable=True, billed=Billed.UNKNOWN)
    return Failure(kind=FailureKind.UNKNOWN, error=error)


def interruption_of(why: Interruption) -> Failure:
    """Return how an attempt failed that the server itself ended."""
    if why is Interruption.GIVEN_BACK:
        message = texts.GIVEN_BACK()
        return Failure(
            kind=FailureKind.GIVEN_BACK, error=TaskError(code="given_back", message=message, retryable=True)
        )
    message = texts.DEADLINE()
    return Failure(
        kind=FailureKind.DEADLINE,
        error=TaskError(code="deadline_exceeded", message=message, retryable=True),
    )


def _error(code: str, message: str) -> TaskError:
    return TaskError(code=code, message=message, retryable=True)
