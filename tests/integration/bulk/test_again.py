"""What a task lacks is bought again, once; what waits takes another turn."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from danqing_plugins import ContentRejected, Job, Message, Run, Source
from danqing_server.records.tasks import Status
from tests.integration.api.conftest import Client, Open
from tests.support.providers import ScriptedProvider, picture
from tests.unit.api.tasks import failed_picture, kept_picture, make_task, paid_call

KEYS = "one:first-secret-of-many,two:second-secret-of-many"
ONE, TWO = ({"Authorization": f"Bearer {name}-secret-of-many"} for name in ("first", "second"))
BODY: dict[str, Any] = {"type": "image", "user_id": "u1", "model": "one", "input": {"prompt": "a cat"}}
REFUSED = Message(key="test.refused", en="refused", zh="被拒绝")


class _RefusesOnce:
    """Makes each missing picture under a call of its own; picture 1 is refused in the first round. Counts calls."""

    def __init__(self) -> None:
        self.bought: list[int] = []

    async def __call__(self, job: Job, run: Run) -> None:
        for index in run.missing:
            if index == 1 and 1 not in self.bought:
                self.bought.append(1)
                await run.reject(index, ContentRejected(REFUSED()))
                continue
            async with run.call([index], "fingerprint"):
                self.bought.append(index)
                await run.deliver(index, Source.from_bytes(picture()))


async def _ended(api: Client, task_id: str) -> dict[str, Any]:
    for _ in range(40):
        reply = await api.ask("GET", f"/api/v1/tasks/{task_id}", headers={"Prefer": "wait=5"})
        task: dict[str, Any] = reply.json["data"]
        if task["status"] in ("completed", "failed"):
            return task
    raise AssertionError(task["status"])


async def _refuse(job: Job, run: Run) -> None:
    raise ContentRejected(REFUSED())


class TestRepeats:
    async def test_under_its_key_it_is_made_once(self, open_api: Open) -> None:
        """Also when what it began has failed again before its repeat comes: that was the try."""
        provider = ScriptedProvider(_refuse)
        async with open_api(workers=True, provider=provider, DANQING_API_KEYS=KEYS) as api:

            async def retry(key: str, headers: dict[str, str] = ONE) -> tuple[int, bool]:
                reply = await api.ask("POST", path, headers={**headers, "Idempotency-Key": key})
                return reply.status, "Idempotent-Replayed" in reply.headers

            made = await api.ask("POST", "/api/v1/ai/tasks", json=BODY, headers=ONE)
            task_id = made.json["data"]["id"]
            path = f"/api/v1/tasks/{task_id}/retry"
            await api.system.finished(task_id)
            assert await retry("first") == (200, False)
            await api.system.finished(task_id)
            assert await retry("first") == (200, True)
            assert len(provider.jobs) == 2
            assert await retry("second") == (200, False)
            await api.system.finished(task_id)
            assert (await retry("first"), await retry("second")) == ((200, True), (200, True))
            assert len(provider.jobs) == 3
            assert (await retry("first", TWO))[0] == 404
            assert (await retry("a b"))[0] == 400

    async def test_many_at_once_with_one_key_are_one(self, api: Client) -> None:
        """All are told of the same task, and none of a conflict."""
        await api.services.store.insert(make_task("failed", Status.FAILED))
        asked = [
            api.ask("POST", "/api/v1/tasks/failed/retry", headers={"Idempotency-Key": "once"}) for _ in range(20)
        ]
        replies = await asyncio.gather(*asked)
        assert {(reply.status, reply.json["data"]["status"]) for reply in replies} == {(200, "pending")}
        assert sum("Idempotent-Replayed" not in reply.headers for reply in replies) == 1

    async def test_of_many_tasks_each_is_tried_once(self, open_api: Open) -> None:
        """By the key of the request that means them all."""
        provider = ScriptedProvider(_refuse)
        async with open_api(workers=True, provider=provider) as api:
            made = [await api.ask("POST", "/api/v1/ai/tasks", json=BODY) for _ in range(3)]
            ids = [reply.json["data"]["id"] for reply in made]
            for _ in range(2):
                for task_id in ids:
                    await api.system.finished(task_id)
                reply = await api.ask(
                    "POST", "/api/v1/tasks/retry", json={"ids": ids}, headers={"Idempotency-Key": "all"}
                )
                assert [each["done"] for each in reply.json["data"]["results"]] == [True] * 3
            for task_id in ids:
                await api.system.finished(task_id)
            assert len(provider.jobs) == 6


class TestMissing:
    async def test_only_what_is_missing_is_bought(self, open_api: Open) -> None:
        """However often it is asked for at once; and what is there stays there meanwhile and afterwards."""
        generation = _RefusesOnce()
        async with open_api(workers=True, provider=ScriptedProvider(generation)) as api:
            made = (await api.ask("POST", "/api/v1/ai/tasks", json={**BODY, "input": {"prompt": "x", "n": 4}})).json
            task_id = made["data"]["id"]
            first = await _ended(api, task_id)
            assert (first["status"], first["output"]["partial"], generation.bought) == (
                "completed",
                True,
                [0, 1, 2, 3],
            )
            kept = {each["index"]: each["url"] for each in first["output"]["images"]}
            replies = await asyncio.gather(*(api.ask("POST", f"/api/v1/tasks/{task_id}/retry") for _ in range(20)))
            codes = [reply.status for reply in replies]
            assert (codes.count(200), codes.count(409)) == (1, 19)
            second = await _ended(api, task_id)
            assert generation.bought == [0, 1, 2, 3, 1]
            images = {each["index"]: each["url"] for each in second["output"]["images"]}
            assert (len(images), images | kept) == (4, images)
            assert (second["output"]["partial"], second["cost"]["images"]) == (False, 4)
            assert (await api.ask("POST", f"/api/v1/tasks/{task_id}/retry")).json["code"] == "task_completed"

    async def test_others_are_not_there(self, open_api: Open) -> None:
        """Neither to be tried again, nor to be moved; alone as among many."""
        outputs = {"0": kept_picture("p", 0), "1": failed_picture(1)}
        async with open_api(DANQING_API_KEYS=KEYS) as api:
            for task in (
                make_task("p", Status.COMPLETED, owner="two", images=2, outputs=outputs, calls={"c1": paid_call()}),
                make_task("waits", owner="two"),
            ):
                await api.services.store.insert(task)
            again = await api.ask("POST", "/api/v1/tasks/p/retry", headers=ONE)
            moved = await api.ask("PATCH", "/api/v1/tasks/waits", json={"priority": "high"}, headers=ONE)
            assert (again.status, moved.status) == (404, 404)
            many = await api.ask(
                "POST", "/api/v1/tasks/priority", json={"ids": ["waits"], "priority": "high"}, headers=ONE
            )
            assert many.json["data"]["results"][0]["code"] == "task_not_found"
            assert (await api.ask("GET", "/api/v1/tasks/waits", headers=TWO)).json["data"]["priority"] == "normal"


class TestPriority:
    async def test_it_is_taken_before_what_came_earlier(self, api: Client) -> None:
        """In the queue as in what is shown."""
        ids = [(await api.ask("POST", "/api/v1/ai/tasks", json=BODY)).json["data"]["id"] for _ in range(3)]
        reply = await api.ask("PATCH", f"/api/v1/tasks/{ids[2]}", json={"priority": "high"})
        assert (reply.status, reply.json["data"]["priority"], reply.json["data"]["status"]) == (
            200,
            "high",
            "pending",
        )
        taken = await api.services.queue.reserve("scripted", "worker", 3, "nonce")
        assert list(taken.ids) == [ids[2], ids[0], ids[1]]

    async def test_one_that_begins_meanwhile_is_begun_once(self, open_api: Open) -> None:
        """Its turn is changed over and over while workers take it: each task is carried out, none twice."""
        provider = ScriptedProvider()
        async with open_api(workers=True, provider=provider) as api:
            ids = [(await api.ask("POST", "/api/v1/ai/tasks", json=BODY)).json["data"]["id"] for _ in range(12)]
            words = ("high", "low", "normal", "high")
            replies = await asyncio.gather(
                *(
                    api.ask("PATCH", f"/api/v1/tasks/{id_}", json={"priority": word})
                    for word in words
                    for id_ in ids
                )
            )
            assert {reply.status for reply in replies} <= {200, 409}
            assert {(await _ended(api, id_))["status"] for id_ in ids} == {"completed"}
            assert sorted(job.task_id for job in provider.jobs) == sorted(ids)

    @pytest.mark.parametrize(
        ("body", "fields"),
        [({}, ["priority"]), ({"priority": "urgent"}, ["priority"]), ({"priority": "low", "x": 1}, ["x"])],
    )
    async def test_what_is_wrong_is_named(self, api: Client, body: dict[str, Any], fields: list[str]) -> None:
        """With what is allowed."""
        await api.services.store.insert(make_task("waits"))
        reply = await api.ask("PATCH", "/api/v1/tasks/waits", json=body)
        assert (reply.status, [detail["field"] for detail in reply.json["details"]]) == (400, fields)

    async def test_what_runs_or_is_over_has_no_turn(self, api: Client) -> None:
        """And says how it stands."""
        for status in (Status.PROCESSING, Status.COMPLETED):
            await api.services.store.insert(make_task(status.value, status))
            reply = await api.ask("PATCH", f"/api/v1/tasks/{status}", json={"priority": "high"})
            assert (reply.status, reply.json["code"]) == (409, f"task_{status}")
