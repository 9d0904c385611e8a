"""The ways to wait beside redirects: events, a task to look for, blanks, silence; and what can be asked for."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import openai
import orjson
import pytest

from danqing_plugins import ContentRejected
from tests.integration.api.conftest import Client, Open
from tests.integration.doors.openai.conftest import OpenDoor, Studio, library, previewed
from tests.integration.doors.openai.test_joining import bought, cut, stands
from tests.support.providers import ScriptedProvider, picture
from tests.support.system import until

PATH = "/v1/images/generations"
WISH = {"prompt": "a fox", "model": "gpt-image-1"}
ADMIN_KEY = "an-admin-of-sixteen"


async def by_http_1_0(door: Client, body: dict[str, Any], headers: bytes = b"") -> tuple[bytes, bytes]:
    """Return head and body of an answer to a client that knows no chunks, and reads until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    sent = orjson.dumps(body)
    writer.write(b"POST %b HTTP/1.0\r\n%bContent-Length: %d\r\n\r\n%b" % (PATH.encode(), headers, len(sent), sent))
    head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return head.lower(), answer


class TestOldClients:
    """HTTP/1.0 has no chunks (RFC 9112 §6.1): what has no length ends with its connection."""

    async def test_events(self, door: Client) -> None:
        """Each as it is, and nothing between them."""
        head, answer = await by_http_1_0(door, {**WISH, "stream": True})
        assert b"transfer-encoding" not in head
        assert b"connection: close" in head
        assert answer.startswith(b": waiting\n\nevent: image_generation.completed\ndata: {")
        assert answer.endswith(b"}\n\n")

    async def test_label_in_another_alphabet_than_utf_8(self, door: Client) -> None:
        """Bytes that are no text are left out of a user's name."""
        _, answer = await by_http_1_0(door, WISH, b"X-OpenWebUI-User-Id: Jos\xe9 A\r\n")
        assert "data" in orjson.loads(answer)
        found = await door.services.store.database["danqing_tasks"].find_one({}, {"user_id": 1})
        assert found == {"_id": found["_id"], "user_id": "Jos A"}

    async def test_picture_that_is_converted(self, door: Client) -> None:
        """How long it will be nobody knows when the answer begins."""
        head, answer = await by_http_1_0(door, {**WISH, "output_format": "webp"})
        assert b"transfer-encoding" not in head
        assert base64.b64decode(orjson.loads(answer)["data"][0]["b64_json"])[8:12] == b"WEBP"


class TestEvents:
    async def test_each_picture_is_an_event(self, door: Client, studio: Studio) -> None:
        """Of the library's own class, whole."""
        async with library(door) as client:
            stream = await client.images.generate(model="gpt-image-1", prompt="a fox", n=2, stream=True)
            events = [event async for event in stream]
        assert [event.type for event in events] == ["image_generation.completed"] * 2
        assert [base64.b64decode(event.b64_json) for event in events] == studio.bodies
        await stands(door)

    async def test_edits_are_called_so(self, door: Client) -> None:
        """The libraries make classes by the name."""
        async with library(door) as client:
            stream = await client.images.edit(model="gpt-image-1", image=picture(), prompt="a fox", stream=True)
            events = [event async for event in stream]
        assert [event.type for event in events] == ["image_edit.completed"]

    async def test_failure_is_raised(self, open_door: OpenDoor, studio: Studio) -> None:
        """With its code, though the status was 200."""
        studio.failing = ContentRejected("refused")
        async with open_door() as door, library(door) as client:
            stream = await client.images.generate(model="gpt-image-1", prompt="a fox", stream=True)
            with pytest.raises(openai.APIError) as caught:
                async for _ in stream:
                    pass
        assert (caught.value.code, caught.value.type) == ("moderation_blocked", "image_generation_user_error")

    async def test_refusal_before_it_begins_has_its_status(self, door: Client) -> None:
        """Nothing is streamed of a request that is wrong."""
        reply = await door.ask("POST", PATH, json={"prompt": "", "stream": True})
        assert reply.status == 400

    async def test_partial_pictures_are_shown(self, open_api: Open) -> None:
        """As many as were asked for, where the service shows any."""
        gate = asyncio.Event()
        painter = ScriptedProvider(previewed(gate))
        async with open_api(workers=True, provider=painter) as door, library(door) as client:
            stream = await client.images.generate(
                model="gpt-image-1", prompt="a fox", stream=True, partial_images=1
            )
            events: list[Any] = []
            async for event in stream:
                events.append(event)
                gate.set()
        assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]
        assert base64.b64decode(events[0].b64_json) == picture(5, 5)
        assert events[0].partial_image_index == 0

    async def test_cut_stream_is_found_again(self, door: Client, studio: Studio) -> None:
        """Its repeat joins, as any other."""
        studio.gate.clear()
        wish = {**WISH, "stream": True}
        first = asyncio.create_task(door.ask("POST", PATH, json=wish))
        await bought(studio, 1)
        await cut(first)
        await stands(door, "lost")
        studio.gate.set()
        reply = await door.ask("POST", PATH, json=wish)
        assert reply.body.startswith(b": waiting\n\nevent: image_generation.completed\n")
        assert studio.bought == 1


class TestLater:
    async def test_says_what_was_preferred_and_honoured(self, door: Client) -> None:
        """It is answered at once, whatever time the client would wait (RFC 7240 §3)."""
        reply = await door.ask("POST", PATH, json=WISH, headers={"Prefer": "respond-async, wait=10"})
        assert (reply.status, reply.headers["Preference-Applied"]) == (202, "respond-async")

    @pytest.mark.parametrize(
        ("path", "headers"),
        [(f"{PATH}/async", {}), (PATH, {"Prefer": "respond-async"})],
    )
    async def test_task_is_looked_for(
        self, door: Client, studio: Studio, path: str, headers: dict[str, str]
    ) -> None:
        """202 and where; processing, then links."""
        studio.gate.clear()
        reply = await door.ask("POST", path, json=WISH, headers=headers)
        assert (reply.status, reply.json["status"], reply.json["object"]) == (
            202,
            "processing",
            "image.generation.task",
        )
        assert reply.headers["Retry-After"] == "3"
        assert reply.json["poll_url"] == door.base + reply.headers["Location"]
        looked = await door.ask("GET", reply.headers["Location"])
        assert (looked.json["status"], looked.headers["Retry-After"]) == ("processing", "3")
        studio.gate.set()

        async def done() -> Any:
            shown = (await door.ask("GET", reply.headers["Location"])).json
            return shown if shown["status"] != "processing" else None

        shown = await until(done)
        assert (shown["status"], shown["http_status"]) == ("completed", 200)
        assert shown["result"]["data"] == [{"url": shown["image_url"]}]
        await stands(door)

    async def test_failure(self, open_door: OpenDoor, studio: Studio) -> None:
        """As the call that waited would have been told."""
        studio.failing = ContentRejected("refused")
        async with open_door() as door:
            reply = await door.ask("POST", f"{PATH}/async", json=WISH)

            async def done() -> Any:
                shown = (await door.ask("GET", reply.headers["Location"])).json
                return shown if shown["status"] == "failed" else None

            shown = await until(done)
        assert (shown["http_status"], shown["error"]["code"]) == (400, "moderation_blocked")
        assert shown["error"]["type"] == "image_generation_user_error"

    async def test_stream_is_refused(self, door: Client, studio: Studio) -> None:
        """There is nobody to be sent events."""
        reply = await door.ask("POST", f"{PATH}/async", json={**WISH, "stream": True})
        assert (reply.status, reply.json["error"]["param"]) == (400, "stream")
        assert studio.bought == 0

    async def test_others_find_nothing(self, open_door: OpenDoor) -> None:
        """404, as for what never was."""
        async with open_door(DANQING_API_KEYS="a:aaaaaaaaaaaaaaaa,b:bbbbbbbbbbbbbbbb") as door:
            made = await door.ask(
                "POST", f"{PATH}/async", json=WISH, headers={"Authorization": "Bearer aaaaaaaaaaaaaaaa"}
            )
            others = {"Authorization": "Bearer bbbbbbbbbbbbbbbb"}
            reply = await door.ask("GET", made.headers["Location"], headers=others)
            never = await door.ask("GET", "/v1/images/tasks/scripted_img_0", headers=others)
            assert (reply.status, never.status) == (404, 404)


class TestBlanks:
    async def test_keep_a_call_alive(self, open_door: OpenDoor, studio: Studio) -> None:
        """JSON may begin with them; the library reads the picture."""
        studio.gate.clear()
        async with open_door(DANQING_SYNC_MODE="whitespace", DANQING_SYNC_WAIT="0.1") as door:
            call = asyncio.create_task(door.ask("POST", PATH, json=WISH))
            await bought(studio, 1)
            await asyncio.sleep(0.3)
            studio.gate.set()
            reply = await call
            assert reply.body.startswith(b"  ")
            assert base64.b64decode(reply.json["data"][0]["b64_json"]) == studio.bodies[0]
            await stands(door)

    async def test_late_failure_is_told_to_the_repeat(self, open_door: OpenDoor, studio: Studio) -> None:
        """Under 200 no library would take it for one: the connection is cut, and the library asks again."""
        studio.gate.clear()
        studio.failing = ContentRejected("refused")
        async with open_door(DANQING_SYNC_MODE="whitespace", DANQING_SYNC_WAIT="0.1") as door:
            async with library(door, max_retries=2) as client:
                call = asyncio.create_task(client.images.generate(**WISH))  # type: ignore[call-overload]
                await bought(studio, 1)
                await asyncio.sleep(0.3)
                studio.gate.set()
                with pytest.raises(openai.BadRequestError) as caught:
                    await call
            assert caught.value.code == "moderation_blocked"
            assert studio.bought == 1


class TestSilence:
    async def test_call_waits_for_itself(self, open_door: OpenDoor, studio: Studio) -> None:
        """For who has no proxy; no redirect."""
        studio.gate.clear()
        async with open_door(DANQING_SYNC_MODE="none", DANQING_SYNC_WAIT="0.1") as door:
            call = asyncio.create_task(door.ask("POST", PATH, json=WISH, allow_redirects=False))
            await bought(studio, 1)
            await asyncio.sleep(0.3)
            studio.gate.set()
            assert (await call).status == 200


class TestModels:
    async def test_list(self, open_door: OpenDoor) -> None:
        """Models, aliases, and the names that clients have written into them."""
        async with open_door(DANQING_MODEL_ALIASES="mine:one") as door, library(door) as client:
            models = {model.id: model async for model in await client.models.list()}
        assert {"one", "mine", "dall-e-3", "gpt-image-1"} <= set(models)
        assert (models["one"].object, models["one"].owned_by) == ("model", "scripted")
        assert "image-generation" in models["one"].model_dump()["supported_endpoint_types"]

    @pytest.mark.parametrize(
        ("pattern", "listed"),
        [
            ("scripted/*", {"one", "mine", "dall-e-3"}),
            ("dall-e-*", set()),
            ("uno", set()),
            ("one", {"one", "mine"}),
        ],
    )
    async def test_what_a_key_may_ask_for(self, open_door: OpenDoor, pattern: str, listed: set[str]) -> None:
        """Whatever is listed is made when it is asked for, and nothing else is."""
        admin = {"Authorization": f"Bearer {ADMIN_KEY}"}
        async with open_door(DANQING_ADMIN_KEY=ADMIN_KEY, DANQING_MODEL_ALIASES="mine:one") as door:
            await door.ask("POST", "/api/v1/projects", json={"name": "shop"}, headers=admin)
            wanted = {"project": "shop", "name": "k", "limits": {"models": [pattern]}}
            made = await door.ask("POST", "/api/v1/keys", json=wanted, headers=admin)
            key = {"Authorization": f"Bearer {made.json['data']['secret']}"}
            models = (await door.ask("GET", "/v1/models", headers=key)).json["data"]
            webui = (await door.ask("GET", "/sdapi/v1/sd-models", headers=key)).json
            asked = await door.ask("POST", PATH, json={**WISH, "model": "dall-e-3"}, headers=key)
        names = {model["id"] for model in models}
        assert {model["title"] for model in webui} == names
        assert listed <= names
        assert bool(names) == bool(listed)
        assert (asked.status == 200) == ("dall-e-3" in names)

    async def test_one(self, door: Client) -> None:
        """By each name by which it can be asked for, a slash in it or not."""
        async with library(door) as client:
            for name in ("dall-e-3", "one", "uno", "scripted/one"):
                assert (await client.models.retrieve(name)).id == name
            with pytest.raises(openai.NotFoundError) as caught:
                await client.models.retrieve("no/such")
        assert caught.value.code == "model_not_found"

    @pytest.mark.parametrize("path", ["/v1/models", "/v1/models/"])
    async def test_key_is_tried_with_it(self, open_door: OpenDoor, path: str) -> None:
        """Dify does so."""
        async with open_door(DANQING_API_KEYS="a:aaaaaaaaaaaaaaaa") as door:
            refused = await door.ask("GET", path)
            let_in = await door.ask("GET", path, headers={"api-key": "aaaaaaaaaaaaaaaa"})
        assert (refused.status, refused.json["error"]["code"]) == (401, "invalid_api_key")
        assert let_in.status == 200
