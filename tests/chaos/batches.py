"""Users who send several tasks as one batch: what is taken in becomes tasks, each a submission like any other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial

from tests.chaos.clients import NO_ANSWER, NOTHING_SENT, Clients
from tests.chaos.submission import Move, Submission

__all__ = ["send_batch"]

FEWEST, MOST = 2, 7
CANCELLED_SHARE = 0.25
LOOK_EVERY_S = 1.0
OVER = ("cancelled", "finished")


async def send_batch(clients: Clients, leader: Submission) -> None:
    """Send *leader* and some more of its kind as one batch, find their tasks, and follow each to its end."""
    count = clients.random.randint(FEWEST, MOST)
    lines = [leader, *(clients.draw(leader.kind, keyed=leader.keyed) for _ in range(count - 1))]
    batch_id = await _take_in(clients, lines)
    if batch_id is None:
        return
    if clients.random.random() < CANCELLED_SHARE:
        await asyncio.sleep(clients.random.uniform(0.0, 2.0))
        await _cancel(clients, batch_id, lines)
    await _until_made(clients, batch_id, lines)
    await asyncio.gather(*map(clients.until_ended, lines))


async def _take_in(clients: Clients, lines: Sequence[Submission]) -> str | None:
    """Send the batch until there is an answer that counts, as a single submission is; return its id."""
    leader = lines[0]
    body = {"tasks": [{**line.body, "custom_id": line.nonce} for line in lines]}
    headers = {"Idempotency-Key": f"batch-{leader.nonce}"} if leader.keyed else {}
    answer = await clients.insist(lines, partial(clients.ask, "POST", "/api/v1/batches", body, headers))
    if answer is None:
        return None
    batch_id = str(answer["data"]["id"])
    for line in lines:
        line.note(f"accepted in {batch_id}")
    clients.accepted_at_s.append(time.time())
    return batch_id


async def _cancel(clients: Clients, batch_id: str, lines: Sequence[Submission]) -> None:
    at_s = time.time()
    status, answer = await clients.ask("POST", f"/api/v1/batches/{batch_id}/cancel")
    for line in lines:
        line.moved(Move(what="cancel", at_s=at_s, answered_s=time.time(), status=status))
    if status not in (NOTHING_SENT, NO_ANSWER, 200, 409, 429, 503):
        clients.unexpected.append(f"cancel batch {status}: {str(answer)[:300]}")


async def _until_made(clients: Clients, batch_id: str, lines: Sequence[Submission]) -> None:
    """Look until each line is a task, or the batch is over: the lines of a cancelled one may never be any."""
    by_name = {line.nonce: line for line in lines}
    while any(line.task_id is None for line in lines):
        await asyncio.sleep(LOOK_EVERY_S)
        status, answer = await clients.ask("GET", f"/api/v1/batches/{batch_id}")
        is_over = status == 200 and answer["data"]["status"] in OVER
        status, answer = await clients.ask("GET", f"/api/v1/tasks?batch={batch_id}&limit=100")
        if status != 200:
            continue
        for task in answer["data"]["tasks"]:
            _found(by_name[task["batch"]["custom_id"]], str(task["id"]))
        if is_over:
            for line in lines:
                if line.task_id is None:
                    line.answer = "refused"
                    line.note("never made: its batch was cancelled")
            return


def _found(line: Submission, task_id: str) -> None:
    if line.task_id not in (None, task_id):
        line.troubles.append(f"two tasks for one line: {line.task_id} and {task_id}")
    line.task_id = task_id
