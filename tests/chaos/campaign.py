"""One campaign: the whole system, clients and mayhem together, then calm, then the verdict."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import attrs

from tests.chaos.billing import read_bills
from tests.chaos.clients import FINISHED, Clients, Submission, new_session
from tests.chaos.faults import WEIGHTS, FaultLog, Mayhem
from tests.chaos.verdict import LEAST_COMPLETED, Verdict, images_of, judge, worst_gap_s
from tests.chaos.whole import Whole, running_whole

__all__ = ["LEASE_S", "Campaign", "calm_down", "report", "run_campaign"]

LEASE_S = 20.0
LONGEST_BACKOFF_S = 60.0
LONGEST_LATENCY_S = 4.0
MARGIN_S = 15.0
CALM_S = LEASE_S + LONGEST_BACKOFF_S + LONGEST_LATENCY_S + MARGIN_S
"""How long after the last fault the last task may take."""

GIVEN_UP_S = 60.0
FETCHES_AT_ONCE = 16


@attrs.frozen(kw_only=True)
class Campaign:
    """What to do: *per_s* submissions a second for *seconds* seconds, with a fault every *mean_s* or so."""

    directory: Path
    seconds: float
    seed: int
    per_s: float
    mean_s: float
    processes: int = 2
    least_completed: float = LEAST_COMPLETED
    weights: Mapping[str, int] = attrs.field(factory=lambda: WEIGHTS)


async def run_campaign(campaign: Campaign) -> Verdict:
    """Carry it out and judge it."""
    with running_whole(campaign.directory, DANQING_PROCESSES=str(campaign.processes)) as whole:
        async with new_session() as session:
            clients = Clients(
                base_url=whole.base_url, session=session, random=random.Random(f"clients {campaign.seed}")
            )
            log = FaultLog()
            mayhem = Mayhem(
                whole=whole,
                random=random.Random(f"mayhem {campaign.seed}"),
                log=log,
                mean_s=campaign.mean_s,
                weights=campaign.weights,
            )
            await asyncio.gather(
                clients.load(campaign.seconds, campaign.per_s),
                mayhem.reign(campaign.seconds),
                _tell(clients, log, campaign.seconds),
            )
            return await calm_down(whole, clients, log, campaign.least_completed)


async def _tell(clients: Clients, log: FaultLog, for_s: float) -> None:
    ends_s = time.monotonic() + for_s
    while (left_s := ends_s - time.monotonic()) > 0:
        await asyncio.sleep(min(15.0, left_s))
        ended = sum(submission.status in FINISHED for submission in clients.submissions)
        print(
            f"chaos: {left_s:4.0f} s left, {log.kills} kills, {len(clients.accepted_at_s)} accepted, {ended} ended",
            flush=True,
        )


async def calm_down(
    whole: Whole, clients: Clients, log: FaultLog, least_completed: float = LEAST_COMPLETED
) -> Verdict:
    """Wait for the last task, look at everything once more, and judge."""
    last_fault_s = max((event.until_s for event in log.events), default=time.time())
    await clients.until_all_ended(CALM_S + GIVEN_UP_S)
    accepted = [submission for submission in clients.submissions if submission.answer == "accepted"]
    slots = asyncio.Semaphore(FETCHES_AT_ONCE)
    pictures = await asyncio.gather(*(_look_again(clients, each, slots) for each in accepted))
    verdict = judge(clients.submissions, read_bills(whole.data_dir), log, least_completed)
    ended = [submission.ended_s for submission in accepted if submission.ended_s]
    late = [submission for submission in accepted if submission.ended_s > last_fault_s + CALM_S]
    for submission in late:
        verdict.break_promise(
            submission, "stuck", f"ended {submission.ended_s - last_fault_s:.0f} s after the last fault"
        )
    for text in clients.unexpected:
        verdict.counts["unexpected answers"] += 1
        print("chaos: unexpected", text)
    _write_down(whole.directory / "run.json", clients, log)
    starts = [event.at_s for event in log.events]
    verdict.counts |= {
        "kills": log.kills,
        "faults": len(log.events),
        "supervisor starts": whole.starts,
        "pictures verified": sum(pictures),
    }
    verdict.figures |= {
        "worst time from a fault to the next accepted task, s": round(
            worst_gap_s(starts, clients.accepted_at_s), 1
        ),
        "worst time from a fault to the next finished task, s": round(worst_gap_s(starts, ended), 1),
        "last task after the last fault, s": round(max(ended, default=0.0) - last_fault_s, 1),
        "slowest task, s": round(
            max((each.ended_s - each.sent_s for each in accepted if each.ended_s), default=0), 1
        ),
    }
    return verdict


def _write_down(path: Path, clients: Clients, log: FaultLog) -> None:
    """Keep what the clients saw and what was done, for whoever looks into a case."""
    submissions = [attrs.asdict(submission) for submission in clients.submissions]
    path.write_text(json.dumps({"faults": [attrs.asdict(event) for event in log.events], "tasks": submissions}))


async def _look_again(clients: Clients, submission: Submission, slots: asyncio.Semaphore) -> int:
    """Compare a finished task with what was seen of it, fetch its pictures, and return how many were right."""
    async with slots:
        before = dict(submission.task)
        await clients.look(submission)
        after = submission.task
        if before and dict(after) != before:
            changed = [key for key in before if after.get(key) != before[key]]
            submission.troubles.append(f"changed after its end: {changed}")
        right = 0
        for image in images_of(submission):
            problem = await _problem_of(clients.session, image["url"], image["sha256"])
            if problem is None:
                right += 1
            else:
                submission.troubles.append(f"picture {image['index']}: {problem}")
        return right


async def _problem_of(session: aiohttp.ClientSession, url: str, sha256: str) -> str | None:
    try:
        async with session.get(url) as response:
            body = await response.read()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return type(error).__name__
    if response.status != 200:
        return f"status {response.status}"
    return None if hashlib.sha256(body).hexdigest() == sha256 else "other bytes"


def report(verdict: Verdict) -> str:
    """Return the counts, the figures and the first cases of each broken promise."""
    lines = ["", "chaos: report"]
    always = ("accepted", "lost", "stuck", "delivered twice", "billed twice")
    names = [*always, *sorted(name for name in verdict.counts if name not in always)]
    lines += [f"  {name:<45} {verdict.counts[name]}" for name in names]
    lines += [f"  {name:<45} {value}" for name, value in verdict.figures.items()]
    for case in verdict.cases[:40]:
        lines.append(f"  BROKEN {case.promise}: {case.submission.task_id} ({case.submission.policy}): {case.text}")
    lines.append(
        "chaos: every promise was kept" if verdict.kept else f"chaos: {len(verdict.cases)} promises broken"
    )
    return "\n".join(lines)
