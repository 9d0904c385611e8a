"""Clients as they are: each submits, waits and looks, and is told nothing of what goes on behind."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import attrs

__all__ = ["Clients", "Submission"]

FINISHED = ("completed", "failed", "cancelled")
POLL_EVERY_S = 1.0
ANSWER_TIMEOUT_S = 10.0
KEYED_PATIENCE_S = 300.0


@attrs.define(kw_only=True)
class Submission:
    """One submission and everything its client saw. Times are seconds since the epoch.

    `answer` is `accepted`, `refused` (503, 429: told that it will not run) or `maybe` (no answer came, no key).
    """

    nonce: str
    policy: str
    images: int
    group: bool
    keyed: bool
    sent_s: float
    answer: str = "maybe"
    answered_s: float = 0.0
    task_id: str | None = None
    seen: list[str] = attrs.field(factory=list)
    ended_s: float = 0.0
    task: Mapping[str, Any] = attrs.field(factory=dict)
    troubles: list[str] = attrs.field(factory=list)

    @property
    def status(self) -> str:
        """The status seen last."""
        return self.seen[-1] if self.seen else "unseen"

    def saw(self, task: Mapping[str, Any]) -> None:
        """Note what a poll brought."""
        status = str(task["status"])
        if not self.seen or self.seen[-1] != status:
            if self.status in FINISHED:
                self.troubles.append(f"{self.status} became {status}")
            self.seen.append(status)
        if status in FINISHED:
            self.ended_s = self.ended_s or time.time()
            self.task = task


@attrs.define(kw_only=True)
class Clients:
    """Submits at a steady rate, whatever the answers, and polls what was accepted to its end.

    `failing_share` of the tasks meet an unbilled failure of the service first.
    """

    base_url: str
    session: aiohttp.ClientSession
    random: random.Random
    most_under_way: int = 400
    failing_share: float = 0.03
    submissions: list[Submission] = attrs.field(factory=list)
    accepted_at_s: list[float] = attrs.field(factory=list)
    unexpected: list[str] = attrs.field(factory=list)
    _tasks: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)

    async def load(self, for_s: float, per_s: float) -> None:
        """Submit for *for_s* seconds."""
        ends_s = time.monotonic() + for_s
        while time.monotonic() < ends_s:
            await asyncio.sleep(self.random.expovariate(per_s))
            if len(self._tasks) < self.most_under_way:
                self.begin()

    def begin(self) -> Submission:
        """Submit one task and follow it, in the background."""
        submission = self._draw()
        self.submissions.append(submission)
        task = asyncio.create_task(self._follow(submission))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return submission

    async def until_all_ended(self, timeout_s: float) -> None:
        """Wait until every accepted task was seen finished, or for *timeout_s* seconds; then stop polling."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout_s)
        for task in set(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _draw(self) -> Submission:
        group = self.random.random() < 0.06
        return Submission(
            nonce=f"{self.random.getrandbits(64):016x}",
            policy=self.random.choice(("fail", "retry")),
            images=3 if group else self.random.choice((1, 1, 1, 2, 4)),
            group=group,
            keyed=self.random.random() < 0.6,
            sent_s=time.time(),
        )

    def _body(self, submission: Submission) -> dict[str, Any]:
        slow = self.random.choice(("", "", f" [sandbox:slow={self.random.uniform(0.2, 1.2):.2f}]"))
        failing = " [sandbox:fail x1]" if self.random.random() < self.failing_share else ""
        body: dict[str, Any] = {
            "prompt": f"chaos {submission.nonce}{slow}{failing}",
            "user_id": f"user_{self.random.randrange(12)}",
            "size": "1280x720",
            "options": {"on_ambiguous": submission.policy},
        }
        if submission.group:
            body["options"] |= {
                "sequential_image_generation": "auto",
                "sequential_image_generation_options": {"max_images": submission.images},
            }
        elif submission.images > 1:
            body["n"] = submission.images
        return body

    async def _follow(self, submission: Submission) -> None:
        await self._submit(submission, self._body(submission))
        while submission.answer == "accepted" and submission.status not in FINISHED:
            await asyncio.sleep(POLL_EVERY_S)
            await self.look(submission)

    async def _submit(self, submission: Submission, body: Mapping[str, Any]) -> None:
        headers = {"Idempotency-Key": submission.nonce} if submission.keyed else {}
        url = f"{self.base_url}/api/v1/ai/image/task"
        gives_up_s = time.monotonic() + KEYED_PATIENCE_S
        while True:
            try:
                async with self.session.post(url, json=body, headers=headers) as response:
                    status, answer = response.status, await response.json()
            except (aiohttp.ClientConnectorError, ConnectionRefusedError):
                status, answer = 0, {}  # nothing was sent
            except (aiohttp.ClientError, TimeoutError, OSError):
                status, answer = -1, {}
            submission.answered_s = time.time()
            if status == 201:
                submission.answer, submission.task_id = "accepted", answer["data"]["task_id"]
                self.accepted_at_s.append(submission.answered_s)
                return
            if status not in (0, -1, 429, 503):
                self.unexpected.append(f"POST {status}: {str(answer)[:300]}")
            submission.answer = "maybe" if status == -1 else "refused"
            if not submission.keyed or time.monotonic() > gives_up_s:
                return
            await asyncio.sleep(self.random.uniform(0.2, 1.0))

    async def look(self, submission: Submission) -> None:
        """Poll once; no answer is no news."""
        found = await self.get(f"/api/v1/tasks/{submission.task_id}")
        if found is None:
            return
        status, answer = found
        if status == 200:
            submission.saw(answer["data"])
        elif status == 404:
            submission.troubles.append("404 after 201")
        elif status not in (429, 503):
            self.unexpected.append(f"GET {status}: {str(answer)[:300]}")

    async def get(self, path: str) -> tuple[int, Any] | None:
        """Ask once; None when there is no answer."""
        try:
            async with self.session.get(f"{self.base_url}{path}") as response:
                return response.status, await response.json()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None


def new_session() -> aiohttp.ClientSession:
    """Return a session that gives up on an answer in time, and opens a connection for each request."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S))
