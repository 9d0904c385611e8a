"""What a task makes beside pictures, from the provider's answer to the client's player."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from danqing_plugins import ContentRejected, Job, OutputKind, Result, Run, Source
from danqing_server.records.tasks import Status
from danqing_server.worker.takeover import take_over
from tests.integration.api.conftest import Client
from tests.support.films import film, sound
from tests.support.providers import ScriptedProvider, picture
from tests.support.system import until

Open = Callable[..., Any]
GLB = b"glTF\x02\0\0\0\x20\0\0\0" + bytes(20)


def making(kind: OutputKind, *sources: Source) -> ScriptedProvider:
    """Return a provider that answers one paid call with *sources*."""

    async def generate(_job: Job, run: Run) -> None:
        async with run.call(run.missing, "f"):
            for index, source in enumerate(sources):
                await run.deliver(index, source)

    return ScriptedProvider(generate, kind=kind)


async def completed(api: Client, **fields: Any) -> dict[str, Any]:
    """Submit a task and return it when it is finished, as the API shows it."""
    task = await api.system.submit(**fields)
    await api.system.finished(task.id)
    shown: dict[str, Any] = (await api.ask("GET", f"/api/v1/tasks/{task.id}")).json["data"]
    return shown


@pytest.fixture
async def host() -> AsyncIterator[Callable[[bytes], Awaitable[str]]]:
    """Serve bytes at a URL of their own."""
    bodies: list[bytes] = []

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=bodies[int(request.match_info["number"])], content_type="binary/octet-stream")

    app = web.Application()
    app.router.add_get("/{number}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()

    async def serve(body: bytes) -> str:
        bodies.append(body)
        return f"http://127.0.0.1:{runner.addresses[0][1]}/{len(bodies) - 1}"

    yield serve
    await runner.cleanup()


class TestVideo:
    async def test_it_is_kept_with_a_poster_and_shown(
        self, open_api: Open, host: Callable[[bytes], Awaitable[str]]
    ) -> None:
        """From its link into our storage; `images` is empty, `videos` says what it is."""
        body = film(with_sound=True)
        provider = making(OutputKind.VIDEO, Source.from_url(await host(body)))
        async with open_api(workers=True, provider=provider) as api:
            task = await completed(api)
            assert (task["status"], task["kind"], task["images"]) == ("completed", "video", 1)
            assert task["output"]["images"] == []
            [video] = task["output"]["videos"]
            assert (video["width"], video["height"], video["fps"]) == (160, 90, 24.0)
            assert (video["media_type"], video["size_bytes"]) == ("video/mp4", len(body))
            assert video["duration_s"] == pytest.approx(2.0, abs=0.1)
            assert video["has_audio"]
            assert video["decoded"]
            assert (await api.ask("GET", video["url"].removeprefix(api.base))).body == body
            poster = await api.ask("GET", video["poster_url"].removeprefix(api.base))
            assert (poster.status, poster.headers["Content-Type"]) == (200, "image/jpeg")

    async def test_the_old_door_shows_it_too(self, open_api: Open) -> None:
        """`video_url` where a picture's task has `image_url`."""
        provider = making(OutputKind.VIDEO, Source.from_bytes(film()))
        async with open_api(workers=True, provider=provider) as api:
            task = await completed(api)
            data = (await api.ask("GET", f"/api/v1/ai/image/result/{task['id']}")).json["data"]
            [video] = data["result"]["videos"]
            assert data["video_url"] == data["result"]["video_url"] == video["url"]
            assert data["result"]["video_urls"] == [video["url"]]
            assert "image_url" not in data

    async def test_the_old_door_shows_what_is_there_so_far(self, open_api: Open) -> None:
        """While the second of two is made."""
        go_on = asyncio.Event()

        async def generate(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                await run.deliver(0, Source.from_bytes(film()))
                await go_on.wait()
                await run.deliver(1, Source.from_bytes(film()))

        async with open_api(workers=True, provider=ScriptedProvider(generate, kind=OutputKind.VIDEO)) as api:
            task = await api.system.submit(n=2)

            async def videos() -> Any:
                reply = await api.ask("GET", f"/api/v1/ai/image/result/{task.id}")
                return reply.status == 202 and reply.json["data"].get("videos")

            assert [video["index"] for video in await until(videos)] == [0]
            go_on.set()
            assert (await api.system.finished(task.id)).status is Status.COMPLETED

    async def test_a_player_may_seek_in_it(self, open_api: Open) -> None:
        """As a browser does: an open range, its end, a place in the middle, with the tag it was given."""
        body = film(frames=240)
        provider = making(OutputKind.VIDEO, Source.from_bytes(body))
        async with open_api(workers=True, provider=provider) as api:
            [video] = (await completed(api))["output"]["videos"]
            path = video["url"].removeprefix(api.base)
            first = await api.ask("GET", path, headers={"Range": "bytes=0-"})
            assert (first.status, first.body) == (206, body)
            assert first.headers["Content-Range"] == f"bytes 0-{len(body) - 1}/{len(body)}"
            assert first.headers["Accept-Ranges"] == "bytes"
            assert first.headers["Content-Type"] == "video/mp4"
            assert first.headers["X-Content-Type-Options"] == "nosniff"
            assert "sandbox" in first.headers["Content-Security-Policy"]
            for condition in (first.headers["ETag"], first.headers["Last-Modified"]):
                middle = {"Range": f"bytes={len(body) // 2}-", "If-Range": condition}
                assert (await api.ask("GET", path, headers=middle)).body == body[len(body) // 2 :]
            tail = await api.ask("GET", path, headers={"Range": "bytes=-100"})
            assert (tail.status, tail.body) == (206, body[-100:])
            behind = await api.ask("GET", path, headers={"Range": f"bytes={len(body)}-"})
            assert (behind.status, behind.headers["Content-Range"]) == (416, f"bytes */{len(body)}")
            other = await api.ask("GET", path, headers={"Range": "bytes=5-", "If-Range": '"another"'})
            assert (other.status, other.body) == (200, body)

    async def test_poster_and_video_go_with_the_task(self, open_api: Open) -> None:
        """Nothing of a deleted task is left."""
        provider = making(OutputKind.VIDEO, Source.from_bytes(film()))
        async with open_api(workers=True, provider=provider) as api:
            task = await completed(api)
            [video] = task["output"]["videos"]
            await api.ask("DELETE", f"/api/v1/tasks/{task['id']}")
            for url in (video["url"], video["poster_url"]):
                assert (await api.ask("GET", url.removeprefix(api.base))).status == 404

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (picture(), "video_wrong_kind"),
            (sound("mp4"), "video_wrong_kind"),
            (b"", "video_truncated"),
            (film()[:-200], "video_truncated"),
        ],
    )
    async def test_what_is_no_video_fails_by_name(self, open_api: Open, body: bytes, code: str) -> None:
        """It was paid for, and is never asked for again."""
        provider = making(OutputKind.VIDEO, Source.from_bytes(body))
        async with open_api(workers=True, provider=provider) as api:
            task = await completed(api)
            assert (task["status"], task["error"]["code"], task["billed"]) == ("failed", code, "yes")
            assert len(provider.jobs) == 1

    async def test_it_has_a_limit_of_its_own(self, open_api: Open) -> None:
        """Larger than a picture may be, and not larger than a video may."""
        body = film() + bytes(1024 * 1024)
        provider = making(OutputKind.VIDEO, Source.from_bytes(body))
        async with open_api(workers=True, provider=provider, DANQING_MAX_PICTURE_BYTES="2048") as api:
            assert (await completed(api))["status"] == "completed"
        async with open_api(workers=True, provider=provider, DANQING_MAX_VIDEO_MB="1") as api:
            assert (await completed(api))["error"]["code"] == "video_too_large"


class TestPreview:
    async def test_watchers_see_an_output_as_far_as_it_is_made(self, open_api: Open) -> None:
        """One after the other, each under a URL of its own; nothing of them is left at the end."""
        enough = asyncio.Event()

        async def paint(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                while not enough.is_set():
                    await run.preview(0, Source.from_bytes(picture(4, 4)))
                    await asyncio.sleep(0.02)
                await run.deliver(0, Source.from_bytes(picture()))

        async with open_api(workers=True, provider=ScriptedProvider(paint)) as api:
            task = await api.system.submit()

            async def shown() -> Any:
                output = (await api.ask("GET", f"/api/v1/tasks/{task.id}")).json["data"]["output"]
                return output["preview"] if output is not None else None

            async def another() -> Any:
                later = await shown()
                return later if later["url"] != first["url"] else None

            first = await until(shown)
            assert (first["index"], first["width"], first["media_type"]) == (0, 4, "image/png")
            assert (await api.ask("GET", first["url"].removeprefix(api.base))).body == picture(4, 4)
            second = await until(another)
            enough.set()
            done = await api.system.finished(task.id)
            assert done.preview is None
            output = (await api.ask("GET", f"/api/v1/tasks/{task.id}")).json["data"]["output"]
            assert set(output) == {"images", "errors", "partial"}
            for gone in (first, second):
                assert (await api.ask("GET", gone["url"].removeprefix(api.base))).status == 404

    @pytest.mark.parametrize(
        "source", [Source.from_bytes(b"junk"), Source.from_url("http://127.0.0.1:1/a"), Source.from_base64("!")]
    )
    async def test_one_that_is_none_is_no_error(self, open_api: Open, source: Source) -> None:
        """The task goes on."""

        async def paint(_job: Job, run: Run) -> None:
            await run.preview(0, source)
            async with run.call(run.missing, "f"):
                await run.deliver(0, Source.from_bytes(picture()))

        async with open_api(workers=True, provider=ScriptedProvider(paint)) as api:
            assert (await completed(api))["status"] == "completed"

    async def test_a_failed_task_keeps_none(self, open_api: Open) -> None:
        """Whatever was shown of it."""
        seen = asyncio.Event()

        async def refuse(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                await run.preview(0, Source.from_bytes(picture()))
                await seen.wait()
                raise ContentRejected("no")

        async with open_api(workers=True, provider=ScriptedProvider(refuse)) as api:
            task = await api.system.submit()

            async def stored() -> Any:
                return (await api.system.get(task.id)).preview

            preview = await until(stored)
            seen.set()
            assert (await api.system.finished(task.id)).preview is None
            assert (await api.ask("GET", f"/api/v1/assets/{preview.asset.key}")).status == 404

    async def test_one_that_a_dead_process_left_is_removed(self, open_api: Open) -> None:
        """By whoever takes its task over."""

        async def hang(_job: Job, run: Run) -> None:
            async with run.call(run.missing, "f"):
                await run.preview(0, Source.from_bytes(picture()))
                await asyncio.Event().wait()

        async with open_api(workers=True, provider=ScriptedProvider(hang)) as api:
            task = await api.system.submit(on_ambiguous="fail")

            async def stored() -> Any:
                return (await api.system.get(task.id)).preview

            preview = await until(stored)
            assert await take_over(await api.system.get(task.id), api.system.workers.tools)
            assert (await api.system.get(task.id)).preview is None
            assert (await api.ask("GET", f"/api/v1/assets/{preview.asset.key}")).status == 404


class TestOthers:
    async def test_a_picture_task_says_nothing_of_videos(self, open_api: Open) -> None:
        """Its answers are what they were."""
        async with open_api(workers=True) as api:
            task = await completed(api)
            assert set(task["output"]) == {"images", "errors", "partial"}
            assert "kind" not in task

    async def test_a_video_in_a_pictures_stead_is_refused(self, open_api: Open) -> None:
        """The user reads what came."""
        provider = making(OutputKind.IMAGE, Source.from_bytes(film()))
        async with open_api(workers=True, provider=provider) as api:
            task = await completed(api)
            assert task["error"]["code"] == "picture_not_a_picture"
            assert "视频" in task["error"]["message"]

    async def test_one_task_may_make_several_kinds(self, open_api: Open) -> None:
        """A source says what it is where that differs from the task."""
        kinds = [
            Source.from_bytes(sound()),
            Source.from_bytes(picture(), OutputKind.IMAGE),
            Source.from_bytes(GLB, OutputKind.MODEL),
            Source.from_bytes(b"<script>alert(1)</script>", OutputKind.FILE),
        ]
        async with open_api(workers=True, provider=making(OutputKind.AUDIO, *kinds)) as api:
            task = await completed(api, n=4)
            output = task["output"]
            assert [each["index"] for each in output["images"]] == [1]
            assert [(each["index"], each["media_type"]) for each in output["audios"]] == [(0, "audio/mpeg")]
            assert [(each["index"], each["kind"]) for each in output["files"]] == [(2, "model"), (3, "file")]
            script = await api.ask("GET", output["files"][1]["url"].removeprefix(api.base))
            assert script.headers["Content-Type"] == "application/octet-stream"
            assert script.headers["Content-Disposition"] == "attachment"

    async def test_a_task_of_text_shows_it(self, open_api: Open) -> None:
        """It makes no output at all."""

        async def write(_job: Job, run: Run) -> Result:
            async with run.call((), "f"):
                return Result(output={"text": "一首诗"})

        async with open_api(workers=True, provider=ScriptedProvider(write)) as api:
            task = await completed(api, n=0)
            assert task["status"] == Status.COMPLETED
            assert task["output"]["text"] == "一首诗"
            assert task["output"]["images"] == []
            result = (await api.ask("GET", f"/api/v1/ai/image/result/{task['id']}")).json["data"]["result"]
            assert result["text"] == "一首诗"
