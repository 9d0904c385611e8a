"""R4: `Prefer: wait=n` on submitting and on asking; where it is not sent nothing is different."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.api.conftest import Client, Open, Reply
from tests.integration.waiting.conftest import Held
from tests.support.providers import ScriptedProvider
from tests.support.system import until

BODY = {"type": "image", "provider": "scripted", "model": "one", "user_id": "u1", "input": {"prompt": "a cat"}}


async def submit(api: Client, prefer: str | None = None, **headers: str) -> Reply:
    """Submit a task."""
    headers |= {"Prefer": prefer} if prefer is not None else {}
    return await api.ask("POST", "/api/v1/ai/tasks", json=BODY, headers=headers)


async def poll(api: Client, task_id: str, prefer: str = "wait=30", **headers: str) -> Reply:
    """Ask for a task and wait."""
    return await api.ask("GET", f"/api/v1/tasks/{task_id}", headers={"Prefer": prefer, **headers})


async def waited_for(api: Client, count: int = 1) -> None:
    """Return when *count* calls wait."""
    await until(lambda: api.services.watchers.waiting == count)


async def begun(api: Client) -> Any:
    """Submit a task, and return it once it runs."""
    task_id = (await submit(api)).json["data"]["id"]

    async def runs() -> Any:
        found = (await api.ask("GET", f"/api/v1/tasks/{task_id}")).json["data"]
        return found if found["status"] == "processing" else None

    return await until(runs)


class TestSubmitting:
    async def test_the_finished_task_is_answered(self, open_api: Open) -> None:
        """201 with its pictures, under the same headers as ever."""
        async with open_api(workers=True) as api:
            reply = await submit(api, "wait=30")
        assert reply.status == 201
        assert reply.json["data"]["status"] == "completed"
        assert reply.json["data"]["output"]["images"]
        assert reply.headers["Preference-Applied"] == "wait=30"
        assert reply.headers["Vary"] == "Prefer"
        assert reply.headers["Location"].endswith(reply.json["data"]["id"])
        assert "Retry-After" not in reply.headers

    async def test_an_unfinished_one_is_201_and_goes_on(self, open_api: Open) -> None:
        """As it is then, and when to ask again."""
        async with open_api(workers=True, provider=Held()) as api:
            reply = await submit(api, "wait=1")
        assert reply.status == 201
        assert reply.json["data"]["status"] == "processing"
        assert reply.headers["Retry-After"] == "1"

    async def test_with_respond_async_it_is_202(self, open_api: Open) -> None:
        """With a place to ask at."""
        async with open_api(workers=True, provider=Held()) as api:
            reply = await submit(api, "respond-async, wait=1")
        assert reply.status == 202
        assert reply.headers["Preference-Applied"] == "respond-async, wait=1"
        assert reply.headers["Location"] == f"/api/v1/tasks/{reply.json['data']['id']}"

    async def test_respond_async_alone_waits_for_nothing(self, open_api: Open) -> None:
        """202 at once."""
        async with open_api(provider=Held()) as api:
            reply = await submit(api, "respond-async")
        assert (reply.status, reply.headers["Preference-Applied"]) == (202, "respond-async")

    async def test_no_wish_no_difference(self, open_api: Open) -> None:
        """Nor does one that makes no sense make any."""
        async with open_api() as api:
            for prefer in (None, "wait=0", "return=minimal", '"'):
                reply = await submit(api, prefer)
                assert reply.status == 201
                assert not {"Preference-Applied", "Vary", "Retry-After"} & set(reply.headers)

    async def test_no_room_to_wait_is_no_failure(self, open_api: Open) -> None:
        """The task was made: a refusal would make its client buy another one."""
        async with open_api(provider=Held()) as api:
            api.services.watchers.most = 0
            reply = await submit(api, "wait=30")
        assert (reply.status, reply.json["data"]["status"]) == (201, "pending")
        assert reply.headers["Retry-After"] == "1"

    async def test_a_client_that_leaves_loses_nothing(self, open_api: Open) -> None:
        """Its repeat, with the key, finds the same task and waits for it."""
        provider = Held()
        async with open_api(workers=True, provider=provider) as api:
            key = {"Idempotency-Key": "once"}
            first = asyncio.create_task(submit(api, "wait=30", **key))
            await waited_for(api)
            first.cancel()
            await waited_for(api, 0)
            second = asyncio.create_task(submit(api, "wait=30", **key))
            await waited_for(api)
            provider.released.set()
            reply = await second
        assert (reply.status, reply.headers["Idempotent-Replayed"]) == (201, "true")
        assert reply.json["data"]["status"] == "completed"
        assert len(provider.jobs) == 1


class TestAsking:
    async def test_a_change_ends_the_wait(self, open_api: Open) -> None:
        """Also one that is not the end."""
        provider = Held()
        async with open_api(workers=True, provider=provider) as api:
            task = await begun(api)
            asked = asyncio.create_task(poll(api, task["id"]))
            await waited_for(api)
            provider.released.set()
            reply = await asked
            last = await poll(api, task["id"])
        assert reply.json["data"]["status"] == "completed" or reply.json["data"]["progress"] > 0
        assert reply.headers["Preference-Applied"] == "wait=30"
        assert last.json["data"]["status"] in ("processing", "completed")

    async def test_what_changed_between_two_polls_is_not_missed(self, open_api: Open) -> None:
        """The ETag of the answer before says what the client knows."""
        provider = Held()
        async with open_api(workers=True, provider=provider) as api:
            task = await begun(api)
            known = await poll(api, task["id"], "wait=1")
            unchanged = await poll(api, task["id"], "wait=1", **{"If-None-Match": known.headers["ETag"]})
            provider.released.set()
            await api.system.finished(task["id"])
            changed = await poll(api, task["id"], **{"If-None-Match": known.headers["ETag"]})
        assert known.headers["ETag"].startswith('W/"')
        assert (unchanged.status, unchanged.body) == (304, b"")
        assert unchanged.headers["ETag"] == known.headers["ETag"]
        assert changed.status == 200
        assert changed.headers["ETag"] != known.headers["ETag"]

    async def test_an_unchanged_one_is_told_as_it_is(self, open_api: Open) -> None:
        """Without an ETag there is nothing to compare with."""
        async with open_api(provider=Held()) as api:
            task_id = (await submit(api)).json["data"]["id"]
            reply = await poll(api, task_id, "wait=1")
        assert (reply.status, reply.json["data"]["status"]) == (200, "pending")
        assert reply.headers["Retry-After"] == "1"

    async def test_a_finished_task_is_not_waited_for(self, open_api: Open) -> None:
        """It will not change."""
        async with open_api(workers=True) as api:
            task_id = (await submit(api, "wait=30")).json["data"]["id"]
            reply = await asyncio.wait_for(poll(api, task_id), 5)
        assert reply.json["data"]["status"] == "completed"

    async def test_too_many_are_refused(self, open_api: Open) -> None:
        """503 with a time to come back, in the language asked for."""
        async with open_api(provider=Held()) as api:
            task_id = (await submit(api)).json["data"]["id"]
            api.services.watchers.most = 0
            reply = await poll(api, task_id)
        assert (reply.status, reply.headers["Retry-After"]) == (503, "5")

    async def test_another_projects_task_is_not_there(self, open_api: Open) -> None:
        """At once, and as any other."""
        keys = "mine:0123456789abcdef,theirs:fedcba9876543210"
        async with open_api(DANQING_API_KEYS=keys, provider=Held()) as api:
            made = await submit(api, None, Authorization="Bearer fedcba9876543210")
            reply = await poll(api, made.json["data"]["id"], Authorization="Bearer 0123456789abcdef")
        assert reply.status == 404

    async def test_a_stop_answers_those_who_wait(self, open_api: Open) -> None:
        """With the task as it is, and when to ask again: another process will answer."""
        async with open_api(provider=Held()) as api:
            task_id = (await submit(api)).json["data"]["id"]
            asked = asyncio.create_task(poll(api, task_id, "wait=50"))
            await waited_for(api)
            await api.services.watchers.drain()
            reply = await asyncio.wait_for(asked, 5)
        assert (reply.status, reply.headers["Retry-After"]) == (200, "1")

    @pytest.mark.parametrize("path", ["/api/v1/ai/tasks/{}", "/api/v1/ai/image/result/{}"])
    async def test_the_old_routes_never_wait(self, open_api: Open, path: str) -> None:
        """They answer as they always did."""
        async with open_api(provider=Held()) as api:
            task_id = (await submit(api)).json["data"]["id"]
            reply = await asyncio.wait_for(api.ask("GET", path.format(task_id), headers={"Prefer": "wait=50"}), 10)
        assert "Preference-Applied" not in reply.headers


class TestPages:
    async def test_a_web_page_may_wait_and_see(self, open_api: Open) -> None:
        """The preflight allows the header, and the answer varies by both."""
        origin = "http://localhost:3000"
        async with open_api(DANQING_CORS_ORIGINS=origin, provider=ScriptedProvider(), workers=True) as api:
            reply = await submit(api, "wait=30", Origin=origin)
        assert reply.headers["Vary"] == "Prefer, Origin"
        assert "Preference-Applied" in reply.headers["Access-Control-Expose-Headers"]
