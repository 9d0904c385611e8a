"""Pictures of pictures: forms as the libraries send them, and as others do."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import aiohttp
import openai
import pytest

from tests.integration.api.conftest import Client, Reply
from tests.integration.doors.openai.conftest import OpenDoor, Studio, library
from tests.integration.doors.openai.test_joining import bought, cut, stands
from tests.support.providers import picture

PATH = "/v1/images/edits"
ONE, TWO = picture(9, 9), picture(7, 7)


async def references_of(door: Client, task_id: str) -> list[bytes]:
    """Return the reference pictures of a task."""
    shown = (await door.ask("GET", f"/api/v1/tasks/{task_id}")).json["data"]["input"]["image"]
    links = shown if isinstance(shown, list) else [shown]
    return [(await door.ask("GET", link.removeprefix(door.base))).body for link in links]


def form(*parts: tuple[str, str | bytes]) -> aiohttp.FormData:
    """Return a form of these parts, in this order; bytes are a file whose type says nothing."""
    found = aiohttp.FormData(default_to_multipart=True)
    for name, value in parts:
        if isinstance(value, bytes):
            found.add_field(name, value, filename="upload", content_type="application/octet-stream")
        else:
            found.add_field(name, value)
    return found


async def edit(door: Client, *parts: tuple[str, str | bytes], headers: dict[str, str] | None = None) -> Reply:
    return await door.ask("POST", PATH, data=form(*parts), headers=headers)


class TestLibrary:
    async def test_one_picture(self, door: Client, studio: Studio) -> None:
        """Sent as the part `image`."""
        async with library(door) as client:
            made = await client.images.edit(model="gpt-image-1", image=ONE, prompt="a fox", n=1, size="1024x1024")
        assert made.data is not None
        assert base64.b64decode(made.data[0].b64_json or "") == studio.bodies[0]

    async def test_several(self, door: Client) -> None:
        """Sent as parts `image[]`, in their order."""
        async with library(door) as client:
            raw = await client.images.with_raw_response.edit(model="dall-e-2", image=[ONE, TWO], prompt="a fox")
        assert await references_of(door, raw.headers["x-danqing-task"]) == [ONE, TWO]

    async def test_mask_that_the_model_does_not_take_is_refused(self, door: Client, studio: Studio) -> None:
        """Without it, it would be another picture, and paid for."""
        async with library(door) as client:
            with pytest.raises(openai.BadRequestError) as caught:
                await client.images.edit(model="gpt-image-1", image=ONE, mask=TWO, prompt="a fox")
        assert caught.value.param == "mask"
        assert studio.bought == 0


class TestForms:
    @pytest.mark.parametrize("names", [("image", "image"), ("image[]", "image[]"), ("image[0]", "image[1]")])
    async def test_names_of_several(self, door: Client, names: tuple[str, str]) -> None:
        """Each way that some client numbers them; the files come first."""
        reply = await edit(door, (names[0], ONE), (names[1], TWO), ("prompt", "a fox"), ("model", "one"))
        assert reply.status == 200, reply.body
        assert await references_of(door, reply.headers["X-Danqing-Task"]) == [ONE, TWO]

    async def test_texts_are_what_they_say(self, door: Client, studio: Studio) -> None:
        """A form knows no numbers and no flags."""
        reply = await edit(door, ("prompt", "a fox"), ("n", "2"), ("stream", "false"), ("image", ONE))
        assert (reply.status, len(reply.json["data"]), studio.bought) == (200, 2, 2)

    @pytest.mark.parametrize(
        ("parts", "param"),
        [
            ((("prompt", "a fox"),), "image"),
            ((("prompt", "a fox"), ("image", b"no picture")), "image[0]"),
            ((("image", ONE),), "prompt"),
            ((("prompt", "a fox"), ("image", ONE), ("n", "two")), "n"),
        ],
    )
    async def test_what_is_wrong_is_named(
        self, door: Client, studio: Studio, parts: tuple[tuple[str, str | bytes], ...], param: str
    ) -> None:
        """400, and nothing is bought."""
        reply = await edit(door, *parts)
        assert (reply.status, reply.json["error"]["param"]) == (400, param), reply.body
        assert studio.bought == 0

    async def test_what_a_page_leaves_empty_is_absent(self, door: Client, studio: Studio) -> None:
        """Its form has every field, and a file without name or bytes where none was chosen."""
        empty = ("n", "size", "quality", "user", "response_format", "output_format", "model", "stream")
        sent = form(("prompt", "a fox"), ("image", ONE), *((name, "") for name in empty))
        for name in ("image", "mask"):
            sent.add_field(name, b"", filename="", content_type="application/octet-stream")
        reply = await door.ask("POST", PATH, data=sent)
        assert (reply.status, studio.bought) == (200, 1), reply.body
        assert await references_of(door, reply.headers["X-Danqing-Task"]) == [ONE]

    async def test_too_large_a_form(self, open_door: OpenDoor) -> None:
        """413 in their words."""
        async with open_door(DANQING_MAX_BODY_BYTES="4096") as door:
            reply = await edit(door, ("prompt", "a fox"), ("image", b"x" * 10_000))
            assert (reply.status, reply.json["error"]["code"]) == (413, "body_too_large")
            assert door.app.ctx.body_budget.held_bytes == 0

    async def test_repeat_joins_by_the_files_bytes(self, door: Client, studio: Studio) -> None:
        """The boundary differs each time; another file is another request."""
        studio.gate.clear()
        first = asyncio.create_task(edit(door, ("prompt", "a fox"), ("image", ONE)))
        await bought(studio, 1)
        await cut(first)
        await stands(door, "lost")
        other = asyncio.create_task(edit(door, ("prompt", "a fox"), ("image", TWO)))
        await bought(studio, 2)
        repeat = asyncio.create_task(edit(door, ("image", ONE), ("prompt", "a fox")))
        studio.gate.set()
        assert [(await each).status for each in (other, repeat)] == [200, 200]
        assert studio.bought == 2


class TestJson:
    @pytest.mark.parametrize(
        "images",
        [
            {"images": [{"image_url": "DATA"}]},
            {"image": "DATA"},
            {"image": ["DATA"]},
            {"images": [{"image_url": {"url": "DATA"}}]},
        ],
    )
    async def test_links_and_data(self, door: Client, images: dict[str, Any]) -> None:
        """OpenAI's own JSON form, and what others make of it."""
        data = "data:image/png;base64," + base64.b64encode(ONE).decode()
        body = {"prompt": "a fox", **_with(images, data)}
        reply = await door.ask("POST", PATH, json=body)
        assert reply.status == 200, reply.body
        assert await references_of(door, reply.headers["X-Danqing-Task"]) == [ONE]


def _with(value: Any, data: str) -> Any:
    if isinstance(value, dict):
        return {name: _with(each, data) for name, each in value.items()}
    if isinstance(value, list):
        return [_with(each, data) for each in value]
    return data if value == "DATA" else value
