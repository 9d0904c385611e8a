"""A route over two services that fail in turn, and workers that are killed: judged by the services' own ledgers.

No picture is paid for twice but where its task's policy allows that, nothing is lost, no book is wrong, and no task
waits for a service that is down while the other is up.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp.test_utils import TestServer

from danqing_providers.sandbox.app import create_app
from danqing_providers.sandbox.config import SandboxConfig
from danqing_server.life.billing import books_at_targets, cost_of
from danqing_server.records.tasks import CallOutcome, Status, Task
from danqing_server.settings.server import Settings
from danqing_server.store.leases import WorkerStore
from tests.support.system import MakeSettings, System, running_system, until
from tests.support.two_arks import ACCOUNTS, two_arks

pytestmark = pytest.mark.kills

ROOT = Path(__file__).parents[2]
TASKS = 60
EVERY_S = 0.5
KILL_EVERY_S = 8.0
PATIENCE_S = 120.0
LONGEST_S = 40.0
"""No task may wait longer for its last call; the account that is refused at the end is shut for minutes.

What is paid for may take longer: pictures are painted when they are fetched, and killed workers fetch them again.
"""

Rule = Mapping[str, Any]
FIRE: Sequence[tuple[int, Rule]] = (
    (0, {"kind": "status", "trouble": "internal"}),
    (1, {"kind": "status", "trouble": "rate_limited", "retry_after_s": 5}),
    (0, {"kind": "reset_before_billing", "times": 3}),
    (0, {"kind": "reset_after_billing", "times": 3}),
    (0, {"kind": "moderation", "times": 2}),
    (1, {"kind": "status", "trouble": "unavailable"}),
    (0, {"kind": "status", "trouble": "overdue"}),
)
"""What goes wrong at which of the two, in turn; without a count for as long as its turn is. The last stays."""


@attrs.define(eq=False)
class Ark:
    """One service, and a client of its control."""

    url: str
    session: aiohttp.ClientSession

    async def break_down(self, rule: Rule) -> None:
        """Let requests fail by *rule*, until `mend`."""
        await self._control("post", "faults", json=[{"times": None, **rule}])

    async def mend(self) -> None:
        """Let everything go well again."""
        await self._control("delete", "faults")

    async def bills(self) -> Counter[str]:
        """Return how many pictures were billed for each prompt."""
        entries = (await self._control("get", "ledger"))["entries"]
        return Counter(entry["prompt"] for entry in entries)

    async def _control(self, method: str, path: str, **options: Any) -> Any:
        async with self.session.request(method, f"{self.url}/sandbox/{path}", **options) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()


@asynccontextmanager
async def running_arks(directory: Path) -> AsyncIterator[list[Ark]]:
    """Run a service for each account, on a disk of its own."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        arks = []
        for name in ACCOUNTS:
            config = SandboxConfig(data_dir=directory / name, latency_s=0.2)
            server = await stack.enter_async_context(TestServer(create_app(config)))
            arks.append(Ark(str(server.make_url("")).rstrip("/"), session))
        yield arks


@contextmanager
def workers(settings: Settings, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run worker processes, which a test may kill and replace."""
    running = [start_worker(settings) for _ in range(count)]
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait()


def start_worker(settings: Settings) -> subprocess.Popen[bytes]:
    """Start one worker process."""
    environment = {**settings.environment, "PATH": os.environ["PATH"], "DANQING_DISABLED_PLUGINS": ""}
    return subprocess.Popen([sys.executable, "-m", "tests.support.two_arks"], cwd=ROOT, env=environment)


async def kill_now_and_then(
    settings: Settings, running: list[subprocess.Popen[bytes]], dice: random.Random
) -> None:
    """Kill one worker after the other, and start another in its place."""
    while True:
        await asyncio.sleep(KILL_EVERY_S)
        number = dice.randrange(len(running))
        running[number].kill()
        running[number].wait()
        running[number] = start_worker(settings)


async def are_alive(door: System, count: int) -> bool:
    """Tell whether that many workers renew their leases."""
    return len(await WorkerStore(door.services.store.database).beats()) >= count


async def burn(arks: Sequence[Ark]) -> None:
    """Let the services fail in turn, for the time in which tasks are submitted."""
    for number, (which, rule) in enumerate(FIRE):
        await arks[which].break_down(rule)
        await asyncio.sleep(TASKS * EVERY_S / len(FIRE))
        if number < len(FIRE) - 1:
            await arks[which].mend()


async def submit_all(door: System) -> list[Task]:
    """Submit tasks of both policies, one after the other."""
    tasks = []
    for number in range(TASKS):
        policy = ("retry", "fail")[number % 2]
        fields = {"prompt": f"a picture, number {number}", "size": "1280x720", "on_ambiguous": policy}
        tasks.append(await door.submit(model="poster", user_id=f"u{number % 3}", **fields))
        await asyncio.sleep(EVERY_S)
    return tasks


def problems_of(task: Task, billed: Sequence[int]) -> list[str]:
    """Return what is wrong with a task that ended, given what each service billed for its prompt."""
    found, calls = [], list(task.calls.values())
    unknown = [call for call in calls if call.outcome is CallOutcome.UNKNOWN]
    if sum(billed) > 1 + (len(unknown) if task.on_ambiguous == "retry" else 0) or sum(billed) > 2:
        found.append(f"billed {list(billed)} under {task.on_ambiguous}")
    for (target, books), bills in zip(books_at_targets(task), billed, strict=True):
        if not books.cost.certain <= bills <= books.cost.most:
            found.append(f"{target.name} billed {bills}, on record {books.cost}")
    if task.status is Status.COMPLETED and not task.kept:
        found.append("completed without a picture")
    refused = task.error is not None and task.error.code in ("outcome_unknown", "content_rejected")
    if task.status is not Status.COMPLETED and not refused:
        found.append(f"{task.status}: {task.error}")
    if task.status is Status.FAILED and task.error and task.error.code == "outcome_unknown" and not unknown:
        found.append("failed as of unknown outcome, and every outcome is known")
    waited_s = max(((call.sent_at - task.created_at).total_seconds() for call in calls), default=0.0)
    if waited_s > LONGEST_S:
        found.append(f"its last call was made after {waited_s:.0f} s")
    return [f"{task.id}: {problem} [{task.route} {calls}]" for problem in found]


async def test_no_service_that_is_down_is_waited_for_or_paid_twice(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    """Every fault of a service, one after the other, and a worker killed every eight seconds."""
    dice = random.Random(7)
    async with running_arks(tmp_path) as arks:
        urls = {name.upper(): ark.url for name, ark in zip(ACCOUNTS, arks, strict=True)}
        settings = two_arks(make_settings(**urls).environment)
        async with running_system(settings, [], workers=False) as door:
            with workers(settings, 2) as running:
                await until(partial(are_alive, door, 2), what="two workers")
                killing = asyncio.create_task(kill_now_and_then(settings, running, dice))
                burning = asyncio.create_task(burn(arks))
                try:
                    tasks = await submit_all(door)
                    await burning
                finally:
                    killing.cancel()
                    burning.cancel()
                ended = [await door.finished(task.id, PATIENCE_S) for task in tasks]
            bills = [await ark.bills() for ark in arks]
    problems = []
    for task in ended:
        problems += problems_of(task, [bill[task.input["prompt"]] for bill in bills])
    assert problems == []
    made_by = Counter(task.provider for task in ended if task.status is Status.COMPLETED)
    assert set(made_by) == set(ACCOUNTS)
    assert sum(made_by.values()) >= TASKS * 0.8
    moved = [task for task in ended if task.route and task.route.tried]
    assert len(moved) >= 3
    assert sum(cost_of(task).certain for task in ended) <= sum(sum(bill.values()) for bill in bills)
