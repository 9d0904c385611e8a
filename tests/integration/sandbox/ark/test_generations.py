"""`POST /api/v3/images/generations`, whole answers."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import aiohttp
import pytest
from PIL import Image

from tests.integration.sandbox.serving import PRO, V4, Served, served

LITE = "doubao-seedream-5-0-260128"


def size_of(content: bytes) -> tuple[int, int]:
    """Return the size of an encoded picture."""
    return Image.open(io.BytesIO(content)).size


class TestAnswer:
    """What a good request gets."""

    async def test_form(self, ark: Served) -> None:
        """Model, time, one item with link and size, and the usage by the formula."""
        status, answer = await ark.generate()
        (item,) = answer.pop("data")
        assert status == 200
        assert item.pop("url").startswith(f"{ark.url}/doubao-seedream-4-0/02")
        assert item == {"size": "1280x720"}
        usage = {"generated_images": 1, "output_tokens": 3600, "total_tokens": 3600}
        assert answer == {"model": V4, "created": 1_795_489_044, "usage": usage}

    async def test_picture_is_real_and_steady(self, ark: Served) -> None:
        """The link gives a picture of the asked size, the same on each GET."""
        (link,) = await ark.links()
        first = await ark.get(link)
        assert first[0] == 200
        assert size_of(first[1]) == (1280, 720)
        assert await ark.get(link) == first

    async def test_inline(self, ark: Served) -> None:
        """`b64_json` carries the bytes that a link would give."""
        (link,) = await ark.links()
        _, answer = await ark.generate(response_format="b64_json")
        assert base64.b64decode(answer["data"][0]["b64_json"]) == (await ark.get(link))[1]
        assert "url" not in answer["data"][0]

    async def test_pro_reports_format_and_inputs(self, ark: Served) -> None:
        """The newest model says the format and counts the references."""
        fields = {"model": PRO, "output_format": "png", "image": ["https://example.com/a.png"]}
        _, answer = await ark.generate(**fields)
        (item,) = answer["data"]
        assert item["output_format"] == "png"
        assert answer["usage"]["input_images"] == 1
        assert (await ark.get(item["url"]))[1].startswith(b"\x89PNG")

    async def test_web_search_is_reported(self, ark: Served) -> None:
        """The tool and its use are in the answer."""
        _, answer = await ark.generate(model=LITE, size="2K", tools=[{"type": "web_search"}])
        assert answer["usage"]["tool_usage"] == {"web_search": 1}
        assert answer["tools"] == [{"type": "web_search"}]

    @pytest.mark.parametrize(
        ("prompt", "size", "expected"),
        [("山水", "2k", "2048x2048"), ("山水 16:9", "2K", "2848x1600"), ("竖版 山水", "1K", "720x1280")],
    )
    async def test_tiers(self, ark: Served, prompt: str, size: str, expected: str) -> None:
        """A tier is square unless the prompt names a shape."""
        _, answer = await ark.generate(prompt, size=size)
        assert answer["data"][0]["size"] == expected

    async def test_seed_makes_another_picture(self, ark: Served) -> None:
        """With another seed the same prompt looks different."""
        first, second = await ark.links(seed=1), await ark.links(seed=2)
        assert await ark.get(first[0]) != await ark.get(second[0])

    async def test_vary(self, tmp_path: Path) -> None:
        """With `--vary` two requests without a seed differ, as with Ark."""
        async with served(tmp_path, vary=True) as ark:
            first, second = await ark.links(), await ark.links()
            assert await ark.get(first[0]) != await ark.get(second[0])

    async def test_official_librarys_nulls(self, ark: Served) -> None:
        """The body that the official client library sends is accepted."""
        names = ["image", "seed", "guidance_scale", "optimize_prompt", "optimize_prompt_options", "tools"]
        names += ["sequential_image_generation", "sequential_image_generation_options", "output_format"]
        status, _ = await ark.generate(**dict.fromkeys([*names, "layer_decomposition"]))
        assert status == 200


class TestReferences:
    """Pictures that a request refers to."""

    async def test_data_uri_shows_and_gives_its_shape(self, ark: Served) -> None:
        """A tier takes the reference's shape, and the picture changes with the reference."""
        buffer = io.BytesIO()
        Image.new("RGB", (160, 90), (20, 200, 60)).save(buffer, "PNG")
        reference = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
        _, answer = await ark.generate(image=reference, size="1K")
        assert answer["data"][0]["size"] == "1280x720"
        plain = await ark.links(size="1280x720")
        assert await ark.get(answer["data"][0]["url"]) != await ark.get(plain[0])

    async def test_own_link(self, ark: Served) -> None:
        """A link that the sandbox gave can be a reference; without its signature it is refused."""
        (link,) = await ark.links()
        assert (await ark.generate("edit", image=link))[0] == 200
        status, answer = await ark.generate("edit", image=link.partition("?")[0])
        assert (status, answer["error"]["code"]) == (400, "InvalidParameter")

    async def test_bad_reference(self, ark: Served) -> None:
        """A data URI that is no picture is 400, and nothing is billed."""
        status, answer = await ark.generate(image="data:image/png;base64,aGVsbG8=")
        assert (status, answer["error"]["code"]) == (400, "InvalidParameter.UnsupportedImageFormat")
        assert await ark.ledger() == []


class TestGroups:
    """Several pictures in one request."""

    @pytest.mark.parametrize(("prompt", "most", "made"), [("4张山水", 15, 4), ("four images", 3, 3)])
    async def test_number_in_the_prompt(self, ark: Served, prompt: str, most: int, made: int) -> None:
        """As many as the prompt names, at most `max_images`; all different."""
        options = {"max_images": most}
        _, answer = await ark.generate(
            prompt, sequential_image_generation="auto", sequential_image_generation_options=options
        )
        assert answer["usage"]["generated_images"] == len(answer["data"]) == made
        assert len({(await ark.get(item["url"]))[1] for item in answer["data"]}) == made

    async def test_refused_picture_leaves_the_others(self, ark: Served) -> None:
        """Moderation takes one picture; its item has the error, the rest is made and billed."""
        await ark.rule(kind="moderation", on="output", image_index=1)
        _, answer = await ark.generate("3张山水", sequential_image_generation="auto")
        assert [sorted(item) for item in answer["data"]] == [["size", "url"], ["error"], ["size", "url"]]
        assert answer["data"][1]["error"]["code"] == "OutputImageSensitiveContentDetected"
        assert answer["usage"]["generated_images"] == 2
        assert [entry["image_index"] for entry in await ark.ledger()] == [0, 2]

    async def test_internal_error_stops_the_group(self, ark: Served) -> None:
        """After an InternalServiceError the remaining pictures are not tried."""
        await ark.rule(kind="image_error", image_index=1)
        _, answer = await ark.generate("4张山水", sequential_image_generation="auto")
        assert [("error" in item) for item in answer["data"]] == [False, True]
        assert len(await ark.ledger()) == 1

    async def test_nothing_made_is_an_error(self, ark: Served) -> None:
        """When no picture was made the whole answer is the error."""
        await ark.rule(kind="moderation", on="output", times=None)
        for prompt in ("山水", "2张山水"):
            status, answer = await ark.generate(prompt, sequential_image_generation="auto")
            assert (status, answer["error"]["code"]) == (400, "OutputImageSensitiveContentDetected")
        assert await ark.ledger() == []


class TestErrors:
    """What a bad request gets."""

    async def test_form_and_headers(self, ark: Served) -> None:
        """Wrapped, ending in the request id, which is also a header."""
        async with ark.post(size="nonsense") as answer:
            error = (await answer.json())["error"]
            assert answer.status == 400
            assert set(error) == {"code", "message", "param", "type"}
            assert error["message"].endswith(f" Request id: {answer.headers['x-request-id']}")
            assert re.fullmatch(r"02\d{13}[0-9a-f]{42}", answer.headers["x-request-id"])
            assert answer.headers["server"] == "istio-envoy"

    async def test_client_request_id_is_echoed(self, ark: Served) -> None:
        """On errors and on good answers; without one it is `unknown-...`."""
        url = f"{ark.url}/api/v3/images/generations"
        async with ark.session.post(url, json={}, headers={"X-Client-Request-Id": "mine"}) as answer:
            assert answer.headers["x-client-request-id"] == "mine"
        async with ark.post() as answer:
            assert answer.headers["x-client-request-id"].startswith("unknown-")

    @pytest.mark.parametrize(
        ("header", "message"),
        [
            (None, "The API key or AK/SK in the request is missing or invalid."),
            ("Bearer ", "The API key or AK/SK in the request is missing or invalid."),
            ("Basic abc", "The API key or AK/SK in the request is missing or invalid."),
            ("Bearer bad-key", "The API key doesn't exist."),
        ],
    )
    async def test_keys(self, ark: Served, header: str | None, message: str) -> None:
        """A missing and a wrong key are told apart, before anything else is looked at."""
        headers = {} if header is None else {"Authorization": header}
        url = f"{ark.url}/api/v3/images/generations"
        async with aiohttp.ClientSession() as session, session.post(url, json={}, headers=headers) as answer:
            error = (await answer.json())["error"]
        assert answer.status == 401
        assert (error["code"], error["type"]) == ("AuthenticationError", "Unauthorized")
        assert error["message"].startswith(message)

    async def test_only_these_keys(self, tmp_path: Path) -> None:
        """With keys configured no other is accepted."""
        async with served(tmp_path, api_keys=frozenset({"other"})) as ark:
            assert (await ark.generate())[0] == 401

    async def test_body_limit(self, ark: Served) -> None:
        """More than 64 MB is 413, as JSON."""
        content = io.BytesIO(b'{"prompt":"' + b"x" * (64 * 1024 * 1024) + b'"}')
        async with ark.session.post(f"{ark.url}/api/v3/images/generations", data=content) as answer:
            assert answer.status == 413
            assert (await answer.json())["error"]["code"] == "RequestEntityTooLarge"

    @pytest.mark.parametrize(
        ("method", "path", "status"), [("GET", "/nothing", 404), ("GET", "/api/v3/images/generations", 405)]
    )
    async def test_unknown_routes(self, ark: Served, method: str, path: str, status: int) -> None:
        """They are answered in Ark's form too."""
        async with ark.session.request(method, ark.url + path) as answer:
            assert answer.status == status
            assert "Request id: " in (await answer.json())["error"]["message"]

    async def test_images_per_minute(self, tmp_path: Path) -> None:
        """The rate is per model and minute, and a group counts its images."""
        async with served(tmp_path, images_per_minute=4) as ark:
            assert (await ark.generate("3张山水", sequential_image_generation="auto"))[0] == 200
            status, answer = await ark.generate("2张山水", sequential_image_generation="auto")
            assert (status, answer["error"]["code"]) == (429, "ModelAccountIpmRateLimitExceeded")
            assert (await ark.generate())[0] == 200
            assert (await ark.generate(model=PRO))[0] == 200
            ark.now_s[0] += 60
            assert (await ark.generate())[0] == 200


class TestListing:
    """The other routes."""

    async def test_models(self, ark: Served) -> None:
        """The list says which models are shut down."""
        async with ark.session.get(f"{ark.url}/api/v3/models") as answer:
            models = {model["id"]: model["status"] for model in (await answer.json())["data"]}
        assert models[V4] == ""
        assert models["doubao-seedream-3-0-t2i-250415"] == "Shutdown"

    async def test_3_0_can_be_kept_alive(self, tmp_path: Path) -> None:
        """With the switch the old model answers, without `size` in its items."""
        async with served(tmp_path, enable_3_0=True) as ark:
            _, answer = await ark.generate(model="doubao-seedream-3-0-t2i-250415", size="512x512", seed=3)
            assert set(answer["data"][0]) == {"url"}

    async def test_description(self, ark: Served) -> None:
        """The sandbox says what it is and counts."""
        await ark.links()
        async with ark.session.get(f"{ark.url}/sandbox") as answer:
            body = await answer.json()
        assert body["sandbox"] is True
        assert body["counters"] == {"requests": 1, "outputs": 1, "downloads": 0}
        assert "[sandbox:fail]" in body["magic_words"]

    async def test_ping(self, ark: Served) -> None:
        """It is up."""
        assert await ark.get(f"{ark.url}/ping") == (200, b"pong")


def png_uri(mode: str) -> str:
    """Return a data URI of a plain PNG of that mode."""
    buffer = io.BytesIO()
    Image.new(mode, (600, 600)).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


class TestEditing:
    """Layers and transparent backgrounds, things of 5.0 pro and flash."""

    FLASH = "doubao-seedream-5-0-flash-260915"

    async def test_layers(self, ark: Served) -> None:
        """A base and layers with names and places, as PNG, each billed; nothing outside a layer's box."""
        fields = {"model": self.FLASH, "size": "1K", "layer_decomposition": True, "image": png_uri("RGB")}
        status, answer = await ark.generate("一只猫", **fields)
        assert status == 200
        base, *layers = answer["data"]
        assert layers
        assert (base["z_index"], base["output_format"], "bounding_box" in base) == (0, "png", False)
        assert [layer["z_index"] for layer in layers] == list(range(1, len(layers) + 1))
        assert answer["usage"]["generated_images"] == len(await ark.ledger()) == 1 + len(layers)
        picture = Image.open(io.BytesIO((await ark.get(layers[0]["url"]))[1]))
        left, top, right, bottom = layers[0]["bounding_box"]["absolute"]
        shown = picture.getchannel("A").getbbox()
        assert shown is not None
        assert left <= shown[0] < shown[2] <= right + 1
        assert top <= shown[1] < shown[3] <= bottom + 1

    async def test_small_picture_has_no_layers(self, ark: Served) -> None:
        """Each side must have 512 pixels."""
        buffer = io.BytesIO()
        Image.new("RGB", (511, 600)).save(buffer, "PNG")
        uri = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
        status, _ = await ark.generate("x", model=PRO, size="1K", layer_decomposition=True, image=uri)
        assert status == 400

    async def test_transparent_background(self, ark: Served) -> None:
        """PNG with an alpha channel, for a picture that has one."""
        fields = {"model": PRO, "size": "1K", "background": "transparent", "output_format": "png"}
        assert (await ark.generate("x", **fields, image=png_uri("RGB")))[0] == 400
        (link,) = await ark.links("x", **fields, image=png_uri("RGBA"))
        picture = Image.open(io.BytesIO((await ark.get(link))[1]))
        assert picture.getchannel("A").getextrema() == (0, 255)
