"""Pictures asked for as OpenAI's clients do, with its own library and by hand."""

from __future__ import annotations

import base64
import io
from typing import Any

import openai
import pytest
from PIL import Image

from danqing_plugins import ContentRejected, OutcomeUnknown
from tests.integration.api.conftest import Client, Open
from tests.integration.doors.openai.conftest import OpenDoor, Studio, library
from tests.support.servers import RunningServer
from tests.support.whole import only

PATH = "/v1/images/generations"


def body_of(item: Any) -> bytes:
    return base64.b64decode(item["b64_json"], validate=True)


class TestLibrary:
    async def test_picture_comes_back(self, door: Client, studio: Studio) -> None:
        """Bytes inside the answer, as they were made."""
        async with library(door) as client:
            made = await client.images.generate(model="gpt-image-1", prompt="a fox", size="1024x1024")
        assert made.data is not None
        assert base64.b64decode(made.data[0].b64_json or "") == studio.bodies[0]
        assert made.data[0].url is None
        assert made.output_format == "png"

    async def test_four_are_four(self, door: Client, studio: Studio) -> None:
        """In their order, from one task."""
        async with library(door) as client:
            made = await client.images.generate(model="dall-e-3", prompt="a fox", n=4, response_format="b64_json")
        assert made.data is not None
        assert [base64.b64decode(each.b64_json or "") for each in made.data] == studio.bodies
        assert studio.bought == 4

    async def test_several_by_the_models_own_word(self, open_api: Open, sandbox: RunningServer) -> None:
        """Replicate's models call it `num_outputs`."""
        async with open_api(workers=True, **only("replicate", sandbox)) as door, library(door) as client:
            made = await client.images.generate(prompt="a fox", n=2, response_format="url")
        assert made.data is not None
        assert len(made.data) == 2

    async def test_refusal_by_moderation_is_known(self, open_door: OpenDoor, studio: Studio) -> None:
        """Its class and its code; nothing is asked again."""
        studio.failing = ContentRejected("the prompt was refused")
        async with open_door() as door, library(door, max_retries=2) as client:
            with pytest.raises(openai.BadRequestError) as caught:
                await client.images.generate(model="gpt-image-1", prompt="a fox")
        assert (caught.value.code, caught.value.type) == ("moderation_blocked", "image_generation_user_error")
        assert "the prompt was refused" in caught.value.message
        assert studio.bought == 1

    async def test_what_may_have_been_paid_is_not_bought_again(self, open_door: OpenDoor, studio: Studio) -> None:
        """A library that repeats after 5xx by itself gets another status."""
        studio.failing = OutcomeUnknown("nobody knows")
        async with open_door(DANQING_ON_AMBIGUOUS="fail") as door, library(door, max_retries=2) as client:
            with pytest.raises(openai.APIStatusError) as caught:
                await client.images.generate(model="gpt-image-1", prompt="a fox")
        assert (caught.value.status_code, caught.value.code) == (424, "outcome_unknown")
        assert studio.bought == 1

    async def test_unknown_model(self, door: Client) -> None:
        """404, with the word that programs look for."""
        async with library(door) as client:
            with pytest.raises(openai.NotFoundError) as caught:
                await client.images.generate(model="no-such", prompt="a fox")
        assert (caught.value.code, caught.value.param) == ("model_not_found", "model")

    async def test_missing_prompt(self, door: Client) -> None:
        """400, with the field."""
        async with library(door) as client:
            with pytest.raises(openai.BadRequestError) as caught:
                await client.images.generate(model="gpt-image-1", prompt="")
        assert caught.value.param == "prompt"


class TestForm:
    """Which of b64_json and url a client gets: each of those that were read needs what is here."""

    @pytest.mark.parametrize(
        ("asked", "members"),
        [
            ({"response_format": "b64_json"}, {"b64_json"}),
            ({"response_format": "url"}, {"url"}),
            ({"model": "gpt-image-1.5"}, {"b64_json"}),
            ({"model": "chatgpt-image-latest"}, {"b64_json"}),
            ({"model": "gpt-image-1", "response_format": "url"}, {"url"}),
            ({"model": "dall-e-2"}, {"b64_json", "url"}),
            ({"model": "one"}, {"b64_json", "url"}),
            ({}, {"b64_json", "url"}),
            ({"response_format": None, "model": None}, {"b64_json", "url"}),
        ],
    )
    async def test_rule(self, door: Client, studio: Studio, asked: dict[str, Any], members: set[str]) -> None:
        """By what it asks for, else by the model's name; links are whole, and lead to the picture."""
        reply = await door.ask("POST", PATH, json={"prompt": "a fox", **asked})
        assert reply.status == 200, reply.body
        (item,) = reply.json["data"]
        assert set(item) == members
        if "b64_json" in members:
            assert body_of(item) == studio.bodies[0]
        if "url" in members:
            assert item["url"].startswith(door.base)
            assert (await door.ask("GET", item["url"].removeprefix(door.base))).body == studio.bodies[0]
        assert reply.headers["X-Danqing-Task"]

    @pytest.mark.parametrize(("wanted", "made"), [("jpeg", "JPEG"), ("webp", "WEBP"), ("png", "PNG")])
    async def test_format_that_was_asked_for(self, door: Client, wanted: str, made: str) -> None:
        """What the service cannot make is converted: clients name the file by what they asked for."""
        reply = await door.ask(
            "POST", PATH, json={"prompt": "a fox", "output_format": wanted, "response_format": "b64_json"}
        )
        with Image.open(io.BytesIO(body_of(reply.json["data"][0]))) as picture:
            assert picture.format == made
        assert reply.json["output_format"] == wanted


class TestLenience:
    async def test_what_a_task_could_not_hold_is_refused(self, door: Client, studio: Studio) -> None:
        """400 of the field; nothing is bought."""
        reply = await door.ask("POST", PATH, json={"prompt": "a\0fox"})
        assert (reply.status, reply.json["error"]["param"], studio.bought) == (400, "prompt", 0)

    async def test_empty_fields_are_absent(self, door: Client, studio: Studio) -> None:
        """As null is; but a reference that was to be one is missed."""
        empty = dict.fromkeys(("n", "size", "quality", "user", "style", "response_format", "background"), "")
        made = await door.ask("POST", PATH, json={"prompt": "a fox", "model": "one", **empty})
        missed = await door.ask("POST", PATH, json={"prompt": "a fox", "model": "one", "image": ""})
        assert (made.status, missed.status, studio.bought) == (200, 400, 1), made.body

    async def test_unknown_fields_are_noted(self, door: Client) -> None:
        """Whatever clients send as a constant; the task says what was not used."""
        sent = {
            "prompt": "a fox",
            "moderation": "low",
            "style": "vivid",
            "quality": "auto",
            "made_up": [1],
            "$made.up": {"": "\0", "a.b": 2**64 - 1},
            "n": "1",
        }
        reply = await door.ask("POST", PATH, json=sent)
        assert reply.status == 200, reply.body
        task = (await door.ask("GET", f"/api/v1/tasks/{reply.headers['X-Danqing-Task']}")).json["data"]
        assert any("made_up" in note for note in task["notes"])

    @pytest.mark.parametrize(
        ("sent", "headers", "user"),
        [
            ({"user": "ann"}, {}, "ann"),
            ({"safety_identifier": "sid", "user": "ann"}, {}, "sid"),
            ({}, {"X-OpenWebUI-User-Id": "owu"}, "owu"),
            ({}, {}, "openai"),
        ],
    )
    async def test_user_is_a_label(
        self, door: Client, sent: dict[str, str], headers: dict[str, str], user: str
    ) -> None:
        """Turns and reports go by it."""
        reply = await door.ask("POST", PATH, json={"prompt": "a fox", **sent}, headers=headers)
        task = (await door.ask("GET", f"/api/v1/tasks/{reply.headers['X-Danqing-Task']}")).json["data"]
        assert task["user_id"] == user

    async def test_alias_is_the_operators(self, open_door: OpenDoor) -> None:
        """A name that clients cannot change means the model of the operator's choice."""
        async with open_door(DANQING_MODEL_ALIASES="gpt-4o-image:scripted/uno") as door:
            reply = await door.ask("POST", PATH, json={"prompt": "a fox", "model": "gpt-4o-image"})
            task = (await door.ask("GET", f"/api/v1/tasks/{reply.headers['X-Danqing-Task']}")).json["data"]
        assert (reply.status, task["model"]) == (200, "one")
