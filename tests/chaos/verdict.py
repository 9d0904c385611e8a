"""Judges a run: what the clients saw, what the ledger says was paid, and what the fault log excuses."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from tests.chaos.billing import Bill
from tests.chaos.clients import FINISHED, Submission
from tests.chaos.faults import FaultLog

__all__ = ["LEAST_COMPLETED", "Case", "Verdict", "images_of", "judge", "worst_gap_s"]

SLACK_S = 5.0
LEAST_COMPLETED = 0.98
POISON_LIVES = 3
"""A task that has cost so many processes their lives before a call was sent is given up: `code: poison`."""
LONGEST_CALL_S = 15.0
"""The sandbox takes 3 s; a call may wait for a MongoDB that was killed before it leaves."""


@attrs.define(kw_only=True)
class Case:
    """One submission with what is to be said of it; `count` is of pictures where pictures are concerned."""

    submission: Submission
    promise: str
    text: str
    count: int = 1


@attrs.define(kw_only=True)
class Verdict:
    """The counts of a run and every case in which a promise was broken."""

    counts: Counter[str] = attrs.field(factory=Counter)
    cases: list[Case] = attrs.field(factory=list)
    figures: dict[str, float] = attrs.field(factory=dict)

    @property
    def kept(self) -> bool:
        """Whether every promise was."""
        return not self.cases

    def break_promise(self, submission: Submission, promise: str, text: str, count: int = 1) -> None:
        """Note a broken promise."""
        self.cases.append(Case(submission=submission, promise=promise, text=text, count=count))
        self.counts[promise] += count


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
    verdict.counts["accepted"] += 1
    verdict.counts[f"{task.status} ({task.policy})"] += 1
    if "404 after 201" in task.troubles:
        verdict.break_promise(task, "lost", "404 after 201")
    for trouble in task.troubles:
        if trouble != "404 after 201":
            verdict.break_promise(task, "delivered twice", trouble)
    if task.status not in FINISHED:
        verdict.break_promise(task, "stuck", f"last seen {task.status}")
        return
    _judge_end(verdict, task, faults)
    _judge_bill(verdict, task, paid)


def _judge_end(verdict: Verdict, task: Submission, faults: FaultLog) -> None:
    images = images_of(task)
    indexes = [image["index"] for image in images]
    if len(set(indexes)) < len(indexes) or len(indexes) > task.images:
        verdict.break_promise(task, "delivered twice", f"pictures {indexes} of {task.images}")
    if task.status == "cancelled":
        verdict.break_promise(task, "lost", f"cancelled: {_error_of(task)}")
    if task.status == "completed" and len(images) < task.images:
        verdict.counts["completed in part"] += 1
    if task.status == "failed" or (task.status == "completed" and len(images) < task.images and not task.group):
        cut = [call for call in task.task["calls"] if call["outcome"] == "unknown"]
        if _is_poison(task, faults):
            verdict.counts["poison"] += 1
        elif not cut:
            verdict.break_promise(task, "failed without cause", f"no call of unknown outcome: {_error_of(task)}")
        elif not any(faults.cuts(*_span_of(call)) for call in cut):
            verdict.break_promise(task, "failed without cause", f"no fault in its calls: {_error_of(task)}")


def _is_poison(task: Submission, faults: FaultLog) -> bool:
    """Tell whether the task was given up for the lives it cost, after as many faults as take that many."""
    if (task.task.get("error") or {}).get("code") != "poison":
        return False
    ended_s = datetime.fromisoformat(task.task["completed_at"]).timestamp()
    return len(faults.cuts(task.answered_s, ended_s)) >= POISON_LIVES


def _judge_bill(verdict: Verdict, task: Submission, paid: Sequence[Bill]) -> None:
    twice = paid_twice(task, paid)
    unknown = [call for call in task.task["calls"] if call["outcome"] == "unknown"]
    excused = sum(len(call["indexes"]) for call in unknown)
    verdict.counts[f"paid twice ({task.policy})"] += twice
    if twice and task.policy == "fail":
        verdict.break_promise(task, "billed twice", f"{len(paid)} paid of {task.images}", twice)
    elif twice > excused:
        verdict.break_promise(task, "billed twice", f"{twice} twice, {excused} of unknown outcome", twice - excused)
    if task.status == "completed" and len(paid) < len(images_of(task)):
        verdict.break_promise(task, "delivered unpaid", f"{len(paid)} paid, {len(images_of(task))} delivered")
    strange = {bill.call_id for bill in paid} - {call["id"] for call in task.task["calls"]}
    if strange:
        verdict.break_promise(task, "call not on record", f"{len(strange)} paid calls are not on the task")


def _judge_unaccepted(verdict: Verdict, task: Submission, paid: Sequence[Bill], faults: FaultLog) -> None:
    verdict.counts["maybe accepted" if task.answer == "maybe" else "refused"] += 1
    if len(paid) > task.images and task.policy == "fail":
        verdict.break_promise(task, "billed twice", f"{len(paid)} paid of {task.images}", len(paid) - task.images)
    if paid and task.answer == "refused":
        # The stated exception: the process that said so died before it could void the task.
        excused = not task.keyed and faults.cuts(task.answered_s - SLACK_S, task.answered_s + SLACK_S)
        verdict.counts["ran after 503, its process killed"] += 1
        if not excused:
            verdict.break_promise(task, "ran after 503", f"{len(paid)} paid")


def _judge_shares(verdict: Verdict, submissions: Sequence[Submission], least: float) -> None:
    accepted = [task for task in submissions if task.answer == "accepted" and task.policy == "retry"]
    completed = sum(task.status == "completed" for task in accepted)
    share = completed / len(accepted) if accepted else 1.0
    verdict.figures["completed under retry, share"] = round(share, 4)
    if share < least:
        verdict.break_promise(accepted[0], "completed under retry", f"{share:.2%}, at least {least:.0%}")


def paid_twice(task: Submission, paid: Sequence[Bill]) -> int:
    """Return how many pictures were paid more than once.

    A picture of a single call has its position in the answer; for independent pictures, each a call of one, the
    call says which. Where the calls do not say, the sum does: never more than the pictures asked for.
    """
    indexes = {call["id"]: call["indexes"] for call in task.task["calls"]}
    times: Counter[int] = Counter()
    for bill in paid:
        asked = indexes.get(bill.call_id) or list(range(task.images))
        times[asked[bill.position] if bill.position < len(asked) else bill.position] += 1
    by_picture = sum(count - 1 for count in times.values() if count > 1)
    return max(by_picture, len(paid) - task.images)


def images_of(task: Submission) -> list[dict[str, Any]]:
    """Return the pictures a finished task lists."""
    output = task.task.get("output") or {}
    return list(output.get("images", []))


def _span_of(call: Mapping[str, Any]) -> tuple[float, float]:
    """Return when a call may have been under way; one whose process died was ended on record long after."""
    sent_s = datetime.fromisoformat(call["sent_at"]).timestamp()
    ended = call["ended_at"]
    ended_s = datetime.fromisoformat(ended).timestamp() if ended else sent_s + LONGEST_CALL_S
    return sent_s - 1, min(ended_s, sent_s + LONGEST_CALL_S) + 1


def _error_of(task: Submission) -> str:
    error = task.task.get("error") or {}
    return f"{error.get('code')}: {error.get('message')}"


def worst_gap_s(starts_s: Sequence[float], events_s: Sequence[float]) -> float:
    """Return the longest time from one of *starts_s* to the next of *events_s*."""
    events = sorted(events_s)
    gaps = []
    for start_s in starts_s:
        place = bisect.bisect(events, start_s)
        if place < len(events):
            gaps.append(events[place] - start_s)
    return max(gaps, default=0.0)
