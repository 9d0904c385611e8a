"""Videos by `/v1/videos`: OpenAI's own library and what LobeHub sends, with the simulated Ark behind the door."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import aiohttp
import openai
import pytest

from danqing_server.records.tasks import Status, Task
from danqing_server.supervision.embedded.servers import free_port
from tests.integration.api.conftest import Client, Open, Reply
from tests.integration.doors.openai.conftest import library
from tests.support.installed import all_but
from tests.support.providers import picture
from tests.support.servers import RunningServer, run_sandbox
from tests.support.system import until

pytestmark = pytest.mark.filterwarnings(
    "ignore:The Sora API is scheduled:DeprecationWarning"  # OpenAI's own service ended; the library's calls work
)

KEY, OTHER_KEY = "a-secret-of-sixteen", "another-of-sixteen!"
BEARER = {"Authorization": f"Bearer {KEY}"}
OTHERS = {"Authorization": f"Bearer {OTHER_KEY}"}
VIDEO = "doubao-seedance-2-0-260128"
EDITOR = "doubao-seedance-2-5-260628"
"""It edits and extends videos; the others only look at them."""

SMALL: dict[str, Any] = {"seconds": "4", "size": "854x480"}
POLL_MS = 100
FRAME = picture(320, 320)


@pytest.fixture(scope="module")
def ark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A simulator whose orders take a moment."""
    arguments = ("--latency-s", "0", "--queued-s", "0.1", "--running-s", "0.2")
    with run_sandbox(tmp_path_factory.mktemp("sandbox"), port=free_port(), arguments=arguments) as server:
        yield server


@pytest.fixture
async def films(open_api: Open, ark: RunningServer) -> AsyncIterator[Client]:
    """An application that asks for keys, and whose provider is Volcengine, simulated."""
    async with open_api(
        workers=True,
        DANQING_API_KEYS=f"shop:{KEY},other:{OTHER_KEY}",
        DANQING_DISABLED_PLUGINS=all_but("volcengine"),
        DANQING_DEFAULT_PROVIDER="volcengine",
        DANQING_MODEL_ALIASES=f"director:volcengine/{VIDEO}",
        DANQING_SANDBOX_URL=ark.url,
        DANQING_VOLCENGINE_VIDEO_POLL_EVERY="0.1",
        DANQING_STOP_GRACE="0.1",  # no test ends with a film that it waits for
    ) as client:
        yield client


async def order(films: Client, headers: dict[str, str] | None = None, **fields: Any) -> Reply:
    """Send what LobeHub sends."""
    body = {"model": VIDEO, "prompt": "a fox", **fields}
    return await films.ask("POST", "/v1/videos", json=body, headers={**BEARER, **(headers or {})})


async def ordered(films: Client, **fields: Any) -> Task:
    """Return the task of an order."""
    reply = await order(films, **fields)
    assert reply.status == 200, reply.body
    return await films.system.get(reply.json["id"])


async def made(films: Client, **fields: Any) -> str:
    """Return the id of a video that is made."""
    task = await ordered(films, **{**SMALL, **fields})
    await films.system.finished(task.id, 60)
    return task.id


async def get(films: Client, path: str, headers: Mapping[str, str] = MappingProxyType({})) -> Reply:
    return await films.ask("GET", f"/v1/videos{path}", headers={**BEARER, **headers})


def by_id(source: str) -> dict[str, Any]:
    """Return what has openai-python 3.57.0 name a video: it knows `{"id": …}`, but lets only files through."""
    return {"video": b"", "extra_body": {"video": {"id": source}}}


class TestLibrary:
    """`client.videos`, unmodified."""

    async def test_a_video_from_order_to_deletion(self, films: Client) -> None:
        """Every field stands where the library looks for it, and the video can be had."""
        async with library(films, api_key=KEY) as client:
            video = await client.videos.create_and_poll(
                model=VIDEO, prompt="a fox", seconds="4", size="1280x720", poll_interval_ms=POLL_MS
            )
            assert (video.status, video.error, video.progress, video.object) == ("completed", None, 100, "video")
            assert (video.model, video.prompt, video.seconds, video.size) == (VIDEO, "a fox", "4", "1280x720")
            assert video.completed_at is not None
            assert video.completed_at >= video.created_at
            content = await client.videos.download_content(video.id)
            assert content.response.headers["content-type"] == "video/mp4"
            assert content.content[4:8] == b"ftyp"
            still = await client.videos.download_content(video.id, variant="thumbnail")
            assert still.content[8:12] == b"WEBP"
            assert [each.id async for each in client.videos.list()] == [video.id]
            gone = await client.videos.delete(video.id)
            assert (gone.id, gone.deleted, gone.object) == (video.id, True, "video.deleted")
            with pytest.raises(openai.NotFoundError):
                await client.videos.retrieve(video.id)

    async def test_names_of_openai_and_aliases_are_models_here(self, films: Client) -> None:
        """What clients have written into them means the first model of videos; an alias what it says."""
        async with library(films, api_key=KEY) as client:
            usual = await client.videos.create(model="sora-2", prompt="a fox", seconds="4")
            named = await client.videos.create(model="director", prompt="a fox", seconds="4")
            nameless = await client.videos.create(prompt="a fox", seconds="4")
            listed = {model.id async for model in client.models.list()}
        assert [usual.model, named.model, nameless.model] == [VIDEO] * 3
        assert {"sora-2", "director", VIDEO} <= listed

    async def test_first_frame_as_a_file(self, films: Client) -> None:
        """It is in the form beside the fields."""
        async with library(films, api_key=KEY) as client:
            video = await client.videos.create(model=VIDEO, prompt="a fox", input_reference=FRAME, seconds="4")
        task = await films.system.finished(video.id, 60)
        assert (task.status, len(task.references)) == (Status.COMPLETED, 1)

    async def test_video_that_fails(self, films: Client) -> None:
        """The library's poll ends, and the video says why."""
        async with library(films, api_key=KEY) as client:
            video = await client.videos.create_and_poll(
                model=VIDEO, prompt="a fox [sandbox:moderation-output]", seconds="4", poll_interval_ms=POLL_MS
            )
        assert (video.status, video.completed_at) == ("failed", None)
        assert video.error is not None
        assert video.error.code == "moderation_blocked"
        assert video.error.message

    async def test_pages(self, films: Client) -> None:
        """The library goes on where a page ends, in either direction, and ends."""
        ids = [(await ordered(films, **SMALL)).id for _ in range(3)]
        async with library(films, api_key=KEY) as client:
            newest = [each.id async for each in client.videos.list(limit=2)]
            oldest = [each.id async for each in client.videos.list(limit=1, order="asc")]
            page = await client.videos.list(limit=2)
        assert (newest, oldest) == (ids[::-1], ids)
        assert (page.has_more, page.last_id) == (True, ids[1])

    async def test_no_such_model(self, films: Client) -> None:
        """Models of pictures are none."""
        async with library(films, api_key=KEY) as client:
            for name in ("nobody's", "doubao-seedream-4-5-251128"):
                with pytest.raises(openai.NotFoundError) as caught:
                    await client.videos.create(model=name, prompt="a fox")
                assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


class TestFitting:
    """What becomes of OpenAI's words."""

    async def test_size_and_seconds_become_the_models_own(self, films: Client) -> None:
        """The nearest that the model takes; the task says what became of what."""
        task = await ordered(films, seconds="2", size="1024x1792")
        assert (task.input["duration"], task.input["resolution"], task.input["ratio"]) == (4, "1080p", "9:16")
        notes = " ".join(task.notes)
        assert "seconds: 2" in notes
        assert "1080p" in notes

    async def test_own_words_of_the_model_are_passed_on(self, films: Client) -> None:
        """As JSON and as texts of a form; what it does not know is noted."""
        form = aiohttp.FormData(default_to_multipart=True)
        fields = {"model": VIDEO, "prompt": "a fox", "seed": "7", "generate_audio": "false", "style": "noir"}
        for name, value in {**fields, "size": "480p", "seconds": "4"}.items():
            form.add_field(name, value)
        reply = await films.ask("POST", "/v1/videos", data=form, headers=BEARER)
        task = await films.system.get(reply.json["id"])
        assert (task.input["seed"], task.input["generate_audio"], task.input["resolution"]) == (7, False, "480p")
        assert "style" in " ".join(task.notes)
        assert reply.json["seconds"] == "4"

    async def test_first_frame_as_lobehub_sends_it(self, films: Client) -> None:
        """An object with a link or a data URI; and as an object in a form."""
        link = "data:image/png;base64," + base64.b64encode(FRAME).decode()
        task = await ordered(films, input_reference={"image_url": link}, **SMALL)
        assert len(task.references) == 1
        form = aiohttp.FormData(default_to_multipart=True)
        for name, value in {"model": VIDEO, "prompt": "a fox", "input_reference[image_url]": link}.items():
            form.add_field(name, value)
        reply = await films.ask("POST", "/v1/videos", data=form, headers=BEARER)
        assert len((await films.system.get(reply.json["id"])).references) == 1

    @pytest.mark.parametrize("seconds", ["soon", "-1", "nan", "1e999", [], True, "9" * 400])
    async def test_no_length_is_refused(self, films: Client, seconds: Any) -> None:
        """It decides what is bought."""
        reply = await order(films, seconds=seconds)
        assert (reply.status, reply.json["error"]["param"]) == (400, "seconds")

    async def test_prompt_of_no_text_is_refused(self, films: Client) -> None:
        reply = await order(films, prompt=["a fox"])
        assert (reply.status, reply.json["error"]["param"]) == (400, "prompt")


class TestWaiting:
    async def test_says_when_to_ask_again(self, films: Client) -> None:
        """Until it has ended; then where it is, which LobeHub reads first."""
        reply = await order(films, **SMALL, prompt="a fox [sandbox:running=1]")
        task_id = reply.json["id"]
        assert reply.json["status"] in ("queued", "in_progress")
        assert (reply.json["seconds"], reply.json["progress"], reply.headers["openai-poll-after-ms"]) == (
            "4",
            0,
            "2000",
        )
        assert "url" not in reply.json

        async def completed() -> Reply | None:
            found = await get(films, f"/{task_id}")
            return found if found.json["status"] == "completed" else None

        done = await until(completed, timeout_s=60, what="the video")
        assert "openai-poll-after-ms" not in done.headers
        film = await films.ask("GET", done.json["url"].removeprefix(films.base))
        assert (film.status, film.headers["Content-Type"]) == (200, "video/mp4")

    async def test_content_too_early(self, films: Client) -> None:
        """No library repeats it by itself."""
        task = await ordered(films, **SMALL, prompt="a fox [sandbox:running=1]")
        reply = await get(films, f"/{task.id}/content")
        assert (reply.status, reply.json["error"]["code"]) == (400, "video_not_ready")
        assert reply.headers["x-should-retry"] == "false"

    async def test_content_of_what_failed(self, films: Client) -> None:
        task_id = await made(films, prompt="a fox [sandbox:moderation-output]")
        reply = await get(films, f"/{task_id}/content")
        assert (reply.status, reply.json["error"]["code"]) == (400, "video_failed")

    async def test_cancelled_is_failed(self, films: Client) -> None:
        """OpenAI's have no such status; the library would ask for ever."""
        task = await ordered(films, **SMALL, prompt="a fox [sandbox:queued=5]")
        await films.ask("POST", f"/api/v1/tasks/{task.id}/cancel", headers=BEARER)
        shown = (await get(films, f"/{task.id}")).json
        assert (shown["status"], shown["error"]["code"]) == ("failed", "cancelled")


class TestContent:
    async def test_parts_and_what_one_has(self, films: Client) -> None:
        """Ranges and conditions hold as at the public link, with the same bytes."""
        path = f"/{await made(films)}/content"
        whole = await get(films, path)
        part = await get(films, path, {"Range": "bytes=4-7"})
        assert (part.status, part.body) == (206, whole.body[4:8])
        assert part.headers["Content-Range"] == f"bytes 4-7/{len(whole.body)}"
        assert (await get(films, path, {"Range": "bytes=99999999-"})).status == 416
        assert (await get(films, path, {"If-None-Match": whole.headers["ETag"]})).status == 304

    async def test_spritesheet_is_refused(self, films: Client) -> None:
        reply = await get(films, f"/{await made(films)}/content?variant=spritesheet")
        assert (reply.status, reply.json["error"]["param"]) == (400, "variant")
        assert "thumbnail" in reply.json["error"]["message"]
        assert (await get(films, "/x/content?variant=poem")).json["error"]["param"] == "variant"


class TestRepeats:
    async def test_same_key_is_one_order(self, films: Client) -> None:
        """JSON and forms alike; another body under it is refused, and not with what libraries repeat."""
        headers = {"Idempotency-Key": "film-1"}
        ids = {(await order(films, headers, **SMALL)).json["id"] for _ in range(3)}
        assert len(ids) == 1
        other = await order(films, headers, prompt="a cat")
        assert other.status in (400, 422)
        async with library(films, api_key=KEY) as client:
            forms = {
                (
                    await client.videos.create(
                        model=VIDEO,
                        prompt="a fox",
                        input_reference=FRAME,
                        extra_headers={"Idempotency-Key": "film-2"},
                    )
                ).id
                for _ in range(2)
            }
        assert len(forms) == 1

    async def test_asking_twice_buys_two(self, films: Client) -> None:
        """An answered order is joined by nobody, whatever the next says of itself."""
        headers = {"x-stainless-retry-count": "1"}
        assert len({(await order(films, headers, **SMALL)).json["id"] for _ in range(2)}) == 2


class TestRemix:
    async def test_new_video_of_a_video(self, films: Client) -> None:
        """The same model makes it, as long and as large, of the video by its link."""
        source = await made(films)
        async with library(films, api_key=KEY) as client:
            video = await client.videos.remix(source, prompt="by night")
        task = await films.system.get(video.id)
        link = (await get(films, f"/{source}")).json["url"]
        assert task.input["reference_video"] in (link, [link])
        assert (task.input["prompt"], task.input["duration"], task.input["resolution"]) == ("by night", 4, "480p")
        assert (video.remixed_from_video_id, video.prompt) == (source, "by night")

    async def test_model_that_takes_no_video(self, films: Client) -> None:
        """Without the video it would be another one, and paid for."""
        source = await made(films, model="doubao-seedance-1-5-pro-251215")
        reply = await films.ask("POST", f"/v1/videos/{source}/remix", json={"prompt": "x"}, headers=BEARER)
        assert (reply.status, reply.json["error"]["param"]) == (400, "video_id")

    async def test_video_that_is_not_there_yet(self, films: Client) -> None:
        task = await ordered(films, **SMALL, prompt="a fox [sandbox:running=1]")
        reply = await films.ask("POST", f"/v1/videos/{task.id}/remix", json={"prompt": "x"}, headers=BEARER)
        assert (reply.status, reply.json["error"]["code"]) == (400, "video_not_ready")


class TestEditsAndExtensions:
    """`client.videos.edit` and `.extend`: by a model that does so, and refused where none would."""

    async def test_edited_as_long_and_as_wide(self, films: Client) -> None:
        """The model is told what is meant, which it would guess otherwise; the rest it is told as before."""
        source = await made(films, model=EDITOR, seed=7)
        async with library(films, api_key=KEY) as client:
            video = await client.videos.edit(prompt="it snows", **by_id(source))
        task = await films.system.finished(video.id, 60)
        link = (await get(films, f"/{source}")).json["url"]
        assert (task.status, task.input["reference_video"]) == (Status.COMPLETED, [link])
        assert (task.input["omni_reference_task_type"], task.input["ratio"], task.input["duration"]) == (
            "edit",
            "adaptive",
            -1,
        )
        assert (task.model, task.input["seed"], task.input["resolution"]) == (EDITOR, 7, "480p")
        assert (video.remixed_from_video_id, video.prompt) == (source, "it snows")

    async def test_extended_by_so_many_seconds(self, films: Client) -> None:
        """As a form, as JSON, and as a bare id."""
        source = await made(films, model=EDITOR)
        async with library(films, api_key=KEY) as client:
            video = await client.videos.extend(prompt="it looks back", seconds="8", **by_id(source))
        task = await films.system.finished(video.id, 60)
        assert task.status is Status.COMPLETED
        assert (task.input["omni_reference_task_type"], task.input["ratio"], task.input["duration"]) == (
            "extend",
            "adaptive",
            8,
        )
        for given in ({"id": source}, source):
            reply = await self.ask(films, "extensions", video=given, seconds=2)
            assert reply.json["remixed_from_video_id"] == source
            assert "seconds: 2" in " ".join((await films.system.get(reply.json["id"])).notes)

    @pytest.mark.parametrize("what", ["edits", "extensions"])
    async def test_model_that_cannot(self, films: Client, what: str) -> None:
        """Nothing is bought; who can is named, and does it of another's video when it is asked to."""
        source = await made(films)
        reply = await self.ask(films, what, video={"id": source}, seconds="4")
        assert (reply.status, reply.json["error"]["param"]) == (400, "model")
        assert EDITOR in reply.json["error"]["message"]
        reply = await self.ask(films, what, video={"id": source}, seconds="4", model=EDITOR)
        assert (reply.status, reply.json["model"]) == (200, EDITOR)

    @pytest.mark.parametrize(
        ("what", "wrong", "param"),
        [
            ("edits", {"video": None}, "video"),
            ("edits", {"video": {"url": "https://example.com/a.mp4"}}, "video"),
            ("edits", {"video": 7}, "video"),
            ("edits", {"prompt": None}, "prompt"),
            ("edits", {"model": 7}, "model"),
            ("extensions", {"seconds": None}, "seconds"),
            ("extensions", {"seconds": "soon"}, "seconds"),
        ],
    )
    async def test_what_is_missing_or_wrong_is_named(
        self, films: Client, what: str, wrong: dict[str, Any], param: str
    ) -> None:
        """Before anything is bought."""
        source = await made(films, model=EDITOR)
        reply = await self.ask(films, what, **{"video": {"id": source}, "seconds": "4", **wrong})
        assert (reply.status, reply.json["error"]["param"]) == (400, param)

    async def test_file_of_a_video_that_was_made_here(self, films: Client) -> None:
        """What was fetched is sent back, as the library does it: it is known by its bytes."""
        source = await made(films, model=EDITOR)
        async with library(films, api_key=KEY) as client:
            film = (await client.videos.download_content(source)).read()
            edited = await client.videos.edit(prompt="it snows", video=("fox.mp4", film, "video/mp4"))
            extended = await client.videos.extend(prompt="it looks back", seconds="8", video=film)
        link = (await get(films, f"/{source}")).json["url"]
        for video in (edited, extended):
            task = await films.system.finished(video.id, 60)
            assert (task.status, task.input["reference_video"]) == (Status.COMPLETED, [link])
            assert video.remixed_from_video_id == source

    async def test_file_that_was_not_made_here_is_refused(self, films: Client) -> None:
        """A service fetches videos by their links; the message says what is taken instead."""
        async with library(films, api_key=KEY) as client:
            with pytest.raises(openai.BadRequestError) as caught:
                await client.videos.edit(prompt="it snows", video=b"a film")
        assert (caught.value.param, caught.value.code) == ("video", "validation_failed")
        for word in ("video.id", "reference_video", EDITOR):
            assert word in caught.value.message

    async def test_file_of_anothers_video_is_nobodys(self, films: Client) -> None:
        """Whoever has the bytes does not have the task."""
        source = await made(films, model=EDITOR)
        async with library(films, api_key=KEY) as client:
            film = (await client.videos.download_content(source)).read()
        async with library(films, api_key=OTHER_KEY) as client:
            with pytest.raises(openai.BadRequestError) as caught:
                await client.videos.edit(prompt="it snows", video=film)
        assert caught.value.param == "video"

    async def test_video_that_is_not_there(self, films: Client) -> None:
        """Not yet, or not at all."""
        task = await ordered(films, **SMALL, prompt="a fox [sandbox:running=1]")
        reply = await self.ask(films, "edits", video={"id": task.id})
        assert (reply.status, reply.json["error"]["code"]) == (400, "video_not_ready")
        assert (await self.ask(films, "edits", video={"id": "nobody's"})).status == 404

    async def ask(self, films: Client, what: str, **body: Any) -> Reply:
        return await films.ask("POST", f"/v1/videos/{what}", json={"prompt": "x", **body}, headers=BEARER)


class TestCharacters:
    """`client.videos.create_character` and `.get_character`: no service behind this server keeps any."""

    async def test_none_is_made(self, films: Client) -> None:
        """The message says how somebody is to be seen in a video all the same, and by which models."""
        async with library(films, api_key=KEY) as client:
            with pytest.raises(openai.BadRequestError) as caught:
                await client.videos.create_character(name="the fox", video=b"a film")
        assert (caught.value.param, caught.value.code) == ("video", "validation_failed")
        for word in ("input_reference", VIDEO):
            assert word in caught.value.message

    async def test_none_is_there(self, films: Client) -> None:
        """Whatever its id; the next request over the same connection is answered as ever."""
        async with library(films, api_key=KEY) as client:
            with pytest.raises(openai.NotFoundError):
                await client.videos.get_character("char_1")
            assert (await client.videos.list()).data == []


class TestOthers:
    async def test_videos_of_others_are_nobodys(self, films: Client) -> None:
        """In every path, and as the place where a list goes on."""
        task_id = await made(films)
        assert (await get(films, "", OTHERS)).json["data"] == []
        for method, path in (
            ("GET", f"/{task_id}"),
            ("GET", f"/{task_id}/content"),
            ("GET", f"?after={task_id}"),
            ("DELETE", f"/{task_id}"),
            ("POST", f"/{task_id}/remix"),
        ):
            reply = await films.ask(method, f"/v1/videos{path}", json={"prompt": "x"}, headers=OTHERS)
            assert reply.status == 404, (method, path)
        for what in ("edits", "extensions"):
            body = {"prompt": "x", "seconds": "4", "video": {"id": task_id}, "model": EDITOR}
            assert (await films.ask("POST", f"/v1/videos/{what}", json=body, headers=OTHERS)).status == 404
        assert (await get(films, f"/{task_id}")).status == 200

    async def test_pictures_are_no_videos(self, films: Client) -> None:
        """They have a place of their own."""
        body = {"prompt": "a fox", "user_id": "u"}
        made = await films.ask("POST", "/api/v1/ai/image/task", json=body, headers=BEARER)
        assert (await get(films, f"/{made.json['data']['task_id']}")).status == 404
        assert (await get(films, "")).json["data"] == []
