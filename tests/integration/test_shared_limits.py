"""Lanes of models whose limits are their own: what they share with their provider's others, and what not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from danqing_plugins import AccountProblem, Job, Limits, Run, Unavailable
from danqing_server.life.register import Register
from danqing_server.queue.gates import FAILURES_IN_A_ROW
from danqing_server.records.tasks import Status, Task
from tests.support.providers import ScriptedProvider, deliver_all
from tests.support.system import MakeSettings, running_system, until

SLOW = {"slow": Limits(concurrency=1)}


class TestPlaces:
    async def test_a_full_lane_holds_up_no_other_of_its_provider(self, make_settings: MakeSettings) -> None:
        """One task of the slow model runs at a time, another waits; the others' go by."""
        release = asyncio.Event()

        async def wait_if_slow(job: Job, run: Run) -> None:
            if job.model == "slow":
                await release.wait()
            await deliver_all(job, run)

        provider = ScriptedProvider(wait_if_slow, lanes=SLOW)
        async with running_system(make_settings(), [provider]) as system:
            slow = [await system.submit(model="slow") for _ in range(2)]
            await until(lambda: provider.jobs)
            for _ in range(3):
                other = await system.submit()
                assert (await system.finished(other.id)).lane == "scripted"
            assert [job.model for job in provider.jobs].count("slow") == 1
            assert [task.lane for task in slow] == ["scripted:slow"] * 2
            release.set()
            for task in slow:
                assert (await system.finished(task.id)).status is Status.COMPLETED

    async def test_what_begins_meanwhile_takes_its_place(
        self, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A task that begins as it is queued has the place for which the lane came to take the next one."""
        release, answer = asyncio.Event(), asyncio.Event()

        async def wait(job: Job, run: Run) -> None:
            await release.wait()
            await deliver_all(job, run)

        async def slowly(self: Register, *of: Any) -> list[Task]:
            await answer.wait()
            return await start(self, *of)

        start = Register.start
        monkeypatch.setattr(Register, "start", slowly)
        provider = ScriptedProvider(wait, concurrency=1)
        async with running_system(make_settings(), [provider]) as system:
            assert system.workers
            lane = system.workers.pool.lanes["scripted"]
            await until(lambda: lane.waits, what="an idle lane")
            tasks = [await system.submit() for _ in range(2)]
            await until(lambda: lane._taking._waiters, what="the lane to come for the second")  # type: ignore[attr-defined] # asyncio's own
            answer.set()
            await until(lambda: provider.jobs, what="the first call")
            await until(lambda: not lane._taking.locked(), what="the lane to be done")
            assert len(lane.running) == 1
            release.set()
            for task in tasks:
                assert (await system.finished(task.id)).status is Status.COMPLETED

    async def test_a_task_of_its_providers_lane_says_nothing_of_it(self, make_settings: MakeSettings) -> None:
        """What has no lane of its own is stored as it always was, and read by every release."""
        async with running_system(make_settings(), [ScriptedProvider(lanes=SLOW)], workers=False) as system:
            tasks = [await system.submit(), await system.submit(model="slow")]
            stored = system.services.store.database["danqing_tasks"]
            found = [await stored.find_one({"_id": task.id}) for task in tasks]
            assert [document.get("lane_word") for document in found] == [None, "slow"]
            assert "lane_word" not in found[0]

    async def test_who_waits_in_a_lane_that_is_gone_runs_in_its_providers(
        self, make_settings: MakeSettings
    ) -> None:
        """A release whose model has no lane of its own any more carries out what was queued for it."""
        async with running_system(make_settings(), [ScriptedProvider(lanes=SLOW)], workers=False) as system:
            task = await system.submit(model="slow")
            await system.services.store.database["danqing_tasks"].update_one(
                {"_id": task.id}, {"$set": {"waiting": 1}}
            )
            async for key in system.services.queue.connection.hot.scan_iter("*:mark:*"):
                await system.services.queue.connection.hot.delete(key)
        async with running_system(make_settings(), [ScriptedProvider()]) as system:
            done = await system.finished(task.id)
            assert done.status is Status.COMPLETED
            depth = await system.services.queue.depth("scripted")
            assert (depth.queued, depth.held) == (0, 0)


class TestGates:
    async def test_a_refused_account_shuts_every_lane_of_its_provider(self, make_settings: MakeSettings) -> None:
        """The account is the provider's, whatever model found that out; another provider's lane stays open."""

        async def refuse(_job: Job, _run: Run) -> None:
            raise AccountProblem("the key is refused", code="key_refused")

        providers = [ScriptedProvider(refuse, lanes=SLOW), ScriptedProvider(name="other")]
        async with running_system(make_settings(), providers) as system:
            await system.submit(model="slow")

            async def shut() -> list[str | None]:
                gates = [await system.services.gates.look(lane) for lane in ("scripted", "scripted:slow")]
                return [gate.shut_by for gate in gates] if all(gate.shut_until_ms for gate in gates) else []

            assert await until(shut) == ["key_refused", "key_refused"]
            assert (await system.services.gates.look("other")).state == "closed"

    async def test_an_outage_of_one_model_leaves_the_others_open(self, make_settings: MakeSettings) -> None:
        """A run of failures opens the breaker of the lane they were in, and of no other."""

        async def fail(_job: Job, _run: Run) -> None:
            raise Unavailable("down")

        async with running_system(make_settings(), [ScriptedProvider(fail, lanes=SLOW)]) as system:
            for _ in range(FAILURES_IN_A_ROW):
                await system.submit(model="slow")

            async def opened() -> bool:
                return (await system.services.gates.look("scripted:slow")).state != "closed"

            await until(opened)
            assert (await system.services.gates.look("scripted")).state == "closed"

    async def test_a_spend_limit_holds_every_lane_of_its_provider(self, make_settings: MakeSettings) -> None:
        """The limit is the provider's: the first of its lanes to pass it holds the others, too."""
        settings = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:0.20")
        async with running_system(settings, [ScriptedProvider(lanes=SLOW)]) as system:
            first = await system.submit(model="slow")
            await system.finished(first.id)
            await system.submit()

            async def held() -> bool:
                gates = [await system.services.gates.look(lane) for lane in ("scripted", "scripted:slow")]
                return all(gate.hold is not None and gate.hold.reason == "spend_limit" for gate in gates)

            await until(held)
