"""Projects know nothing of each other's webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from danqing_server.access.caller import Caller
from tests.integration.api.conftest import Client
from tests.integration.webhooks.conftest import WEBHOOKS, sending
from tests.support.receiver import Receiver
from tests.support.system import MakeSettings, until

KEYS = {"acme": "acme-secret-0123456789", "rival": "rival-secret-0123456789"}
TASK = {"type": "image", "model": "one", "input": {"prompt": "x"}, "user_id": "u1"}


@pytest.fixture
async def api(make_settings: MakeSettings) -> AsyncIterator[Client]:
    """An application of two projects."""
    keys = ",".join(f"{name}:{secret}" for name, secret in KEYS.items())
    async with sending(make_settings, DANQING_API_KEYS=keys) as client:
        yield client


async def ask(api: Client, who: str, method: str, path: str, **options: Any) -> Any:
    """Ask with a project's key."""
    return await api.ask(method, path, headers={"Authorization": f"Bearer {KEYS[who]}"}, **options)


class TestProjects:
    async def test_anothers_webhook_is_not_there(self, api: Client, receiving: Receiver) -> None:
        """404 in every route, and no list has it."""
        made = await ask(api, "acme", "POST", WEBHOOKS, json={"url": f"{receiving.url}/ok/{uuid4().hex}"})
        webhook_id = made.json["data"]["id"]
        sent = await ask(api, "acme", "POST", f"{WEBHOOKS}/{webhook_id}/test")
        delivery = f"{WEBHOOKS}/{webhook_id}/deliveries/{sent.json['data']['id']}/resend"
        for method, path, body in (
            ("GET", f"{WEBHOOKS}/{webhook_id}", None),
            ("PUT", f"{WEBHOOKS}/{webhook_id}", {"enabled": False}),
            ("DELETE", f"{WEBHOOKS}/{webhook_id}", None),
            ("POST", f"{WEBHOOKS}/{webhook_id}/rotate", {}),
            ("POST", f"{WEBHOOKS}/{webhook_id}/test", None),
            ("GET", f"{WEBHOOKS}/{webhook_id}/deliveries", None),
            ("POST", f"{WEBHOOKS}/{webhook_id}/resend", {"since": "2026-11-28T02:00:00Z"}),
            ("POST", delivery, None),
        ):
            reply = await ask(api, "rival", method, path, json=body)
            assert (reply.status, reply.json["code"]) == (404, "webhook_not_found"), path
        assert (await ask(api, "rival", "GET", WEBHOOKS)).json["data"] == {"webhooks": []}
        assert (await ask(api, "acme", "GET", f"{WEBHOOKS}/{webhook_id}")).json["data"]["enabled"] is True

    async def test_anothers_tasks_are_not_told(self, api: Client, receiving: Receiver) -> None:
        """Each endpoint hears of its own project's."""
        paths = {who: f"/ok/{uuid4().hex}" for who in KEYS}
        for who, path in paths.items():
            await ask(api, who, "POST", WEBHOOKS, json={"url": receiving.url + path})
        ids = {who: (await ask(api, who, "POST", "/api/v1/ai/tasks", json=TASK)).json["data"]["id"] for who in KEYS}
        for who, path in paths.items():
            await until(lambda path=path: receiving.received(path), what=f"a webhook of {who}")
            assert {each.json["data"]["id"] for each in receiving.received(path)} == {ids[who]}

    async def test_a_slow_endpoint_is_its_projects_own_trouble(self, api: Client, receiving: Receiver) -> None:
        """Another project is told at the same host, also of what has to be looked for, while one there hangs."""
        sender = api.services.webhooks.sender
        sender.timeout_s = 3600
        sender.hosts.of_project = 4
        hanging, where = f"/hang/{uuid4().hex}", f"/ok/{uuid4().hex}"
        slow = (await ask(api, "acme", "POST", WEBHOOKS, json={"url": receiving.url + hanging})).json["data"]["id"]
        for _ in range(6):
            await ask(api, "acme", "POST", f"{WEBHOOKS}/{slow}/test")
        await until(lambda: len(receiving.received(hanging)) == 4, what="all that the slow one gets at once")
        made = await ask(api, "rival", "POST", WEBHOOKS, json={"url": receiving.url + where})
        sent = await ask(api, "rival", "POST", f"{WEBHOOKS}/{made.json['data']['id']}/test")
        await until(lambda: receiving.received(where), what="the other project's webhook")
        path = f"{WEBHOOKS}/{made.json['data']['id']}/deliveries/{sent.json['data']['id']}/resend"

        async def again() -> bool:
            await ask(api, "rival", "POST", path)
            return len(receiving.received(where)) > 1

        await until(again, what="the same, sent again")
        assert len(receiving.received(hanging)) == 4

    async def test_each_signs_its_tasks_webhooks_with_its_own_secret(
        self, api: Client, receiving: Receiver
    ) -> None:
        """Nobody can pass for another project."""
        secrets = {
            who: (await ask(api, who, "GET", f"{WEBHOOKS}/tasks/secret")).json["data"]["secret"] for who in KEYS
        }
        assert len(set(secrets.values())) == len(KEYS)
        path = f"/ok/{uuid4().hex}"
        await ask(api, "acme", "POST", "/api/v1/ai/tasks", json={**TASK, "webhook": receiving.url + path})
        await until(lambda: receiving.received(path), what="the task's webhook")
        receiving.received(path)[0].verify(secrets["acme"])
        assert (await ask(api, "rival", "GET", f"{WEBHOOKS}/tasks/deliveries")).json["data"]["deliveries"] == []

    async def test_other_parts_of_the_server_tell_a_project(self, api: Client, receiving: Receiver) -> None:
        """As a budget does; under an id of its own, so that it is told once."""
        path = f"/ok/{uuid4().hex}"
        await ask(api, "acme", "POST", WEBHOOKS, json={"url": receiving.url + path, "events": ["budget.*"]})
        acme, outbox = Caller.with_key("acme"), api.services.webhooks.outbox
        for _ in range(2):
            now = api.services.clock.now()
            await outbox.announce(acme.owner, "budget.warning", "budget/acme/2026-11", now, {"used": "80.00"})
        await until(lambda: receiving.received(path), what="the warning")
        [got] = receiving.received(path)
        assert (got.json["type"], got.json["data"]) == ("budget.warning", {"used": "80.00"})
