"""What follows when an attempt ends: finish, or try again, and when. Pure: nothing here waits or writes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import attrs

from danqing_plugins import Message
from danqing_server.life.billing import (
    awaits_orders,
    billed_of,
    holds_order,
    is_on_its_way,
    lost_calls,
    may_go_on,
    unordered,
)
from danqing_server.records.outputs import Output, OutputState, TaskError
from danqing_server.records.tasks import Billed, Status, Task

__all__ = [
    "NOT_THE_SERVICE",
    "Again",
    "Decision",
    "Failure",
    "FailureKind",
    "Finish",
    "Policy",
    "decide",
    "ends_at",
    "fail_missing",
]

LATE = Message(
    key="late",
    en="not finished by its deadline; last error: {error}",
    zh="未在截止时间前完成；最后一次错误：{error}",
)
INCOMPLETE = Message(
    key="incomplete",
    en="the provider returned without delivering all it was asked for",
    zh="服务商结束了任务，但没有给出全部成品",
)
NOTHING_MADE = Message(key="nothing_made", en="the provider made nothing", zh="服务商没有生成任何成品")

MOST_LEASES_LOST = 3
MOST_LEASES_LOST_FETCHING = 30
"""For one that fetches what is paid for, or waits for what it ordered: its user's, unless they kill who looks."""
LEASE_IN_DOUBT = "lease_in_doubt"
REFERENCE_UNAVAILABLE = "reference_unavailable"
NO_FURTHER_CALL = "no_further_call"
NEVER_PLACED = "never_placed"
ORDER_UNKNOWN = "order_unknown"
NOT_THE_SERVICE = (LEASE_IN_DOUBT, REFERENCE_UNAVAILABLE, NO_FURTHER_CALL, NEVER_PLACED, ORDER_UNKNOWN)


class FailureKind(StrEnum):
    """Why an attempt ended without having everything."""

    REFUSED = "refused"
    UNBILLED = "unbilled"
    RATE_LIMITED = "rate_limited"
    UNKNOWN = "unknown"
    ACCOUNT = "account"
    STORAGE = "storage"
    WORKER_LOST = "worker_lost"
    GIVEN_BACK = "given_back"
    DEADLINE = "deadline"
    INCOMPLETE = "incomplete"


_AMBIGUOUS = (FailureKind.UNKNOWN, FailureKind.GIVEN_BACK)
_NOT_LOOKED_UP = (FailureKind.REFUSED, FailureKind.WORKER_LOST)
_UNCOUNTED = (FailureKind.RATE_LIMITED, FailureKind.ACCOUNT, FailureKind.GIVEN_BACK)


@attrs.frozen(kw_only=True)
class Failure:
    """Why, in the words the user will read; `retry_after_s` is the service's own wish.

    `counted` False: the lane is closed, so this does not bring the task nearer to its last attempt.
    `certain` False: a refusal of this request that need not be the account's. `of_model`: its model's limit only.
    """

    kind: FailureKind
    error: TaskError
    retry_after_s: float | None = None
    counted: bool = True
    certain: bool = True
    of_model: bool = False

    @property
    def counts(self) -> bool:
        """Whether this brings the task nearer to its last attempt."""
        return self.counted and (self.kind not in _UNCOUNTED or not self.certain)

    @property
    def is_outage(self) -> bool:
        """Whether it says something about the service rather than about this task."""
        if self.error.code in ("plugin_error", "picture_lost") or self.error.provider_code in NOT_THE_SERVICE:
            return False
        return self.kind in (FailureKind.UNBILLED, FailureKind.UNKNOWN)


@attrs.frozen(kw_only=True)
class Policy:
    """The bounds of retrying. Backoff is exponential between the two delays, in seconds, with full jitter.

    `fetching_grace_s`: how long beyond its deadline a task may go on fetching what is paid for, and that alone.
    """

    max_attempts: int = 8
    on_ambiguous: str = "retry"
    first_delay_s: float = 1.0
    longest_delay_s: float = 60.0
    longest_retry_after_s: float = 300.0
    fetching_grace_s: float = 0.0
    random: Callable[[], float] = random.random

    def backoff_s(self, failures: int) -> float:
        """Return the delay before the next try after *failures* failures, at least half of its step."""
        step = min(self.longest_delay_s, self.first_delay_s * 2.0 ** min(failures, 30))
        return step * (0.5 + 0.5 * self.random())


@attrs.frozen(kw_only=True)
class Finish:
    """The task ends now. `outputs` are pictures that failed with it, to be written with the end."""

    status: Status
    error: TaskError | None = None
    outputs: tuple[Output, ...] = ()


@attrs.frozen(kw_only=True)
class Again:
    """The task waits for another attempt; `run_at` None is at once. The counts are added to the task's.

    `outputs` are pictures that will not come any more, while the links of others are still to be fetched.
    """

    error: TaskError
    outputs: tuple[Output, ...] = ()
    run_at: datetime | None = None
    failures: int = 0
    leases_lost: int = 0


Decision = Finish | Again


def decide(task: Task, failure: Failure | None, policy: Policy, now: datetime) -> Decision:
    """Say what follows from *task* (its calls and outputs up to date) and *failure*; None: the provider returned.

    A task with at least one picture kept completes, whatever happened to the others. An attempt that lost the
    answer of a call whose order can be looked up is followed by one that does so, before any policy decides.
    """
    settled = _settled(task) if task.images or failure is None else None
    if settled is not None:
        return settled
    failure = failure or _incomplete()
    if failure.kind is FailureKind.DEADLINE or _past_deadline(task, now):
        return _past_its_deadline(task, _as_deadline(failure), failure, policy, now)
    if failure.kind not in _NOT_LOOKED_UP and _lost_an_answer(task):
        return attrs.evolve(_again(task, failure, policy, now), failures=0)
    final = failure.error if failure.kind is FailureKind.REFUSED else _exhausted(task, failure, policy)
    if final is None:
        return _again(task, failure, policy, now)
    if _is_refused(task, failure, policy) and task.images and awaits_orders(task):
        return _fetch_the_rest(task, failure, final, policy, now, given_up=unordered(task))
    if failure.kind is not FailureKind.WORKER_LOST and is_on_its_way(task):
        return _fetch_the_rest(task, failure, final, policy, now, given_up=task.missing)
    return fail_missing(task, final, now)


def ends_at(task: Task, policy: Policy) -> datetime | None:
    """Return when *task* ends whatever it lacks, None before its first start.

    That is its deadline, at which nothing more is asked for, and later while what is paid for is to be fetched.
    """
    if task.deadline_at is None or not is_on_its_way(task):
        return task.deadline_at
    return task.deadline_at + timedelta(seconds=policy.fetching_grace_s)


def _past_its_deadline(task: Task, error: TaskError, failure: Failure, policy: Policy, now: datetime) -> Decision:
    """Ask for nothing more, but fetch what was delivered: it is paid for, and its link may be gone tomorrow."""
    ends = ends_at(task, policy)
    if is_on_its_way(task) and ends is not None and now < ends:
        return _fetch_the_rest(task, failure, error, policy, now, given_up=task.missing)
    return fail_missing(task, error, now)


def _lost_an_answer(task: Task) -> bool:
    """Tell whether this very attempt did: one that cannot look up what an earlier one lost counts as any other."""
    return any(call.attempt == task.attempts for call in lost_calls(task))


def _is_refused(task: Task, failure: Failure, policy: Policy) -> bool:
    """Tell whether the policy allows no further purchase after what may have been paid for in vain."""
    if failure.kind not in _AMBIGUOUS or lost_calls(task):
        return False
    return not may_go_on(task, policy.on_ambiguous)


def _fetch_the_rest(
    task: Task, failure: Failure, final: TaskError, policy: Policy, now: datetime, given_up: Sequence[int]
) -> Again:
    """Give up some pictures, and try again for those whose links or orders are saved: they are paid for."""
    failed = tuple(_failed(task, index, final, now) for index in given_up)
    return attrs.evolve(_again(task, failure, policy, now), error=final, outputs=failed)


def _exhausted(task: Task, failure: Failure, policy: Policy) -> TaskError | None:
    """Return why another attempt is not allowed, None when it is."""
    if _is_refused(task, failure, policy):
        return attrs.evolve(failure.error, code="outcome_unknown", billed=Billed.UNKNOWN, retryable=True)
    if failure.kind is FailureKind.WORKER_LOST:
        bought = is_on_its_way(task) or holds_order(task)
        most = MOST_LEASES_LOST_FETCHING if bought else MOST_LEASES_LOST
        return failure.error if task.leases_lost + 1 >= most else None
    if failure.kind is FailureKind.STORAGE:  # paid for, and trying again costs nothing: only the deadline ends it
        return None
    return failure.error if failure.counts and task.failures + 1 >= policy.max_attempts else None


def _again(task: Task, failure: Failure, policy: Policy, now: datetime) -> Again:
    if failure.kind is FailureKind.WORKER_LOST:
        pause_s = policy.backoff_s(task.leases_lost - 1) if task.leases_lost else 0.0
        run_at = now + timedelta(seconds=pause_s) if pause_s else None
        return Again(error=failure.error, run_at=run_at, leases_lost=1)
    if failure.kind is FailureKind.GIVEN_BACK:
        return Again(error=failure.error)
    delay_s = policy.backoff_s(task.failures)
    if failure.retry_after_s is not None:
        delay_s = max(delay_s, min(failure.retry_after_s, policy.longest_retry_after_s))
    return Again(error=failure.error, run_at=now + timedelta(seconds=delay_s), failures=1 if failure.counts else 0)


def _settled(task: Task) -> Finish | None:
    """Return how *task* ends when nothing is missing or on its way, None when something is."""
    if task.missing or is_on_its_way(task):
        return None
    if task.kept or not task.images:
        return Finish(status=Status.COMPLETED)
    failed = task.failed_outputs
    error = failed[0].error if failed else None
    return Finish(status=Status.FAILED, error=_with_billing(task, error or _nothing_made()))


def fail_missing(task: Task, error: TaskError, now: datetime) -> Finish:
    """End the task: what is not kept fails with *error*; what is kept is the user's all the same."""
    kept = {output.index for output in task.kept}
    settled = {output.index for output in task.outputs.values() if output.state is not OutputState.SOURCED}
    failed = tuple(_failed(task, index, error, now) for index in range(task.images) if index not in settled)
    if kept:
        return Finish(status=Status.COMPLETED, outputs=failed)
    return Finish(status=Status.FAILED, error=_with_billing(task, error), outputs=failed)


def _failed(task: Task, index: int, error: TaskError, now: datetime) -> Output:
    """Return a picture as failed; one that is paid for keeps its URL, for the case that its user tries again."""
    sourced = task.outputs.get(str(index))
    source_url = sourced.source_url if sourced is not None else None
    return Output(index=index, state=OutputState.FAILED, at=now, error=error, source_url=source_url)


def _with_billing(task: Task, error: TaskError) -> TaskError:
    billed = billed_of(task)
    return error if billed is Billed.NO else attrs.evolve(error, billed=billed)


def _past_deadline(task: Task, now: datetime) -> bool:
    return task.deadline_at is not None and now >= task.deadline_at


def _as_deadline(failure: Failure) -> TaskError:
    if failure.kind in (FailureKind.DEADLINE, FailureKind.STORAGE):
        return failure.error
    message = LATE(error=failure.error.message)
    return attrs.evolve(failure.error, code="deadline_exceeded", message=message, retryable=True)


def _incomplete() -> Failure:
    error = TaskError(code="incomplete", message=INCOMPLETE(), retryable=True)
    return Failure(kind=FailureKind.INCOMPLETE, error=error)


def _nothing_made() -> TaskError:
    return TaskError(code="no_picture", message=NOTHING_MADE(), retryable=True)
