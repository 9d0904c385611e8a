"""How often each picture was paid for, and how often it might be: by the policy, and by its user's own retries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.chaos.billing import Bill
from tests.chaos.faults import STEPS_S, FaultLog
from tests.chaos.submission import Submission

__all__ = ["calls_of", "cut_calls", "limit_broken_by", "may_fail", "paid_again", "purchases_of", "wrong_books"]

SLACK_S = 1.0
NOTHING_BILLED = ("rejected", "failed_unbilled", "unsent")
CALLS_PER_TRY = {"fail": 1, "retry": 2}


def calls_of(task: Submission) -> Sequence[Mapping[str, Any]]:
    """Return the paid calls on the task's own record."""
    return list(task.task.get("calls", ()))


def may_fail(task: Submission, faults: FaultLog) -> bool:
    """Tell whether a picture of the task may be lost for the task's own kind."""
    life_s = task.sent_s, task.ended_s or float("inf")
    return task.kind.may_fail or (task.kind.frail and bool(faults.within(*life_s)))


def cut_calls(task: Submission, faults: FaultLog) -> list[Mapping[str, Any]]:
    """Return the calls of unknown outcome that have a cause: a fault while they ran, or the kind of the task."""
    unknown = [call for call in calls_of(task) if call["outcome"] == "unknown"]
    return [call for call in unknown if task.kind.doubtful or _is_excused(task, call, faults)]


def _is_excused(task: Submission, call: Mapping[str, Any], faults: FaultLog) -> bool:
    return (task.kind.frail and may_fail(task, faults)) or any(
        faults.cuts(*span) for span in _spans_of(call, faults)
    )


def _spans_of(call: Mapping[str, Any], faults: FaultLog) -> Iterable[tuple[float, float]]:
    """Yield when a call may have been under way, by the true clock and by those that were, or went, wrong.

    One whose process died was ended on record long after.
    """
    sent_s, longest_s = datetime.fromisoformat(call["sent_at"]).timestamp(), faults.longest_call_s
    ended = call["ended_at"]
    ended_s = datetime.fromisoformat(ended).timestamp() if ended else sent_s + longest_s
    until_s = sent_s + longest_s if ended_s < sent_s else min(ended_s, sent_s + longest_s)
    for step_s in (0.0, *STEPS_S, *faults.lags_s):
        yield sent_s - step_s - SLACK_S, until_s - step_s + SLACK_S


def purchases_of(task: Submission, paid: Sequence[Bill]) -> Counter[int]:
    """Return how often each picture was paid for.

    A picture of a single call has its position in the answer; for independent pictures, each a call of one, the
    call says which. What no call on record says goes to the picture that was paid for least often.
    """
    owners = _owners_of(task, paid)
    indexes = {call["id"]: call["indexes"] for call in calls_of(task)}
    times: Counter[int] = Counter(dict.fromkeys(range(max(1, task.images)), 0))
    for bill in paid:
        asked = indexes.get(owners[bill])
        if asked is not None and bill.position < len(asked):
            times[asked[bill.position]] += 1
        elif task.group:
            times[bill.position] += 1
        else:
            times[min(times, key=lambda index: times[index])] += 1
    return times


def _owners_of(task: Submission, paid: Sequence[Bill]) -> Mapping[Bill, str]:
    """Return the id of the call that each bill is for.

    Where a service is told no name for a call, its own ids say which. What was bought under ids that were never
    received is for a call that nothing else is for, and whose outcome allows a bill; "" where there is none.
    """
    calls = calls_of(task)
    told = {call["request_id"]: call["id"] for call in calls if call.get("request_id")}
    owners = {bill: bill.call_id or _first(told, bill.answer_ids) for bill in paid}
    strays = sorted({bill.answer_ids for bill, owner in owners.items() if not owner})
    free = [
        call["id"] for call in calls if call["id"] not in owners.values() and call["outcome"] not in NOTHING_BILLED
    ]
    jobs = dict(zip(strays, free, strict=False))
    return {bill: owner or jobs.get(bill.answer_ids, "") for bill, owner in owners.items()}


def _first(told: Mapping[str, str], ids: Sequence[str]) -> str:
    return next((told[id_] for id_ in ids if id_ in told), "")


def paid_again(task: Submission, paid: Sequence[Bill]) -> int:
    """Return how many purchases there were beyond the first of each picture."""
    return sum(count - 1 for count in purchases_of(task, paid).values() if count > 1)


def limit_broken_by(task: Submission, paid: Sequence[Bill], faults: FaultLog) -> int:
    """Return how many purchases nothing allowed.

    A picture may be paid for again only when the outcome of an earlier call for it is unknown, with a cause; and
    then as often as the policy says, anew for each time its user asked for another try.
    """
    tries = 1 + task.tries("retry")
    most = tries * CALLS_PER_TRY[task.policy]
    cut = _cut_per_picture(task, faults)
    allowed = {index: min(most, 1 + cut[index]) for index in range(max(1, task.images))}
    times = purchases_of(task, paid)
    return sum(max(0, count - allowed.get(index, 0)) for index, count in times.items())


def _cut_per_picture(task: Submission, faults: FaultLog) -> Counter[int]:
    if not task.task.get("id") or task.gone:  # there is no record: every fault in its life may have cut a call
        times = len(faults.cuts(task.sent_s - SLACK_S, task.ended_s or float("inf")))
        return Counter(dict.fromkeys(range(max(1, task.images)), times))
    cut: Counter[int] = Counter()
    for call in cut_calls(task, faults):
        cut.update(call["indexes"] or [0])
    return cut


def wrong_books(task: Submission, paid: Sequence[Bill]) -> list[str]:
    """Return where the task's own account differs from what was billed; where nothing costs there are no books."""
    if not task.kind.costs:
        return []
    wrong = []
    owners = _owners_of(task, paid)
    calls = {call["id"]: call for call in calls_of(task)}
    billed = task.task.get("billed")
    if paid and billed == "no":
        wrong.append(f"billed: no, and {len(paid)} were")
    if not paid and billed == "yes":
        wrong.append("billed: yes, and nothing was")
    for bill in paid:
        outcome = calls.get(owners[bill], {}).get("outcome", "not on record")
        if outcome in (*NOTHING_BILLED, "not on record"):
            wrong.append(f"call {owners[bill] or bill.answer_ids} was billed, and is {outcome}")
    billed_calls = set(owners.values())
    wrong += [
        f"call {id_} is delivered, and was not billed"
        for id_, call in calls.items()
        if call["outcome"] == "delivered" and id_ not in billed_calls
    ]
    return wrong
