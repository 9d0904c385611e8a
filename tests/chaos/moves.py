"""What users do to their tasks while they run: cancel, try again, delete, send once more, many at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from tests.chaos.batches import send_batch
from tests.chaos.clients import Clients, task_id_of
from tests.chaos.submission import Move, Submission

__all__ = ["COURSES"]

PATIENCE_S = 300.0
REPEATS = 4
HAMMERS = 30
HAMMERED_S = 4.0
FINAL = {
    "cancel": ("task_completed", "task_failed", "task_cancelled"),
    "retry": ("task_completed", "task_pending", "task_processing", "task_scheduled"),
    "delete": (),
}
"""The codes of 409 that say that the move is of no use any more."""


async def _wait(clients: Clients, submission: Submission) -> None:
    await clients.submit(submission)


async def _cancel(clients: Clients, submission: Submission) -> None:
    await clients.submit(submission)
    await asyncio.sleep(clients.random.uniform(0.1, 2.5))
    if submission.answer == "accepted":
        await _until(clients, submission, "cancel")


async def _waver(clients: Clients, submission: Submission) -> None:
    """Cancel, retry, and half of the time cancel again, and retry again."""
    await _cancel(clients, submission)
    if submission.answer != "accepted":
        return
    await asyncio.sleep(clients.random.choice((0.0, clients.random.uniform(0.0, 2.0))))
    await _until(clients, submission, "retry")
    if clients.random.random() < 0.5:
        await asyncio.sleep(clients.random.uniform(0.0, 2.0))
        await _until(clients, submission, "cancel")
        if clients.random.random() < 0.5:
            await _until(clients, submission, "retry")


async def _repeat(clients: Clients, submission: Submission) -> None:
    """Send the same submission several times at once, and again when it has ended."""
    answers = await asyncio.gather(*(clients.post(submission) for _ in range(REPEATS)))
    submission.answered_s = time.time()
    for status, answer in answers:
        if status == 201:
            clients.accepted(submission, task_id_of(answer))
    await clients.submit(submission)
    await clients.until_ended(submission)
    if clients.random.random() < 0.5:
        await _send_again(clients, submission)


async def _delete(clients: Clients, submission: Submission) -> None:
    """Delete it while it runs, or soon after, and send the same with the same key."""
    await clients.submit(submission)
    if submission.answer != "accepted":
        return
    await asyncio.sleep(clients.random.uniform(0.1, 4.0))
    await _until(clients, submission, "delete")
    await clients.look(submission)
    for _ in range(2):
        await asyncio.sleep(clients.random.uniform(0.0, 2.0))
        await _send_again(clients, submission)
        await clients.look(submission)


async def _send_again(clients: Clients, submission: Submission) -> None:
    at_s = time.time()
    status, answer = await clients.post(submission)
    code = answer.get("code") if isinstance(answer, dict) and status != 201 else None
    submission.moved(Move(what="repeat", at_s=at_s, answered_s=time.time(), status=status, code=code))
    if status == 201:
        submission.gone = False
        clients.accepted(submission, task_id_of(answer))
    await clients.look(submission)


async def _hammer(clients: Clients, submission: Submission) -> None:
    """Thirty clients cancel and retry one task as they like; a last one wants it done."""
    if clients.hammering.locked():
        await _waver(clients, submission)
        return
    async with clients.hammering:
        await clients.submit(submission)
        if submission.answer != "accepted":
            return
        ends_s = time.monotonic() + HAMMERED_S
        await asyncio.gather(*(_pound(clients, submission, ends_s) for _ in range(HAMMERS)))
    await clients.look(submission)
    if submission.status in ("failed", "cancelled"):
        await _until(clients, submission, "retry")


async def _pound(clients: Clients, submission: Submission, ends_s: float) -> None:
    while time.monotonic() < ends_s:
        await asyncio.sleep(clients.random.uniform(0.1, 1.5))
        await clients.move(submission, clients.random.choice(("cancel", "retry")))


async def _until(clients: Clients, submission: Submission, what: str) -> None:
    """Repeat a move until it was carried out, or is of no use any more."""
    gives_up_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < gives_up_s:
        move = await clients.move(submission, what)
        if move.status in (200, 404):
            return
        if move.code in FINAL[what]:
            if what == "retry":  # an earlier one, whose answer was lost
                submission.begins_anew()
            return
        await asyncio.sleep(clients.random.uniform(0.2, 1.0))
    submission.refused.append(f"{what} refused for {PATIENCE_S:.0f} s, at last {move.status} {move.code}")


COURSES: Mapping[str, Callable[[Clients, Submission], Awaitable[None]]] = {
    "wait": _wait,
    "cancel": _cancel,
    "waver": _waver,
    "repeat": _repeat,
    "delete": _delete,
    "hammer": _hammer,
    "batch": send_batch,
}
"""What the user of a task does with it, by the name in its kind; it begins with the submission."""
