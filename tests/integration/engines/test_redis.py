"""Redis as it is run in earnest: behind Sentinel, as a cluster, over TLS, and Valkey in its place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from danqing_server.clock import Clock
from danqing_server.errors import QueueUnavailable, SettingsError
from danqing_server.queue.connection import RedisConnection, connect
from danqing_server.queue.entries import Entry, LaneTurned
from danqing_server.queue.gates import Gates, Report
from danqing_server.queue.lanes import Queue
from danqing_server.queue.owed import OwedVoids
from danqing_server.queue.requests import RequestCounter
from danqing_server.records.tasks import Status
from danqing_server.supervision.embedded.binaries import REDIS_SERVER, find_program
from tests.support.providers import ScriptedProvider
from tests.support.redis_sets import (
    Certificates,
    RedisSet,
    run_cluster,
    run_one,
    run_sentinels,
    valkey_program,
    with_tls,
)
from tests.support.system import MakeSettings, running_system, until

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("redis_sets")]

LANES = ("one", "two", "three", "four", "five", "six")
"""Enough that a cluster's three nodes have some each."""


def _tls(run: Callable[..., AbstractContextManager[RedisSet]], folder: Path) -> AbstractContextManager[RedisSet]:
    program = with_tls()
    return run(folder, certificates=Certificates.made_in(folder), program=program)


SETS: dict[str, Callable[[Path], AbstractContextManager[RedisSet]]] = {
    "valkey": lambda folder: run_one(folder, valkey_program()),
    "tls": lambda folder: _tls(run_one, folder),
    "sentinel": run_sentinels,
    "sentinel_tls": lambda folder: _tls(run_sentinels, folder),
    "sentinel_valkey": lambda folder: run_sentinels(folder, program=valkey_program()),
    "cluster": run_cluster,
    "cluster_tls": lambda folder: _tls(run_cluster, folder),
    "cluster_valkey": lambda folder: run_cluster(folder, program=valkey_program()),
}


@pytest.fixture(scope="module", params=SETS)
def redis_set(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisSet]:
    """Each of them in turn, one at a time; no test here ends one of its servers."""
    with SETS[request.param](tmp_path_factory.mktemp(request.param)) as made:
        yield made


@pytest.fixture
async def redis(redis_set: RedisSet, redis_prefix: str) -> AsyncIterator[RedisConnection]:
    """A connection with this test's own keys."""
    async with connect(redis_set.url, redis_prefix, Clock()) as connection:
        yield connection


def entry(lane: str, number: int, **fields: Any) -> Entry:
    return Entry(id=f"{lane}{number}", lane=lane, user_id=f"u{number % 2}", priority="normal", images=1, **fields)


class TestWhole:
    async def test_the_queue_does_all_it_does(self, redis: RedisConnection) -> None:
        """Each of its scripts and commands, on lanes that a cluster keeps on different nodes."""
        queue = Queue(redis)
        assert not await queue.mark_known(LANES)
        assert await queue.mark_known(LANES)
        entries = [entry(lane, number) for lane in LANES for number in range(3)]
        assert (await queue.push_many(entries)).new == len(entries)
        for lane in LANES:
            assert (await queue.position(entry(lane, 1))).state == "queued"
            reserved = await queue.reserve(lane, "w", 2, "n1")
            assert len(reserved.ids) == 2
            assert await queue.held(lane, "w") == set(reserved.ids)
            await queue.acknowledge(lane, "w", reserved.ids[0], 20, went_well=True)
            await queue.release("w", entry(lane, int(reserved.ids[1][-1])))
            assert await queue.give_back(lane, "w") == 0
            assert (await queue.depth(lane)).queued == 2
            assert sum(user.tasks for user in await queue.waiting_by_user(lane, None, 10)) == 2
            assert await queue.remove_many(lane, [f"{lane}{number}" for number in range(3)]) == 2
        assert await queue.claim_sweep("w", 10)
        assert not await queue.claim_sweep("other", 10)
        await queue.forget_older_layouts(LANES[0])
        await queue.ping()
        assert await queue.server_version()

    async def test_who_waits_is_woken(self, redis: RedisConnection) -> None:
        """A push ends a wait well before its second is over, on every node."""
        queue = Queue(redis)
        for lane in LANES:
            waiting = asyncio.create_task(queue.wait(lane))
            async with asyncio.timeout(5):
                while not waiting.done():
                    await queue.push(entry(lane, 0))
                    await queue.remove(lane, f"{lane}0")
                    await asyncio.sleep(0.01)

    async def test_what_is_told_reaches_everybody(self, redis: RedisConnection) -> None:
        """A cancelled task's id, and a lane that turned: told on one node, heard on another."""
        queue, gates = Queue(redis), Gates(redis, Queue(redis))
        heard: list[str | LaneTurned] = []

        async def listen() -> None:
            async for each in queue.announcements():
                heard.append(each)

        listening = asyncio.create_task(listen())
        await until(lambda: heard, what="the subscription")
        await queue.announce("a task")
        for lane in LANES:
            for number in range(2):
                await gates.report(lane, Report.ACCOUNT, "AccountOverdue", f"t{number}")
        await until(lambda: {"a task", *map(LaneTurned, LANES)} <= set(heard), what="all being told")
        listening.cancel()
        assert (await gates.look(LANES[0])).state == "open"

    async def test_requests_are_counted(self, redis: RedisConnection) -> None:
        """By key and by project, each on a node of its own."""
        counter = RequestCounter(redis)
        for number in range(5):
            assert not await counter.count("key", f"k{number}", 1)
            assert await counter.count("key", f"k{number}", 1) > 0

    async def test_a_task_goes_its_way(self, redis_set: RedisSet, make_settings: MakeSettings) -> None:
        """The whole process, from the submission to the kept picture."""
        settings = make_settings(redis_url=redis_set.url)
        async with running_system(settings, [ScriptedProvider()]) as system:
            tasks = [await system.submit(f"boat {number}") for number in range(5)]
            assert [(await system.finished(task.id)).status for task in tasks] == [Status.COMPLETED] * 5


class TestSuccessors:
    @pytest.mark.parametrize("run", [run_sentinels, run_cluster])
    async def test_what_is_noted_for_good_a_replica_has(
        self, tmp_path: Path, redis_prefix: str, run: Callable[[Path], AbstractContextManager[RedisSet]]
    ) -> None:
        """Else it is not noted: whoever took the server's place would not know of it."""
        with run(tmp_path) as made:
            async with connect(made.url, redis_prefix, Clock()) as connection:
                owed = OwedVoids(connection)
                await owed.note([("a", "1")])
                masters = made.masters()
                replicas = [server for server in made.servers if server not in masters]
                for replica in replicas:
                    replica.pause()
                with pytest.raises(QueueUnavailable):
                    await owed.note([("b", "2")])
                for replica in replicas:
                    replica.resume()

                async def is_noted() -> bool:
                    try:
                        await owed.note([("b", "2")])
                    except QueueUnavailable:
                        return False
                    return True

                await until(is_noted)
                assert await owed.among(["a", "b", "c"]) == {"a": ["1"], "b": ["2"]}


class TestFailover:
    @pytest.mark.parametrize("how", ["kill", "pause"])
    async def test_sentinel_names_another_master(
        self, tmp_path: Path, make_settings: MakeSettings, how: str
    ) -> None:
        """Tasks go on with the new one: the old one was killed, or is there and answers nobody."""
        with run_sentinels(tmp_path) as made:
            settings = make_settings(redis_url=made.url)
            async with running_system(settings, [ScriptedProvider()]) as system:
                await system.finished((await system.submit()).id)
                old = made.master()
                getattr(old, how)()
                await self._goes_on(system)
                assert made.master() is not old

    async def test_a_replica_takes_a_node_s_place(self, tmp_path: Path, make_settings: MakeSettings) -> None:
        """The cluster's lanes on that node go on with what the replica has."""
        with run_cluster(tmp_path) as made:
            settings = make_settings(redis_url=made.url)
            async with running_system(settings, [ScriptedProvider()]) as system:
                await system.finished((await system.submit()).id)
                key = f"{{{settings.redis_prefix}:scripted}}:ids"
                old = made.owner_of(key)
                old.kill()
                await self._goes_on(system)
                assert made.owner_of(key) is not old

    async def _goes_on(self, system: Any) -> None:
        """Submit until one is taken, and see it end; what was refused meanwhile was told so."""

        async def submit() -> Any:
            try:
                return await system.submit()
            except QueueUnavailable:
                return None

        task = await until(submit, timeout_s=30, what="a task being taken again")
        assert (await system.finished(task.id, timeout_s=30)).status is Status.COMPLETED

    async def test_a_node_that_lost_everything_is_filled_again(
        self, tmp_path: Path, make_settings: MakeSettings
    ) -> None:
        """A cluster without replicas: the other nodes' marks stand, and its lanes come back from MongoDB."""
        program = find_program(REDIS_SERVER)
        with run_cluster(tmp_path, program=program, replicas=0) as made:
            settings = make_settings(redis_url=made.url)
            async with running_system(settings, [ScriptedProvider()], workers=False) as system:
                task = await system.submit()
                owner = made.owner_of(f"{{{settings.redis_prefix}:scripted}}:ids")
                made.ask(owner, "FLUSHALL")
                lanes = list(system.services.registry.lanes)
                assert not await system.services.queue.mark_known(lanes)
                assert await system.services.queue.mark_known(lanes)
            async with running_system(settings, [ScriptedProvider()]) as system:
                assert (await system.finished(task.id)).status is Status.COMPLETED


class TestTrust:
    async def test_who_is_not_vouched_for_is_not_talked_to(self, tmp_path: Path) -> None:
        """Another authority's server, with the right password to give away."""
        program = with_tls()
        (tmp_path / "other").mkdir()
        other = Certificates.made_in(tmp_path / "other")
        with run_one(tmp_path, program, Certificates.made_in(tmp_path)) as made:
            url = made.url.rpartition("=")[0] + f"={other.authority}"
            async with connect(url, "p", Clock()) as connection:
                with pytest.raises(QueueUnavailable):
                    await Queue(connection).ping()

    async def test_a_file_that_is_no_certificate_is_told_at_the_start(self, tmp_path: Path) -> None:
        """Not as a Redis that is not there."""
        (tmp_path / "ca.pem").write_text("nothing")
        with pytest.raises(SettingsError, match="REDIS_URL: TLS"):
            async with connect(f"rediss://127.0.0.1?ssl_ca_certs={tmp_path}/ca.pem", "p", Clock()):
                pass
