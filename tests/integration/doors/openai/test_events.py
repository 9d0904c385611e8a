"""What a stream of pictures says to OpenAI's own classes, and how it ends when it cannot bring them."""

from __future__ import annotations

import asyncio
import base64
import io
from typing import Any

import openai
import pytest
from PIL import Image

from tests.integration.api.conftest import Client, Open
from tests.integration.doors.openai.conftest import OpenDoor, Studio, library, previewed
from tests.integration.doors.openai.test_joining import PATH, WISH, ask, bought, stands
from tests.support.providers import ScriptedProvider


def format_of(encoded: str) -> str | None:
    """Return what a picture in base64 is."""
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        return image.format


async def told(door: Client, **options: Any) -> list[Any]:
    """Return what OpenAI's library makes of a stream's events."""
    async with library(door) as client:
        stream: Any = await client.images.generate(**WISH, stream=True, **options)  # type: ignore[call-overload]
        return [event async for event in stream]


class TestMembers:
    async def test_each_that_the_library_declares_is_there(self, door: Client) -> None:
        """Its classes have no member that was not sent: a program that reads one would end there."""
        [event] = await told(door)
        assert set(type(event).model_fields) - {"safety_identifier"} <= event.model_fields_set
        assert (event.background, event.quality, event.usage) == ("auto", "auto", None)

    async def test_what_was_asked_of_the_model_stands_there(self, door: Client) -> None:
        """As far as OpenAI has a word for it."""
        wish = {"prompt": "a fox", "model": "scripted/one", "quality": "high", "background": "odd", "stream": True}
        reply = await door.ask("POST", PATH, json=wish)
        assert b'"quality":"auto"' in reply.body  # the model takes no `quality`, so that none was asked of it

    async def test_unfinished_picture_is_in_the_format_that_is_said_of_it(self, open_api: Open) -> None:
        """As the picture itself: clients name the file by it."""
        gate = asyncio.Event()
        painter = ScriptedProvider(previewed(gate))
        async with open_api(workers=True, provider=painter) as door, library(door) as client:
            stream = await client.images.generate(
                model="gpt-image-1", prompt="a fox", stream=True, partial_images=1, output_format="jpeg"
            )
            events: list[Any] = []
            async for event in stream:
                events.append(event)
                gate.set()
        assert [(event.output_format, format_of(event.b64_json)) for event in events] == [("jpeg", "JPEG")] * 2


class TestEnds:
    async def test_deleted_task_is_told(self, door: Client, studio: Studio) -> None:
        """At another process, between two looks; an end without a word would be taken for that of all pictures."""
        studio.gate.clear()
        stream = asyncio.create_task(told(door))
        await bought(studio, 1)
        await door.services.store.database["danqing_tasks"].delete_many({})  # as another process does
        with pytest.raises(openai.APIError) as caught:
            await stream
        assert caught.value.code == "task_not_found"
        await stands(door)

    async def test_too_many_that_wait_are_refused_before_it_begins(
        self, open_door: OpenDoor, studio: Studio
    ) -> None:
        """By the status, at which their libraries ask again; nothing is bought twice by that."""
        studio.gate.clear()
        async with open_door(DANQING_MAX_WAITING_CALLS="1") as door:
            first = ask(door)
            await bought(studio, 1)
            refused = await door.ask("POST", PATH, json={**WISH, "stream": True})
            assert (refused.status, refused.json["error"]["code"]) == (503, "server_is_overloaded")
            studio.gate.set()
            await first
            repeat = await door.ask("POST", PATH, json={**WISH, "stream": True})
            assert repeat.headers["X-Danqing-Task"] == refused.headers["X-Danqing-Task"]
            assert studio.bought == 2
