"""The A1111 door as Open WebUI and SillyTavern knock at it; what it costs, by the simulator's ledger."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
import pytest
from PIL import Image

from danqing_server.supervision.embedded.servers import free_port
from tests.integration.api.conftest import Client, Open, open_api
from tests.support.providers import ScriptedProvider, picture
from tests.support.servers import RunningServer, run_sandbox
from tests.support.system import until
from tests.support.whole import bills_of, only

__all__ = ["open_api"]

KEY = "a-secret-of-sixteen"
OTHER_KEY = "another-of-sixteen!"


def basic(key: str) -> str:
    """Return the header of a client that is told a name and a password."""
    return "Basic " + base64.b64encode(f"danqing:{key}".encode()).decode()


BASIC = {"Authorization": basic(KEY)}
OTHERS = {"Authorization": basic(OTHER_KEY)}
PATH = "/sdapi/v1/txt2img"
LATER_MODEL = "doubao-seedream-4-5-251128"
MENUS = ("samplers", "schedulers", "upscalers", "latent-upscale-modes", "sd-vae")


@pytest.fixture(scope="module")
def ark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A simulator that answers at once."""
    with run_sandbox(
        tmp_path_factory.mktemp("sandbox"), port=free_port(), arguments=("--latency-s", "0")
    ) as server:
        yield server


@pytest.fixture
async def api(open_api: Open, ark: RunningServer) -> AsyncIterator[Client]:
    """An application that asks for keys, and holds a call for a moment only."""
    keys = f"shop:{KEY},other:{OTHER_KEY}"
    async with open_api(
        workers=True, DANQING_API_KEYS=keys, DANQING_SYNC_WAIT="0.5", **only("volcengine", ark)
    ) as client:
        yield client


def images_of(answer: Any) -> list[tuple[str, tuple[int, int]]]:
    """Return the format and the size of each picture of an answer."""
    found = []
    for each in answer["images"]:
        with Image.open(io.BytesIO(base64.b64decode(each, validate=True))) as image:
            found.append((str(image.format), image.size))
    return found


class TestPictures:
    """`txt2img` and `img2img`."""

    async def test_what_open_webui_asks(self, api: Client) -> None:
        """Its own constants; the picture is a PNG, and `info` is JSON in a text."""
        body = {
            "prompt": "山水",
            "negative_prompt": "",
            "batch_size": 1,
            "width": 1024,
            "height": 1024,
            "steps": 50,
        }
        reply = await api.ask("POST", PATH, json=body, headers=BASIC)
        assert reply.status == 200, reply.body
        assert images_of(reply.json) == [("PNG", (1024, 1024))]
        info = orjson.loads(reply.json["info"])
        assert (info["prompt"], info["width"], info["height"]) == ("山水", 1024, 1024)
        task = await api.system.get(reply.headers["x-danqing-task"])
        assert (task.owner, task.model) == ("shop", "doubao-seedream-4-0-250828")

    async def test_scripts_are_passed_over(self, api: Client) -> None:
        """By whatever name: some have their release in it."""
        body = {"prompt": "x", "alwayson_scripts": {"Dynamic Prompts v2.17.1": {"args": [True, {"$a.b": 1}]}}}
        reply = await api.ask("POST", PATH, json=body, headers=BASIC)
        assert reply.status == 200, reply.body
        options = await api.ask("POST", "/sdapi/v1/options", json={"forge.$x": 1}, headers=BASIC)
        assert options.status == 200, options.body

    async def test_numbers_may_be_text(self, api: Client) -> None:
        """As the web UI itself takes them; what is none is named."""
        body = {"prompt": "x", "width": "1024", "height": 1024.0, "batch_size": "1", "seed": "-1", "steps": "20"}
        reply = await api.ask("POST", PATH, json={**body, "cfg_scale": "7.5", "n_iter": " 1 "}, headers=BASIC)
        assert reply.status == 200, reply.body
        assert images_of(reply.json) == [("PNG", (1024, 1024))]
        wrong = await api.ask("POST", PATH, json={**body, "width": "wide"}, headers=BASIC)
        assert (wrong.status, "width" in wrong.json["detail"]) == (400, True)

    async def test_several_of_a_size_that_nobody_has(self, api: Client) -> None:
        """The nearest that the model takes."""
        body = {"prompt": "x", "batch_size": 2, "width": 512, "height": 768, "sampler_name": "Euler a", "seed": -1}
        reply = await api.ask("POST", PATH, json=body, headers=BASIC)
        assert reply.status == 200, reply.body
        [one, other] = images_of(reply.json)
        assert one == other
        assert one[1][0] / one[1][1] == pytest.approx(512 / 768, rel=0.02)

    @pytest.mark.parametrize(
        ("provider", "asked"), [("fal", {"n": 2, "steps": 12}), ("replicate", {"num_outputs": 2})]
    )
    async def test_sliders_of_a_web_ui_at_other_models(
        self, open_api: Open, ark: RunningServer, provider: str, asked: dict[str, int]
    ) -> None:
        """They are sent with every request: each becomes the nearest that the model takes, by the model's name."""
        body = {"prompt": "x", "batch_size": 2, "steps": 50, "cfg_scale": 7, "width": 512, "height": 512}
        async with open_api(workers=True, **only(provider, ark)) as api:
            reply = await api.ask("POST", PATH, json=body)
            assert reply.status == 200, reply.body
            task = await api.system.get(reply.headers["x-danqing-task"])
        assert {name: task.input.get(name) for name in asked} == asked
        assert len(reply.json["images"]) == 2

    async def test_of_another_picture(self, api: Client) -> None:
        """Bare base64, as the web UI takes it."""
        link = base64.b64encode(picture(64, 64)).decode()
        body = {"prompt": "x", "width": 1024, "height": 1024, "init_images": [link], "denoising_strength": 0.75}
        reply = await api.ask("POST", "/sdapi/v1/img2img", json=body, headers=BASIC)
        assert reply.status == 200, reply.body
        task = await api.system.get(reply.headers["x-danqing-task"])
        assert [reference.key for reference in task.references] == ["image"]

    async def test_of_another_picture_at_a_model_without_a_description(self, open_api: Open) -> None:
        """Its provider says that it takes pictures; a plugin need not say more."""
        body = {"prompt": "x", "init_images": [base64.b64encode(picture(64, 64)).decode()]}
        async with open_api(workers=True, provider=ScriptedProvider()) as api:
            reply = await api.ask("POST", "/sdapi/v1/img2img", json=body)
            assert reply.status == 200, reply.body
            task = await api.system.get(reply.headers["x-danqing-task"])
        assert [reference.key for reference in task.references] == ["image"]

    async def test_mask_that_the_model_does_not_take(self, api: Client) -> None:
        """Is refused: without it another picture would be bought."""
        link = base64.b64encode(picture(64, 64)).decode()
        body = {"prompt": "x", "init_images": [link], "mask": link}
        reply = await api.ask("POST", "/sdapi/v1/img2img", json=body, headers=BASIC)
        assert reply.status == 400
        assert "mask" in reply.json["detail"]

    async def test_refused_by_moderation(self, api: Client) -> None:
        """Says so, in words."""
        body = {"prompt": "x [sandbox:moderation]", "width": 1024, "height": 1024}
        reply = await api.ask("POST", PATH, json=body, headers=BASIC)
        assert (reply.status, reply.json["error"]) == (400, "content_rejected")
        assert reply.json["detail"] == reply.json["errors"] != ""

    async def test_long_call_is_led_on(self, api: Client, ark: RunningServer) -> None:
        """Over redirects, with the key; one purchase."""
        prompt = "long [sandbox:slow=1.5]"
        reply = await api.ask("POST", PATH, json={"prompt": prompt, "width": 1024, "height": 1024}, headers=BASIC)
        assert reply.status == 200, reply.body
        assert images_of(reply.json) == [("PNG", (1024, 1024))]
        assert len(await bills_of(ark, prompt)) == 1

    async def test_long_call_is_kept_alive_by_blanks(self, open_api: Open, ark: RunningServer) -> None:
        """Where the operator wants that: for what follows no redirects."""
        body = {"prompt": "blanks [sandbox:slow=0.8]", "width": 1024, "height": 1024}
        wanted = {"DANQING_SYNC_MODE": "whitespace", "DANQING_SYNC_WAIT": "0.5", **only("volcengine", ark)}
        async with open_api(workers=True, **wanted) as api:
            reply = await api.ask("POST", PATH, json=body, allow_redirects=False)
        assert reply.status == 200, reply.body
        assert reply.body.startswith(b" ")
        assert images_of(reply.json) == [("PNG", (1024, 1024))]

    async def test_cut_call_is_joined(self, api: Client, ark: RunningServer) -> None:
        """Whoever asks the same again gets the task of the one that was cut."""
        prompt = "cut [sandbox:slow=1.5]"
        body = {"prompt": prompt, "width": 1024, "height": 1024}
        asked = asyncio.create_task(api.ask("POST", PATH, json=body, headers=BASIC))

        async def is_there() -> bool:
            return bool(await api.services.store.database["danqing_tasks"].count_documents({}))

        await until(is_there)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

        async def is_lost() -> bool:
            found = await api.services.store.database["danqing_visits"].find().to_list(None)
            return "lost" in [visit["state"] for each in found for visit in each["visits"]]

        await until(is_lost)
        reply = await api.ask("POST", PATH, json=body, headers=BASIC)
        assert reply.status == 200, reply.body
        assert len(await bills_of(ark, prompt)) == 1


class TestModels:
    """Which model a key asks."""

    async def test_choice_is_the_keys_own(self, api: Client) -> None:
        """It holds for its later calls, and for nobody else's."""
        listed = (await api.ask("GET", "/sdapi/v1/sd-models", headers=BASIC)).json
        assert LATER_MODEL in {model["title"] for model in listed}
        chosen = {"sd_model_checkpoint": LATER_MODEL, "CLIP_stop_at_last_layers": 2}
        reply = await api.ask("POST", "/sdapi/v1/options", json=chosen, headers=BASIC)
        assert (reply.status, reply.json) == (200, {})
        mine = await api.ask("GET", "/sdapi/v1/options", headers=BASIC)
        theirs = await api.ask("GET", "/sdapi/v1/options", headers=OTHERS)
        assert mine.json["sd_model_checkpoint"] == LATER_MODEL
        assert theirs.json["sd_model_checkpoint"] == "doubao-seedream-4-0-250828"
        body = {"prompt": "x", "width": 2048, "height": 2048}
        made = await api.ask("POST", PATH, json=body, headers=BASIC)
        assert (await api.system.get(made.headers["x-danqing-task"])).model == LATER_MODEL

    async def test_model_of_one_call(self, api: Client) -> None:
        """`override_settings` goes before the choice."""
        settings = {"sd_model_checkpoint": LATER_MODEL}
        body = {"prompt": "x", "width": 2048, "height": 2048, "override_settings": settings}
        made = await api.ask("POST", PATH, json=body, headers=BASIC)
        assert (await api.system.get(made.headers["x-danqing-task"])).model == LATER_MODEL

    async def test_unknown_model(self, api: Client) -> None:
        """Cannot be chosen."""
        reply = await api.ask("POST", "/sdapi/v1/options", json={"sd_model_checkpoint": "v1-5.ckpt"}, headers=BASIC)
        assert (reply.status, reply.json["error"]) == (404, "model_not_found")


class TestMenus:
    """What SillyTavern asks for when it connects."""

    @pytest.mark.parametrize("menu", MENUS)
    async def test_lists(self, api: Client, menu: str) -> None:
        """Each is a list."""
        reply = await api.ask("GET", f"/sdapi/v1/{menu}", headers=BASIC)
        assert reply.status == 200
        assert isinstance(reply.json, list)

    async def test_progress_and_interruption(self, api: Client) -> None:
        """Are answered, and do nothing."""
        assert (await api.ask("GET", "/sdapi/v1/progress", headers=BASIC)).json["progress"] == 0
        assert (await api.ask("POST", "/sdapi/v1/interrupt", headers=BASIC)).json == {}


class TestRefusals:
    """Errors in the web UI's form, whoever found them."""

    @pytest.mark.parametrize(
        ("method", "path", "headers", "body", "status"),
        [
            ("GET", "/sdapi/v1/nowhere", BASIC, None, 404),
            ("GET", "/sdapi/v1", BASIC, None, 404),
            ("GET", "/sdapi/v1/sd-models", {}, None, 401),
            ("POST", PATH, {"Authorization": basic("wrong")}, b"{}", 401),
            ("POST", PATH, BASIC, b"[", 400),
            ("POST", PATH, BASIC, b"{}", 400),
            ("POST", PATH, BASIC, b'{"prompt": "x", "width": "wide", "height": 8}', 400),
        ],
    )
    async def test_each(
        self, api: Client, method: str, path: str, headers: dict[str, str], body: bytes | None, status: int
    ) -> None:
        """In English, since nobody says what they read."""
        reply = await api.ask(method, path, data=body, headers=headers)
        assert (reply.status, set(reply.json)) == (status, {"error", "detail", "body", "errors"}), reply.body
        assert reply.json["detail"].isascii()
        assert ("www-authenticate" in reply.headers) == (status == 401)

    async def test_another_projects_call(self, api: Client) -> None:
        """Is not there."""
        made = await api.ask("POST", PATH, json={"prompt": "x", "width": 1024, "height": 1024}, headers=BASIC)
        reply = await api.ask("GET", f"/sdapi/v1/wait/{made.headers['x-danqing-task']}?i=1", headers=OTHERS)
        assert (reply.status, reply.json["error"]) == (404, "task_not_found")
