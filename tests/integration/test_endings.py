"""Every task ends, and what cannot succeed is not repeated for ever: faults H1, E1, E10 and R4."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import attrs
import pytest

from danqing_plugins import Job, Result, Run, Source
from danqing_server.errors import StoreUnavailable, Unreadable
from danqing_server.records.tasks import Status
from danqing_server.settings.server import Settings
from danqing_server.store.changes import Change
from danqing_server.store.client import Database, connect, translated
from danqing_server.store.reach import Reach
from danqing_server.store.reading import SCHEMA_VERSION
from danqing_server.store.refusals import REFUSED_FOR_GOOD
from tests.support.providers import ScriptedProvider, deliver_all, picture
from tests.support.system import MakeSettings, running_system, until

TASKS = "danqing_tasks"
HUGE = 2**63 + 5


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The database that the system under test uses."""
    async with connect(settings) as found:
        yield found


class TestRefusals:
    """What MongoDB refuses for good is told from an outage, by its own codes."""

    @pytest.mark.parametrize(
        ("update", "code"),
        [
            ({"$set": {"a.b": 1}, "$unset": {"a.b": ""}}, 40),
            ({"$set": {"a": 1, "a.b": 1}}, 40),
            ({"$set": {"_id": "other"}}, 66),
            ({"$set": {"name.inside": 1}}, 28),
            ({"$inc": {"name": 1}}, 14),
            ({"$strange": {"a": 1}}, 9),
            ({"$push": {"grown": {"$each": ["x" * 1_000_000] * 17}}}, None),
        ],
    )
    async def test_the_real_server_refuses_for_good(
        self, database: Database, update: Any, code: int | None
    ) -> None:
        """H1: each of these was taken for an outage."""
        await database["things"].insert_one({"_id": "1", "name": "text"})
        with pytest.raises(StoreUnavailable) as refused, translated():
            await database["things"].update_one({"_id": "1"}, update)
        assert refused.value.permanent
        assert code is None or code in REFUSED_FOR_GOOD

    @pytest.mark.parametrize("value", [HUGE, {"a\0b": 1}, "\udce9", object()])
    async def test_what_cannot_be_encoded_is_refused_for_good(self, database: Database, value: object) -> None:
        """E10: before anything is sent."""
        with pytest.raises(StoreUnavailable) as refused, translated():
            await database["things"].insert_one({"_id": "2", "value": value})
        assert refused.value.permanent

    async def test_a_server_that_does_not_answer_is_an_outage(self, make_settings: MakeSettings) -> None:
        """Which passes."""
        away = make_settings(MONGO_URL="mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=50")
        async with connect(away) as database:
            with pytest.raises(StoreUnavailable) as refused, translated():
                await database["things"].find_one({})
            assert not refused.value.permanent


class TestChanges:
    """H1: a contradictory update cannot be built."""

    @pytest.mark.parametrize(
        "paths",
        [
            {"sets": {"outputs.0": 1}, "unsets": ["outputs.0"]},
            {"sets": {"outputs.0": 1}, "unsets": ["outputs"]},
            {"sets": {"calls": {}}, "unsets": ["calls.c1.usage"]},
            {"sets": {"failures": 1}, "increments": {"failures": 1}},
        ],
    )
    def test_contradictions_are_errors(self, paths: dict[str, Any]) -> None:
        """Before MongoDB hears of them."""
        with pytest.raises(ValueError, match=r"twice|inside"):
            Change(task_id="t", expected={}, **paths)

    async def test_one_bad_change_stops_no_other(self, settings: Settings) -> None:
        """E10: ten that cannot be encoded, two that are refused, among a hundred good ones of one moment."""
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            store = system.services.store
            tasks = [await system.submit() for _ in range(20)]

            def change(number: int, value: object) -> Change:
                task = tasks[number]
                expected = {"status": "pending", "transition_id": task.transition_id}
                return Change(
                    task_id=task.id, expected=expected, sets={"progress": value}, transition_id=f"n{number}"
                )

            values: list[object] = [HUGE if number % 5 == 0 else 0.5 for number in range(20)]
            moves = [store.apply(change(number, value)) for number, value in enumerate(values)]
            answers = await asyncio.gather(*moves, return_exceptions=True)
            assert [answer for answer in answers if answer is True] == [True] * 16
            refused = [answer for answer in answers if isinstance(answer, StoreUnavailable)]
            assert [error.permanent for error in refused] == [True] * 4

    async def test_a_vast_change_stops_no_other(self, settings: Settings) -> None:
        """More than a document holds: MongoDB refuses all that is sent with it, at whatever place it stands."""
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            store = system.services.store
            tasks = [await system.submit() for _ in range(4)]
            moves = []
            for task, value in zip(tasks, ["x", "x" * 17_000_000, "x", "x"], strict=True):
                expected = {"status": "pending", "transition_id": task.transition_id}
                sets = {"result": {"text": value}}
                moves.append(
                    store.apply(Change(task_id=task.id, expected=expected, sets=sets, transition_id=f"n{task.id}"))
                )
            answers = await asyncio.gather(*moves, return_exceptions=True)
            assert [answer is True for answer in answers] == [True, False, True, True]
            assert isinstance(answers[1], StoreUnavailable)
            assert answers[1].permanent


class TestOddReports:
    """What a service reports may be odd; what was paid for is kept all the same."""

    async def test_odd_usage_is_kept_as_text_and_costs_nobody_anything(self, settings: Settings) -> None:
        """E10: usage beyond 64 bits, a NUL in a key, a request id of raw bytes."""

        async def odd(_job: Job, run: Run) -> Result:
            async with run.call(run.missing, "f") as call:
                call.usage = {"tokens": 18446744073709551615, "a\0b": 1, "nested": {"deep": [HUGE]}}
                call.request_id = "r\udce9"
                await run.deliver(0, Source.from_bytes(picture()))
            return Result(output={"seed": HUGE}, usage={"total": HUGE})

        async with running_system(settings, [ScriptedProvider(odd)]) as system:
            task = await system.finished((await system.submit()).id)
            assert (task.status, len(task.kept)) == (Status.COMPLETED, 1)
            assert task.result["seed"] == str(HUGE)
            [call] = task.calls.values()
            assert (call.usage["tokens"], call.usage["ab"], call.request_id) == ("18446744073709551615", 1, "r?")

    async def test_an_end_that_is_refused_ends_the_task_all_the_same(self, settings: Settings) -> None:
        """E1: an answer larger than any document; the picture that is there is delivered."""

        async def vast(_job: Job, run: Run) -> Result:
            await deliver_all(_job, run)
            return Result(output={"text": "x" * 17_000_000})

        async with running_system(settings, [ScriptedProvider(vast)]) as system:
            task = await system.finished((await system.submit()).id)
            assert (task.status, len(task.kept)) == (Status.COMPLETED, 1)
            data = await system.finished((await system.submit(n=0)).id)
            assert data.error is not None
            assert (data.status, data.error.code) == (Status.FAILED, "internal_error")

    async def test_a_vast_checkpoint_is_the_plugins_own_error(self, make_settings: MakeSettings) -> None:
        """E1: 17 MB stuck for ever; the plugin is told, and the task ends."""

        async def vast(_job: Job, run: Run) -> None:
            await run.checkpoint({"order": "x" * 17_000_000})

        once = make_settings(DANQING_MAX_ATTEMPTS="1")
        async with running_system(once, [ScriptedProvider(vast)]) as system:
            task = await system.finished((await system.submit()).id)
            assert task.error is not None
            assert (task.status, task.error.code) == (Status.FAILED, "plugin_error")


class TestUnreadable:
    """R4: a document that cannot be decoded is set apart."""

    async def test_it_stops_neither_its_lane_nor_the_polls_of_its_moment(
        self, settings: Settings, database: Database
    ) -> None:
        """It was written by a newer release; everybody else's tasks complete."""
        async with running_system(settings, [ScriptedProvider()], workers=False) as api:
            tasks = [await api.submit() for _ in range(6)]
            await _spoil(database, tasks[2].id)
        async with running_system(settings, [ScriptedProvider()]) as system:
            good = [task for task in tasks if task is not tasks[2]]
            for task in good:
                assert (await system.finished(task.id)).status is Status.COMPLETED
            looks = await asyncio.gather(*(system.services.store.look(task.id) for task in tasks))
            assert [isinstance(found, Unreadable) for found in looks] == [task is tasks[2] for task in tasks]
            listed = await system.services.store.list_for_user(
                "u1", Reach.everybody(), limit=10, offset=0, before=None
            )
            assert len(listed) == 5
            document = await database[TASKS].find_one({"_id": tasks[2].id})
            assert (document["status"], document["attempts"]) == ("pending", 0)
            assert document["run_at"] > system.services.clock.now()

    async def test_it_ends_at_its_deadline(self, settings: Settings, database: Database) -> None:
        """Nobody of this release can carry it out; it is not kept for ever."""
        async with running_system(settings, [ScriptedProvider()]) as system:
            assert system.workers is not None
            task = await system.submit(delay_s=3600)
            await _spoil(database, task.id, deadline_at=system.services.clock.now() - timedelta(hours=1))
            system.workers.janitor.overdue_grace = timedelta(0)
            await until(lambda: _has_status(database, task.id, "failed"))

    @pytest.mark.parametrize(
        "strange",
        [
            {"images": {"of": 1}},
            {"calls": ["c1"], "outputs": 3},
            {"calls": {"c1": {"resumable": True, "indexes": 1}}},
            {"created_at": "today", "updated_at": 7, "user_id": None},
        ],
        ids=["images", "lists", "order", "times"],
    )
    async def test_whatever_its_shape_the_sweep_and_its_lane_go_on(
        self, make_settings: MakeSettings, redis_prefix: str, database: Database, strange: dict[str, Any]
    ) -> None:
        """It is swept, reserved and put back beside tasks that Redis lost, all of which complete."""
        async with running_system(make_settings(), [ScriptedProvider()], workers=False) as api:
            tasks = [await api.submit() for _ in range(6)]
            await database[TASKS].update_one({"_id": tasks[2].id}, {"$set": {**strange, "priority": {"level": 3}}})
            await database[TASKS].update_many({}, {"$set": {"waiting": 1}})  # old enough to be swept
        anew = make_settings(DANQING_REDIS_PREFIX=f"{redis_prefix}-anew")
        async with running_system(anew, [ScriptedProvider()]) as system:
            for task in tasks[:2] + tasks[3:]:
                assert (await system.finished(task.id)).status is Status.COMPLETED
            await until(lambda: _was_put_back(database, tasks[2].id))
            assert system.workers is not None
            assert system.workers.pool.healthy

    async def test_it_says_which_release_wrote_it(self, settings: Settings, database: Database) -> None:
        """What is inserted carries the schema's version."""
        async with running_system(settings, [ScriptedProvider()], workers=False) as api:
            task = await api.submit()
            assert (await database[TASKS].find_one({"_id": task.id}))["v"] == SCHEMA_VERSION


class TestOverdue:
    """H1: the sweep ends any task past its deadline, whoever holds it."""

    async def test_a_task_whose_worker_hangs_is_ended(self, settings: Settings, database: Database) -> None:
        """Its provider swallows its own cancellation and its end is never written."""
        hanging = asyncio.Event()

        async def hang(_job: Job, run: Run) -> None:
            hanging.set()
            async with run.call(run.missing, "f"):
                await asyncio.Event().wait()

        async with running_system(settings, [ScriptedProvider(hang)]) as system:
            assert system.workers is not None
            task = await system.submit()
            await hanging.wait()
            past = system.services.clock.now() - timedelta(minutes=5)
            await database[TASKS].update_one({"_id": task.id}, {"$set": {"deadline_at": past}})
            janitor = system.workers.janitor
            await janitor.end_overdue()
            assert (await system.get(task.id)).status is Status.PROCESSING  # seen late for the first time
            janitor.tools = attrs.evolve(janitor.tools, task_timeout_s=0.0)
            await janitor.end_overdue()
            done = await system.get(task.id)
            assert done.error is not None
            assert (done.status, done.error.code) == (Status.FAILED, "deadline_exceeded")

    async def test_a_task_that_waits_beyond_its_deadline_is_ended(
        self, settings: Settings, database: Database
    ) -> None:
        """Its lane is shut for the day, say."""
        async with running_system(settings, [ScriptedProvider()]) as system:
            assert system.workers is not None
            task = await system.submit(delay_s=3600)
            past = system.services.clock.now() - timedelta(minutes=5)
            waiting = {"status": "pending", "deadline_at": past, "waiting": 1}
            await database[TASKS].update_one({"_id": task.id}, {"$set": waiting})
            done = await system.finished(task.id)
            assert done.error is not None
            assert (done.status, done.error.code) == (Status.FAILED, "deadline_exceeded")


async def _spoil(database: Database, task_id: str, **fields: Any) -> None:
    """Let a task read as a newer release might have written it."""
    await database[TASKS].update_one(
        {"_id": task_id}, {"$set": {"on_ambiguous": 7, "priority": "urgent", **fields}}
    )


async def _was_put_back(database: Database, task_id: str) -> bool:
    document = await database[TASKS].find_one({"_id": task_id})
    return "run_at" in document and document["attempts"] == 0 and document["status"] == "pending"


async def _has_status(database: Database, task_id: str, status: str) -> bool:
    return (await database[TASKS].find_one({"_id": task_id}))["status"] == status
