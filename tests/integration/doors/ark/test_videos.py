"""Videos by `contents/generations/tasks`, as Ark's library asks for them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from danqing_plugins import OutputKind
from danqing_server.records.tasks import FINISHED
from tests.integration.api.conftest import Client, Open
from tests.integration.doors.ark.conftest import KEY, OTHER_KEY, Library, ark_library
from tests.support.installed import all_but
from tests.support.providers import picture
from tests.support.receiver import run_receiver
from tests.support.servers import RunningServer
from tests.support.system import until
from tests.unit.api.tasks import make_task

VIDEO = "doubao-seedance-2-0-260128"
PATH = "/api/v3/contents/generations/tasks"
BEARER = {"Authorization": f"Bearer {KEY}"}
WORDS = [{"type": "text", "text": "小猫在花园里奔跑"}]
SMALL = {"resolution": "480p", "ratio": "16:9", "duration": 4}


async def ended(tasks: Any, task_id: str) -> Any:
    """Return the task as the library sees it when it has ended."""

    async def look() -> Any:
        task = await tasks.get(task_id=task_id)
        return task if task.status not in ("queued", "running") else None

    return await until(look, timeout_s=60, what=f"the end of {task_id}")


class TestLibrary:
    """`client.content_generation.tasks`."""

    async def test_a_video_from_order_to_deletion(self, api: Client, library: Library) -> None:
        """Every field stands where the library looks for it, and the video can be had."""
        tasks = library().content_generation.tasks
        created = await tasks.create(
            model=VIDEO, content=WORDS, return_last_frame=True, safety_identifier="user-7", **SMALL
        )
        task = await ended(tasks, created.id)
        assert (task.id, task.model, task.status, task.error) == (created.id, VIDEO, "succeeded", None)
        assert (task.resolution, task.ratio, task.duration, task.framespersecond) == ("480p", "16:9", 4, 24)
        assert task.usage.completion_tokens == task.usage.total_tokens == 97 * 864 * 496 // 1024
        assert task.safety_identifier == "user-7"
        assert task.created_at <= task.updated_at
        film = await api.ask("GET", task.content.video_url.removeprefix(api.base))
        assert (film.status, film.headers["Content-Type"]) == (200, "video/mp4")
        frame = await api.ask("GET", task.content.last_frame_url.removeprefix(api.base))
        assert frame.headers["Content-Type"].startswith("image/")
        stored = await api.system.get(created.id)
        assert (stored.owner, stored.user_id) == ("shop", "user-7")
        assert await tasks.delete(task_id=created.id) is not None
        with pytest.raises(ark_library._exceptions.ArkNotFoundError) as caught:
            await tasks.get(task_id=created.id)
        assert caught.value.code == "ResourceNotFound"

    async def test_a_video_that_fails(self, library: Library) -> None:
        """The task says why, in Ark's word."""
        tasks = library().content_generation.tasks
        content = [{"type": "text", "text": "江南 [sandbox:moderation-output]"}]
        task = await ended(tasks, (await tasks.create(model=VIDEO, content=content, **SMALL)).id)
        assert (task.status, task.error.code) == ("failed", "OutputVideoSensitiveContentDetected")

    async def test_a_video_that_another_door_made(self, api: Client, library: Library) -> None:
        """What one door created, every other shows."""
        body = {"type": "video", "model": VIDEO, "input": {"prompt": "雨", **SMALL}, "user_id": "u"}
        made = await api.ask("POST", "/api/v1/ai/tasks", json=body, headers=BEARER)
        task = await ended(library().content_generation.tasks, made.json["data"]["id"])
        assert task.content.video_url

    async def test_a_draft_and_the_video_of_it(self, library: Library) -> None:
        """The draft is named by the id that the client knows."""
        tasks = library().content_generation.tasks
        model = "doubao-seedance-1-5-pro-251215"
        draft = await tasks.create(model=model, content=WORDS, draft=True, duration=4)
        await ended(tasks, draft.id)
        content = [{"type": "draft_task", "draft_task": {"id": draft.id}}]
        task = await ended(tasks, (await tasks.create(model=model, content=content, resolution="480p")).id)
        assert task.status == "succeeded", task

    async def test_repeated_order_is_one(self, api: Client, library: Library) -> None:
        """Ark has no key for that; ours holds here, too."""
        tasks = library().content_generation.tasks
        headers = {"Idempotency-Key": "film-1"}
        ids = {
            (await tasks.create(model=VIDEO, content=WORDS, extra_headers=headers, **SMALL)).id for _ in range(3)
        }
        assert len(ids) == 1
        await api.system.finished(ids.pop(), 60)


class TestContent:
    """What the parts of `content` become."""

    async def submitted(self, api: Client, content: list[dict[str, Any]], **fields: Any) -> Any:
        body = {"model": VIDEO, "content": content, **fields}
        reply = await api.ask("POST", PATH, json=body, headers=BEARER)
        assert reply.status == 200, reply.body
        return await api.system.get(reply.json["id"])

    async def test_commands_in_the_text(self, api: Client) -> None:
        """As Ark reads them: a field goes before, nonsense counts for nothing, and the prompt is without them."""
        text = "小猫 --rs 480p --dur 6 --ratio 16:9 --seed many --wm true --unknown 3"
        task = await self.submitted(api, [{"type": "text", "text": text}], duration=4)
        assert task.input["prompt"].split() == ["小猫", "--unknown", "3"]
        assert (task.input["resolution"], task.input["duration"], task.input["ratio"]) == ("480p", 4, "16:9")
        assert task.input["watermark"] is True
        assert "seed" not in task.input

    async def test_first_and_last_frame(self, api: Client) -> None:
        """By their roles; the first needs none."""
        link = "data:image/png;base64," + base64.b64encode(picture(320, 320)).decode()
        task = await self.submitted(
            api,
            [
                *WORDS,
                {"type": "image_url", "image_url": {"url": link}},
                {"type": "image_url", "image_url": {"url": link}, "role": "last_frame"},
            ],
        )
        assert [reference.key for reference in task.references] == ["image", "last_frame"]

    @pytest.mark.parametrize(
        ("content", "param"),
        [
            (None, "content"),
            ("text", "content"),
            ([{"type": "text"}], "content[0]"),
            ([{"type": "text", "text": 7}], "content[0]"),
            (["text"], "content[0]"),
            ([{"type": "poem", "poem": {}}], "content[0]"),
            ([{"type": "image_url", "image_url": {}}], "content[0]"),
            ([{"type": "image_url", "image_url": {"url": "https://x/y.png"}, "role": "hero"}], "content[0].role"),
            ([{"type": "image_url", "image_url": {"url": "https://x/y.png"}, "role": {"a": 1}}], "content[0].role"),
            ([{"type": "image_url", "image_url": {"url": "https://x/y.png"}, "role": ["a"]}], "content[0].role"),
            ([{"type": "image_url", "image_url": {"url": "https://x/y.png"}}] * 2, "content[1].role"),
            ([{"type": "image_url", "image_url": {"url": "not a link"}}], "content[0].image_url.url"),
            ([], "content"),
            ([{"type": "text", "text": "--rs 7\n" * 20_000}], "content"),
        ],
    )
    async def test_what_is_wrong_is_named(self, api: Client, content: object, param: str) -> None:
        """Where it stood in the body; nothing is kept."""
        reply = await api.ask("POST", PATH, json={"model": VIDEO, "content": content}, headers=BEARER)
        assert (reply.status, reply.json["error"]["param"]) == (400, param), reply.json

    async def test_callback_to_where_none_may_go(self, api: Client) -> None:
        """Is refused by its own name."""
        body = {"model": VIDEO, "content": WORDS, "callback_url": "https://10.0.0.1/told"}
        reply = await api.ask("POST", PATH, json=body, headers=BEARER)
        assert (reply.status, reply.json["error"]["param"]) == (400, "callback_url")


class TestCallback:
    """`callback_url`."""

    @pytest.mark.parametrize(("words", "end"), [("", "succeeded"), (" [sandbox:moderation-output]", "failed")])
    async def test_each_change_is_posted_as_it_is_shown(
        self, open_api: Open, ark: RunningServer, tmp_path: Path, words: str, end: str
    ) -> None:
        """In Ark's form, signed besides; what comes last is what who asks is told."""
        content = [{"type": "text", "text": WORDS[0]["text"] + words}]
        with run_receiver(tmp_path) as receiver:
            async with open_api(
                workers=True,
                DANQING_WEBHOOK_TARGETS="127.0.0.0/8",
                DANQING_DISABLED_PLUGINS=all_but("volcengine"),
                DANQING_SANDBOX_URL=ark.url,
                DANQING_VOLCENGINE_VIDEO_POLL_EVERY="0.1",
            ) as api:
                body = {"model": VIDEO, "content": content, **SMALL, "callback_url": f"{receiver.url}/ok"}
                made = await api.ask("POST", PATH, json=body)
                assert made.status == 200, made.body

                def told() -> dict[str, Any]:
                    return {each.json["status"]: each for each in receiver.received()}

                await until(lambda: {"queued", "running", end} <= set(told()), timeout_s=60)
                shown = await api.ask("GET", f"{PATH}/{made.json['id']}")
                assert told()[end].json == shown.json
                assert {"webhook-id", "webhook-signature"} <= set(told()[end].headers)


class TestDeletion:
    """`DELETE`, by where the task stands."""

    @pytest.fixture
    async def idle(self, api: Client) -> Client:
        """The application without anybody who would take tasks up."""
        assert api.system.workers is not None
        await api.system.workers.stop(1)
        return api

    async def made(self, api: Client) -> str:
        reply = await api.ask("POST", PATH, json={"model": VIDEO, "content": WORDS, **SMALL}, headers=BEARER)
        return str(reply.json["id"])

    async def test_who_waits_is_cancelled(self, idle: Client) -> None:
        """It is shown as cancelled, and not deleted a second time."""
        path = f"{PATH}/{await self.made(idle)}"
        reply = await idle.ask("DELETE", path, json={}, headers=BEARER)
        assert (reply.status, reply.json) == (200, {})
        assert (await idle.ask("GET", path, headers=BEARER)).json["status"] == "cancelled"
        again = await idle.ask("DELETE", path, headers=BEARER)
        assert (again.status, again.json["error"]["code"]) == (400, "InvalidParameter")

    async def test_who_runs_is_left_alone(self, api: Client) -> None:
        """409, in Ark's words, and not to be repeated."""
        content = [{"type": "text", "text": "雨 [sandbox:slow=5]"}]
        reply = await api.ask("POST", PATH, json={"model": VIDEO, "content": content, **SMALL}, headers=BEARER)
        path = f"{PATH}/{reply.json['id']}"

        async def runs() -> bool:
            return bool((await api.ask("GET", path, headers=BEARER)).json["status"] == "running")

        await until(runs)
        reply = await api.ask("DELETE", path, headers=BEARER)
        error = reply.json["error"]
        assert (reply.status, error["code"], error["type"]) == (
            409,
            "InvalidAction.RunningTaskDeletion",
            "Conflict",
        )
        assert reply.headers["x-should-retry"] == "false"


class TestList:
    """`GET` without an id."""

    async def test_pages_and_filters(self, api: Client, library: Library) -> None:
        """As the library names them: newest first, and the total of what the filters let through."""
        tasks = library().content_generation.tasks
        made = [(await tasks.create(model=VIDEO, content=WORDS, **SMALL)).id for _ in range(3)]
        for task_id in made:
            await api.system.finished(task_id, 60)
        whole = await tasks.list()
        assert ([item.id for item in whole.items], whole.total) == (made[::-1], 3)
        second = await tasks.list(page_num=2, page_size=2)
        assert ([item.id for item in second.items], second.total) == (made[:1], 3)
        named = await tasks.list(task_ids=made[:2], status="succeeded", model=VIDEO, service_tier="default")
        assert [item.id for item in named.items] == made[1::-1]
        assert named.items[0].content.video_url
        for nothing in ({"status": "failed"}, {"status": "expired"}, {"model": "x"}, {"service_tier": "flex"}):
            assert (await tasks.list(**nothing)).total == 0

    async def test_each_is_listed_under_the_status_that_it_shows(self, api: Client, library: Library) -> None:
        """One whose order ran out of time is expired, and not failed."""
        tasks = library().content_generation.tasks
        made = [(await tasks.create(model=VIDEO, content=WORDS, **SMALL)).id for _ in range(2)]
        for task_id, code in zip(made, ("order_expired", "InternalServiceError"), strict=True):
            await api.system.finished(task_id, 60)
            error = {"code": "outcome_unknown", "message": "x", "provider_code": code}
            await api.services.store.database["danqing_tasks"].update_one(
                {"_id": task_id}, {"$set": {"status": "failed", "error": error}}
            )
        for status, task_id in zip(("expired", "failed"), made, strict=True):
            found = await tasks.list(status=status)
            assert [(item.id, item.status) for item in found.items] == [(task_id, status)]
            assert found.total == 1

    async def test_who_pages_by_the_total_has_all(self, api: Client, library: Library) -> None:
        """However far it is counted."""
        made = [make_task(f"t{number}", kind=OutputKind.VIDEO, owner="shop") for number in range(5)]
        for task in made:
            await api.services.store.insert(task)
        api.services.films.most_counted = 3
        tasks, seen, total = library().content_generation.tasks, [], 1
        while len(seen) < total:
            listed = await tasks.list(page_num=len(seen) // 2 + 1, page_size=2)
            seen += [item.id for item in listed.items]
            total = listed.total
        assert seen == [task.id for task in reversed(made)]

    async def test_other_kinds_are_elsewhere(self, api: Client) -> None:
        """A picture is no video task, in the list or by its id."""
        body = {"prompt": "x", "user_id": "u", "size": "1024x1024"}
        made = await api.ask("POST", "/api/v1/ai/image/task", json=body, headers=BEARER)
        assert (await api.ask("GET", PATH, headers=BEARER)).json == {"items": [], "total": 0}
        reply = await api.ask("GET", f"{PATH}/{made.json['data']['task_id']}", headers=BEARER)
        assert reply.status == 404

    @pytest.mark.parametrize(
        ("query", "param"),
        [
            ("page_num=0", "page_num"),
            ("page_num=9999999999999", "page_num"),
            ("page_num=", "page_num"),
            ("page_size=501", "page_size"),
            ("page_size=x", "page_size"),
            ("filter.status=done", "filter.status"),
        ],
    )
    async def test_odd_questions(self, api: Client, query: str, param: str) -> None:
        """Are refused by name."""
        reply = await api.ask("GET", f"{PATH}?{query}", headers=BEARER)
        assert (reply.status, reply.json["error"]["param"]) == (400, param)


class TestTenancy:
    """Another project's tasks are not there."""

    async def test_no_way_to_them(self, api: Client, library: Library) -> None:
        """404 for each verb, as for an id that never was; an empty list."""
        mine = (await library().content_generation.tasks.create(model=VIDEO, content=WORDS, **SMALL)).id
        other = {"Authorization": f"Bearer {OTHER_KEY}"}
        for method in ("GET", "DELETE"):
            answers = [await api.ask(method, f"{PATH}/{id_}", headers=other) for id_ in (mine, "volcengine_vid_0")]
            assert [answer.status for answer in answers] == [404, 404]
            assert len({answer.json["error"]["code"] for answer in answers}) == 1
        listed = await api.ask("GET", f"{PATH}?filter.task_ids={mine}", headers=other)
        assert listed.json == {"items": [], "total": 0}
        assert (await api.system.finished(mine, 60)).status in FINISHED
