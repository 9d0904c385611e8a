"""Judges a run: what the clients saw, what the ledger says was paid, and what the fault log excuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from tests.chaos.billing import Bill
from tests.chaos.faults import FaultLog
from tests.chaos.purchases import calls_of, cut_calls, limit_broken_by, may_fail, paid_again, wrong_books
from tests.chaos.submission import Submission
from tests.chaos.traffic import CAPPED

__all__ = ["LEAST_COMPLETED", "PROMISES", "Case", "Verdict", "images_of", "judge"]

SLACK_S = 5.0
LEAST_COMPLETED = 0.98
LEAST_LIMIT_S = 200.0
"""No run gives its tasks less time."""

POISON_LIVES = 3
"""A task that has cost so many processes their lives before a call was sent is given up: `code: poison`."""

PROMISES = (
    "lost",
    "stuck",
    "delivered twice",
    "billed twice",
    "limits passed",
    "wrong books",
    "ledger",
    "webhooks lost",
    "events lost",
)
"""What is always counted, also when it never happened."""


@attrs.define(kw_only=True)
class Case:
    """One submission with what is to be said of it; None is of the whole run. `count` is of pictures where fit."""

    submission: Submission | None
    promise: str
    text: str
    count: int = 1


@attrs.define(kw_only=True)
class Verdict:
    """The counts of a run and every case in which a promise was broken; `kinds` counts the tasks' ends by kind."""

    counts: Counter[str] = attrs.field(factory=Counter)
    kinds: Counter[tuple[str, str]] = attrs.field(factory=Counter)
    cases: list[Case] = attrs.field(factory=list)
    figures: dict[str, float] = attrs.field(factory=dict)
    stories: list[str] = attrs.field(factory=list)

    @property
    def kept(self) -> bool:
        """Whether every promise was."""
        return not self.cases

    def break_promise(self, submission: Submission | None, promise: str, text: str, count: int = 1) -> None:
        """Note a broken promise."""
        self.cases.append(Case(submission=submission, promise=promise, text=text, count=count))
        self.counts[promise] += count

    def add(self, other: Verdict) -> None:
        """Add what another run showed: counts are summed, of the figures the worse is kept."""
        self.counts += other.counts
        self.kinds += other.kinds
        self.cases += other.cases
        self.stories += other.stories
        for name, value in other.figures.items():
            worse = min if name.endswith("share") else max
            self.figures[name] = worse(value, self.figures.get(name, value))


def judge(
    submissions: Sequence[Submission],
    bills: Mapping[str, Sequence[Bill]],
    faults: FaultLog,
    least_completed: float = LEAST_COMPLETED,
) -> Verdict:
    """Go through every submission, and add up; of those under `retry` at least a share is to be completed."""
    verdict = Verdict()
    for submission in submissions:
        paid = bills.get(submission.nonce, ())
        verdict.counts["pictures paid"] += len(paid)
        if submission.answer == "accepted":
            _judge_accepted(verdict, submission, paid, faults)
        else:
            _judge_unaccepted(verdict, submission, paid, faults)
    _judge_shares(verdict, submissions, least_completed)
    return verdict


def _judge_accepted(verdict: Verdict, task: Submission, paid: Sequence[Bill], faults: FaultLog) -> None:
    end = "deleted" if task.gone else task.status
    verdict.counts["accepted"] += 1
    verdict.counts[f"{end} ({task.policy})"] += 1
    verdict.kinds[task.kind.name, end] += 1
    for trouble in task.troubles:
        verdict.break_promise(task, "lost" if trouble == "404 after 201" else "delivered twice", trouble)
    for refused in task.refused:
        verdict.break_promise(task, "stuck", refused)
    if not task.ended:
        verdict.break_promise(task, "stuck", f"last seen {task.status}")
    _judge_bill(verdict, task, paid, faults)
    if task.ended and not task.gone:
        _judge_end(verdict, task, faults)
        for wrong in wrong_books(task, paid):
            verdict.break_promise(task, "wrong books", wrong)


def _judge_end(verdict: Verdict, task: Submission, faults: FaultLog) -> None:
    images = images_of(task)
    indexes = [image["index"] for image in images]
    if len(set(indexes)) < len(indexes) or len(indexes) > task.images:
        verdict.break_promise(task, "delivered twice", f"pictures {indexes} of {task.images}")
    if not may_fail(task, faults) and (hidden := _paid_and_hidden(task)):
        verdict.break_promise(task, "lost", f"pictures {hidden} are delivered, and not shown", len(hidden))
    if task.status == "cancelled" and not (task.tries("cancel") or task.withdrawn):
        verdict.break_promise(task, "lost", f"cancelled: {_error_of(task)}")
    in_part = task.status == "completed" and len(images) < task.images and not task.group
    if in_part:
        verdict.counts["completed in part"] += 1
    if (task.status == "failed" or in_part) and not may_fail(task, faults):
        _judge_failure(verdict, task, faults)


def _paid_and_hidden(task: Submission) -> list[int]:
    """Return the pictures that a call is said to have delivered, and that the task does not show, late or not."""
    late = (task.task.get("output") or {}).get("late", [])
    shown = {image["index"] for image in [*images_of(task), *late]}
    said = {index for call in calls_of(task) if call["outcome"] == "delivered" for index in call["indexes"]}
    return [] if task.group else sorted(said - shown)


def _judge_failure(verdict: Verdict, task: Submission, faults: FaultLog) -> None:
    if _is_poison(task, faults):
        verdict.counts["poison"] += 1
    elif _waited_for_money(task):
        verdict.counts["met their time limit while a spend limit held them"] += 1
    elif _is_too_early(task):
        text = f"past its deadline {task.ended_s - task.answered_s:.0f} s after it was accepted"
        verdict.break_promise(task, "ended by a wrong clock", text)
    elif not any(call["outcome"] == "unknown" for call in calls_of(task)):
        verdict.break_promise(task, "failed without cause", f"no call of unknown outcome: {_error_of(task)}")
    elif not cut_calls(task, faults):
        verdict.break_promise(task, "failed without cause", f"no fault in its calls: {_error_of(task)}")


def _waited_for_money(task: Submission) -> bool:
    """Tell whether the task stood before a lane that its day's limit had shut until its own time was over."""
    code = (task.task.get("error") or {}).get("code")
    return task.kind.provider == CAPPED and code == "deadline_exceeded" and not _is_too_early(task)


def _is_too_early(task: Submission) -> bool:
    """Tell whether the task, or one of its pictures, failed by a deadline that had not come."""
    errors = [task.task.get("error") or {}, *(task.task.get("output") or {}).get("errors", [])]
    late = any(error.get("code") == "deadline_exceeded" for error in errors)
    return late and task.ended_s - task.answered_s < LEAST_LIMIT_S


def _is_poison(task: Submission, faults: FaultLog) -> bool:
    """Tell whether the task was given up for the lives it cost, after as many faults as take that many."""
    if (task.task.get("error") or {}).get("code") != "poison":
        return False
    ended_s = datetime.fromisoformat(task.task["completed_at"]).timestamp()
    return len(faults.cuts(task.answered_s, max(ended_s, task.ended_s))) >= POISON_LIVES


def _judge_bill(verdict: Verdict, task: Submission, paid: Sequence[Bill], faults: FaultLog) -> None:
    verdict.counts[f"paid again ({task.policy})"] += paid_again(task, paid)
    if too_many := limit_broken_by(task, paid, faults):
        text = f"{len(paid)} paid of {task.images}, {too_many} more than allowed"
        verdict.break_promise(task, "billed twice", text, too_many)
    if task.kind.costs and task.status == "completed" and len(paid) < len(images_of(task)):
        verdict.break_promise(task, "delivered unpaid", f"{len(paid)} paid, {len(images_of(task))} delivered")


def _judge_unaccepted(verdict: Verdict, task: Submission, paid: Sequence[Bill], faults: FaultLog) -> None:
    answer = "maybe accepted" if task.answer == "maybe" else "refused"
    verdict.counts[answer] += 1
    verdict.kinds[task.kind.name, answer] += 1
    if too_many := limit_broken_by(task, paid, faults):
        verdict.break_promise(task, "billed twice", f"{len(paid)} paid of {task.images}, unaccepted", too_many)
    if paid and task.answer == "refused":
        # The stated exception: the process that said so died before it could void the task.
        excused = not task.keyed and faults.cuts(task.answered_s - SLACK_S, task.answered_s + SLACK_S)
        if excused:
            verdict.counts["ran after 503, its process killed"] += 1
        else:
            verdict.break_promise(task, "ran after 503", f"{len(paid)} paid")


def _judge_shares(verdict: Verdict, submissions: Sequence[Submission], least: float) -> None:
    """Ask for a share of the tasks under `retry` that nobody cancelled, and that can complete at all."""
    counted = [
        task
        for task in submissions
        if task.answer == "accepted"
        and task.policy == "retry"
        and not (task.gone or task.withdrawn or task.kind.may_fail or task.kind.frail or task.tries("cancel"))
    ]
    completed = sum(task.status == "completed" for task in counted)
    share = completed / len(counted) if counted else 1.0
    verdict.figures["completed under retry, share"] = round(share, 4)
    if share < least:
        verdict.break_promise(None, "completed under retry", f"{share:.2%}, at least {least:.0%}")


def images_of(task: Submission) -> list[dict[str, Any]]:
    """Return the pictures, and videos, that a finished task lists."""
    output = task.task.get("output") or {}
    return [*output.get("images", ()), *output.get("videos", ())]


def _error_of(task: Submission) -> str:
    error = task.task.get("error") or {}
    return f"{error.get('code')}: {error.get('message')}"
