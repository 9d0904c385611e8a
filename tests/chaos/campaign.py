"""One campaign: the whole system, clients and mayhem together, then calm, then the verdict."""

from __future__ import annotations

import asyncio
import bisect
import hashlib
import json
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp
import attrs

from tests.chaos.billing import read_bills
from tests.chaos.clients import Clients, new_session
from tests.chaos.failovers import failover_figures
from tests.chaos.faults import LONGEST_CALL_S, WEIGHTS, FaultLog, Mayhem
from tests.chaos.ledger import judge_ledger
from tests.chaos.listening import TARGETS, Listeners, listening
from tests.chaos.moves import COURSES
from tests.chaos.purchases import may_fail
from tests.chaos.report import tell_stories
from tests.chaos.spending import judge_spending, variables_of_limit, withdraw_held_back
from tests.chaos.submission import FINISHED, Submission
from tests.chaos.told import judge_told
from tests.chaos.topologies import TOPOLOGIES
from tests.chaos.traffic import KINDS, Kind
from tests.chaos.verdict import LEAST_COMPLETED, Verdict, images_of, judge
from tests.chaos.watch import Watch
from tests.chaos.whole import Whole, running_whole

__all__ = ["LEASE_S", "Campaign", "calm_down", "run_campaign"]

LEASE_S = 20.0
LONGEST_BACKOFF_S = 60.0
LONGEST_LATENCY_S = 4.0
MARGIN_S = 15.0
CALM_S = LEASE_S + LONGEST_BACKOFF_S + LONGEST_LATENCY_S + MARGIN_S
"""How long after the last fault the last task may take that has nothing but faults to overcome."""

LEAST_TIMEOUT_S, MOST_TIMEOUT_S = 240.0, 480.0
"""A task's own time limit. A takeover needs a process that lives for 20 s, and a MongoDB that answers meanwhile:
where something dies every four seconds that takes a minute as a rule, and three at times."""

FETCHES_AT_ONCE = 16
TELLS = 60
SELDOMEST_TELL_S = 60.0
LATE = ("output", "error", "billed", "calls", "usage", "cost", "in_doubt", "updated_at")
CAPPED_PICTURES_PER_S = 0.25
"""What the limit of the capped provider is a part of: about as much as is asked for in the run's first half."""


@attrs.frozen(kw_only=True)
class Campaign:
    """What to do: *per_s* submissions a second for *seconds* seconds, with a fault every *mean_s* or so.

    With a *topology* it runs on servers that others stand in for. Nothing is killed in the first *quiet_s* seconds,
    and what does not end then in its usual time is stuck.
    """

    directory: Path
    seconds: float
    seed: int
    per_s: float
    mean_s: float
    quiet_s: float = 0.0
    processes: int = 2
    least_completed: float = LEAST_COMPLETED
    weights: Mapping[str, int] = attrs.field(factory=lambda: WEIGHTS)
    kinds: Sequence[Kind] = KINDS
    topology: str | None = None

    @property
    def task_timeout_s(self) -> float:
        """How long a task may take from its first start; a dead link is asked for so long."""
        return min(MOST_TIMEOUT_S, max(LEAST_TIMEOUT_S, self.seconds / 2))

    @property
    def spend_limit(self) -> int:
        """How many pictures the capped provider may pay for."""
        return max(3, round(self.seconds * CAPPED_PICTURES_PER_S))

    @property
    def variables(self) -> Mapping[str, str]:
        """The settings of the system."""
        return {
            "DANQING_PROCESSES": str(self.processes),
            "DANQING_TASK_TIMEOUT": f"{self.task_timeout_s:.0f}",
            "DANQING_WEBHOOK_TARGETS": TARGETS,
            **variables_of_limit(self.spend_limit),
        }


async def run_campaign(campaign: Campaign) -> Verdict:
    """Carry it out and judge it."""
    run = TOPOLOGIES[campaign.topology].run if campaign.topology else running_whole
    with run(campaign.directory, **campaign.variables) as whole:
        async with (
            new_session(whole.headers) as session,
            listening(whole, campaign.directory, campaign.seed) as listeners,
        ):
            clients = Clients(
                base_urls=whole.base_urls,
                session=session,
                random=random.Random(f"clients {campaign.seed}"),
                courses=COURSES,
                kinds=campaign.kinds,
            )
            log = FaultLog(TOPOLOGIES[campaign.topology].longest_call_s if campaign.topology else LONGEST_CALL_S)
            watch = Watch(clients=clients, log=log, task_timeout_s=campaign.task_timeout_s)
            watching = asyncio.create_task(watch.keep())
            try:
                await asyncio.gather(
                    clients.load(campaign.seconds, campaign.per_s),
                    _mayhem(campaign, whole, log),
                    _tell(clients, log, campaign.seconds),
                )
                return await calm_down(
                    whole,
                    watch,
                    listeners,
                    least_completed=campaign.least_completed,
                    spend_limit=campaign.spend_limit,
                )
            finally:
                watching.cancel()


async def _mayhem(campaign: Campaign, whole: Whole, log: FaultLog) -> None:
    await asyncio.sleep(campaign.quiet_s)
    mayhem = Mayhem(
        whole=whole,
        random=random.Random(f"mayhem {campaign.seed}"),
        log=log,
        mean_s=campaign.mean_s,
        weights=campaign.weights,
    )
    await mayhem.reign(campaign.seconds - campaign.quiet_s)


async def _tell(clients: Clients, log: FaultLog, for_s: float) -> None:
    """Print a line from time to time, every minute at least."""
    ends_s = time.monotonic() + for_s
    while (left_s := ends_s - time.monotonic()) > 0:
        await asyncio.sleep(min(SELDOMEST_TELL_S, max(15.0, for_s / TELLS), left_s))
        ended = sum(submission.ended for submission in clients.submissions)
        print(
            f"chaos: {left_s:4.0f} s left, {log.kills} kills, {len(clients.accepted_at_s)} accepted, {ended} ended",
            flush=True,
        )


async def calm_down(
    whole: Whole, watch: Watch, listeners: Listeners, *, least_completed: float, spend_limit: int
) -> Verdict:
    """Wait for the last task, look at everything once more, and judge."""
    clients, log = watch.clients, watch.log
    last_fault_s = max((event.until_s for event in log.events), default=time.time())
    await asyncio.to_thread(whole.until_healthy)
    withdrawing = asyncio.create_task(withdraw_held_back(clients))
    try:
        await clients.until_all_ended(watch.longest_s())
    finally:
        withdrawing.cancel()
    accepted = [submission for submission in clients.submissions if submission.answer == "accepted"]
    slots = asyncio.Semaphore(FETCHES_AT_ONCE)
    pictures = await asyncio.gather(*(_look_again(clients, each, slots) for each in accepted))
    bills = read_bills(whole.data_dir)
    verdict = judge(clients.submissions, bills, log, least_completed)
    judge_spending(verdict, clients.submissions, bills, spend_limit)
    _judge_late(verdict, watch, last_fault_s)
    gone = [each.task_id for each in accepted if each.gone and each.task_id]
    for text in await asyncio.to_thread(whole.faults_of_what_is_kept, gone):
        verdict.break_promise(None, "lost", text)
    await judge_ledger(verdict, whole.mongo_url, whole.base_url, whole.headers)
    await judge_told(verdict, listeners, accepted, whole.mongo_url)
    tell_stories(verdict, bills, log)
    _write_down(whole.directory / "run.json", clients, log)
    verdict.counts |= {
        "kills": log.kills,
        "faults": len(log.events),
        "supervisor starts": whole.starts,
        "pictures verified": sum(pictures),
    }
    verdict.figures |= _figures(accepted, clients, log, last_fault_s)
    verdict.figures |= failover_figures(accepted, log, min((each.sent_s for each in accepted), default=0.0))
    return verdict


def _judge_late(verdict: Verdict, watch: Watch, last_fault_s: float) -> None:
    """Add what was stuck while the run lasted or for too long after its last fault, and answers nobody expects."""
    for submission, why in watch.stuck.values():
        verdict.break_promise(submission, "stuck", why)
    for submission in watch.clients.submissions:
        excused = submission.nonce in watch.stuck or submission.withdrawn or may_fail(submission, watch.log)
        after_s = submission.ended_s - max(last_fault_s, submission.last_moved_s)
        if not excused and after_s > CALM_S:
            verdict.break_promise(submission, "stuck", f"ended {after_s:.0f} s after the last fault")
    for text in watch.clients.unexpected:
        verdict.break_promise(None, "unexpected answers", text)


def _figures(
    accepted: Sequence[Submission], clients: Clients, log: FaultLog, last_fault_s: float
) -> dict[str, float]:
    ended = [submission.ended_s for submission in accepted if submission.ended_s]
    starts = [event.at_s for event in log.events]
    slowest_s = max((each.ended_s - each.sent_s for each in accepted if each.ended_s), default=0)
    return {
        "worst time from a fault to the next accepted task, s": _worst_gap_s(starts, clients.accepted_at_s),
        "worst time from a fault to the next finished task, s": _worst_gap_s(starts, ended),
        "last task after the last fault, s": round(max(ended, default=0.0) - last_fault_s, 1),
        "slowest task, s": round(slowest_s, 1),
    }


def _worst_gap_s(starts_s: Sequence[float], events_s: Sequence[float]) -> float:
    """Return the longest time from one of *starts_s* to the next of *events_s*."""
    events = sorted(events_s)
    places = [(start_s, bisect.bisect(events, start_s)) for start_s in starts_s]
    gaps = [events[place] - start_s for start_s, place in places if place < len(events)]
    return round(max(gaps, default=0.0), 1)


def _write_down(path: Path, clients: Clients, log: FaultLog) -> None:
    """Keep what the clients saw and what was done, for whoever looks into a case."""
    faults = [attrs.asdict(event) for event in log.events]
    tasks = [
        attrs.asdict(submission, filter=lambda field, _: field.name != "kind") | {"kind": submission.kind.name}
        for submission in clients.submissions
    ]
    path.write_text(json.dumps({"faults": faults, "tasks": tasks}))


async def _look_again(clients: Clients, submission: Submission, slots: asyncio.Semaphore) -> int:
    """Compare a finished task with what was seen of it, fetch its pictures, and return how many were right."""
    async with slots:
        before = dict(submission.task) if submission.status in FINISHED else {}
        await clients.look(submission)
        after = submission.task
        changed = [key for key in before if after.get(key) != before[key] and key not in _late(submission)]
        if changed:
            submission.troubles.append(f"changed after its end: {changed}")
        right = 0
        for image in images_of(submission):
            problem = await _problem_of(clients.session, image["url"], image["sha256"])
            if problem is None:
                right += 1
            else:
                submission.troubles.append(f"picture {image['index']}: {problem}")
        return right


def _late(submission: Submission) -> Sequence[str]:
    """Return what may change after a task's end: what calls brought that were open at its cancel, or given up."""
    answered_late = any(call["late_outcome"] for call in submission.task.get("calls", ()))
    return LATE if submission.status == "cancelled" or answered_late else ()


async def _problem_of(session: aiohttp.ClientSession, url: str, sha256: str) -> str | None:
    try:
        async with session.get(url) as response:
            body = await response.read()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return type(error).__name__
    if response.status != 200:
        return f"status {response.status}"
    return None if hashlib.sha256(body).hexdigest() == sha256 else "other bytes"
