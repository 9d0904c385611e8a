"""Video tasks over HTTP, and what they cost."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from tests.integration.sandbox.serving import Served, served

MODEL = "doubao-seedance-2-0-260128"
V25 = "doubao-seedance-2-5-260628"
V15 = "doubao-seedance-1-5-pro-251215"
PATH = "/api/v3/contents/generations/tasks"
FILM = {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}, "role": "reference_video"}
SMALL = {"resolution": "480p", "ratio": "16:9", "duration": 4}


async def call(ark: Served, method: str, path: str = "", body: Any = None) -> tuple[int, Any]:
    """Return status and JSON."""
    async with ark.session.request(method, f"{ark.url}{PATH}{path}", json=body) as answer:
        return answer.status, await answer.json()


async def create(ark: Served, prompt: str = "江南春色", **fields: Any) -> str:
    """Return the id of a task."""
    body = {"model": MODEL, "content": [{"type": "text", "text": prompt}], **SMALL, **fields}
    status, answer = await call(ark, "POST", body=body)
    assert status == 200, answer
    return str(answer["id"])


async def get(ark: Served, task_id: str) -> Any:
    """Return the task."""
    status, answer = await call(ark, "GET", f"/{task_id}")
    assert status == 200, answer
    return answer


class TestLife:
    """From queued to a film."""

    async def test_to_a_film(self, ark: Served) -> None:
        """Ids, states, times, the film itself, its last frame, usage, and one bill."""
        task_id = await create(ark, return_last_frame=True, safety_identifier="job-1", seed=7)
        assert task_id.startswith("cgt-20261124105724-")
        shown = []
        for later_s in (0, 1, 2):
            ark.now_s[0] += later_s
            shown.append(await get(ark, task_id))
        assert [task["status"] for task in shown] == ["queued", "running", "succeeded"]
        assert all(task["safety_identifier"] == "job-1" for task in shown)
        assert "content" not in shown[1]
        done = shown[2]
        assert (done["resolution"], done["ratio"], done["duration"], done["seed"]) == ("480p", "16:9", 4, 7)
        tokens = 97 * 864 * 496 // 1024
        assert done["usage"] == {"completion_tokens": tokens, "total_tokens": tokens}
        assert (done["framespersecond"], done["generate_audio"], done["error"]) == (24, True, None)
        _, content = await ark.get(done["content"]["video_url"])
        with av.open(io.BytesIO(content)) as film:
            assert (film.streams.video[0].width, film.streams.video[0].height) == (864, 496)
            assert film.streams.video[0].frames == 97
            assert len(film.streams.audio) == 1
        _, still = await ark.get(done["content"]["last_frame_url"])
        assert Image.open(io.BytesIO(still)).size == (864, 496)
        (entry,) = await ark.ledger()
        assert (entry["kind"], entry["job"], entry["quantity"], entry["unit"]) == (
            "video",
            task_id,
            tokens,
            "token",
        )
        assert (entry["cost_micro"], entry["currency"], entry["delivered"]) == (tokens * 46, "CNY", True)

    async def test_link_expires_a_day_after_the_end(self, ark: Served) -> None:
        """However late it is asked for; the task itself is there for a week."""
        task_id = await create(ark)
        ark.now_s[0] += 86_400 + 10
        assert (await ark.get((await get(ark, task_id))["content"]["video_url"]))[0] == 403
        ark.now_s[0] += 7 * 86_400
        assert (await call(ark, "GET", f"/{task_id}"))[0] == 404

    async def test_outlives_a_restart(self, tmp_path: Path) -> None:
        """Ids are good in the next process, and nothing is billed twice."""
        async with served(tmp_path) as ark:
            task_id = await create(ark)
        for later_s in (60, 120):
            async with served(tmp_path, later_s=later_s) as again:
                assert (await get(again, task_id))["status"] == "succeeded"
                assert len(await again.ledger()) == 1

    async def test_lost_answer(self, ark: Served) -> None:
        """The task goes on, is billed, and is found by its identifier."""
        with pytest.raises(Exception, match=r".*"):
            await create(ark, "x [sandbox:reset-after-billing]", safety_identifier="lost-1")
        ark.now_s[0] += 60
        _, listed = await call(ark, "GET")
        assert [task["safety_identifier"] for task in listed["items"]] == ["lost-1"]
        assert len(await ark.ledger()) == 1


class TestBadEnds:
    """Free of charge."""

    @pytest.mark.parametrize(
        ("word", "code"),
        [
            ("job-fails", "InternalServiceError"),
            ("moderation-output", "OutputVideoSensitiveContentDetected"),
        ],
    )
    async def test_failed(self, ark: Served, word: str, code: str) -> None:
        """A failed task has an error, and neither content nor usage."""
        task_id = await create(ark, f"x [sandbox:{word}]")
        ark.now_s[0] += 60
        task = await get(ark, task_id)
        assert (task["status"], task["error"]["code"]) == ("failed", code)
        assert "Request id: 02" in task["error"]["message"]
        assert not {"content", "usage"} & set(task)
        assert await ark.ledger() == []

    async def test_expired(self, ark: Served) -> None:
        """A task that is not begun in its time."""
        task_id = await create(ark, "x [sandbox:queued=9000]", execution_expires_after=3600)
        ark.now_s[0] += 3601
        assert (await get(ark, task_id))["status"] == "expired"

    async def test_moderated_prompt(self, ark: Served) -> None:
        """Refused at once."""
        body = {"model": MODEL, "content": [{"type": "text", "text": "x [sandbox:moderation]"}]}
        status, answer = await call(ark, "POST", body=body)
        assert (status, answer["error"]["code"]) == (400, "InputTextSensitiveContentDetected")

    async def test_unknown(self, ark: Served) -> None:
        """404 in Ark's form."""
        status, answer = await call(ark, "GET", "/cgt-20260101000000-aaaaa")
        assert status == 404
        assert "Request id: 02" in answer["error"]["message"]


class TestDelete:
    """What can be dropped, and what becomes of it."""

    async def test_queued_is_cancelled(self, ark: Served) -> None:
        """It vanishes after a day, is never billed, and cannot be deleted again."""
        task_id = await create(ark)
        assert await call(ark, "DELETE", f"/{task_id}") == (200, {})
        ark.now_s[0] += 60
        assert (await get(ark, task_id))["status"] == "cancelled"
        assert (await call(ark, "DELETE", f"/{task_id}"))[0] == 400
        ark.now_s[0] += 86_400
        assert (await call(ark, "GET", f"/{task_id}"))[0] == 404
        assert await ark.ledger() == []

    async def test_running_is_refused(self, ark: Served) -> None:
        """409, and the task goes on."""
        task_id = await create(ark)
        ark.now_s[0] += 1
        status, answer = await call(ark, "DELETE", f"/{task_id}")
        assert (status, answer["error"]["code"]) == (409, "InvalidAction.RunningTaskDeletion")
        assert f"Cannot delete task `{task_id}` because it is currently running." in answer["error"]["message"]
        ark.now_s[0] += 60
        assert len(await ark.ledger()) == 1

    async def test_ended_is_forgotten(self, ark: Served) -> None:
        """The bill stays."""
        task_id = await create(ark)
        ark.now_s[0] += 60
        assert await call(ark, "DELETE", f"/{task_id}") == (200, {})
        assert (await call(ark, "GET", f"/{task_id}"))[0] == 404
        assert len(await ark.ledger()) == 1


class TestList:
    """Filters and pages."""

    async def test_filters(self, ark: Served) -> None:
        """By state, model and ids; offline tasks only where they are asked for."""
        first = await create(ark)
        ark.now_s[0] += 60
        second = await create(ark, model=V15)
        offline = await create(ark, model=V15, service_tier="flex")
        cases = {
            "": [second, first],
            "?filter.status=succeeded": [first],
            f"?filter.model={V15}": [second],
            "?filter.service_tier=flex": [offline],
            f"?filter.task_ids={first}&filter.task_ids={offline}": [first],
            "?page_num=2&page_size=1": [first],
        }
        for query, ids in cases.items():
            status, answer = await call(ark, "GET", query)
            assert (status, [task["id"] for task in answer["items"]]) == (200, ids), query
        assert (await call(ark, "GET", "?page_size=1"))[1]["total"] == 2

    async def test_bad_page(self, ark: Served) -> None:
        """From 1 to 500."""
        for query in ("?page_size=501", "?page_num=0", "?page_num=x"):
            assert (await call(ark, "GET", query))[0] == 400


class TestDraft:
    """A small film first, then the whole."""

    async def test_final_of_a_draft(self, ark: Served) -> None:
        """Text, length, seed and sound are the draft's; both are billed."""
        draft = await create(ark, model=V15, draft=True, seed=5)
        ark.now_s[0] += 60
        body = {
            "model": V15,
            "content": [{"type": "draft_task", "draft_task": {"id": draft}}],
            "resolution": "1080p",
        }
        _, answer = await call(ark, "POST", body=body)
        ark.now_s[0] += 60
        small, final = await get(ark, draft), await get(ark, answer["id"])
        assert (small["draft"], small["resolution"], final["draft"], final["resolution"]) == (
            *(True, "480p", False, "1080p"),
        )
        assert final["draft_task_id"] == draft
        assert (final["seed"], final["duration"]) == (5, 4)
        assert [entry["quantity"] for entry in await ark.ledger()] == [
            int(97 * 864 * 496 / 1024 * 0.6),
            97 * 1920 * 1080 // 1024,
        ]

    async def test_unfinished(self, ark: Served) -> None:
        """A draft that is not done is no draft."""
        draft = await create(ark, model=V15, draft=True)
        body = {"model": V15, "content": [{"type": "draft_task", "draft_task": {"id": draft}}]}
        assert (await call(ark, "POST", body=body))[0] == 400


class TestTaskTypes:
    """What 2.5 calls edit and extend."""

    async def test_explicit(self, ark: Served) -> None:
        """Bad values are refused at once."""
        body = {"model": V25, "content": [FILM], "ratio": "16:9", "omni_reference_task_type": "edit"}
        status, answer = await call(ark, "POST", body=body)
        assert (status, answer["error"]["code"]) == (400, "InvalidParameter.TaskTypeConstraint")
        assert "ratio=adaptive, duration=-1" in answer["error"]["message"]

    async def test_found_out_late(self, ark: Served) -> None:
        """The same of a type that the model found out by itself is a failed task."""
        body = {"model": V25, "content": [{"type": "text", "text": "把猫换成狗"}, FILM], "ratio": "16:9"}
        _, answer = await call(ark, "POST", body=body)
        ark.now_s[0] += 60
        task = await get(ark, answer["id"])
        assert (task["status"], task["error"]["code"]) == ("failed", "InvalidParameter.TaskTypeConstraint")

    async def test_content_that_does_not_fit(self, ark: Served) -> None:
        """An edit of nothing fails."""
        picture = {
            "type": "image_url",
            "image_url": {"url": "https://example.com/a.png"},
            "role": "reference_image",
        }
        body = {"model": V25, "content": [picture], "duration": -1, "omni_reference_task_type": "edit"}
        _, answer = await call(ark, "POST", body=body)
        ark.now_s[0] += 60
        assert (await get(ark, answer["id"]))["error"]["code"] == "InvalidParameter.TaskTypeMismatch"


class TestReferences:
    """Pictures of ours."""

    async def test_own_picture_gives_the_shape(self, ark: Served) -> None:
        """A film after an upright picture of the sandbox is upright."""
        (link,) = await ark.links(size="720x1280")
        content = [{"type": "image_url", "image_url": {"url": link}}]
        _, answer = await call(ark, "POST", body={"model": MODEL, "content": content})
        ark.now_s[0] += 60
        assert (await get(ark, answer["id"]))["ratio"] == "9:16"
