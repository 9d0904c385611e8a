"""A paid, complete, readable answer is used, however it comes; one that is cut leaves the outcome open."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from danqing_plugins import OutcomeUnknown, Unavailable
from danqing_providers.volcengine.answer import Ended, Made, News
from danqing_providers.volcengine.endpoint import Endpoint
from danqing_providers.volcengine.exchange import Exchange
from tests.integration.volcengine.recording import RecordedCall
from tests.integration.volcengine.scripted import Step, document, events, pictures, raw, reply, serve, stream

Connect = Callable[..., Any]
GROUP = {"sequential_image_generation": "auto", "sequential_image_generation_options": {"max_images": 3}}
ONE = document(*pictures(1))
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SAMPLE = b"""event: image_generation.partial_succeeded
data: {
    "type": "image_generation.partial_succeeded",
    "model": "doubao-seedream-4-0-250828",
    "created": 1589478378,
    "image_index": 0,
    "url": "https://pictures.example/0.jpeg",
    "size": "2048x2048"
  }

event: image_generation.completed
data: {
    "type": "image_generation.completed",
    "usage": {
        "generated_images": 1,
        "output_tokens": 16384
    }
  }
"""


class TestForms:
    """H12, H5, H20: the form of an answer is no reason to buy again."""

    @pytest.mark.parametrize(
        "step",
        [
            raw(ONE, status=201, announced=len(ONE)),
            raw(ONE, status=202, announced=len(ONE)),
            raw(ONE, status=206, announced=len(ONE)),
            raw(b"\xef\xbb\xbf" + ONE),
            raw(ONE, announced=len(ONE) + 2),
            raw(ONE, announced=len(ONE) + 2, content_type="text/html"),
            raw(ONE, content_type="text/event-stream"),
            raw(ONE, content_type="nonsense"),
            raw(ONE + b"\n<!-- edge -->"),
            raw(b"\r\n", ONE),
            raw(ONE, status=500, announced=len(ONE)),
            raw(events(*pictures(1)), content_type="application/json"),
            raw(events(*pictures(1)), content_type="application/octet-stream", status=201),
            raw(b"\xef\xbb\xbf" + events(*pictures(1)), content_type="text/plain"),
            raw(SAMPLE, content_type="text/event-stream"),
            raw(SAMPLE.replace(b"\n", b"\r\n"), content_type="application/json"),
            raw(b"data: " + ONE + b"\n\n", content_type="text/event-stream"),
            raw(ONE.replace(b"[{", b"{").replace(b"}]", b"}")),
        ],
    )
    @pytest.mark.parametrize("asked", [False, True])
    async def test_is_no_matter(self, connect: Connect, step: Step, asked: bool) -> None:
        """H12, H5, H20: the picture is delivered by the one call, streamed or not."""
        async with serve(step) as ark:
            client = connect(ark)
            run = client.begin(stream=asked)
            await client.carry_out(run)
        assert run.pictures[0].url == "https://pictures.example/0.jpeg"
        assert run.outcomes == ["answered"]
        assert run.calls[0].usage["generated_images"] == 1

    async def test_group_under_another_name(self, connect: Connect) -> None:
        """H5: a stream that is called JSON is read as it comes: each picture is safe before the next one."""
        more = asyncio.Event()
        whole = events(*pictures(3))
        end = whole.index(b"\n\n") + 2
        async with serve(raw(whole[:end], more, whole[end:])) as ark:
            client = connect(ark)
            run = client.begin(**GROUP)
            task = asyncio.create_task(client.carry_out(run))
            async with asyncio.timeout(5):
                await run.kept.wait()
            assert set(run.pictures) == {0}
            more.set()
            await task
        assert set(run.pictures) == {0, 1, 2}
        assert run.outcomes == ["answered"]

    @pytest.mark.parametrize(
        "step", [raw(ONE[:-1]), raw(ONE[:60]), raw(b"\xef\xbb\xbf"), raw(ONE[:-1], announced=len(ONE))]
    )
    async def test_cut_is_unknown(self, connect: Connect, step: Step) -> None:
        """H12: half a document is none, whatever was announced."""
        async with serve(step) as ark:
            client = connect(ark)
            run = client.begin()
            with pytest.raises(OutcomeUnknown):
                await client.carry_out(run)
        assert run.pictures == {}

    @pytest.mark.parametrize("error", [{}, False, "", {"code": "", "message": ""}])
    @pytest.mark.parametrize("streamed", [False, True])
    async def test_an_empty_error_is_none(self, connect: Connect, error: Any, streamed: bool) -> None:
        """H12: as relays send it beside what was made, of the whole answer or of its end."""
        told = b'"error": ' + json.dumps(error).encode() + b', "usage"'
        text = events(*pictures(1)) if streamed else ONE
        async with serve(raw(text.replace(b'"usage"', told))) as ark:
            client = connect(ark)
            run = client.begin(stream=streamed)
            await client.carry_out(run)
        assert set(run.pictures) == {0}
        assert run.outcomes == ["answered"]
        assert run.calls[0].usage["generated_images"] == 1

    async def test_refusal_counts_however_it_comes(self, connect: Connect) -> None:
        """H12: Ark's own word that nothing was made is heard through the same noise, and nothing is unknown."""
        error = b'{"error":{"code":"InternalServiceError","message":"No."}}'
        steps = [
            raw(b"\xef\xbb\xbf" + error, status=500),
            raw(error, status=500, announced=len(error) + 2),
            raw(b"event: error\ndata: " + error + b"\n\n", status=500),
            raw(error, status=500, content_type="text/html"),
        ]
        for step in steps:
            async with serve(step) as ark:
                client = connect(ark)
                with pytest.raises(Unavailable) as caught:
                    await client.carry_out(client.begin())
            assert caught.value.code == "InternalServiceError"

    async def test_bare_503_hands_its_wish_on(self, connect: Connect) -> None:
        """H18: the outcome stays unknown, and the service is asked again when it said."""
        async with serve(reply(503, "<html>busy</html>", Retry_After="3.5")) as ark:
            client = connect(ark)
            with pytest.raises(OutcomeUnknown) as caught:
                await client.carry_out(client.begin())
        assert caught.value.retry_after_s == 3.5


class TestParts:
    """H3, H13, H4: every part of an answer that can be used is used."""

    async def test_bytes_beat_a_link(self, connect: Connect) -> None:
        """H3: with both at hand, nothing is fetched."""
        async with serve(raw(document({"url": "https://pictures.example/404", "b64_json": PNG}))) as ark:
            client = connect(ark)
            run = client.begin()
            await client.carry_out(run)
        assert (run.pictures[0].url, run.pictures[0].base64) == (None, PNG)

    @pytest.mark.parametrize("streamed", [False, True])
    async def test_bytes_where_a_link_was_asked(self, connect: Connect, streamed: bool) -> None:
        """H13: 1.4 MB of picture are no flood."""
        large = PNG[:40] + "A" * 1_400_000
        item = {"b64_json": large}
        step = raw(events(item)) if streamed else raw(document(item))
        async with serve(step) as ark:
            client = connect(ark)
            run = client.begin(stream=streamed)
            await client.carry_out(run)
        assert run.pictures[0].base64 == large

    @pytest.mark.parametrize(
        ("link", "path"), [("/pic/1.jpeg", "/pic/1.jpeg"), ("//{host}/pic/1.jpeg", "/pic/1.jpeg")]
    )
    async def test_relative_link_is_of_the_endpoint(self, connect: Connect, link: str, path: str) -> None:
        """H4: a link without a server is one of the server that was asked."""
        async with serve() as ark:
            ark.steps.append(raw(document({"url": link.format(host=ark.url.removeprefix("http://"))})))
            client = connect(ark)
            run = client.begin()
            await client.carry_out(run)
            assert run.pictures[0].url == ark.url + path

    @pytest.mark.parametrize("odd", [5, {}, "x", {"url": None}])
    @pytest.mark.parametrize("streamed", [False, True])
    async def test_odd_part_leaves_the_others(self, connect: Connect, odd: Any, streamed: bool) -> None:
        """H3: what cannot be read costs the pictures beside it nothing; what it was stays open."""
        first, last = pictures(2)
        whole = events(first, {}, last).replace(b"{", b"{", 1) if streamed else document(first, odd, last)
        async with serve(raw(whole)) as ark:
            client = connect(ark)
            run = client.begin(**GROUP, **({} if streamed else {"stream": False}))
            with pytest.raises(OutcomeUnknown):
                await client.carry_out(run)
        assert set(run.pictures) == {0, 2}
        assert run.calls[0].usage["generated_images"] >= 2

    async def test_picture_counted_from_one_is_kept(self, connect: Connect) -> None:
        """H3: an index that nobody has is no reason to lose what is paid."""
        text = events(*pictures(1)).replace(b'"image_index": 0', b'"image_index": 1')
        async with serve(stream(text)) as ark:
            client = connect(ark)
            run = client.begin(stream=True)
            await client.carry_out(run)
        assert set(run.pictures) == {0}

    async def test_repeated_event_is_one_picture(self, connect: Connect) -> None:
        """The same place twice is no second picture."""
        text = events(*pictures(1), completed=False) * 2 + events(completed=True)
        async with serve(stream(text)) as ark:
            client = connect(ark)
            run = client.begin(**GROUP)
            await client.carry_out(run)
        assert set(run.pictures) == {0}

    async def test_end_that_breaks_takes_nothing_away(self, connect: Connect) -> None:
        """H12: a stream that is cut behind its last picture was answered."""
        async with serve(stream(events(*pictures(3), completed=False), cut=True)) as ark:
            client = connect(ark)
            run = client.begin(**GROUP)
            await client.carry_out(run)
        assert set(run.pictures) == {0, 1, 2}
        assert run.outcomes == ["answered"]

    async def test_last_event_needs_no_blank_line(self, connect: Connect) -> None:
        """H12: an event that is whole counts, though the connection ends before its blank line."""
        text = events(*pictures(1), completed=False).rstrip(b"\n")
        async with serve(raw(text, announced=len(text) + 9)) as ark:
            client = connect(ark)
            run = client.begin(stream=True)
            await client.carry_out(run)
        assert set(run.pictures) == {0}

    async def test_counts_beyond_belief_are_left_out(self, connect: Connect) -> None:
        """E10: a count of 2**64 - 1 and a request id that is no text go into nobody's database."""
        text = ONE.replace(b'"generated_images": 1', b'"generated_images": 1, "total_tokens": 18446744073709551615')
        async with serve(raw(text)) as ark:
            client = connect(ark)
            run = client.begin()
            await client.carry_out(run)
        assert run.calls[0].usage == {"generated_images": 1}


class TestBounds:
    """What is larger than pictures are, and what never ends."""

    async def test_silence_behind_a_whole_document_is_not_waited_for(self, session: aiohttp.ClientSession) -> None:
        """H12: two bytes that were announced and never come do not hold the task for the length of a call."""
        never = asyncio.Event()
        async with serve(raw(ONE, never, announced=len(ONE) + 2, cut=False)) as ark:
            news = await _news(ark.url, session, quiet_s=0.05)
            never.set()
        assert [type(each) for each in news] == [Made, Ended]

    async def test_pause_within_a_document_is_waited_for(self, session: aiohttp.ClientSession) -> None:
        """H12: a brace at the end of a packet is no end."""
        pause = asyncio.Event()
        at = ONE.index(b"}") + 1
        async with serve(raw(ONE[:at], pause, ONE[at:], announced=len(ONE))) as ark:
            asyncio.get_running_loop().call_later(0.2, pause.set)
            news = await _news(ark.url, session, quiet_s=0.02)
        assert [type(each) for each in news] == [Made, Ended]

    @pytest.mark.parametrize(
        "step", [raw(document({"b64_json": "A" * 9_000_000})), raw(events({"b64_json": "A" * 9_000_000}))]
    )
    async def test_too_large_is_told_truly(self, session: aiohttp.ClientSession, step: Step) -> None:
        """H13: the message names what was allowed."""
        async with serve(step) as ark:
            with pytest.raises(OutcomeUnknown, match=r"Ark's answer has more than [48]000 bytes") as caught:
                await _news(ark.url, session, picture_bytes=4000)
        assert caught.value.code == "answer_too_large"

    async def test_endless_garbage_is_given_up_early(self, connect: Connect) -> None:
        """What is neither an object nor a stream is not read to the size of pictures, and not called large."""
        never = asyncio.Event()
        async with serve(raw(*[b"x" * 65536] * 64, never, cut=False)) as ark:
            client = connect(ark)
            with pytest.raises(OutcomeUnknown, match="neither a JSON object nor a stream"):
                await client.carry_out(client.begin())
            never.set()


async def _news(url: str, session: aiohttp.ClientSession, **bounds: Any) -> list[News]:
    exchange = Exchange(
        session=session, endpoint=Endpoint(base_url=f"{url}/api/v3", key="k"), timeout_s=5.0, **bounds
    )
    call = RecordedCall("call", (0,), "fingerprint")
    return [news async for news in exchange.send({"prompt": "p"}, call, 1)]
