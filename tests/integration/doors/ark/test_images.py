"""Pictures by `images/generations`, as Ark's library asks for them; what they cost, by the simulator's ledger."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from PIL import Image

from tests.integration.api.conftest import Client, Open
from tests.integration.api.test_keys import ADMIN_KEY, administer, bearer, make_key, roster_of
from tests.integration.doors.ark.conftest import KEY, OTHER_KEY, Library, ark_library
from tests.support.installed import all_but
from tests.support.providers import ScriptedProvider, picture
from tests.support.servers import RunningServer
from tests.support.system import until
from tests.support.whole import bills_of, only

MODEL = "doubao-seedream-4-0-250828"
PATH = "/api/v3/images/generations"
BEARER = {"Authorization": f"Bearer {KEY}"}
GROUP = {"sequential_image_generation": "auto"}


def size_of(body: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(body)) as found:
        return found.size


async def visits_of(api: Client) -> list[dict[str, Any]]:
    found = await api.services.store.database["danqing_visits"].find().to_list(None)
    return [visit for each in found for visit in each["visits"]]


class TestLibrary:
    """`client.images.generate`."""

    async def test_a_picture_by_link(self, api: Client, library: Library) -> None:
        """Size, usage and model as Ark tells them; the picture is ours."""
        answer = await library().images.generate(model=MODEL, prompt="山水", size="1280x720")
        [made] = answer.data
        assert (answer.model, made.size) == (MODEL, "1280x720")
        assert answer.usage.generated_images == 1
        assert answer.usage.output_tokens == answer.usage.total_tokens == 1280 * 720 // 256
        reply = await api.ask("GET", made.url.removeprefix(api.base))
        assert size_of(reply.body) == (1280, 720)

    async def test_a_picture_in_the_answer(self, library: Library) -> None:
        """Bare base64, and no link."""
        answer = await library().images.generate(
            model=MODEL, prompt="山水", size="1280x720", response_format="b64_json"
        )
        assert size_of(base64.b64decode(answer.data[0].b64_json)) == (1280, 720)
        assert answer.data[0].url is None

    async def test_a_group_with_a_refused_picture(self, library: Library) -> None:
        """Each has its place; the one that was refused says why, and does not raise."""
        answer = await library().images.generate(
            model=MODEL, prompt="3张山水 [sandbox:moderation-output=1]", size="1280x720", **GROUP
        )
        assert [item.url is not None for item in answer.data] == [True, False, True]
        assert answer.data[1].error["code"] == "OutputImageSensitiveContentDetected"
        assert answer.usage.generated_images == 2

    async def test_with_a_reference(self, api: Client, library: Library) -> None:
        """A data URI, as Ark takes it."""
        link = "data:image/png;base64," + base64.b64encode(picture(64, 64)).decode()
        answer = await library().images.generate(model=MODEL, prompt="x", size="1280x720", image=[link, link])
        assert answer.data[0].url

    async def test_what_nobody_knows_is_left_out(self, api: Client) -> None:
        """Whatever it holds; what a task would hold is looked at, wherever it stands."""
        body = {"model": MODEL, "prompt": "x", "size": "1280x720", "$odd.name": {"a.b": 1, "": "\0"}}
        assert (await api.ask("POST", PATH, json=body, headers=BEARER)).status == 200
        told = {**body, "sequential_image_generation_options": {"$odd.name": 1}}
        reply = await api.ask("POST", PATH, json=told, headers=BEARER)
        assert (reply.status, reply.json["error"]["param"]) == (
            400,
            "sequential_image_generation_options.$odd.name",
        )

    @pytest.mark.parametrize(
        ("options", "error", "code"),
        [
            ({"prompt": "x [sandbox:moderation]"}, "ArkBadRequestError", "InputTextSensitiveContentDetected"),
            ({"prompt": "x", "size": "10x10"}, "ArkBadRequestError", "InvalidParameter"),
            ({"prompt": "x", "model": "doubao-seedream-9"}, "ArkNotFoundError", "InvalidEndpointOrModel.NotFound"),
            ({"prompt": ""}, "ArkBadRequestError", "MissingParameter"),
        ],
    )
    async def test_refusals(self, library: Library, options: dict[str, Any], error: str, code: str) -> None:
        """Each is the library's own class, with Ark's code; it asks once."""
        with pytest.raises(ark_library._exceptions.ArkError) as caught:
            await library(max_retries=2).images.generate(**{"model": MODEL, "size": "1280x720", **options})
        assert (type(caught.value).__name__, caught.value.code) == (error, code)


class TestStream:
    """`stream=True`."""

    async def events(self, library: Library, **options: Any) -> list[Any]:
        stream = await library().images.generate(model=MODEL, size="1280x720", stream=True, **options)
        return [event async for event in stream]

    async def test_a_group(self, api: Client, library: Library) -> None:
        """An event for each picture, and the last one with the usage."""
        events = await self.events(library, prompt="3张山水", **GROUP)
        kinds = [event.type.removeprefix("image_generation.") for event in events]
        assert kinds == ["partial_succeeded"] * 3 + ["completed"]
        assert [event.image_index for event in events[:3]] == [0, 1, 2]
        assert events[-1].usage["generated_images"] == 3
        for event in events[:3]:
            assert (await api.ask("GET", event.url.removeprefix(api.base))).status == 200

    async def test_one_picture_in_base64(self, library: Library) -> None:
        """Whole, in its event."""
        made, end = await self.events(library, prompt="山水", response_format="b64_json")
        assert size_of(base64.b64decode(made.b64_json)) == (1280, 720)
        assert end.usage["generated_images"] == 1

    async def test_refusal_before_it_begins(self, library: Library) -> None:
        """Is a plain answer with its status."""
        with pytest.raises(ark_library._exceptions.ArkBadRequestError) as caught:
            await self.events(library, prompt="x [sandbox:moderation]")
        assert caught.value.code == "InputTextSensitiveContentDetected"

    async def test_good_ones_come_first(self, api: Client) -> None:
        """The library raises on the one that failed, and would lose what came after it."""
        body = {"model": MODEL, "prompt": "3张 [sandbox:moderation-output=0]", "size": "1280x720", "stream": True}
        reply = await api.ask("POST", PATH, json={**body, **GROUP}, headers=BEARER)
        assert reply.headers["Content-Type"].startswith("text/event-stream")
        kinds = [line.split(b".")[1] for line in reply.body.splitlines() if line.startswith(b"event: ")]
        assert kinds == [b"partial_succeeded", b"partial_succeeded", b"partial_failed", b"completed"]
        assert reply.headers["x-danqing-task"]


class TestHeldCalls:
    """What becomes of a call that takes long, or is cut: one purchase for each that was meant."""

    @pytest.fixture
    async def brief(self, open_api: Open, ark: RunningServer) -> AsyncIterator[Client]:
        """An application that holds a call for a moment only."""
        async with open_api(
            workers=True,
            DANQING_API_KEYS=f"shop:{KEY},other:{OTHER_KEY}",
            DANQING_DISABLED_PLUGINS=all_but("volcengine"),
            DANQING_DEFAULT_PROVIDER="volcengine",
            DANQING_SANDBOX_URL=ark.url,
            DANQING_SYNC_WAIT="0.3",
        ) as client:
            yield client

    async def test_library_follows_redirects(self, brief: Client, ark: RunningServer, imported: None) -> None:
        """And keeps its key on the way; the picture comes as it was asked for."""
        prompt = "held [sandbox:slow=1.2]"
        client = ark_library.AsyncArk(base_url=f"{brief.base}/api/v3", api_key=KEY, max_retries=0)
        answer = await client.images.generate(
            model=MODEL, prompt=prompt, size="1280x720", response_format="b64_json"
        )
        await client.close()
        assert size_of(base64.b64decode(answer.data[0].b64_json)) == (1280, 720)
        assert len(await bills_of(ark, prompt)) == 1

    async def test_blanks_instead_of_redirects(self, open_api: Open, ark: RunningServer, imported: None) -> None:
        """Where the operator wants that; what is refused late is told to the library's repeat, by its status."""
        async with open_api(
            workers=True,
            DANQING_SYNC_MODE="whitespace",
            DANQING_SYNC_WAIT="0.5",
            DANQING_DISABLED_PLUGINS=all_but("volcengine"),
            DANQING_SANDBOX_URL=ark.url,
        ) as api:
            prompt = "blanks [sandbox:slow=0.8]"
            async with ark_library.AsyncArk(base_url=f"{api.base}/api/v3", api_key=KEY) as client:
                made = await client.images.generate(model=MODEL, prompt=prompt, size="1280x720")
                with pytest.raises(ark_library._exceptions.ArkBadRequestError):
                    await client.images.generate(
                        model=MODEL, prompt=f"{prompt} [sandbox:moderation-output]", size="1280x720"
                    )
            assert made.data[0].url
            assert len(await bills_of(ark, prompt)) == 1
            body = {"model": MODEL, "prompt": prompt, "size": "1280x720"}
            reply = await api.ask("POST", PATH, json=body, allow_redirects=False)
            assert (reply.status, reply.body[:1]) == (200, b" ")

    async def test_cut_and_repeated_by_the_library(self, api: Client, ark: RunningServer, library: Library) -> None:
        """Its retries carry no mark: each finds the task of the one before."""
        prompt = "cut [sandbox:slow=2]"
        answer = await library(max_retries=2, timeout=1.2).images.generate(
            model=MODEL, prompt=prompt, size="1280x720"
        )
        assert answer.data[0].url
        assert len(await bills_of(ark, prompt)) == 1

    @pytest.mark.parametrize(("words", "status"), [("reset-after-billing x9", 424), ("fail x9", 500)])
    async def test_what_may_have_been_paid_is_not_bought_again(
        self, open_api: Open, ark: RunningServer, words: str, status: int
    ) -> None:
        """Ark's library in Go repeats 429 and 5xx, and obeys no header; what cost nothing is Ark's own 500."""
        async with open_api(
            workers=True,
            DANQING_ON_AMBIGUOUS="fail",
            DANQING_MAX_ATTEMPTS="1",
            DANQING_DISABLED_PLUGINS=all_but("volcengine"),
            DANQING_SANDBOX_URL=ark.url,
        ) as api:
            body = {"model": MODEL, "prompt": f"paid? [sandbox:{words}]", "size": "1280x720"}
            reply = await api.ask("POST", PATH, json=body)
            stream = await api.ask("POST", PATH, json={**body, "stream": True})
        assert [reply.status, stream.status] == [status, status]
        assert reply.json["error"]["code"] == "InternalServiceError"
        assert reply.headers["x-should-retry"] == "false"

    async def test_asked_twice_is_bought_twice(self, api: Client, ark: RunningServer) -> None:
        """At once, or one after the other: neither is a repeat."""
        body = {"model": MODEL, "prompt": "twice [sandbox:slow=0.2]", "size": "1280x720"}
        asked = [api.ask("POST", PATH, json=body, headers=BEARER) for _ in range(2)]
        replies = [*await asyncio.gather(*asked), await api.ask("POST", PATH, json=body, headers=BEARER)]
        assert len({reply.headers["x-danqing-task"] for reply in replies}) == 3
        assert len(await bills_of(ark, body["prompt"])) == 3

    async def test_stream_that_was_cut(self, api: Client, ark: RunningServer) -> None:
        """The same request joins its task."""
        prompt = "stream [sandbox:slow=1]"
        body = {"model": MODEL, "prompt": prompt, "size": "1280x720", "stream": True}
        asked = asyncio.create_task(api.ask("POST", PATH, json=body, headers=BEARER))

        async def is_there() -> bool:
            return bool(await api.services.store.database["danqing_tasks"].count_documents({}))

        await until(is_there)
        [visit] = await visits_of(api)
        within_s = (visit["until"] - visit["at"]).total_seconds()
        assert within_s >= api.services.settings.task_timeout_s  # nobody takes its place while it waits
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

        async def is_lost() -> bool:
            return [visit["state"] for visit in await visits_of(api)] == ["lost"]

        await until(is_lost)
        reply = await api.ask("POST", PATH, json=body, headers=BEARER)
        assert b"image_generation.completed" in reply.body
        assert len(await bills_of(ark, prompt)) == 1

    async def test_repeat_of_one_that_was_refused_unread_is_new(self, open_api: Open, ark: RunningServer) -> None:
        """openai-python speaks to Ark, too, and marks its repeats: a neighbour keeps its picture for itself."""
        names = {"DANQING_ADMIN_KEY": ADMIN_KEY, **only("volcengine", ark)}
        body = {"model": MODEL, "prompt": "both [sandbox:slow=2]", "size": "1280x720"}
        async with open_api(workers=True, **names) as api:
            key, secret = await make_key(api, limits={"requests_per_minute": 1})
            own = bearer(secret)
            first = asyncio.create_task(api.ask("POST", PATH, json=body, headers=own))

            async def is_there() -> bool:
                return bool(await visits_of(api))

            await until(is_there)
            refused = await api.ask("POST", PATH, json=body, headers={**own, "x-stainless-retry-count": "0"})
            assert refused.status == 429
            await administer(api, "PUT", f"/keys/{key}", limits={})
            await roster_of(api).refresh()
            repeat = await api.ask("POST", PATH, json=body, headers={**own, "x-stainless-retry-count": "1"})
            tasks = {each.headers["x-danqing-task"] for each in (await first, repeat)}
        assert len(tasks) == 2

    async def test_nobody_else_joins(self, brief: Client) -> None:
        """Another project's call of that id is not there."""
        body = {"model": MODEL, "prompt": "mine", "size": "1280x720"}
        task_id = (await brief.ask("POST", PATH, json=body, headers=BEARER)).headers["x-danqing-task"]
        other = {"Authorization": f"Bearer {OTHER_KEY}"}
        reply = await brief.ask("GET", f"/api/v3/images/wait/{task_id}?i=2", headers=other)
        assert (reply.status, reply.json["error"]["code"]) == (404, "ResourceNotFound")


class TestOtherProviders:
    """A model that is not Ark's."""

    @pytest.fixture
    async def mixed(self, open_api: Open, ark: RunningServer) -> AsyncIterator[Client]:
        async with open_api(
            workers=True,
            DANQING_DISABLED_PLUGINS=all_but("openai_images"),
            DANQING_DEFAULT_PROVIDER="openai",
            DANQING_SANDBOX_URL=ark.url,
        ) as client:
            yield client

    async def test_it_makes_what_it_can(self, mixed: Client) -> None:
        """What only Ark knows is left out; a group is as many pictures as it may have."""
        body = {
            "model": "gpt-image-2",
            "prompt": "x",
            "size": "2K",
            "watermark": False,
            "sequential_image_generation": "auto",
            "sequential_image_generation_options": {"max_images": 2},
            "guidance_scale": None,
        }
        reply = await mixed.ask("POST", PATH, json=body)
        assert reply.status == 200, reply.body
        assert len(reply.json["data"]) == reply.json["usage"]["generated_images"] == 2

    async def test_that_describes_nothing_is_told_the_prompt(self, open_api: Open) -> None:
        """A plugin need not say what its models take."""
        async with open_api(workers=True, provider=ScriptedProvider()) as api:
            reply = await api.ask("POST", PATH, json={"model": "one", "prompt": "a fox"})
        assert reply.status == 200, reply.body
