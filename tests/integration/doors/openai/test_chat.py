"""Pictures in a chat."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import openai
import pytest

from tests.integration.api.conftest import Client
from tests.integration.doors.openai.conftest import OpenDoor, Studio, library
from tests.integration.doors.openai.test_edits import references_of
from tests.integration.doors.openai.test_joining import bought, led_to
from tests.support.providers import picture

PATH = "/v1/chat/completions"
SAID: list[Any] = [
    {"role": "system", "content": "be kind"},
    {"role": "user", "content": "a cat"},
    {"role": "assistant", "content": "![image](http://x/y.png)"},
    {"role": "user", "content": "a fox"},
]


class TestLibrary:
    async def test_last_words_are_the_prompt(self, door: Client, studio: Studio) -> None:
        """The answer is a link in markdown, and OpenRouter's form beside it."""
        async with library(door) as client:
            made = await client.chat.completions.create(model="dall-e-3", messages=SAID)
        message = made.choices[0].message
        link = message.model_dump()["images"][0]["image_url"]["url"]
        assert message.content == f"![image]({link})"
        assert (await door.ask("GET", link.removeprefix(door.base))).body == studio.bodies[0]
        task = (await door.ask("GET", f"/api/v1/tasks/{made.id.removeprefix('chatcmpl-')}")).json["data"]
        assert task["input"]["prompt"] == "a fox"

    async def test_tokens_are_told_where_nobody_counts_any(self, door: Client) -> None:
        """smolagents reads them of every answer, and had no picture for the money without."""
        async with library(door) as client:
            made = await client.chat.completions.create(model="dall-e-3", messages=SAID)
        assert made.usage is not None
        assert (made.usage.prompt_tokens, made.usage.completion_tokens, made.usage.total_tokens) == (0, 0, 0)

    async def test_stream_is_one_delta(self, door: Client, studio: Studio) -> None:
        """And its end."""
        async with library(door) as client:
            stream = await client.chat.completions.create(model="gpt-image-1", messages=SAID, stream=True)
            chunks = [chunk async for chunk in stream]
        assert len(chunks) == 1
        assert (chunks[0].choices[0].delta.content or "").startswith("![image](http")
        assert studio.bought == 1

    async def test_nothing_said(self, door: Client) -> None:
        """400 of the prompt."""
        async with library(door) as client:
            with pytest.raises(openai.BadRequestError):
                await client.chat.completions.create(model="gpt-image-1", messages=[])


class TestParts:
    async def test_pictures_are_references(self, door: Client) -> None:
        """What a user shows is what is edited."""
        data = "data:image/png;base64," + base64.b64encode(picture(9, 9)).decode()
        parts = [{"type": "text", "text": "a fox"}, {"type": "image_url", "image_url": {"url": data}}]
        reply = await door.ask("POST", PATH, json={"messages": [{"role": "user", "content": parts}]})
        assert reply.status == 200, reply.body
        assert await references_of(door, reply.headers["X-Danqing-Task"]) == [picture(9, 9)]

    async def test_tools_and_schemas_are_passed_over(self, door: Client) -> None:
        """Clients send them with every chat, with keys that no task could hold."""
        schema = {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "properties": {"a.b": {"$ref": "#/$defs/x"}},
        }
        body = {
            "messages": [{"role": "user", "content": "a fox"}],
            "tools": [{"type": "function", "function": {"name": "look", "parameters": schema}}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
            "logit_bias": {"": 18446744073709551615},
            "metadata": {"app.version": "1\0"},
        }
        reply = await door.ask("POST", PATH, json=body)
        assert reply.status == 200, reply.body

    async def test_nested_without_end(self, door: Client) -> None:
        """400: nobody means that."""
        body = b'{"messages": [{"role": "user", "content": "a fox"}], "tools": ' + b"[" * 900 + b"]" * 900 + b"}"
        reply = await door.ask("POST", PATH, data=body)
        assert (reply.status, reply.json["error"]["param"]) == (400, "request_body")

    async def test_redirects_lead_to_a_chats_answer(self, open_door: OpenDoor, studio: Studio) -> None:
        """A long one goes the same way as every call."""
        studio.gate.clear()
        async with open_door(DANQING_SYNC_WAIT="0.2") as door:
            call = asyncio.create_task(door.ask("POST", PATH, json={"messages": SAID}, allow_redirects=False))
            await bought(studio, 1)
            hop = await call
            studio.gate.set()
            reply = await door.session.get(door.base + led_to(hop, PATH))
            assert (hop.status, (await reply.json())["object"]) == (303, "chat.completion")
