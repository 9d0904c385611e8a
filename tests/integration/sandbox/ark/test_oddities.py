"""Answers and links that are unusual: billed once, and what the word says."""

from __future__ import annotations

import base64
import json
from typing import Any

import aiohttp
import pytest

from tests.integration.sandbox.serving import Served

GROUP = {"sequential_image_generation": "auto", "stream": True}


class TestAnswers:
    """Whole, readable, and not in the usual form."""

    async def test_status(self, ark: Served) -> None:
        """The usual document as 202, or as told."""
        status, answer = await ark.generate("x [sandbox:answer-status]")
        assert (status, len(answer["data"])) == (202, 1)
        assert (await ark.generate("x [sandbox:answer-status=201]"))[0] == 201
        assert (await ark.generate("x [sandbox:answer-status=500]"))[0] == 400
        assert len(await ark.ledger()) == 2

    async def test_mark(self, ark: Served) -> None:
        """A byte-order mark before the JSON, or before the first event."""
        for more in ({}, GROUP):
            async with ark.post("two images [sandbox:bom]", **more) as answer:
                assert (await answer.read()).startswith(b"\xef\xbb\xbf")

    async def test_length(self, ark: Served) -> None:
        """The document is whole, and two bytes that were announced never come."""
        async with ark.post("x [sandbox:answer-length]") as answer:
            body = await answer.content.readuntil(b"}}")
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
        assert answer.headers["Content-Length"] == str(len(body) + 2)
        assert json.loads(body)["usage"]["generated_images"] == 1
        assert len(await ark.ledger()) == 1

    async def test_type(self, ark: Served) -> None:
        """Each form under the other's name."""
        async with ark.post("x [sandbox:mislabelled]") as answer:
            assert answer.content_type == "text/event-stream"
            assert json.loads(await answer.read())["data"]
        async with ark.post("two images [sandbox:mislabelled]", **GROUP) as answer:
            assert answer.content_type == "application/json"
            assert (await answer.read()).startswith(b"event: image_generation.partial_succeeded\n")

    @pytest.mark.parametrize("streamed", [False, True])
    async def test_bytes(self, ark: Served, streamed: bool) -> None:
        """`b64_json` where a link was asked: alone, in lines, without padding, or beside a dead link."""
        encoded = [
            await _first(ark, f"one image [sandbox:{word}]", streamed)
            for word in ("bytes", "base64-lines", "base64-unpadded", "both")
        ]
        pictures = {base64.b64decode(item["b64_json"] + "==") for item in encoded}
        assert all(picture.startswith(b"\xff\xd8\xff") for picture in pictures)
        assert ["\n" in item["b64_json"] for item in encoded] == [False, True, False, False]
        assert not encoded[2]["b64_json"].endswith("=")
        assert ["url" in item for item in encoded] == [False, False, False, True]
        assert (await ark.get(encoded[3]["url"]))[0] in (403, 404)

    async def test_links(self, ark: Served) -> None:
        """Links of the same server without its name, or without a scheme."""
        path = (await _first(ark, "x [sandbox:relative]", False))["url"]
        assert path.startswith("/doubao-")
        assert (await ark.get(ark.url + path))[0] == 200
        hostless = (await _first(ark, "x [sandbox:hostless]", False))["url"]
        assert hostless.startswith("//127.0.0.1:")
        assert (await ark.get(f"http:{hostless}"))[0] == 200

    async def test_sample_stream(self, ark: Served) -> None:
        """H20: only the first line of an event's JSON has `data:`."""
        async with ark.post("two images [sandbox:stream-sample]", **GROUP) as answer:
            text = await answer.text()
        first = text.partition("\n\n")[0].partition("data: ")[2]
        assert json.loads(first)["image_index"] == 0
        assert '\n    "type"' in first

    async def test_words_stand_together(self, ark: Served) -> None:
        """Several oddities in one answer."""
        async with ark.post("x [sandbox:bom][sandbox:answer-status=201][sandbox:bytes]") as answer:
            body = await answer.read()
        assert answer.status == 201
        assert "b64_json" in json.loads(body[3:])["data"][0]

    async def test_by_rule(self, ark: Served) -> None:
        """The control API has the same, as often as told."""
        await ark.rule(kind="answer_bytes", form="unpadded")
        assert "b64_json" in await _first(ark, "x", False)
        assert "url" in await _first(ark, "x", False)


class TestLinks:
    """Links that work at some ages only."""

    async def test_late(self, ark: Served) -> None:
        """404 at first, then the picture."""
        (link,) = await ark.links("x [sandbox:link-late=3]")
        assert (await ark.get(link))[0] == 404
        ark.now_s[0] += 3
        assert (await ark.get(link))[0] == 200

    async def test_dies(self, ark: Served) -> None:
        """The picture at first, then 404 for ever; without a number never the picture."""
        (link,) = await ark.links("x [sandbox:link-dies=3]")
        assert (await ark.get(link))[0] == 200
        ark.now_s[0] += 3
        assert (await ark.get(link))[0] == 404
        (dead,) = await ark.links("x [sandbox:link-dies]")
        assert (await ark.get(dead))[0] == 404

    async def test_late_and_mortal(self, ark: Served) -> None:
        """A window between the two."""
        (link,) = await ark.links("x [sandbox:link-late=2][sandbox:link-dies=4]")
        seen = []
        for _ in range(3):
            seen.append((await ark.get(link))[0])
            ark.now_s[0] += 2
        assert seen == [404, 200, 404]

    async def test_first_gets(self, ark: Served) -> None:
        """H2: an error for the first two GETs, whenever they come."""
        (link,) = await ark.links("x [sandbox:download-status=404 x2]")
        assert [(await ark.get(link))[0] for _ in range(3)] == [404, 404, 200]

    async def test_slow(self, ark: Served) -> None:
        """All of the bytes, in pieces."""
        (link,) = await ark.links("x")
        (slow,) = await ark.links("x [sandbox:link-slow=0.1]")
        assert (await ark.get(slow))[1][:3] == (await ark.get(link))[1][:3]

    async def test_slow_from_where_it_broke_off(self, ark: Served) -> None:
        """A part of it is as slow for its size, and carries the tag of the whole."""
        (slow,) = await ark.links("x [sandbox:link-slow=0.1]")
        async with ark.session.get(slow) as answer:
            whole, tag = await answer.read(), answer.headers["ETag"]
        async with ark.session.get(slow, headers={"Range": "bytes=100-", "If-Range": tag}) as answer:
            assert (answer.status, await answer.read()) == (206, whole[100:])
            assert answer.headers["Content-Range"] == f"bytes 100-{len(whole) - 1}/{len(whole)}"
        async with ark.session.get(slow, headers={"Range": f"bytes={len(whole)}-"}) as answer:
            assert answer.status == 416

    async def test_page(self, ark: Served) -> None:
        """200 and no picture."""
        (link,) = await ark.links("x [sandbox:link-html]")
        status, body = await ark.get(link)
        assert (status, body[:6]) == (200, b"<html>")


class TestRefusals:
    """Refusals of one request."""

    @pytest.mark.parametrize(
        ("word", "status", "wish"),
        [
            ("429", 429, "1"),
            ("429=7", 429, "7"),
            ("429-minute", 429, None),
            ("html403", 403, None),
            ("html503", 503, "1"),
            ("html503=4", 503, "4"),
        ],
    )
    async def test_wish(self, ark: Served, word: str, status: int, wish: str | None) -> None:
        """U7: a word's 429 is over in a second; an edge's page says nothing of Ark."""
        async with ark.post(f"x [sandbox:{word}]") as answer:
            assert (answer.status, answer.headers.get("Retry-After")) == (status, wish)
        assert await ark.ledger() == []

    async def test_reference_host(self, ark: Served) -> None:
        """H15: the other wording of a reference's host that was slow."""
        status, answer = await ark.generate("x [sandbox:reference-503]")
        assert status == 400
        assert "status code: 503" in answer["error"]["message"]


async def _first(ark: Served, prompt: str, streamed: bool) -> dict[str, Any]:
    async with ark.post(prompt, **(GROUP if streamed else {})) as answer:
        assert answer.status == 200
        text = await answer.text()
    if not streamed:
        item: dict[str, Any] = json.loads(text)["data"][0]
        return item
    event: dict[str, Any] = json.loads(text.partition("data: ")[2].partition("\n")[0])
    return event
