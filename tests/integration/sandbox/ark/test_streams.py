"""`stream: true`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.sandbox.serving import PRO, V4, Served, served

Event = tuple[str, Any]


def parse(text: str) -> list[Event]:
    """Return the events of a stream; the end mark is `("", "[DONE]")`."""
    events = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        data = fields["data"]
        events.append((fields.get("event", ""), data if data == "[DONE]" else json.loads(data)))
    return events


async def stream(ark: Served, prompt: str = "3张山水", **fields: Any) -> list[Event]:
    """Return the events of a streamed group."""
    async with ark.post(prompt, stream=True, sequential_image_generation="auto", **fields) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        return parse(await answer.text())


def names(events: list[Event]) -> list[str]:
    """Return the short names of events."""
    return [name.removeprefix("image_generation.") or data for name, data in events]


class TestStream:
    """One event for each picture."""

    async def test_whole_group(self, ark: Served) -> None:
        """Pictures in order, then the usage, then the end mark."""
        events = await stream(ark)
        assert names(events) == ["partial_succeeded"] * 3 + ["completed", "[DONE]"]
        name, first = events[0]
        assert (await ark.get(first.pop("url")))[0] == 200
        assert first == {
            "type": name,
            "model": V4,
            "created": 1_795_489_044,
            "image_index": 0,
            "size": "1280x720",
        }
        assert events[3][1]["usage"] == {"generated_images": 3, "output_tokens": 10_800, "total_tokens": 10_800}
        assert len(await ark.ledger()) == 3

    async def test_failed_picture(self, ark: Served) -> None:
        """A refused picture has its index and error; the others follow."""
        events = await stream(ark, "3张山水 [sandbox:moderation-output=1]")
        assert names(events)[:4] == ["partial_succeeded", "partial_failed", "partial_succeeded", "completed"]
        assert events[1][1]["image_index"] == 1
        assert events[1][1]["error"]["code"] == "OutputImageSensitiveContentDetected"
        assert events[3][1]["usage"]["generated_images"] == 2

    async def test_internal_error_ends_the_group(self, ark: Served) -> None:
        """The remaining pictures are not tried; the usage still comes."""
        events = await stream(ark, "4张山水 [sandbox:image-error=1]")
        assert names(events) == ["partial_succeeded", "partial_failed", "completed", "[DONE]"]

    async def test_error_in_the_middle(self, ark: Served) -> None:
        """A whole error ends the stream; what came before is billed."""
        events = await stream(ark, "3张山水 [sandbox:stream-error=1]")
        assert names(events) == ["partial_succeeded", "error"]
        assert events[1][1]["error"]["code"] == "InternalServiceError"
        assert [entry["image_index"] for entry in await ark.ledger()] == [0]

    async def test_cut(self, ark: Served) -> None:
        """The connection closes in the middle; the picture that did not arrive is billed."""
        await ark.rule(kind="stream_cut", image_index=1)
        with pytest.raises(aiohttp.ClientPayloadError):
            await stream(ark)
        assert [entry["image_index"] for entry in await ark.ledger()] == [0, 1]

    async def test_reset_after_billing(self, ark: Served) -> None:
        """The connection breaks before the first event; its picture is billed."""
        await ark.rule(kind="reset_after_billing")
        with pytest.raises(aiohttp.ClientError):
            await stream(ark)
        assert len(await ark.ledger()) == 1

    async def test_reset_after_a_later_picture(self, ark: Served) -> None:
        """A rule can name the picture after whose billing the connection breaks."""
        await ark.rule(kind="reset_after_billing", image_index=1)
        with pytest.raises(aiohttp.ClientError):
            await stream(ark)
        assert [entry["image_index"] for entry in await ark.ledger()] == [0, 1]

    async def test_ends(self, ark: Served) -> None:
        """The end mark and the `completed` event can each be left out by a rule."""
        await ark.rule(kind="stream_no_done")
        assert names(await stream(ark, "1张"))[-1] == "completed"
        await ark.rule(kind="stream_no_completed")
        assert names(await stream(ark, "1张")) == ["partial_succeeded", "[DONE]"]

    async def test_ends_by_option(self, tmp_path: Path) -> None:
        """And by the command line for all streams."""
        async with served(tmp_path, stream_done=False, stream_completed=False) as ark:
            assert names(await stream(ark, "1张")) == ["partial_succeeded"]

    async def test_errors_before_the_stream_are_json(self, ark: Served) -> None:
        """A bad request, or a model that does not stream, has no stream."""
        for fields in ({"size": "x"}, {"model": PRO}):
            status, answer = await ark.generate(stream=True, **fields)
            assert (status, answer["error"]["code"]) == (400, "InvalidParameter")
