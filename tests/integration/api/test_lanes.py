"""Lanes that people pause, resume and probe: who may, what it does to work, and what survives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from danqing_plugins import AccountProblem, Job, Run
from danqing_server.access.caller import Caller
from danqing_server.desk.lane_control import LONGEST_PAUSE
from danqing_server.http.services import Services
from danqing_server.life.moves import Requeued
from danqing_server.queue.gates import Report
from danqing_server.records.lanes import LaneAct, LaneActKind, Pause
from danqing_server.records.tasks import Attempt, Status
from danqing_server.store.tasks import COLLECTION
from tests.integration.api.conftest import Client, Reply
from tests.support.event_reader import EventReader, reading
from tests.support.providers import ScriptedProvider, deliver_all
from tests.support.system import MakeSettings, System, running_system, until

Open = Callable[..., Any]

ADMIN_KEY, ALICE = "9" * 20, "a" * 20
KEYS = {"DANQING_ADMIN_KEY": ADMIN_KEY, "DANQING_API_KEYS": f"alice:{ALICE}"}
LANES = "/api/v1/lanes"
LANE = f"{LANES}/scripted"


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def act(api: Client, what: str, secret: str = "", lane: str = LANE, **body: Any) -> Reply:
    """Do something with a lane; a pause has a body always, the others where something is said."""
    said = body if body or what == "pause" else None
    return await api.ask("POST", f"{lane}/{what}", json=said, headers=bearer(secret) if secret else {})


async def lane(api: Client, secret: str = "") -> Any:
    """Return how the lane stands."""
    reply = await api.ask("GET", LANE, headers=bearer(secret) if secret else {})
    assert reply.status == 200, reply.body
    return reply.json["data"]


@attrs.define
class Holding:
    """A provider whose calls wait until they are let go."""

    began: asyncio.Event = attrs.field(factory=asyncio.Event)
    go: asyncio.Event = attrs.field(factory=asyncio.Event)
    calls: int = 0

    async def __call__(self, job: Job, run: Run) -> None:
        self.calls += 1
        self.began.set()
        await self.go.wait()
        await deliver_all(job, run)


class TestPausing:
    async def test_what_runs_ends_and_nothing_new_begins_until_somebody_resumes(self, open_api: Open) -> None:
        """The pause is on its way to every process when it is answered; who, when and why are told."""
        held = Holding()
        async with open_api(workers=True, provider=ScriptedProvider(held)) as api:
            first = await api.system.submit()
            await held.began.wait()
            paused = await act(api, "pause", reason="对价格有疑问")
            second = await api.system.submit()
            held.go.set()
            await api.system.finished(first.id)
            shown = await lane(api)
            assert (paused.status, held.calls) == (200, 1)
            assert (await api.system.get(second.id)).status is Status.PENDING
            assert (shown["state"], shown["accepting"], shown["reason"]) == ("paused", False, "paused")
            assert (shown["pause"]["reason"], shown["pause"]["by"]) == ("对价格有疑问", "(local)")
            assert (shown["queued"], shown["opens_at"], shown["since"]) == (1, None, shown["pause"]["since"])
            resumed = await act(api, "resume")
            await api.system.finished(second.id)
            assert (resumed.json["data"]["state"], resumed.json["data"]["pause"]) == ("open", None)
            told = [(turn["kind"], turn["by"]) for turn in (await lane(api))["history"]]
            assert told == [("resumed", "(local)"), ("paused", "(local)")]

    async def test_a_restart_keeps_it_though_redis_forgot_everything(self, make_settings: MakeSettings) -> None:
        """MongoDB is the truth: the queue is rebuilt, and nothing of the lane begins."""
        provider = ScriptedProvider()
        settings = make_settings()
        async with running_system(settings, [provider]) as system:
            await system.services.lane_control.pause("scripted", Caller.local(), "why", None)
            task = await system.submit()
            await forget(system)
        async with running_system(settings, [provider]) as system:

            async def is_queued() -> bool:
                return (await system.services.queue.depth("scripted")).queued == 1

            await until(is_queued, what="the queue, rebuilt")
            gate = await system.services.gates.look("scripted")
            assert gate.halt is not None
            assert (await system.get(task.id)).status is Status.PENDING
            await system.services.lane_control.resume("scripted", Caller.local(), None, opens=False)
            assert (await system.finished(task.id)).status is Status.COMPLETED

    async def test_redis_that_forgets_lets_nothing_begin(self, open_api: Open) -> None:
        """Each process believes MongoDB, whatever Redis says; and tells Redis again."""
        async with open_api(workers=True) as api:
            await act(api, "pause", reason="x")
            await forget(api.system)
            task = await api.system.submit()

            async def is_told() -> bool:
                return (await api.services.gates.look("scripted")).halt is not None

            await until(is_told, what="the pause in Redis")
            assert await api.services.queue.held("scripted", api.system.workers.tools.lease.worker) == set()
            assert (await api.system.get(task.id)).status is Status.PENDING

    async def test_a_word_that_never_reached_redis_is_told_by_whoever_looks(self, open_api: Open) -> None:
        """Killed between MongoDB's write and the queue: the pause is there, and so is the end of one."""
        async with open_api(workers=True) as api:
            now, store = datetime.now(UTC), api.services.lane_control.store
            pause = Pause(by="chen", key="chen", at=now, reason="x")
            for kind, said in ((LaneActKind.PAUSED, pause), (LaneActKind.RESUMED, None)):
                await store.record("scripted", LaneAct(at=now, kind=kind, by="chen"), pause=said)
                await until(lambda: is_halted(api.services, halted=said is not None), what=kind)  # noqa: B023 — awaited here
            assert (await lane(api))["state"] == "open"

    async def test_redis_that_forgets_its_end_lets_the_lane_go_on(self, open_api: Open) -> None:
        """A replica that lagged, or a disk without the last second, still has the pause: the lane stayed shut."""
        async with open_api(workers=True) as api:
            await act(api, "pause", reason="x")
            connection = api.services.queue.connection
            gate = f"{connection.base('scripted')}:gate"
            before = await connection.hot.hgetall(gate)
            await act(api, "resume")
            await connection.hot.delete(gate)
            await connection.hot.hset(gate, mapping=before)
            task = await api.system.submit()
            assert (await api.system.finished(task.id)).status is Status.COMPLETED
            assert (await lane(api))["state"] == "open"

    async def test_an_act_of_a_newer_release_hides_no_pause(self, make_settings: MakeSettings) -> None:
        """While both run, or after a return to this one: it did not start, nor hear of cancellations any more."""
        settings, newer = make_settings(), {"at": datetime.now(UTC), "kind": "drained", "by": "chen"}
        async with running_system(settings, [ScriptedProvider()]) as system:
            control = system.services.lane_control
            await control.pause("scripted", Caller.local(), "why", None)
            lanes = control.store.database["danqing_lanes"]
            await lanes.update_one({"_id": "scripted"}, {"$push": {"acts": newer}})
            await lanes.insert_one({"_id": "other", "revision": {"major": 1}})
        async with running_system(settings, [ScriptedProvider()]) as system:
            task = await system.submit()
            await until(lambda: is_halted(system.services, halted=True))
            assert (await system.get(task.id)).status is Status.PENDING
            record = await system.services.lane_control.store.find("scripted")
            assert record is not None
            assert [act.kind for act in record.acts] == [LaneActKind.PAUSED]
            await system.services.lane_control.resume("scripted", Caller.local(), None, opens=False)
            assert (await system.finished(task.id)).status is Status.COMPLETED

    async def test_it_ends_by_itself_when_its_time_is_up(self, open_api: Open) -> None:
        """`until` needs nobody to come back."""
        async with open_api(workers=True) as api:
            end = datetime.now(UTC) + timedelta(seconds=1.2)
            await act(api, "pause", reason="x", until=end.isoformat())
            shown = await lane(api)
            task = await api.system.submit()
            assert shown["opens_at"] == shown["pause"]["until"] == shown["closed_until"]
            assert (await api.system.finished(task.id)).started_at >= end - timedelta(milliseconds=1)
            assert (await lane(api))["state"] == "open"

    async def test_the_longest_one_leaves_all_that_is_told(self, open_api: Open) -> None:
        """Its end stands in answers, and times that tasks may begin and end at come after it."""
        async with open_api(workers=True) as api:
            await api.system.finished((await api.system.submit()).id)  # the lane has a pace, hence estimates
            end = datetime.now(UTC) + LONGEST_PAUSE - timedelta(minutes=1)
            assert (await act(api, "pause", reason="x", until=end.isoformat())).status == 200
            task = await api.system.submit()
            told = await api.ask("GET", f"/api/v1/tasks/{task.id}/explain")
            assert datetime.fromisoformat(told.json["data"]["estimated_finish_at"]) > end
            assert (await api.ask("GET", "/health")).status == 200

    async def test_a_clock_that_is_ahead_ends_it_for_nobody(self, open_api: Open) -> None:
        """It ends by Redis' own clock: who takes it for over, and who does not, would tell Redis so in turn."""
        async with open_api(workers=True) as api:
            gates, now_ms = api.services.gates, api.services.clock.now_ms()
            await gates.pause("scripted", 1, now_ms + 60_000)
            await gates.end_pause("scripted", 1)
            assert (await gates.look("scripted")).halt is not None
            await gates.end_pause("scripted", 2)
            assert (await gates.look("scripted")).halt is None

    async def test_who_waits_for_it_is_told_why(self, open_api: Open) -> None:
        """An estimate would be a lie: nobody knows when a person comes back."""
        async with open_api(workers=True) as api:
            await act(api, "pause", reason="x")
            task = await api.system.submit()
            found = (await api.ask("GET", f"/api/v1/tasks/{task.id}/explain")).json["data"]
            assert (found["waiting_for"], found["reason"], found["until"]) == ("lane_closed", "paused", None)
            assert found["estimated_start_at"] is None


class TestTwoAtOnce:
    async def test_the_later_ones_word_stands_and_both_are_told(self, open_api: Open) -> None:
        """Whatever order their words reach Redis in."""
        async with open_api() as api:
            replies = await asyncio.gather(*(act(api, "pause", reason=f"r{n}") for n in range(4)))
            shown = await lane(api)
            assert [reply.status for reply in replies] == [200] * 4
            assert shown["revision"] == 4
            assert shown["pause"]["reason"] == shown["history"][0]["reason"]
            assert {turn["reason"] for turn in shown["history"]} == {"r0", "r1", "r2", "r3"}

    async def test_an_older_word_that_comes_late_to_redis_changes_nothing(self, open_api: Open) -> None:
        """A process that stood still between its two writes does not undo what another did since."""
        async with open_api() as api:
            await act(api, "pause", reason="x")
            await act(api, "resume")
            await api.services.gates.pause("scripted", 1, None)
            assert (await api.services.gates.look("scripted")).halt is None

    async def test_who_says_what_was_seen_is_refused_when_it_is_no_more(self, open_api: Open) -> None:
        """The page sends the revision that its person looked at."""
        async with open_api() as api:
            await act(api, "pause", reason="mine")
            late = await act(api, "pause", reason="theirs", revision=0)
            resumed = await act(api, "resume", revision=7)
            assert (late.status, late.json["code"], resumed.status) == (409, "lane_changed", 409)
            assert (await lane(api))["pause"]["reason"] == "mine"


class TestAge:
    """Since when a task waits that may start: whoever adds processes goes by it."""

    async def test_what_is_scheduled_for_later_does_not_wait(self, open_api: Open) -> None:
        """Nor does it hide what does."""
        async with open_api() as api:
            await api.system.submit(delay_s=3600)
            later = (await lane(api))["oldest_at"], (await stats(api))["waited_s"]
            task = await api.system.submit()
            now = (await lane(api))["oldest_at"]
            assert later == (None, 0)
            assert datetime.fromisoformat(now) == task.created_at
            assert (await stats(api))["waited_s"] > 0

    async def test_a_task_whose_time_came_waits_since_then(self, open_api: Open) -> None:
        """Not since it was made, nor does one that was tried again."""
        async with open_api() as api:
            task = await api.system.submit(delay_s=3600)
            due_at = task.created_at + timedelta(milliseconds=1)
            tasks = api.system.services.store.database[COLLECTION]
            await tasks.update_one({"_id": task.id}, {"$set": {"run_at": due_at}})
            assert datetime.fromisoformat((await lane(api))["oldest_at"]) == due_at
            await api.system.services.control.cancel(task.id, Caller.local())
            retried, _ = await api.system.services.control.retry(task.id, Caller.local())
            assert datetime.fromisoformat((await lane(api))["oldest_at"]) == retried.retried_at

    async def test_a_task_that_came_back_waits_since_then(self, open_api: Open) -> None:
        """It was with a worker before, which died or was stopped: no lack of them."""
        async with open_api() as api:
            task = await api.system.submit()
            store = api.system.services.store
            attempt = Attempt(id="a", worker="w", started_at=task.created_at + timedelta(milliseconds=1))
            [started] = await store.start([task.id], attempt, task.created_at + timedelta(hours=1))
            back_at = task.created_at + timedelta(milliseconds=2)
            await api.system.services.control.register.carry_out(Requeued(task=started, at=back_at))
            assert datetime.fromisoformat((await lane(api))["oldest_at"]) == back_at

    async def test_a_clock_that_is_ahead_makes_nobody_wait_for_less_than_nothing(self, open_api: Open) -> None:
        """Who made the task may be another machine."""
        async with open_api() as api:
            task = await api.system.submit()
            tasks = api.system.services.store.database[COLLECTION]
            await tasks.update_one({"_id": task.id}, {"$inc": {"waiting": 60_000}})
            assert (await stats(api))["waited_s"] == 0

    async def test_what_a_shut_lane_holds_needs_no_worker(self, open_api: Open) -> None:
        """It waits, and its age is told; but none could start it."""
        async with open_api() as api:
            await api.system.submit()
            await act(api, "pause", reason="mine")
            assert ((await stats(api))["waited_s"], (await lane(api))["oldest_at"] is None) == (0, False)


async def stats(api: Client) -> Any:
    """Return what the queue's page says."""
    return (await api.ask("GET", "/api/v1/queue/stats")).json["data"]


class TestRefusals:
    async def test_a_projects_key_may_look_and_nothing_else(self, open_api: Open) -> None:
        """Who paused it is the operators' business; that it is paused, and why, is everybody's."""
        async with open_api(**KEYS) as api:
            refused = [(await act(api, what, ALICE, reason="x")).status for what in ("pause", "resume", "probe")]
            await act(api, "pause", ADMIN_KEY, reason="x")
            await api.system.submit(key="alice", user_id="lin")
            shown = await lane(api, ALICE)
            assert refused == [403, 403, 403]
            assert (shown["pause"]["by"], shown["pause"]["reason"], shown["last_hour"]) == (None, "x", None)
            assert shown["history"][0]["by"] is None
            assert shown["waiting"] == [{"project": "alice", "user_id": "lin", "tasks": 1, "turn": None}]
            assert (await lane(api, ADMIN_KEY))["pause"]["by"] == "(admin)"

    async def test_others_tasks_are_not_told_of(self, open_api: Open) -> None:
        """Neither who waits nor for how long."""
        async with open_api(**KEYS) as api:
            await api.system.submit(key="bob", user_id="someone")
            shown, all_of_it = await lane(api, ALICE), await lane(api, ADMIN_KEY)
            assert (shown["waiting"], shown["queued"], shown["oldest_at"]) == ([], 0, None)
            assert [user["user_id"] for user in all_of_it["waiting"]] == ["someone"]
            assert all_of_it["oldest_at"] is not None

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "reason"),
            ({"reason": ""}, "reason"),
            ({"reason": "x" * 201}, "reason"),
            ({"reason": "x", "until": "2020-01-01T00:00:00Z"}, "until"),
            ({"reason": "x", "until": "soon"}, "until"),
            ({"reason": "x", "until": "9999-12-31T23:59:59.999Z"}, "until"),
            ({"reason": "x", "revision": -1}, "revision"),
            ({"reason": "x", "for": 3}, "for"),
        ],
    )
    async def test_what_is_wrong_is_named(self, api: Client, body: Any, field: str) -> None:
        """And the lane goes on."""
        reply = await act(api, "pause", **body)
        assert (reply.status, [each["field"] for each in reply.json["details"]]) == (400, [field])
        assert (await lane(api))["state"] == "open"

    @pytest.mark.parametrize("what", ["pause", "resume", "probe"])
    async def test_there_is_no_such_lane(self, api: Client, what: str) -> None:
        """Whatever is asked of it."""
        body = {"reason": "x"} if what == "pause" else {}
        reply = await act(api, what, lane=f"{LANES}/nowhere", **body)
        assert (reply.status, reply.json["code"]) == (404, "lane_not_found")
        assert (await api.ask("GET", f"{LANES}/nowhere")).status == 404

    async def test_each_act_is_in_the_audit_log(self, open_api: Open) -> None:
        """With who did it, and why."""
        async with open_api(**KEYS) as api:
            await act(api, "pause", ADMIN_KEY, reason="why")
            await act(api, "resume", ADMIN_KEY)
            found = (await api.ask("GET", "/api/v1/audit", headers=bearer(ADMIN_KEY))).json["data"]["entries"]
            assert [(each["action"], each["subject"]) for each in found] == [
                ("lane.resumed", "scripted"),
                ("lane.paused", "scripted"),
            ]
            assert (found[1]["actor"], found[1]["changed"]["reason"]) == ("(admin)", "why")


class TestBreakers:
    async def test_a_probe_lets_one_task_try(self, open_api: Open) -> None:
        """The lane follows what becomes of it."""
        async with open_api(workers=True, provider=ScriptedProvider(Overdue(refusals=1))) as api:
            task = await api.system.submit()
            await until(lambda: is_closed(api), what="the breaker")
            shown = await lane(api)
            assert (shown["state"], shown["accepting"]) == ("closed", False)
            assert shown["since"] < shown["opens_at"]
            assert (await act(api, "probe")).status == 200
            assert (await api.system.finished(task.id)).status is Status.COMPLETED
            kinds = [turn["kind"] for turn in (await lane(api))["history"]]
            assert kinds == ["open", "probed", "closed"]
            again = await act(api, "probe")
            assert (again.status, again.json["code"]) == (409, "lane_open")

    async def test_a_resume_that_opens_forgets_breaker_and_holds(self, open_api: Open) -> None:
        """A plain one ends a pause and nothing else."""
        async with open_api() as api:
            gates = api.services.gates
            await gates.report("scripted", Report.ACCOUNT, "account_problem", "t")
            await gates.hold("scripted", 60, "spend_limit")
            await act(api, "resume")
            assert (await lane(api))["state"] == "closed"
            opened = (await act(api, "resume", open=True)).json["data"]
            assert (opened["state"], opened["accepting"], opened["hold"]) == ("open", True, None)

    async def test_nobody_probes_what_a_person_paused(self, open_api: Open) -> None:
        """That would begin something, which is what was not to be."""
        async with open_api() as api:
            await api.services.gates.report("scripted", Report.ACCOUNT, "account_problem", "t")
            await act(api, "pause", reason="x")
            reply = await act(api, "probe")
            assert (reply.status, reply.json["code"]) == (409, "lane_paused")
            opened = await act(api, "resume")
            assert opened.json["data"]["state"] == "closed", "the breaker is another fact"

    async def test_the_last_hour_counts_what_ended(self, open_api: Open) -> None:
        """Finished and failed apart, every two minutes."""

        async def fail(job: Job, run: Run) -> None:
            if job.input["prompt"] == "bad":
                raise ValueError("broken")
            await deliver_all(job, run)

        async with open_api(workers=True, provider=ScriptedProvider(fail), DANQING_MAX_ATTEMPTS="1") as api:
            for prompt in ("bad", "good", "good"):
                await api.system.finished((await api.system.submit(prompt)).id)

            async def sums() -> bool:
                hour = (await lane(api))["last_hour"]
                assert len(hour["finished"]) == len(hour["failed"]) == 30
                return (sum(hour["finished"]), sum(hour["failed"])) == (2, 1)

            await until(sums, what="the strip")


class TestEvents:
    async def test_who_follows_is_told_when_a_lane_turns(self, open_api: Open) -> None:
        """Within a moment, of a pause and of a breaker alike."""
        async with open_api() as api, reading(api.session, f"{api.base}/api/v1/events") as events:
            await act(api, "pause", reason="x")
            told = await told_of_lane(events)
            assert (told["name"], told["state"], told["pause"]["reason"]) == ("scripted", "paused", "x")
            await act(api, "resume")
            assert (await told_of_lane(events))["state"] == "open"
            await api.services.gates.report("scripted", Report.ACCOUNT, "account_problem", "t")
            told = await told_of_lane(events)
            assert (told["state"], told["reason"]) == ("closed", "account_problem")


@attrs.define
class Overdue:
    """A service that refuses the account some times."""

    refusals: int

    async def __call__(self, job: Job, run: Run) -> None:
        if self.refusals:
            self.refusals -= 1
            raise AccountProblem("overdue")
        await deliver_all(job, run)


async def told_of_lane(events: EventReader) -> Any:
    """Return what the next event says of a lane."""
    event = await events.next()
    assert event is not None
    assert (event.event, event.id) == ("lane", None)
    return event.data


async def is_halted(services: Services, *, halted: bool) -> bool:
    """Tell whether Redis says so."""
    return ((await services.gates.look("scripted")).halt is not None) == halted


async def forget(system: System) -> None:
    """Have Redis lose all that is this test's."""
    connection = system.services.queue.connection
    async for key in connection.hot.scan_iter(match=f"*{connection.prefix}*"):
        await connection.hot.delete(key)


async def is_closed(api: Client) -> bool:
    return (await lane(api))["state"] == "closed"
