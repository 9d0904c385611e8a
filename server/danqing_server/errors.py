"""What can go wrong in the server, and what whoever catches it can do about it.

DanqingError
├── SettingsError          settings are wrong: the start is refused with these lines, one for each mistake
├── ServiceUnavailable     an outside system does not answer: try again, nothing was changed unless said
│   ├── StoreUnavailable       MongoDB
│   ├── QueueUnavailable       Redis
│   ├── StorageUnavailable     the picture storage: full, unwritable, unreachable
│   │   └── StorageFull            so little room is left that nothing new is taken in
│   └── Draining               this process is stopping; another one will answer
├── Overloaded             a bound was reached: try again after `retry_after_s`
├── BudgetExceeded         a limit on money leaves no room: ask for less, or wait until `resets_at`
├── InvalidSubmission      the request is wrong, field by field
├── BodyTooLarge           the body passes the limit
├── NotFound               no such thing, or none that this caller may see
├── Conflict               the thing is in a state that does not allow this
├── KeyReused              an Idempotency-Key came again with a different request
├── Forbidden              the key is known, and may not do this
│   ├── ScopeMissing           it lacks the scope that the route needs
│   ├── AddressNotAllowed      it may not be used from the client's address
│   └── ProjectArchived        its project is closed
├── Unauthenticated        no key
│   ├── UnknownKey             a wrong one
│   ├── SessionEnded           signed out of the studio, or away for too long: sign in again
│   ├── KeyExpired             one whose time is up, or that another took the place of
│   └── KeyRevoked             one that was taken back
├── TooManyRequests        as many as a limit of project or key allows: try again after `retry_after_s`
├── TooManyWrongKeys       so many that no key is looked at: try again after `retry_after_s`
├── HostNotAllowed         the request names a host under which this server does not answer
├── PictureRejected        these bytes are no output that can be kept
├── Unreadable             a stored task of a newer release: another process may read it
├── BatchUnreadable        the same of a batch
├── SourceUnavailable      a picture's source gives nothing: `gone` and `refused` say whether to ask again
└── AttemptLost            the task belongs to another attempt now: stop, and write nothing
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from danqing_plugins import Problem

__all__ = [
    "AddressNotAllowed",
    "AttemptLost",
    "BatchUnreadable",
    "BodyTooLarge",
    "BudgetExceeded",
    "Conflict",
    "DanqingError",
    "Draining",
    "Forbidden",
    "HostNotAllowed",
    "InvalidSubmission",
    "KeyExpired",
    "KeyReused",
    "KeyRevoked",
    "ModelNotAllowed",
    "NotFound",
    "Overloaded",
    "PictureRejected",
    "ProjectArchived",
    "QueueUnavailable",
    "ScopeMissing",
    "ServiceUnavailable",
    "SessionEnded",
    "SettingsError",
    "SourceUnavailable",
    "StorageFull",
    "StorageUnavailable",
    "StoreUnavailable",
    "TooManyRequests",
    "TooManyWrongKeys",
    "Unauthenticated",
    "UnknownKey",
    "Unreadable",
]


_REFUSALS = frozenset({403, 404, 410})


class DanqingError(Exception):
    """The base of all errors the server raises on purpose. A message that is a `Text` is meant for users."""

    @property
    def message(self) -> str:
        """What was said; `str(error)` has only its English."""
        return self.args[0] if self.args else ""


class SettingsError(DanqingError):
    """Settings are missing, wrong or contradict another; each of `lines` is about one mistake, for the operator."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class ServiceUnavailable(DanqingError):
    """Something the server stands on does not answer; `retry_after_s` is when to ask again.

    `permanent` is True when repeating the same operation can never succeed: it answered, and its answer is no.
    """

    retry_after_s = 2

    def __init__(self, message: str = "", *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class StoreUnavailable(ServiceUnavailable):
    """MongoDB did not answer in time. A write that was under way may still land."""


class QueueUnavailable(ServiceUnavailable):
    """Redis did not answer in time."""


class StorageUnavailable(ServiceUnavailable):
    """The picture storage is full, unwritable or unreachable."""


class StorageFull(StorageUnavailable):
    """A disk is nearly full: what is left is for what was paid for already. Nothing was kept."""

    retry_after_s = 60


class Draining(ServiceUnavailable):
    """The process is stopping and takes nothing new."""


class Overloaded(DanqingError):
    """A limit of the server is reached; nothing was kept. `retry_after_s` None: it never has room for so much."""

    def __init__(self, message: str, *, retry_after_s: int | None, server_wide: bool = False) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.server_wide = server_wide


class BudgetExceeded(DanqingError):
    """A project or key has no money left for this until `resets_at`; nothing was kept."""

    def __init__(self, message: str, *, resets_at: datetime) -> None:
        super().__init__(message)
        self.resets_at = resets_at


class InvalidSubmission(DanqingError):
    """The request cannot be accepted; `problems` has one entry per wrong field, named as the client sent it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.message}" for problem in problems))
        self.problems = tuple(problems)


class BodyTooLarge(DanqingError):
    """The body is larger than `limit_bytes`."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the body is larger than {limit_bytes} bytes")
        self.limit_bytes = limit_bytes


class NotFound(DanqingError):
    """There is no `kind` (task, user, asset, …) of that id, or the caller may not know of it."""

    def __init__(self, kind: str, id_: str) -> None:
        super().__init__(f"no {kind} {id_!r}")
        self.kind = kind
        self.id = id_


class Conflict(DanqingError):
    """The current state does not allow the change; the message names both."""

    def __init__(self, message: str, *, code: str = "conflict") -> None:
        super().__init__(message)
        self.code = code


class KeyReused(DanqingError):
    """The same Idempotency-Key came with another body; send a new key for a new request."""


class Unauthenticated(DanqingError):
    """No key, or an unknown one."""


class UnknownKey(Unauthenticated):
    """The key is nobody's."""


class SessionEnded(Unauthenticated):
    """The browser was signed out of the studio, or was not used for half a day."""


class KeyExpired(Unauthenticated):
    """The key's time is up, or another secret took its place: ask the operator for a new one."""


class KeyRevoked(Unauthenticated):
    """The key was taken back for good."""


class TooManyRequests(DanqingError):
    """The project, or the key, has made as many requests within a minute as its limit allows."""

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooManyWrongKeys(DanqingError):
    """So many wrong keys came from the client's address that no key is looked at before `retry_after_s`."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("too many wrong API keys came from this address")
        self.retry_after_s = retry_after_s


class Forbidden(DanqingError):
    """The key is known, and may not do this."""


class ModelNotAllowed(Forbidden):
    """The model is on no list of the project's or the key's; another one may be."""


class ScopeMissing(Forbidden):
    """The key lacks a scope; another key of the same project may have it."""


class AddressNotAllowed(Forbidden):
    """The project, or the key, may not be used from the client's address."""


class ProjectArchived(Forbidden):
    """The key's project is closed: it makes nothing more, and what it made is kept."""


class HostNotAllowed(DanqingError):
    """The `Host` is none of this server's names: ask by one that is, or name it in `DANQING_ALLOWED_HOSTS`."""


class PictureRejected(DanqingError):
    """The bytes are no output that can be kept.

    `code` is `too_large`, `truncated`, `not_a_picture` where a picture was asked for, else `wrong_kind`.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class SourceUnavailable(DanqingError):
    """A picture could not be fetched from its source.

    `gone` is True when asking again is of no use at any time: the URL is malformed or leads where we do not go.
    `status` is what the source answered, None when no HTTP answer came.
    """

    def __init__(self, message: str, *, gone: bool, status: int | None = None) -> None:
        super().__init__(message)
        self.gone = gone
        self.status = status

    @property
    def refused(self) -> bool:
        """Whether the source said no (403, 404, 410): for good, or only because its picture is not there yet."""
        return self.status in _REFUSALS


class Unreadable(DanqingError):
    """A stored task cannot be read: a newer release wrote it, or something damaged it. It is left as it is.

    `deadline_at` is None when it has none, or none that can be read.
    """

    retry_after_s = 60

    def __init__(self, task_id: str, deadline_at: datetime | None = None) -> None:
        super().__init__(f"task {task_id} was written by another release and cannot be read by this one")
        self.task_id = task_id
        self.deadline_at = deadline_at


class BatchUnreadable(DanqingError):
    """A stored batch cannot be read: a newer release wrote it, or something damaged it. It is left as it is."""

    retry_after_s = 60

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"batch {batch_id} was written by another release and cannot be read by this one")
        self.batch_id = batch_id


class AttemptLost(DanqingError):
    """A compare-and-set found the task in other hands: it was taken over, cancelled, finished or deleted."""

    def __init__(self, task_id: str) -> None:
        super().__init__(f"task {task_id} belongs to another attempt, or is finished")
        self.task_id = task_id
