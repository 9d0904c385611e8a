"""Processes, servers and connections that fail under load: every task ends well, and none is paid for twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import attrs
import pytest
from pymongo import MongoClient
from pymongo.errors import AutoReconnect

from danqing_server.records.tasks import CallOutcome, Status, Task
from danqing_server.settings.server import Settings
from danqing_server.supervision.embedded.servers import free_port, mongod
from tests.support.proxy import running_proxy
from tests.support.servers import RunningServer, run_embedded
from tests.support.system import MakeSettings, System, running_system, until
from tests.support.worker_process import journaled, paid_by, paying_provider

pytestmark = pytest.mark.kills

ROOT = Path(__file__).parents[2]
PATIENCE_S = 40.0
MOST_SHARED = 1_600


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Where paid calls are written down."""
    return tmp_path / "journal"


@contextmanager
def worker_processes(settings: Settings, journal: Path, *, call_s: float, count: int = 1) -> Iterator[list[int]]:
    """Run worker processes of their own while the block lasts; yield their ids."""
    variables = {"JOURNAL": str(journal), "CALL_S": str(call_s), "PATH": os.environ["PATH"]}
    with ExitStack() as stack:
        processes = []
        for _ in range(count):
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.worker_process"],
                cwd=ROOT,
                env={**settings.environment, **variables},
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            processes.append(process.pid)
        yield processes


async def submitted(system: System, count: int, **fields: str) -> list[Task]:
    """Submit *count* tasks of several users."""
    return await asyncio.gather(*(system.submit(user_id=f"u{number % 5}", **fields) for number in range(count)))


async def ended(system: System, tasks: Sequence[Task]) -> list[Task]:
    """Wait until all have ended and return them."""
    return await asyncio.gather(*(system.finished(task.id, PATIENCE_S) for task in tasks))


async def pictures_of(system: System, task: Task) -> list[bytes]:
    """Return the stored pictures of *task*."""
    return [await system.services.assets.read(output.asset.key) for output in task.kept if output.asset]


class TestDeadProcess:
    async def test_every_task_of_a_killed_process_completes_elsewhere(
        self, make_settings: MakeSettings, journal: Path
    ) -> None:
        """Twenty tasks run in a process that is killed: all complete, each stored once, none paid for thrice."""
        settings = make_settings()
        async with running_system(settings, [paying_provider(journal, 0)], workers=False) as door:
            with worker_processes(settings, journal, call_s=60) as [pid]:
                tasks = await submitted(door, 20)
                await until(lambda: len(journaled(journal)) == 20, what="twenty calls under way")
                os.kill(pid, 9)
            with worker_processes(settings, journal, call_s=0):
                finished = await ended(door, tasks)
            assert {task.status for task in finished} == {Status.COMPLETED}
            assert [len(await pictures_of(door, task)) for task in finished] == [1] * 20
        assert set(Counter(journaled(journal)).values()) == {2}
        for task in finished:
            outcomes = sorted(call.outcome for call in task.calls.values())
            assert outcomes == [CallOutcome.DELIVERED, CallOutcome.UNKNOWN]

    async def test_a_call_that_was_cut_is_not_repeated_when_its_user_says_so(
        self, make_settings: MakeSettings, journal: Path
    ) -> None:
        """Under `fail` the tasks in flight fail as of unknown outcome; those not yet begun complete."""
        settings = make_settings(DANQING_CONCURRENCY="5")
        async with running_system(settings, [paying_provider(journal, 0)], workers=False) as door:
            with worker_processes(settings, journal, call_s=60) as [pid]:
                tasks = await submitted(door, 12, on_ambiguous="fail")
                await until(lambda: len(journaled(journal)) == 5, what="five calls under way")
                os.kill(pid, 9)
            with worker_processes(settings, journal, call_s=0):
                finished = await ended(door, tasks)
        statuses = Counter(task.status for task in finished)
        assert statuses == {Status.FAILED: 5, Status.COMPLETED: 7}
        assert {task.error.code for task in finished if task.error} == {"outcome_unknown"}
        assert set(Counter(journaled(journal)).values()) == {1}

    async def test_processes_share_the_work(self, make_settings: MakeSettings, journal: Path) -> None:
        """Two processes carry the tasks out between them, and none runs twice."""
        settings = make_settings(DANQING_CONCURRENCY="4")
        async with running_system(settings, [paying_provider(journal, 0)], workers=False) as door:
            with worker_processes(settings, journal, call_s=0.05, count=2):
                finished = await ended(door, await submitted(door, 80))
                while len(paid_by(journal)) < 2 and len(finished) < MOST_SHARED:  # one may start much later
                    finished += await ended(door, await submitted(door, 80))
        assert {task.status for task in finished} == {Status.COMPLETED}
        assert set(Counter(journaled(journal)).values()) == {1}
        assert len(paid_by(journal)) == 2


class TestLostRedis:
    async def test_the_queue_is_rebuilt_without_a_restart(
        self, make_settings: MakeSettings, journal: Path, own_redis: RunningServer
    ) -> None:
        """All of Redis vanishes under load: what waited runs, and what ran is not run again."""
        provider = paying_provider(journal, 0.3, concurrency=8)
        async with running_system(make_settings(redis_url=own_redis.url), [provider]) as system:
            tasks = await submitted(system, 60)
            await until(lambda: len(journaled(journal)) >= 8, what="tasks under way")
            await system.services.queue.connection.hot.flushall()
            finished = await ended(system, tasks)
        assert {task.status for task in finished} == {Status.COMPLETED}
        assert set(Counter(journaled(journal)).values()) == {1}

    async def test_a_killed_redis_is_waited_for(
        self, make_settings: MakeSettings, journal: Path, own_redis: RunningServer
    ) -> None:
        """Redis is killed under load and comes back: everything completes, once."""
        provider = paying_provider(journal, 0.2, concurrency=8)
        async with running_system(make_settings(redis_url=own_redis.url), [provider]) as system:
            tasks = await submitted(system, 40)
            await until(lambda: len(journaled(journal)) >= 8, what="tasks under way")
            await asyncio.to_thread(own_redis.restart)
            finished = await ended(system, tasks)
        assert {task.status for task in finished} == {Status.COMPLETED}
        assert set(Counter(journaled(journal)).values()) == {1}


class TestLostMongoDB:
    async def test_a_killed_mongod_is_waited_for(
        self, make_settings: MakeSettings, journal: Path, own_mongod: RunningServer
    ) -> None:
        """MongoDB is killed under load and comes back: everything accepted completes, and nothing is paid twice."""
        provider = paying_provider(journal, 0.3, concurrency=8)
        async with running_system(make_settings(mongo_url=own_mongod.url), [provider]) as system:
            tasks = await submitted(system, 40)
            await until(lambda: len(journaled(journal)) >= 8, what="tasks under way")
            await asyncio.to_thread(own_mongod.restart)
            finished = await ended(system, tasks)
        assert {task.status for task in finished} == {Status.COMPLETED}
        assert set(Counter(journaled(journal)).values()) == {1}

    async def test_tasks_go_on_under_another_primary(
        self, make_settings: MakeSettings, journal: Path, tmp_path: Path
    ) -> None:
        """The primary of a replica set steps down under load: everything completes, once."""
        with replica_set(tmp_path) as replicas:
            provider = paying_provider(journal, 0.2, concurrency=8)
            async with running_system(make_settings(mongo_url=replicas.url), [provider]) as system:
                tasks = await submitted(system, 40)
                await until(lambda: len(journaled(journal)) >= 8, what="tasks under way")
                await asyncio.to_thread(replicas.step_down)
                finished = await ended(system, tasks)
        assert {task.status for task in finished} == {Status.COMPLETED}
        assert set(Counter(journaled(journal)).values()) == {1}


class TestBadConnections:
    @pytest.mark.parametrize("server", ["mongodb", "redis"])
    async def test_cut_connections_cost_time_only(
        self, make_settings: MakeSettings, journal: Path, mongo_url: str, redis_url: str, server: str
    ) -> None:
        """Connections reset in the middle of what they carry: everything completes, once."""
        with running_proxy(mongo_url if server == "mongodb" else redis_url) as proxy:
            chosen = (
                make_settings(mongo_url=f"mongodb://127.0.0.1:{proxy.port}")
                if server == "mongodb"
                else make_settings(redis_url=f"redis://127.0.0.1:{proxy.port}/0")
            )
            async with running_system(chosen, [paying_provider(journal, 0.05, concurrency=8)]) as system:
                tasks = await submitted(system, 60)
                ending = asyncio.create_task(ended(system, tasks))
                for calls in range(5, 60, 5):
                    await until(partial(_paid_at_least, journal, calls), what=f"{calls} calls")
                    proxy.cut()
                finished = await ending
            assert proxy.cuts >= 10
        assert {task.status for task in finished} == {Status.COMPLETED}
        assert set(Counter(journaled(journal)).values()) == {1}

    async def test_slow_connections_cost_time_only(
        self, make_settings: MakeSettings, journal: Path, mongo_url: str, redis_url: str
    ) -> None:
        """Both servers answer a fifth of a second late: everything completes, once."""
        with running_proxy(mongo_url) as mongodb, running_proxy(redis_url) as redis:
            mongodb.delay_s = redis.delay_s = 0.1
            chosen = make_settings(
                mongo_url=f"mongodb://127.0.0.1:{mongodb.port}", redis_url=f"redis://127.0.0.1:{redis.port}/0"
            )
            async with running_system(chosen, [paying_provider(journal, 0.05)]) as system:
                finished = await ended(system, await submitted(system, 40))
        assert {task.status for task in finished} == {Status.COMPLETED}
        assert set(Counter(journaled(journal)).values()) == {1}


def _paid_at_least(journal: Path, calls: int) -> bool:
    return len(journaled(journal)) >= calls


@attrs.frozen
class ReplicaSet:
    """Three mongods that choose a primary among them."""

    url: str

    def step_down(self) -> None:
        """Make the primary give up, and return when there is another."""
        with MongoClient[dict[str, object]](self.url, heartbeatFrequencyMS=500) as client:
            client.admin.command({"hello": 1})  # selects a primary, and waits for one
            before = client.primary
            with contextlib.suppress(AutoReconnect):  # it closes its connections
                client.admin.command({"replSetStepDown": 60, "secondaryCatchUpPeriodSecs": 30})
            # The client knows the old one until its next heartbeat, whatever it is asked before.
            deadline = time.monotonic() + 60
            while client.primary in {None, before}:
                assert time.monotonic() < deadline, "no other primary was elected within a minute"
                time.sleep(0.05)


@contextmanager
def replica_set(directory: Path) -> Iterator[ReplicaSet]:
    """Run three mongods as a replica set with short elections while the block lasts."""
    with ExitStack() as stack:
        servers = []
        for number in range(3):
            folder = directory / f"member{number}"
            folder.mkdir()
            described = mongod(folder, free_port())
            command = attrs.evolve(described.command, argv=(*described.command.argv, "--replSet", "three"))
            servers.append(stack.enter_context(run_embedded(attrs.evolve(described, command=command))))
        hosts = [server.url.removeprefix("mongodb://") for server in servers]
        configuration = {
            "_id": "three",
            "members": [{"_id": number, "host": host} for number, host in enumerate(hosts)],
            "settings": {"electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 200},
        }
        with MongoClient[dict[str, object]](servers[0].url, directConnection=True) as client:
            client.admin.command({"replSetInitiate": configuration})
        url = f"mongodb://{','.join(hosts)}/?replicaSet=three"
        with MongoClient[dict[str, object]](url, serverSelectionTimeoutMS=30_000) as client:
            client.admin.command({"hello": 1})
        yield ReplicaSet(url)
