"""Webhooks through kills of sender and receiver: none lost, and what comes twice carries one id.

`python -m tests.chaos.webhooks --tasks 3400` is the trial of docs/durability.md; a test runs a small one. Tasks
without pictures are carried out by processes that are killed, as is the receiver; the truth is MongoDB's record of
each task: created once, started as often as it says, told of each time that it waits again, ended once.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs

from danqing_server.access.caller import Caller
from danqing_server.settings.server import Settings
from tests.support.providers import ScriptedProvider
from tests.support.receiver import Received, Receiver, run_receiver
from tests.support.servers import RunningServer, run_mongod, run_redis
from tests.support.system import System, running_system, settings_for
from tests.support.webhook_process import hasten, webhook_process

__all__ = ["Trial", "run_trial"]

SETTLES_S = 300.0
LOOK_S = 0.5


@attrs.define(kw_only=True)
class Trial:
    """What was seen. `lost` are events that never arrived, `foreign` those that nobody can have meant."""

    tasks: int = 0
    events: int = 0
    posts: int = 0
    kills: Counter[str] = attrs.field(factory=Counter)
    pauses: int = 0
    lost: list[str] = attrs.field(factory=list)
    foreign: list[str] = attrs.field(factory=list)
    changed: list[str] = attrs.field(factory=list)
    took_s: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.foreign or self.changed)

    def __str__(self) -> str:
        killed = ", ".join(f"{count} of the {what}" for what, count in sorted(self.kills.items()))
        return (
            f"{self.tasks} tasks, {self.events} events, {self.posts} posts ({self.posts - self.events} repeats), "
            f"kills: {killed}; "
            f"the receiver stood still {self.pauses} times; "
            f"lost {len(self.lost)}, under a second id {len(self.foreign)}, "
            f"repeated with another body {len(self.changed)}; {self.took_s:.0f} s"
        )


@contextmanager
def _servers(directory: Path, settings: Settings, count: int) -> Iterator[tuple[list[RunningServer], Receiver]]:
    with ExitStack() as stack:
        receiver = stack.enter_context(run_receiver(directory))
        senders = [webhook_process(directory, f"sender{number}", settings.environment) for number in range(count)]
        for sender in senders:
            stack.callback(sender.kill)
            sender.start()
        yield senders, receiver


async def run_trial(
    directory: Path, settings: Settings, *, tasks: int, seed: int, mean_s: float, per_s: float, senders: int = 2
) -> Trial:
    """Submit *tasks*, *per_s* a second, kill someone every *mean_s* seconds meanwhile, and judge what arrived."""
    began_s, trial = time.monotonic(), Trial(tasks=tasks)
    async with running_system(settings, [ScriptedProvider()], workers=False) as system:
        hasten(system)
        system.services.webhooks.sender.stop_sending()
        with _servers(directory, settings, senders) as (running, receiver):
            await system.services.webhooks.create(
                Caller.local(),
                url=f"{receiver.url}/ok",
                events=("task.*",),
                description="",
                enabled=True,
                base="http://here",
            )
            mayhem = asyncio.create_task(_mayhem(trial, running, receiver.server, random.Random(seed), mean_s))
            ids = await _submit(system, tasks, per_s)
            await _ended(system, tasks)
            mayhem.cancel()
            await asyncio.wait({mayhem})
            await _revive([*running, receiver.server])
            await _settled(system)
            _judge(trial, await _documents(system, ids), receiver.received())
    trial.took_s = time.monotonic() - began_s
    return trial


async def _submit(system: System, tasks: int, per_s: float) -> list[str]:
    async def one(number: int) -> str:
        await asyncio.sleep(number / per_s)
        return (await system.submit(f"task {number}", n=0)).id

    return await asyncio.gather(*(one(number) for number in range(tasks)))


async def _mayhem(
    trial: Trial,
    senders: Sequence[RunningServer],
    receiver: RunningServer,
    chance: random.Random,
    mean_s: float,
) -> None:
    """Kill a sender or the receiver, again and again; the receiver stays away for a moment, or stands still."""
    while True:
        await asyncio.sleep(chance.expovariate(1 / mean_s))
        what = chance.choice(("sender", "sender", "receiver", "pause"))
        if what == "sender":
            sender = chance.choice(senders)
            sender.kill()
            (sender.data_dir / f"{sender.command.name}.ready").unlink(missing_ok=True)
            trial.kills["senders"] += 1
            await asyncio.to_thread(sender.start)
        elif what == "receiver":
            receiver.kill()
            trial.kills["receiver"] += 1
            await asyncio.sleep(chance.uniform(0, 2))
            await asyncio.to_thread(receiver.start)
        else:
            receiver.pause()
            trial.pauses += 1
            await asyncio.sleep(chance.uniform(0, 4))
            receiver.resume()


async def _revive(servers: Sequence[RunningServer]) -> None:
    """Bring back whoever was dead or stood still when the mayhem ended."""
    for server in servers:
        server.kill()
        (server.data_dir / f"{server.command.name}.ready").unlink(missing_ok=True)
        await asyncio.to_thread(server.start)


async def _ended(system: System, tasks: int) -> None:
    """Wait for the end of every task."""
    collection = system.services.store.database["danqing_tasks"]
    unfinished = {"status": {"$nin": ["completed", "failed"]}}  # one that its workers died over is given up
    await _until_none(system, lambda: collection.count_documents(unfinished), SETTLES_S + tasks)


async def _settled(system: System) -> None:
    """Wait until nothing is untold, and nothing is still to be delivered."""
    database = system.services.store.database

    async def left() -> int:
        untold = await database["danqing_tasks"].count_documents({"untold": {"$gt": {}}})
        return int(untold + await database["danqing_deliveries"].count_documents({"state": "pending"}))

    await _until_none(system, left, SETTLES_S)


async def _until_none(system: System, count: Any, within_s: float) -> None:
    register = system.services.control.register
    async with asyncio.timeout(within_s):
        while await count():
            await register.tell_again()
            await asyncio.sleep(LOOK_S)


async def _documents(system: System, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    found = await system.services.store.database["danqing_tasks"].find({}, ["attempts", "status"]).to_list(None)
    assert {each["_id"] for each in found} == set(ids)
    return {each["_id"]: each for each in found}


def _judge(trial: Trial, documents: dict[str, dict[str, Any]], received: Sequence[Received]) -> None:
    """Compare the ids that arrived, by task and type, with what the tasks' records say."""
    trial.posts = len(received)
    bodies: dict[str, bytes] = {}
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    for each in received:
        if bodies.setdefault(each.id, each.body) != each.body:
            trial.changed.append(each.id)
        told = each.json
        seen[told["data"]["id"], told["type"]].add(each.id)
    trial.events = len(bodies)
    for task_id, document in documents.items():
        starts = document["attempts"]
        wanted = {"created": 1, "started": starts, "retrying": starts - 1, document["status"]: 1}
        for kind, count in wanted.items():
            got = len(seen.pop((task_id, f"task.{kind}"), ()))
            if got < count:
                trial.lost.append(f"{task_id} {kind}: {got} of {count}")
            elif got > count:
                trial.foreign.append(f"{task_id} {kind}: {got} for {count}")
    trial.foreign += [f"{task_id} {type_}" for task_id, type_ in seen if type_ != "task.amended"]


async def _main(arguments: argparse.Namespace) -> Trial:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with run_mongod(directory) as mongod, run_redis(directory) as redis:
            settings = settings_for(
                mongod.url, "trial", redis.url, "trial", directory, DANQING_WEBHOOK_TARGETS="127.0.0.0/8"
            )
            return await run_trial(
                directory,
                settings,
                tasks=arguments.tasks,
                seed=arguments.seed,
                mean_s=arguments.mean,
                per_s=arguments.per_s,
                senders=arguments.senders,
            )


def main() -> int:
    """Run a trial, print what was seen, and return 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.webhooks")
    parser.add_argument("--tasks", type=int, default=3400, help="three events each, and more for each kill")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mean", type=float, default=4.0, help="seconds between two faults")
    parser.add_argument("--per-s", type=float, default=15.0, help="tasks submitted in a second")
    parser.add_argument("--senders", type=int, default=2)
    arguments = parser.parse_args()
    trial = asyncio.run(_main(arguments))
    print(trial)
    for problem in [*trial.lost, *trial.foreign, *trial.changed][:50]:
        print(problem)
    return 0 if trial.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
