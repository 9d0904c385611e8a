"""What a newer release wrote of webhooks, and this one cannot read, is left to that."""

from __future__ import annotations

from typing import Any

from tests.integration.api.conftest import Client
from tests.integration.webhooks.conftest import create, submit
from tests.integration.webhooks.test_delivery import arrives, path, settled
from tests.support.receiver import Receiver
from tests.support.system import until


async def test_one_whose_endpoint_cannot_be_read_waits(api: Client, receiving: Receiver) -> None:
    """For a process of the newer release that wrote the endpoint; it is not tried, and does not fail."""
    where = path()
    await create(api, receiving.url + path(), events=["task.failed"])
    endpoint = await create(api, receiving.url + where)
    await submit(api)
    await settled(api, endpoint["id"], "delivered")
    database, now = api.services.store.database, api.services.clock.now()
    kept, endpoints = database["danqing_deliveries"], database["danqing_webhooks"]
    await endpoints.update_one({"_id": endpoint["id"]}, {"$set": {"events": 7}})
    await api.services.webhooks.directory.refresh()
    again = {"$set": {"state": "pending", "due_at": now}, "$unset": {"ended_at": "", "expires_at": ""}}
    await kept.update_one({"endpoint_id": endpoint["id"]}, again)

    async def looked_at() -> dict[str, Any] | None:
        found = await kept.find_one({"endpoint_id": endpoint["id"]})
        assert found is not None
        return None if found.get("due_at") == now or "claim" in found else dict(found)

    found = await until(looked_at, what="a look at the delivery")
    assert (found["state"], len(found["attempts"])) == ("pending", 1)
    await endpoints.update_one({"_id": endpoint["id"]}, {"$set": {"events": ["*"]}})
    await kept.update_one({"endpoint_id": endpoint["id"]}, {"$set": {"due_at": now}})
    await arrives(receiving, where, 2)
