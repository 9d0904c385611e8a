"""Events arrive, signed, once each, and whatever a receiver does harms nobody but itself."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from danqing_plugins import InvalidRequest, Problem
from danqing_plugins.models import Job
from danqing_plugins.run import Run
from danqing_server.errors import StoreUnavailable
from danqing_server.store.deliveries import DeliveryStore
from tests.integration.api.conftest import Client
from tests.integration.webhooks.conftest import WEBHOOKS, create, deliveries, sending, submit
from tests.support.providers import ScriptedProvider
from tests.support.receiver import Received, Receiver
from tests.support.system import MakeSettings, until


def path(kind: str = "ok") -> str:
    """Return a path of this test's own, at which the receiver behaves as *kind* says."""
    return f"/{kind}/{uuid4().hex[:8]}"


async def arrives(receiving: Receiver, where: str, count: int = 1) -> list[Received]:
    """Return what arrived at a path once there are *count*."""

    def there() -> list[Received] | None:
        found = receiving.received(where)
        return found if len(found) >= count else None

    found: list[Received] = await until(there, what=f"{count} at {where}")
    return found


async def settled(api: Client, webhook_id: str, state: str) -> dict[str, Any]:
    """Return an endpoint's newest delivery once it is in *state*."""

    async def there() -> dict[str, Any] | None:
        found = await deliveries(api, webhook_id)
        return found[0] if found and found[0]["state"] == state else None

    found: dict[str, Any] = await until(there, what=f"a delivery that is {state}")
    return found


async def tried(api: Client, webhook_id: str) -> dict[str, Any]:
    """Return an endpoint's newest delivery once it was tried."""

    async def there() -> dict[str, Any] | None:
        found = await deliveries(api, webhook_id)
        return found[0] if found and found[0]["attempts"] else None

    found: dict[str, Any] = await until(there, what="a try")
    return found


async def _refuse(job: Job, run: Run) -> None:
    raise InvalidRequest("no", problems=[Problem(field="prompt", message="no")])


class TestEndpoint:
    async def test_it_is_told_of_the_end_of_a_task(self, api: Client, receiving: Receiver) -> None:
        """Signed for the official library; links and no prompt; once."""
        where = path()
        endpoint = await create(api, receiving.url + where, description="orders")
        task_id = await submit(api)
        [got] = await arrives(receiving, where)
        told = got.verify(endpoint["secret"])
        assert (told["type"], told["data"]["id"], told["data"]["status"]) == (
            "task.completed",
            task_id,
            "completed",
        )
        assert told["data"]["output"]["images"][0]["url"].startswith(f"{api.base}/api/v1/assets/")
        assert b"secret cat" not in got.body
        assert got.headers["user-agent"].startswith("danqing-webhooks/")
        assert api.contract is not None
        assert api.contract.problems_of("WebhookEvent", told) == []
        delivery = await settled(api, endpoint["id"], "delivered")
        assert (delivery["id"], delivery["task_id"]) == (got.id, task_id)
        assert [each["status"] for each in delivery["attempts"]] == [200]
        assert len(receiving.received(where)) == 1

    async def test_the_filter_chooses(self, api: Client, receiving: Receiver) -> None:
        """All of a task's changes for `task.*`, one for one."""
        every, one = path(), path()
        await create(api, receiving.url + every, events=["task.*"])
        await create(api, receiving.url + one, events=["task.started"])
        task_id = await submit(api)
        await arrives(receiving, every, 3)
        await api.ask("DELETE", f"/api/v1/tasks/{task_id}")
        told = [each.json for each in await arrives(receiving, every, 4)]
        assert sorted(each["type"] for each in told) == [
            "task.completed",
            "task.created",
            "task.deleted",
            "task.started",
        ]
        assert {each["data"]["id"] for each in told} == {task_id}
        [started] = await arrives(receiving, one)
        assert started.json["type"] == "task.started"

    async def test_a_failure_says_why(self, make_settings: MakeSettings, receiving: Receiver) -> None:
        """With the error's code, and who was charged."""
        where = path()
        async with sending(make_settings, ScriptedProvider(_refuse)) as api:
            await create(api, receiving.url + where)
            await submit(api)
            [got] = await arrives(receiving, where)
            assert got.json["type"] == "task.failed"
            assert got.json["data"]["error"]["code"]
            assert got.json["data"]["billed"] == "no"

    async def test_a_new_secret_overlaps_with_the_old(self, api: Client, receiving: Receiver) -> None:
        """Both verify for a while; without overlap only the new one does."""
        where = path()
        endpoint = await create(api, receiving.url + where)
        first = endpoint["secret"]
        reply = await api.ask("POST", f"{WEBHOOKS}/{endpoint['id']}/rotate", json={"overlap_s": 60})
        second = reply.json["data"]["secret"]
        await submit(api)
        [got] = await arrives(receiving, where)
        assert got.verify(first) == got.verify(second)
        reply = await api.ask("POST", f"{WEBHOOKS}/{endpoint['id']}/rotate")  # no body: for a day
        assert len(reply.json["data"]["old_secrets"]) == 2
        reply = await api.ask("POST", f"{WEBHOOKS}/{endpoint['id']}/rotate", json={"overlap_s": 0})
        await submit(api)
        last = (await arrives(receiving, where, 2))[-1]
        last.verify(reply.json["data"]["secret"])
        for old in (first, second):
            with pytest.raises(WebhookVerificationError):
                last.verify(old)

    async def test_secrets_that_are_renewed_at_once_all_sign(self, api: Client, receiving: Receiver) -> None:
        """Each was told to somebody as the new one."""
        where = path()
        endpoint = await create(api, receiving.url + where)
        place = f"{WEBHOOKS}/{endpoint['id']}/rotate"
        renewing = (api.ask("POST", place, json={"overlap_s": 60}) for _ in range(4))
        secrets = [reply.json["data"]["secret"] for reply in await asyncio.gather(*renewing)]
        await submit(api)
        [got] = await arrives(receiving, where)
        for secret in (endpoint["secret"], *secrets):
            got.verify(secret)

    async def test_one_that_is_turned_off_is_told_nothing(self, api: Client, receiving: Receiver) -> None:
        """And of what happens once it is on again."""
        where, other = path(), path()
        endpoint = await create(api, receiving.url + where, enabled=False)
        await create(api, receiving.url + other)
        await submit(api)
        await arrives(receiving, other)
        assert await deliveries(api, endpoint["id"]) == []
        await api.ask("PUT", f"{WEBHOOKS}/{endpoint['id']}", json={"enabled": True})
        task_id = await submit(api)
        [got] = await arrives(receiving, where)
        assert got.json["data"]["id"] == task_id

    async def test_a_test_event_arrives(self, api: Client, receiving: Receiver) -> None:
        """Whatever the filter says."""
        where = path()
        endpoint = await create(api, receiving.url + where, events=["task.failed"])
        reply = await api.ask("POST", f"{WEBHOOKS}/{endpoint['id']}/test")
        [got] = await arrives(receiving, where)
        assert (reply.status, got.json["type"], got.id) == (202, "webhook.test", reply.json["data"]["id"])

    async def test_one_that_cannot_be_read_holds_no_other_up(self, api: Client, receiving: Receiver) -> None:
        """Of a newer release, which notes tries in another form: it is not sent, and missing in the list."""
        where = path()
        endpoint = await create(api, receiving.url + where)
        strange, good = [await submit(api) for _ in range(2)]
        await arrives(receiving, where, 2)
        await until(lambda: _all_delivered(api, endpoint["id"], 2))
        kept = api.services.store.database["danqing_deliveries"]
        await kept.update_one({"task_id": strange}, {"$set": {"attempts": [{"by": "pigeon"}]}})
        again = {"state": "pending", "due_at": api.services.clock.now()}
        await kept.update_many({"endpoint_id": endpoint["id"]}, {"$set": again})
        assert [got.json["data"]["id"] for got in (await arrives(receiving, where, 3))[2:]] == [good]
        listed = await deliveries(api, endpoint["id"], limit="1")
        assert [each["task_id"] for each in listed] == [good]


async def _all_delivered(api: Client, webhook_id: str, count: int) -> bool:
    found = await deliveries(api, webhook_id)
    return [each["state"] for each in found] == ["delivered"] * count


class TestTasksOwn:
    async def test_a_task_brings_its_own(self, api: Client, receiving: Receiver) -> None:
        """Signed with the project's secret, and shown with the task."""
        where = path()
        task_id = await submit(api, webhook=receiving.url + where)
        [got] = await arrives(receiving, where)
        secret = (await api.ask("GET", f"{WEBHOOKS}/tasks/secret")).json["data"]["secret"]
        assert Webhook(secret).verify(got.body, dict(got.headers))["data"]["id"] == task_id
        shown = (await api.ask("GET", f"/api/v1/tasks/{task_id}")).json["data"]
        assert shown["webhook"]["url"] == receiving.url + where
        [delivery] = await deliveries(api, "tasks", task_id=task_id)
        assert delivery["url"] == receiving.url + where

    async def test_it_chooses_its_events(self, api: Client, receiving: Receiver) -> None:
        """The very first task of a server, too."""
        where = path()
        await submit(
            api, webhook={"url": receiving.url + where, "events": ["task.created", "task.c*d", "task.started"]}
        )
        types = [each.json["type"] for each in await arrives(receiving, where, 3)]
        assert sorted(types) == ["task.completed", "task.created", "task.started"]

    async def test_another_tasks_webhook_hears_nothing(self, api: Client, receiving: Receiver) -> None:
        """A task without one is told to nobody."""
        where = path()
        other = await submit(api)
        task_id = await submit(api, webhook=receiving.url + where)
        await arrives(receiving, where)
        await api.system.finished(other)
        document = await api.services.store.database["danqing_tasks"].find_one({"_id": other})
        assert "untold" not in document
        assert [each["task_id"] for each in await deliveries(api, "tasks")] == [task_id]

    async def test_the_project_hears_of_the_tasks_of_a_batch(self, api: Client, receiving: Receiver) -> None:
        """As of any other."""
        where = path()
        await create(api, receiving.url + where)
        line = {"type": "image", "model": "one", "input": {"prompt": "x"}, "user_id": "u1"}
        reply = await api.ask("POST", "/api/v1/batches", json={"tasks": [line] * 3})
        assert reply.status == 201, reply.json
        assert len({each.json["data"]["id"] for each in await arrives(receiving, where, 3)}) == 3

    async def test_a_batch_and_its_lines_bring_their_own(self, api: Client, receiving: Receiver) -> None:
        """A line's stands in the place of the batch's, in either form of a body."""
        own, common = path(), path()
        lines: list[dict[str, Any]] = [
            {"type": "image", "model": "one", "input": {"prompt": "x"}, "custom_id": "a"},
            {"prompt": "y", "custom_id": "b"},
            {
                "prompt": "z",
                "custom_id": "c",
                "webhook": {"url": receiving.url + own, "events": ["task.completed"]},
            },
        ]
        body = {"defaults": {"user_id": "u1", "webhook": receiving.url + common}, "tasks": lines}
        reply = await api.ask("POST", "/api/v1/batches", json=body)
        assert reply.status == 201, reply.json
        names = []
        for got in [*await arrives(receiving, common, 2), *await arrives(receiving, own)]:
            task = (await api.ask("GET", f"/api/v1/tasks/{got.json['data']['id']}")).json["data"]
            names.append(task["batch"]["custom_id"])
        assert (set(names[:2]), names[2:]) == ({"a", "b"}, ["c"])

    @pytest.mark.parametrize("webhook", ["ftp://example.com", {"url": "https://example.com", "when": 1}, 7])
    async def test_a_wrong_one_is_named_by_its_line(self, api: Client, webhook: Any) -> None:
        """Before anything is taken in."""
        body = {"defaults": {"user_id": "u1"}, "tasks": [{"prompt": "y", "webhook": webhook}]}
        reply = await api.ask("POST", "/api/v1/batches", json=body)
        assert (reply.status, reply.json["details"][0]["field"][:16]) == (400, "lines[1].webhook")


class TestBadReceivers:
    async def test_one_that_fails_is_tried_again(self, api: Client, receiving: Receiver) -> None:
        """Under the same id, with another time, by the schedule: after about five seconds."""
        where = path("flaky")
        endpoint = await create(api, receiving.url + where)
        await submit(api)
        delivery = await tried(api, endpoint["id"])
        assert delivery["state"] == "pending"
        await _make_due(api, delivery["id"])
        delivery = await settled(api, endpoint["id"], "delivered")
        assert [each["status"] for each in delivery["attempts"]] == [503, 204]
        first, second = receiving.received(where)
        assert (first.id, first.body) == (second.id, second.body)
        second.verify(endpoint["secret"])

    async def test_410_turns_it_off(self, api: Client, receiving: Receiver) -> None:
        """With a notice to the project's other endpoints."""
        where, other = path("gone"), path()
        endpoint = await create(api, receiving.url + where)
        await create(api, receiving.url + other, events=["webhook.disabled"])
        await submit(api)
        [notice] = await arrives(receiving, other)
        assert (notice.json["type"], notice.json["data"]["because"]) == ("webhook.disabled", "gone")
        shown = (await api.ask("GET", f"{WEBHOOKS}/{endpoint['id']}")).json["data"]
        assert (shown["enabled"], shown["disabled_because"]) == (False, "gone")
        delivery = await settled(api, endpoint["id"], "failed")
        assert delivery["failed_because"] == "gone"

    async def test_what_it_asks_for_is_waited_for(self, api: Client, receiving: Receiver) -> None:
        """`Retry-After` of an hour, where the schedule says five seconds."""
        endpoint = await create(api, receiving.url + path("busy"))
        await submit(api)
        delivery = await tried(api, endpoint["id"])
        found = await api.services.webhooks.deliveries.find(delivery["id"])
        assert found is not None
        assert found.due_at is not None
        assert found.due_at - api.services.clock.now() > timedelta(minutes=50)

    async def test_a_redirect_is_a_failure(self, api: Client, receiving: Receiver) -> None:
        """It is not followed."""
        where = path("redirect")
        endpoint = await create(api, receiving.url + where)
        await submit(api)
        delivery = await tried(api, endpoint["id"])
        assert (delivery["state"], delivery["attempts"][0]["status"]) == ("pending", 302)

    async def test_an_endless_answer_is_good_and_not_read(self, api: Client, receiving: Receiver) -> None:
        """Its status came."""
        endpoint = await create(api, receiving.url + path("huge"))
        await submit(api)
        assert (await settled(api, endpoint["id"], "delivered"))["attempts"][0]["status"] == 200

    async def test_nothing_that_a_private_target_says_is_shown(self, api: Client, receiving: Receiver) -> None:
        """Else whoever may name targets could read the operator's network."""
        endpoint = await create(api, receiving.url + path("hostile"))
        await submit(api)
        [attempt] = (await tried(api, endpoint["id"]))["attempts"]
        assert (attempt["status"], attempt["answer"]) == (500, None)

    async def test_one_that_hangs_delays_nobody(self, api: Client, receiving: Receiver) -> None:
        """Another host is told while it still holds what it was sent; then its silence is a failed try."""
        sender = api.services.webhooks.sender
        sender.timeout_s = 3600
        hanging, where = path("hang"), path()
        await create(api, receiving.url + hanging)
        for _ in range(sender.hosts.at_once + 4):
            await submit(api)
        await arrives(receiving, hanging, sender.hosts.at_once)
        await create(api, receiving.url.replace("127.0.0.1", "localhost") + where)
        await submit(api)
        await arrives(receiving, where)
        assert len(receiving.received(hanging)) == sender.hosts.at_once

    async def test_silence_is_a_failed_try(self, api: Client, receiving: Receiver) -> None:
        """After the time that a receiver has."""
        api.services.webhooks.sender.timeout_s = 0.3
        endpoint = await create(api, receiving.url + path("hang"))
        await submit(api)
        [attempt] = (await tried(api, endpoint["id"]))["attempts"]
        assert (attempt["status"], attempt["error"]) == (None, "timeout")

    async def test_what_failed_is_sent_again_by_hand(self, api: Client, receiving: Receiver) -> None:
        """One, or all since a moment; under the same id."""
        where = path("gone")
        endpoint = await create(api, receiving.url + where)
        since = api.services.clock.now().isoformat().replace("+00:00", "Z")
        await submit(api)
        failed = await settled(api, endpoint["id"], "failed")
        fine = path()
        await api.ask("PUT", f"{WEBHOOKS}/{endpoint['id']}", json={"enabled": True, "url": receiving.url + fine})
        reply = await api.ask("POST", f"{WEBHOOKS}/{endpoint['id']}/resend", json={"since": since})
        assert (reply.status, reply.json["data"]) == (202, {"count": 1})
        [got] = await arrives(receiving, fine)
        assert got.id == failed["id"]
        await settled(api, endpoint["id"], "delivered")
        reply = await api.ask("POST", f"{WEBHOOKS}/{endpoint['id']}/deliveries/{failed['id']}/resend")
        assert (reply.status, reply.json["data"]["state"]) == (202, "pending")
        await arrives(receiving, fine, 2)

    async def test_it_is_turned_off_when_three_days_were_in_vain(self, api: Client, receiving: Receiver) -> None:
        """With its last try, unless something else got through meanwhile."""
        endpoint = await create(api, receiving.url + path("error"))
        await submit(api)
        delivery = await tried(api, endpoint["id"])
        await _make_due(api, delivery["id"], tries=9)
        ended = await settled(api, endpoint["id"], "failed")
        assert ended["failed_because"] == "tries_exhausted"
        shown = (await api.ask("GET", f"{WEBHOOKS}/{endpoint['id']}")).json["data"]
        assert (shown["enabled"], shown["disabled_because"]) == (False, "failing")


class TestTargets:
    @pytest.mark.parametrize(
        ("url", "code"),
        [
            ("http://example.com/", "webhook_not_https"),
            ("ftp://example.com/", "webhook_not_https"),
            ("https://", "webhook_no_host"),
            ("https://u:p@example.com/", "webhook_with_password"),
            ("https://example.com/#x", "webhook_with_fragment"),
            ("https://127.0.0.1/", "webhook_private"),
            ("http://127.0.0.1:9000/", "webhook_private"),
            ("https://localhost/", "webhook_private"),
            ("https://2130706433/", "webhook_private"),
            ("https://169.254.169.254/latest", "webhook_private"),
            ("https://[::ffff:10.0.0.1]/", "webhook_private"),
            ("https://[fd00::1]/", "webhook_private"),
            ("https://exa mple.com/", "url_with_space"),
        ],
    )
    async def test_a_target_that_may_not_be_is_refused(
        self, make_settings: MakeSettings, url: str, code: str
    ) -> None:
        """When it is named, at both places."""
        async with sending(make_settings, DANQING_WEBHOOK_TARGETS="") as api:
            reply = await api.ask("POST", WEBHOOKS, json={"url": url})
            assert (reply.status, reply.json["details"][0]["code"]) == (400, code)
            body = {"type": "image", "model": "one", "input": {"prompt": "x"}, "user_id": "u", "webhook": url}
            reply = await api.ask("POST", "/api/v1/ai/tasks", json=body)
            assert (reply.status, reply.json["details"][0]["code"]) == (400, code)

    @pytest.mark.parametrize(("events", "wrong"), [(["task.*", "task.made"], "task.made"), (["task.*", 5], 5)])
    async def test_the_event_that_is_none_is_named(
        self, make_settings: MakeSettings, events: list[Any], wrong: object
    ) -> None:
        """Among those that are."""
        async with sending(make_settings) as api:
            reply = await api.ask("POST", WEBHOOKS, json={"url": "https://example.com/", "events": events})
            assert (reply.status, [each["value"] for each in reply.json["details"]]) == (400, [wrong])

    async def test_a_name_that_leads_elsewhere_later_reaches_nothing(
        self, api: Client, receiving: Receiver
    ) -> None:
        """The address is looked at when it is connected to: here the rule has changed since."""
        where = path()
        endpoint = await create(api, receiving.url + where)
        sender = api.services.webhooks.sender
        object.__setattr__(sender.targets, "networks", ())
        object.__setattr__(sender.targets, "http", True)
        await submit(api)
        delivery = await settled(api, endpoint["id"], "failed")
        assert (delivery["failed_because"], receiving.received(where)) == ("target_not_allowed", [])

    async def test_mongodb_and_redis_are_no_targets(self, api: Client) -> None:
        """Though their network is."""
        for url in (api.services.settings.mongo_url, api.services.settings.redis_url):
            assert url is not None
            place = url.split("//")[1].split("/")[0]
            reply = await api.ask("POST", WEBHOOKS, json={"url": f"http://{place}/"})
            assert (reply.status, reply.json["details"][0]["code"]) == (400, "webhook_private")


class TestDeleted:
    async def test_is_gone_whatever_becomes_of_its_deliveries(
        self, api: Client, receiving: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of hundreds of thousands MongoDB may not be done in time: a 503, and a 404 to who asks again."""
        endpoint = await create(api, receiving.url + path())

        async def refuse(_: DeliveryStore, endpoint_id: str) -> None:
            raise StoreUnavailable(f"the deliveries of {endpoint_id} are too many")

        monkeypatch.setattr(DeliveryStore, "delete_of", refuse)
        place = f"{WEBHOOKS}/{endpoint['id']}"
        assert (await api.ask("DELETE", place)).status == 200
        assert (await api.ask("GET", place)).status == 404
        assert api.services.webhooks.directory.find(endpoint["id"]) is None


class TestUnused:
    async def test_nothing_is_written(self, api: Client) -> None:
        """No mark, no index, no collection."""
        task_id = await submit(api)
        await api.system.finished(task_id)
        database = api.services.store.database
        document = await database["danqing_tasks"].find_one({"_id": task_id})
        assert not {"untold", "webhook"} & set(document)
        names = await database.list_collection_names()
        assert not {"danqing_webhooks", "danqing_deliveries"} & set(names)


async def _make_due(api: Client, delivery_id: str, **sets: Any) -> None:
    """Have a delivery tried now, as if its time had come."""
    database = api.services.store.database
    sets["due_at"] = api.services.clock.now()
    await database["danqing_deliveries"].update_one({"_id": delivery_id}, {"$set": sets})
    api.services.webhooks.sender.wake()
    await asyncio.sleep(0)
