"""Judges what was told of a run: no end of a task that its webhooks or the event stream left out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from danqing_server.store.client import Database
from tests.chaos.ledger import database_at
from tests.chaos.listening import Follower, Listeners
from tests.chaos.submission import Submission
from tests.chaos.verdict import Verdict
from tests.support.receiver import Received

__all__ = ["Told", "judge_task", "judge_told"]

SETTLES_S = 90.0
"""What a dead sender had claimed is due after a minute."""
LOOK_EVERY_S = 1.0
SAME_MOMENT_S = 0.002
"""Two spellings of one moment may differ by their rounding."""


@attrs.define(kw_only=True)
class Told:
    """What a receiver was sent: the moments of each kind of event by task, and by task what is wrong with it."""

    moments: dict[tuple[str, str], list[float]] = attrs.field(factory=dict)
    wrong: list[tuple[str, str]] = attrs.field(factory=list)
    ids: int = 0
    posts: int = 0

    @classmethod
    def read(cls, received: Iterable[Received], secret: str) -> Told:
        """Read what came; one event has one id and one body, and all are signed."""
        told, bodies, ids = cls(), {}, {}
        for each in received:
            told.posts += 1
            event: dict[str, Any] = each.json
            what = event["data"]["id"], event["type"]
            if bodies.setdefault(each.id, each.body) != each.body:
                told.wrong.append((what[0], f"{each.id}, {what[1]}, came with two bodies"))
            if each.signature_with(secret) not in each.headers["webhook-signature"].split():
                told.wrong.append((what[0], f"{each.id} is not signed with the secret"))
            if ids.setdefault((*what, event["timestamp"], event["data"].get("status")), each.id) != each.id:
                told.wrong.append((what[0], f"{what[1]} at {event['timestamp']} came under two ids"))
            told.moments.setdefault(what, []).append(datetime.fromisoformat(event["timestamp"]).timestamp())
        told.ids = len(bodies)
        return told

    def has_end(self, task: Mapping[str, Any]) -> bool:
        """Tell whether the end that a task has was told."""
        ended_s = datetime.fromisoformat(task["completed_at"]).timestamp()
        moments = self.moments.get((task["id"], f"task.{task['status']}"), ())
        return any(abs(moment - ended_s) < SAME_MOMENT_S for moment in moments)


async def judge_told(
    verdict: Verdict, listeners: Listeners, accepted: Sequence[Submission], mongo_url: str
) -> None:
    """Wait until everything has been told, and note what was not."""
    ended = [each for each in accepted if each.ended and each.task_id]
    there = [each for each in ended if not each.gone]
    await _until_followed(listeners.follower, there)
    async with database_at(mongo_url) as database:
        pending = await _until_sent(database)
    told = Told.read(listeners.receiver.received("/ok"), listeners.secret)
    for submission in there:
        judge_task(verdict, submission, told, listeners.follower, pending)
    for submission in ended:
        is_told = (str(submission.task_id), "task.deleted") in told.moments
        if submission.gone and not is_told and submission.task_id not in pending:
            verdict.break_promise(submission, "webhooks lost", "task.deleted")
    # Of a deleted task nothing is left to compare with: what is told again of it is made anew.
    told_of = {str(each.task_id): each for each in there}
    for task_id, text in told.wrong:
        if task_id in told_of:
            verdict.break_promise(told_of[task_id], "webhooks told twice", text)
    for text in listeners.follower.unexpected:
        verdict.break_promise(None, "unexpected answers", text)
    verdict.counts |= {
        "webhooks": told.ids,
        "posts of webhooks": told.posts,
        "events of the stream": listeners.follower.events,
        "streams": listeners.follower.streams,
    }


def judge_task(
    verdict: Verdict, submission: Submission, told: Told, follower: Follower, pending: frozenset[str]
) -> None:
    """Note what one of both did not say of a task's end; of those in *pending* something is still to be sent."""
    heard = follower.statuses.get(str(submission.task_id))
    if heard != submission.status:
        verdict.break_promise(submission, "events lost", f"the stream left it {heard}")
    if not told.has_end(submission.task) and submission.task_id not in pending:
        verdict.break_promise(submission, "webhooks lost", f"task.{submission.status}")


async def _until_followed(follower: Follower, ended: Sequence[Submission]) -> None:
    ends_s = time.monotonic() + SETTLES_S
    while time.monotonic() < ends_s:
        if all(follower.statuses.get(str(each.task_id)) == each.status for each in ended):
            return
        await asyncio.sleep(LOOK_EVERY_S)


async def _until_sent(database: Database) -> frozenset[str]:
    """Wait until no delivery is due soon; return the tasks of those that are to be tried later."""
    deliveries, ends_s = database["danqing_deliveries"], time.monotonic() + SETTLES_S
    while True:
        left = await deliveries.find({"state": "pending"}).to_list(None)
        if not left or time.monotonic() > ends_s:
            return frozenset(each["task_id"] for each in left)
        await asyncio.sleep(LOOK_EVERY_S)
