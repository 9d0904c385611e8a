"""Clients as they are: each submits, waits and looks, and is told nothing of what goes on behind."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import aiohttp
import attrs

from tests.chaos.submission import Move, Submission
from tests.chaos.traffic import CAPPED, KINDS, PLAIN, ROUTE, VOLCENGINE, Kind, draw_kind

__all__ = ["NOTHING_SENT", "NO_ANSWER", "Clients", "new_session", "task_id_of"]

NOTHING_SENT = 0
NO_ANSWER = -1

POLL_EVERY_S = 1.0
LONGEST_POLL_S = 5.0
ANSWER_TIMEOUT_S = 10.0
KEYED_PATIENCE_S = 300.0
LONGEST_TAIL_S = 300.0
"""So long before the end nobody begins to wait for what ends by its time limit alone."""

MOST_CAPPED = 12
"""As many tasks of the provider under a limit wait at most: behind a closed lane they wait to the run's end."""


@attrs.define(kw_only=True)
class Clients:
    """Submits at a steady rate, whatever the answers, and polls what was accepted to its end.

    The first submissions are one of each of *kinds*, the others are drawn by their shares. `courses` are what their
    users do, by the name in the kind. `failing_share` of all meet an unbilled failure of the service first.
    """

    base_urls: Sequence[str]
    session: aiohttp.ClientSession
    random: random.Random
    courses: Mapping[str, Callable[[Clients, Submission], Awaitable[None]]]
    kinds: Sequence[Kind] = KINDS
    most_under_way: int = 400
    failing_share: float = 0.0
    submissions: list[Submission] = attrs.field(factory=list)
    accepted_at_s: list[float] = attrs.field(factory=list)
    unexpected: list[str] = attrs.field(factory=list)
    broken: list[asyncio.Task[None]] = attrs.field(factory=list)
    hammering: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _tasks: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)
    _first: list[Kind] = attrs.field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self._first = self.random.sample(self.kinds, len(self.kinds))

    async def load(self, for_s: float, per_s: float) -> None:
        """Submit for *for_s* seconds; longer where a busy machine has not come to one of each kind by then."""
        ends_s = time.monotonic() + for_s
        while (left_s := ends_s - time.monotonic()) > 0 or self._first:
            await asyncio.sleep(self.random.expovariate(per_s))
            if len(self._tasks) < self.most_under_way:
                self.begin(patient=bool(self._first) or left_s > min(LONGEST_TAIL_S, for_s / 2))

    def begin(self, *, patient: bool = True) -> Submission:
        """Submit one task and follow it, in the background; only a *patient* one waits for a dead link."""
        kind = self._next_kind()
        submission = self.draw(kind if patient or not kind.waits_for_its_limit else PLAIN)
        task = asyncio.create_task(self._follow(submission))
        self._tasks.add(task)
        task.add_done_callback(self._followed)
        return submission

    def _followed(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.broken.append(task)

    @property
    def unfinished(self) -> list[Submission]:
        """What was accepted and has not ended, as far as is known."""
        return [each for each in self.submissions if each.answer == "accepted" and not each.ended]

    async def until_all_ended(self, timeout_s: float) -> None:
        """Wait until every accepted task was seen finished, or for *timeout_s* seconds; then stop polling.

        Raises what a client itself failed with.
        """
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout_s)
        for task in set(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for task in self.broken:
            task.result()

    def _next_kind(self) -> Kind:
        kind = self._first.pop() if self._first else draw_kind(self.random, self.kinds)
        waiting = sum(each.kind.provider == CAPPED for each in self.unfinished) if kind.provider == CAPPED else 0
        return PLAIN if waiting >= MOST_CAPPED else kind

    def draw(self, kind: Kind, *, keyed: bool | None = None) -> Submission:
        """Make up a submission and keep it; *keyed* is whether it has an Idempotency-Key, None: perhaps."""
        group = self.random.random() < kind.groups
        submission = Submission(
            nonce=f"{self.random.getrandbits(64):016x}",
            kind=kind,
            policy=self.random.choice(kind.policies),
            images=3 if group else self.random.choice(kind.images),
            group=group,
            keyed=kind.course in ("repeat", "delete") or self.random.random() < 0.6 if keyed is None else keyed,
            sent_s=time.time(),
        )
        submission.body = self._body(submission)
        self.submissions.append(submission)
        return submission

    def _body(self, submission: Submission) -> dict[str, Any]:
        failing = "[sandbox:fail x1]" if self.random.random() < self.failing_share else ""
        words = f"{submission.kind.words(self.random)}{failing}"
        prompt = f"chaos {submission.nonce} {words}".rstrip()
        wanted: dict[str, Any] = dict(submission.kind.asks)
        if submission.group:
            wanted["sequential_image_generation"] = "auto"
            wanted["sequential_image_generation_options"] = {"max_images": submission.images}
        elif submission.images > 1:
            wanted["n"] = submission.images
        user = f"user_{self.random.randrange(12)}"
        return _body_of(submission, prompt, wanted, user)

    async def _follow(self, submission: Submission) -> None:
        await self.courses[submission.kind.course](self, submission)
        await self.until_ended(submission)

    async def until_ended(self, submission: Submission) -> None:
        """Poll an accepted task until it has ended; the longer it takes, the less often."""
        while submission.answer == "accepted" and not submission.ended:
            waited_s = time.time() - submission.last_moved_s
            await asyncio.sleep(min(LONGEST_POLL_S, max(POLL_EVERY_S, waited_s / 20)))
            await self.look(submission)

    async def submit(self, submission: Submission) -> None:
        """Submit until there is an answer that counts."""
        answer = await self.insist([submission], partial(self.post, submission))
        if answer is not None:
            self.accepted(submission, task_id_of(answer))

    async def insist(
        self, submissions: Sequence[Submission], send: Callable[[], Awaitable[tuple[int, Any]]]
    ) -> Any | None:
        """Send *submissions*, all in one request, until there is an answer that counts; return it if it is 201.

        Without a key one try is all there is.
        """
        gives_up_s = time.monotonic() + KEYED_PATIENCE_S
        while True:
            status, answer = await send()
            for each in submissions:
                each.answered_s = time.time()
                each.answer = {201: "accepted", NO_ANSWER: "maybe"}.get(status, "refused")
            if status == 201:
                return answer
            if status not in (NOTHING_SENT, NO_ANSWER, 429, 503):
                self.unexpected.append(f"POST {status}: {str(answer)[:300]}")
            if not submissions[0].keyed or time.monotonic() > gives_up_s:
                return None
            await asyncio.sleep(self.random.uniform(0.2, 1.0))

    def accepted(self, submission: Submission, task_id: str) -> None:
        """Note that the submission was accepted under an id."""
        submission.answer = "accepted"
        if submission.task_id not in (None, task_id):
            submission.troubles.append(f"two tasks for one key: {submission.task_id} and {task_id}")
        submission.task_id = task_id
        submission.note(f"accepted as {task_id}")
        self.accepted_at_s.append(time.time())

    async def post(self, submission: Submission) -> tuple[int, Any]:
        """Send the submission once, and return the answer's status and document."""
        headers = {"Idempotency-Key": submission.nonce} if submission.keyed else {}
        path = "/api/v1/ai/image/task" if submission.kind.provider == VOLCENGINE else "/api/v1/ai/tasks"
        return await self.ask("POST", path, submission.body, headers)

    async def move(self, submission: Submission, what: str) -> Move:
        """Let its user cancel, retry or delete a task, once."""
        at_s = time.time()
        if what == "delete":
            status, answer = await self.ask("DELETE", f"/api/v1/tasks/{submission.task_id}")
        else:
            status, answer = await self.ask("POST", f"/api/v1/tasks/{submission.task_id}/{what}")
        code = answer.get("code") if isinstance(answer, dict) and status not in (200, 201) else None
        move = Move(what=what, at_s=at_s, answered_s=time.time(), status=status, code=code)
        submission.moved(move)
        if status not in (NOTHING_SENT, NO_ANSWER, 200, 404, 409, 429, 503):
            self.unexpected.append(f"{what} {status}: {str(answer)[:300]}")
        return move

    async def look(self, submission: Submission) -> None:
        """Poll once; no answer is no news."""
        status, answer = await self.ask("GET", f"/api/v1/tasks/{submission.task_id}")
        if status == 200:
            submission.saw(answer["data"])
        elif status == 404:
            submission.saw_nothing()
        elif status not in (NOTHING_SENT, NO_ANSWER, 429, 503):
            self.unexpected.append(f"GET {status}: {str(answer)[:300]}")

    async def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Send one request; return status and document, NOTHING_SENT or NO_ANSWER where there is none."""
        try:
            url = f"{self.random.choice(self.base_urls)}{path}"
            async with self.session.request(method, url, json=body, headers=headers) as response:
                return response.status, await response.json()
        except (aiohttp.ClientConnectorError, ConnectionRefusedError):
            return NOTHING_SENT, {}
        except (aiohttp.ClientError, TimeoutError, OSError):
            return NO_ANSWER, {}


def _body_of(submission: Submission, prompt: str, wanted: dict[str, Any], user: str) -> dict[str, Any]:
    if submission.kind.provider == VOLCENGINE:
        count = {"n": wanted.pop("n")} if "n" in wanted else {}
        size = wanted.pop("size")
        options = {"on_ambiguous": submission.policy, **wanted}
        return {"prompt": prompt, "user_id": user, "size": size, **count, "options": options}
    provider = {} if submission.kind.provider == ROUTE else {"provider": submission.kind.provider}
    return {
        **provider,
        "type": submission.kind.type,
        "model": submission.kind.model if provider else ROUTE,
        "input": {"prompt": prompt, **wanted},
        "user_id": user,
        "on_ambiguous": submission.policy,
    }


def task_id_of(answer: Mapping[str, Any]) -> str:
    """Return the id in the answer to a submission, on either route."""
    data = answer["data"]
    return str(data["task_id"] if "task_id" in data else data["id"])


def new_session(headers: Mapping[str, str] | None = None) -> aiohttp.ClientSession:
    """Return a session that gives up on an answer in time, and opens a connection for each request."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
    session = aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers)
    # aiohttp sends a DELETE again by itself when its connection is cut: the judge must see what was lost.
    session._retry_connection = False  # it has no public switch
    return session
