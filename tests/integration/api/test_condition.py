"""What is told of the server's own condition, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from danqing_plugins import ModelInfo, ProviderInfo, Text
from tests.support.providers import ScriptedProvider
from tests.support.system import until

Open = Callable[..., Any]

ADMIN_KEY = "9" * 20
PATH = "/api/v1/server"
DESCRIBED = {"title": Text("Style", "风格"), "description": Text("How it looks", "画面风格")}
CHOICES = {"order": 1, "group": "main", "widget": "select", "labels": {"ink": "ink", "2K": Text("2K")}}
SCHEMA = {
    "type": "object",
    "properties": {
        "style": {"type": "string", **DESCRIBED, "x-ui": CHOICES},
        "mood": {"type": "string", "title": Text("Mood", "氛围"), "description": "how it feels"},
        "box": {"type": "object", **DESCRIBED, "properties": {"colour": {"description": "颜色", "title": "颜色"}}},
    },
}


class Half(ScriptedProvider):
    """A provider whose author wrote some texts in one language."""

    @property
    def info(self) -> ProviderInfo:
        """One model, with a form."""
        return attrs.evolve(super().info, models=(ModelInfo(id="one", title="One", parameters=SCHEMA),))


class TestCondition:
    async def test_it_says_what_the_server_stands_on(self, open_api: Open) -> None:
        """Versions, the processes that work, what runs in this one, and room on the disk."""
        async with open_api(workers=True) as api:
            await api.services.queue.ping()
            well = dict.fromkeys(("mongodb", "redis", "storage", "workers"), "ok")

            async def look() -> dict[str, Any] | None:
                told: dict[str, Any] = (await api.ask("GET", PATH)).json["data"]
                return told if told["checks"] == well and told["workers"] else None

            found = await until(look, what="a process that is well and said so")
            assert [found[name].count(".") for name in ("mongodb", "redis", "python")] == [2, 2, 2]
            assert {each["name"] for each in found["loops"] if each["alive"]} >= {"sweep", "sender", "batches"}
            assert 0 < found["space"]["free_bytes"] < found["space"]["total_bytes"]
            assert (found["storage"], found["asks_for_keys"], found["broken"]) == ("folder", False, [])
            assert [each["pid"] for each in found["workers"]] == [found["pid"]]

    async def test_texts_that_lack_a_language_are_named(self, open_api: Open) -> None:
        """With the field and what it lacks; what may be alike in both is no gap."""
        async with open_api(provider=Half()) as api:
            gaps = (await api.ask("GET", PATH)).json["data"]["gaps"]
            assert [(each["field"], each["text"], each["lacks"]) for each in gaps] == [
                ("style", "label ink", ["zh"]),
                ("mood", "description", ["zh"]),
                ("box.colour", "title", ["en"]),
                ("box.colour", "description", ["en"]),
            ]

    @pytest.mark.parametrize("key", ["1" * 16, ADMIN_KEY], ids=["client", "administrator"])
    async def test_it_is_for_administrators(self, open_api: Open, key: str) -> None:
        """How the machine is is not a client's business."""
        async with open_api(DANQING_ADMIN_KEY=ADMIN_KEY, DANQING_API_KEYS=f"shop:{'1' * 16}") as api:
            reply = await api.ask("GET", PATH, headers={"Authorization": f"Bearer {key}"})
            assert reply.status == (200 if key == ADMIN_KEY else 403)
