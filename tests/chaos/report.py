"""The closing table, and the whole story of every task with which a promise was broken."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence

from tests.chaos.billing import Bill
from tests.chaos.faults import FaultLog
from tests.chaos.purchases import calls_of
from tests.chaos.submission import Submission
from tests.chaos.verdict import PROMISES, Case, Verdict

__all__ = ["report", "story_of", "tell_stories"]

MOST_OF_A_SORT = 3
MOST_STORIES = 16


def report(verdict: Verdict) -> str:
    """Return the counts, the figures, what became of each kind, and the first cases of broken promises."""
    always = ("accepted", *PROMISES)
    names = [*always, *sorted(name for name in verdict.counts if name not in always)]
    lines = ["", "chaos: report"]
    lines += [f"  {name:<45} {verdict.counts[name]}" for name in names]
    lines += [f"  {name:<45} {value}" for name, value in verdict.figures.items()]
    lines += _kinds(verdict)
    lines += _broken(verdict)
    lines += verdict.stories
    lines.append(
        "chaos: every promise was kept" if verdict.kept else f"chaos: {len(verdict.cases)} promises broken"
    )
    return "\n".join(lines)


def tell_stories(verdict: Verdict, bills: Mapping[str, Sequence[Bill]], faults: FaultLog) -> None:
    """Write the stories of the first tasks with which a promise was broken, one of each kind and promise first."""
    first = {_sort_of(case): case for case in reversed(verdict.cases)}
    cases = [*reversed(first.values()), *verdict.cases]
    told = {case.submission.nonce: case.submission for case in cases if case.submission is not None}
    tasks = list(told.values())[:MOST_STORIES]
    verdict.stories = [story_of(task, bills.get(task.nonce, ()), faults) for task in tasks]


def story_of(task: Submission, paid: Sequence[Bill], faults: FaultLog) -> str:
    """Return everything known of a task, in the order of time; seconds count from its submission."""
    events = [(at_s, what) for at_s, what in task.story]
    events += [
        (bill.at_s, f"BILLED output {bill.position} of call {bill.call_id or bill.answer_ids}") for bill in paid
    ]
    until_s = (task.ended_s or max(at_s for at_s, _ in [*events, (task.sent_s, "")])) + 5
    events += [
        (event.at_s, f"    fault: {event.what}") for event in faults.events if task.sent_s <= event.at_s <= until_s
    ]
    lines = [f"  STORY of {_name_of(task)}{task.images} pictures, status {task.status}"]
    lines.append(f"    asked: {json.dumps(task.body, ensure_ascii=False)}")
    lines += [f"    {at_s - task.sent_s:+8.2f} s {what}" for at_s, what in sorted(events)]
    lines += [f"    call: {json.dumps(call)}" for call in calls_of(task)]
    shown = {name: task.task.get(name) for name in ("status", "billed", "error", "attempts", "output", "cost")}
    lines.append(f"    task: {json.dumps(shown, ensure_ascii=False)}")
    return "\n".join(lines)


def _kinds(verdict: Verdict) -> list[str]:
    names = sorted({name for name, _ in verdict.kinds})
    lines = []
    for name in names:
        ends = {end: count for (kind, end), count in sorted(verdict.kinds.items()) if kind == name}
        lines.append(f"  {name:<45} {', '.join(f'{count} {end}' for end, count in ends.items())}")
    return lines


def _broken(verdict: Verdict) -> list[str]:
    """Return the first cases of each sort, and how many more there are."""
    sorts: defaultdict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in verdict.cases:
        sorts[_sort_of(case)].append(case)
    lines = []
    for (promise, kind), cases in sorted(sorts.items()):
        shown = cases[:MOST_OF_A_SORT]
        lines += [f"  BROKEN {promise}: {_name_of(case.submission)}{case.text}" for case in shown]
        if len(cases) > len(shown):
            lines.append(f"  BROKEN {promise}: {len(cases) - len(shown)} more ({kind or 'of the whole run'})")
    return lines


def _sort_of(case: Case) -> tuple[str, str]:
    return case.promise, case.submission.kind.name if case.submission is not None else ""


def _name_of(task: Submission | None) -> str:
    return "" if task is None else f"{task.task_id} ({task.kind.name}, {task.policy}): "
