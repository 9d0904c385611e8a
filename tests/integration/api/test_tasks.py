from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest

from danqing_server.records.tasks import Status
from tests.integration.api.conftest import Client
from tests.unit.api.tasks import NOW, make_task

GENERIC = {"type": "image", "model": "one", "input": {"prompt": "a cat"}, "user_id": "u1"}


class TestGenericDoor:
    async def test_task_is_returned_whole(self, api: Client) -> None:
        """201 with the task itself."""
        reply = await api.ask("POST", "/api/v1/ai/tasks", json=GENERIC)
        assert (reply.status, reply.json["message"]) == (201, "任务创建成功")
        assert (reply.json["data"]["status"], reply.json["data"]["input"]) == ("pending", {"prompt": "a cat"})

    async def test_delay_makes_it_scheduled(self, api: Client) -> None:
        """And says for when."""
        reply = await api.ask("POST", "/api/v1/ai/tasks", json={**GENERIC, "delay": 60})
        assert reply.json["data"]["status"] == "scheduled"
        assert reply.json["data"]["scheduled_for"].endswith("Z")

    @pytest.mark.parametrize(
        ("change", "field", "known"),
        [
            ({"provider": "nobody"}, "provider", "scripted"),
            ({"model": "nothing"}, "model", "one"),
            ({"type": "opera"}, "type", "image, text"),
            ({"extra": 1}, "extra", "input"),
        ],
    )
    async def test_unknown_words_name_the_known_ones(
        self, api: Client, change: dict[str, object], field: str, known: str
    ) -> None:
        """400 under the client's own name."""
        reply = await api.ask("POST", "/api/v1/ai/tasks", json={**GENERIC, **change})
        [detail] = reply.json["details"]
        assert reply.status == 400
        assert detail["field"].removeprefix("input.") == field
        assert known in detail["message"]

    async def test_providers_problems_are_under_input(self, api: Client) -> None:
        """The client sent it there."""
        reply = await api.ask("POST", "/api/v1/ai/tasks", json={**GENERIC, "input": {"prompt": "", "x": 1}})
        assert [detail["field"] for detail in reply.json["details"]] == ["input.prompt"]


class TestOneTask:
    @pytest.mark.parametrize("path", ["/api/v1/tasks/t1", "/api/v1/ai/tasks/t1"])
    async def test_both_paths_show_it(self, api: Client, path: str) -> None:
        """The old server had two."""
        await api.services.store.insert(make_task("t1"))
        assert (await api.ask("GET", path)).json["data"]["id"] == "t1"

    @pytest.mark.parametrize("task_id", ["nope", "%00", "$where", "x" * 10_000, "%ff", "%22%7d"])
    async def test_missing_task_is_404(self, api: Client, task_id: str) -> None:
        """Whatever the path holds."""
        reply = await api.ask("GET", f"/api/v1/tasks/{task_id}")
        assert (reply.status, reply.json["error"]) == (404, "任务不存在")

    async def test_head_answers_without_a_body(self, api: Client) -> None:
        """With the length that GET would have."""
        await api.services.store.insert(make_task("t1"))
        got, headed = await api.ask("GET", "/api/v1/tasks/t1"), await api.ask("HEAD", "/api/v1/tasks/t1")
        assert (headed.status, headed.body) == (200, b"")
        assert headed.headers["Content-Length"] == got.headers["Content-Length"]


class TestChanges:
    async def test_waiting_task_is_cancelled_once(self, api: Client) -> None:
        """A second time it is a conflict that says so."""
        task_id = (await api.ask("POST", "/api/v1/ai/tasks", json=GENERIC)).json["data"]["id"]
        first = await api.ask("POST", f"/api/v1/tasks/{task_id}/cancel")
        again = await api.ask("POST", f"/api/v1/tasks/{task_id}/cancel", json={"body": "ignored"})
        assert (first.status, first.json["data"]["status"]) == (200, "cancelled")
        assert (again.status, again.json["code"], again.json["error"]) == (409, "task_cancelled", "任务已取消")

    async def test_failed_task_is_tried_again(self, api: Client) -> None:
        """It waits anew."""
        await api.services.store.insert(make_task("t1", Status.FAILED))
        reply = await api.ask("POST", "/api/v1/tasks/t1/retry")
        assert (reply.status, reply.json["data"]["status"]) == (200, "pending")

    async def test_completed_task_is_not_tried_again(self, api: Client) -> None:
        """Nothing is paid twice."""
        await api.services.store.insert(make_task("t1", Status.COMPLETED))
        assert (await api.ask("POST", "/api/v1/tasks/t1/retry")).json["code"] == "task_completed"

    async def test_deleted_task_is_gone(self, api: Client) -> None:
        """From every route."""
        await api.services.store.insert(make_task("t1", Status.COMPLETED))
        assert (await api.ask("DELETE", "/api/v1/tasks/t1")).status == 200
        assert (await api.ask("DELETE", "/api/v1/tasks/t1")).status == 404
        assert (await api.ask("GET", "/api/v1/ai/image/result/t1")).json["data"]["status"] == "failed"


class TestList:
    async def test_newest_come_first_and_pages_join(self, api: Client) -> None:
        """By offset and by cursor the same tasks, none twice."""
        for number in range(7):
            made = make_task(f"t{number}", created_at=NOW + timedelta(seconds=number // 2))
            await api.services.store.insert(made)
        path = "/api/v1/tasks/user/u1?limit=3"
        by_offset = [
            task["id"]
            for offset in (0, 3, 6)
            for task in (await api.ask("GET", f"{path}&offset={offset}")).json["data"]["tasks"]
        ]
        by_cursor: list[str] = []
        cursor = ""
        while True:
            page = (await api.ask("GET", path + cursor)).json["data"]
            by_cursor += [task["id"] for task in page["tasks"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert by_offset == by_cursor == ["t6", "t5", "t4", "t3", "t2", "t1", "t0"]
        assert (page["total"], page["count"], page["limit"]) == (7, 1, 3)

    async def test_user_ids_of_any_script_work(self, api: Client) -> None:
        """Percent-encoded in the path, free text in the task."""
        for user_id in ("张三/李四", "$ne", "a b?c"):
            await api.services.store.insert(make_task(f"t-{ord(user_id[0])}", user_id=user_id))
            reply = await api.ask("GET", f"/api/v1/tasks/user/{quote(user_id, safe='')}")
            assert [task["user_id"] for task in reply.json["data"]["tasks"]] == [user_id]

    @pytest.mark.parametrize(
        "query",
        ["limit=0", "limit=101", "limit=x", "limit=-1", "limit=1.5", "limit=９", "offset=-1", "offset=99999999999",
         "cursor=x", "cursor=%00", "cursor=JGd0", "cursor=é"],
    )  # fmt: skip
    async def test_odd_pages_are_refused(self, api: Client, query: str) -> None:
        """400 with the field's name."""
        reply = await api.ask("GET", f"/api/v1/tasks/user/u1?{query}")
        assert reply.status == 400
        assert [detail["field"] for detail in reply.json["details"]] == [query.partition("=")[0]]


class TestOverviews:
    async def test_queue_counts_by_lane(self, api: Client) -> None:
        """And in all."""
        for delay in (0, 0, 60):
            await api.ask("POST", "/api/v1/ai/tasks", json={**GENERIC, "delay": delay})
        data = (await api.ask("GET", "/api/v1/queue/stats")).json["data"]
        lane = data["lanes"]["scripted"]
        assert (lane["queued"], lane["delayed"], lane["held"], lane["accepting"]) == (2, 1, 0, True)
        assert (data["queued"], data["delayed"], data["held"]) == (2, 1, 0)

    async def test_lanes_are_listed_with_their_limits(self, api: Client) -> None:
        """Whose they are, what they allow, and how they stand."""
        await api.ask("POST", "/api/v1/ai/tasks", json=GENERIC)
        (lane,) = (await api.ask("GET", "/api/v1/lanes")).json["data"]["lanes"]
        assert (lane["name"], lane["provider"], lane["model_ids"]) == ("scripted", "scripted", ["one"])
        assert (lane["concurrency"], lane["images_per_minute"], lane["queued"]) == (8, None, 1)

    async def test_a_waiting_task_is_explained(self, api: Client) -> None:
        """What it waits for, and its place."""
        made = [(await api.ask("POST", "/api/v1/ai/tasks", json=GENERIC)).json["data"]["id"] for _ in range(2)]
        data = (await api.ask("GET", f"/api/v1/tasks/{made[1]}/explain")).json["data"]
        assert (data["waiting_for"], data["position"], data["calls"]) == ("turn", {"own": 1, "lane": 1}, [])

    async def test_providers_are_listed_with_their_models(self, api: Client) -> None:
        """Names, aliases, schemas, and the plugins that brought them."""
        data = (await api.ask("GET", "/api/v1/providers")).json["data"]
        assert data["default"] == "scripted"
        model = data["providers"][0]["models"][0]
        assert (model["aliases"], model["kind"]) == (["uno"], "image")
        assert [plugin["name"] for plugin in data["plugins"]] == ["scripted"]
