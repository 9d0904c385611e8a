"""Make one picture with danqing: submit, poll until it is there, print its URL. Needs aiohttp.

    python poll.py "a small boat on a misty river"

DANQING_URL is where the server is (http://localhost:8080), DANQING_KEY your API key when it wants one,
DANQING_GIVE_UP the seconds after which this stops asking (900; the task goes on at the server).

Exit code: 0 the picture is there, 1 it failed, 2 wrong usage, 3 given up. What happens meanwhile is said on stderr.
"""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
SUBMISSION_S = 60.0
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class TaskFailed(Exception):
    """The task ended without a picture, or was never accepted; `code` is a stable word."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class GivenUp(Exception):
    """Nobody failed, but it took too long. The task goes on at the server: poll it again later."""


@dataclass(frozen=True)
class Answer:
    """What the server said. `status` 0: nothing, the network failed."""

    status: int
    body: Mapping[str, Any]
    retry_after_s: float | None

    @property
    def data(self) -> Mapping[str, Any]:
        """The answer's `data`, empty when it has none."""
        return self.body.get("data") or {}

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed a little later."""
        return self.status == 0 or self.status in PASSING

    @property
    def message(self) -> str:
        """One sentence for a person."""
        return str(self.body.get("message") or (f"HTTP {self.status}" if self.status else "no answer"))


@dataclass
class Patience:
    """Waits between looks: as long as the server says, else twice as long as the last time."""

    give_up_s: float
    pause_s: float = FIRST_PAUSE_S

    def __post_init__(self) -> None:
        self._ends_at = asyncio.get_running_loop().time() + self.give_up_s

    async def wait(self, answer: Answer, waiting_for: str) -> None:
        """Wait for the next look. Raises GivenUp when the time is up."""
        left_s = self._ends_at - asyncio.get_running_loop().time()
        if left_s <= 0:
            raise GivenUp(f"given up after {self.give_up_s:g} s: {waiting_for}")
        wanted_s = self.pause_s if answer.retry_after_s is None else answer.retry_after_s
        self.pause_s = min(LONGEST_PAUSE_S, self.pause_s * 2)
        await asyncio.sleep(min(wanted_s, left_s))


@dataclass(frozen=True)
class Client:
    """Talks to one server. The session sends your API key, if there is one (see `connect`).

    `tell` is called with a line for a person whenever something changes: progress, or trouble that is waited out.
    """

    session: aiohttp.ClientSession
    server: str
    tell: Callable[[str], None] = field(default=lambda line: None)

    async def create_image(self, prompt: str, user_id: str, give_up_s: float = SUBMISSION_S, **fields: Any) -> str:
        """Submit one picture and return its task's id; *fields* are size, n, model, options: see docs/api.md.

        However often the request has to be sent, its Idempotency-Key makes it one task.

        Raises:
            TaskFailed: the request is wrong.
            GivenUp: the server took nothing.
        """
        patience = Patience(give_up_s)
        body = {**fields, "prompt": prompt, "user_id": user_id}
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        while True:
            answer = await self._send("POST", "/api/v1/ai/image/task", json=body, headers=headers)
            if answer.status == 201:
                return str(answer.data["task_id"])
            if not answer.passing:
                raise TaskFailed(answer.message, str(answer.body.get("code")))
            self.tell(f"{answer.message}; trying again")
            await patience.wait(answer, f"no task was accepted: {answer.message}")

    async def poll_task(self, task_id: str, give_up_s: float = 900) -> Mapping[str, Any]:
        """Wait for a task and return its result: `image_url`, `images`, `cost` and more.

        Raises:
            TaskFailed: it ended without a picture.
            GivenUp: it is not finished yet.
        """
        patience = Patience(give_up_s)
        while True:
            answer = await self._send("GET", f"/api/v1/ai/image/result/{task_id}")
            status = answer.data.get("status")
            if status == "completed":
                result: Mapping[str, Any] = answer.data["result"]
                return result
            if status == "failed" or (answer.status >= 400 and not answer.passing):
                error = answer.data.get("error") or answer.body
                raise TaskFailed(str(error.get("message")), str(error.get("code")))
            self.tell(_progress(answer))
            await patience.wait(answer, f"task {task_id} is not finished")

    async def _send(self, method: str, path: str, **options: Any) -> Answer:
        try:
            async with self.session.request(method, self.server + path, **options) as response:
                wish = response.headers.get("Retry-After", "")
                body = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return Answer(0, {"message": f"the server at {self.server} cannot be reached"}, None)
        return Answer(
            response.status, body if isinstance(body, dict) else {}, float(wish) if wish.isdigit() else None
        )


def _progress(answer: Answer) -> str:
    """Return how far a task is, or what trouble its server has."""
    progress = answer.data.get("progress")
    if answer.passing or progress is None:
        return answer.message
    return f"{answer.data.get('status')} {progress:.0%}"


def connect(api_key: str | None = None) -> aiohttp.ClientSession:
    """Open a session for a `Client`."""
    headers = {"Accept-Language": "en"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    return aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=60))


@dataclass
class Teller:
    """Says each thing once, until something else is said."""

    said: str = ""

    def __call__(self, line: str) -> None:
        """Print *line* on stderr."""
        if line != self.said:
            print(line, file=sys.stderr, flush=True)
        self.said = line


async def main(prompt: str, give_up_s: float) -> int:
    """Make one picture; return 0 when it is there, 1 when it failed, 3 when it took too long."""
    async with connect(os.environ.get("DANQING_KEY")) as session:
        client = Client(session, os.environ.get("DANQING_URL", "http://localhost:8080"), Teller())
        try:
            task_id = await client.create_image(prompt, "poll.py", min(SUBMISSION_S, give_up_s))
            client.tell(f"task {task_id}")
            result = await client.poll_task(task_id, give_up_s)
        except (TaskFailed, GivenUp) as error:
            print(error, file=sys.stderr)
            return 1 if isinstance(error, TaskFailed) else 3
    print(result["image_url"])
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print("usage: python poll.py PROMPT", file=sys.stderr)
        sys.exit(2)
    try:
        sys.exit(asyncio.run(main(sys.argv[1], float(os.environ.get("DANQING_GIVE_UP", "900")))))
    except KeyboardInterrupt:
        sys.exit(130)
