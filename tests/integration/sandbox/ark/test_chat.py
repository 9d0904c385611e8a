"""Text over HTTP: whole, streamed, billed."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import httpx
import pytest
from openai import AsyncOpenAI, RateLimitError

from tests.integration.sandbox.serving import Served

pytestmark = pytest.mark.clients

MODEL = "doubao-seed-1-6-250615"


async def ask(ark: Served, prompt: str, **fields: Any) -> tuple[int, Any]:
    """Return status and JSON of one question."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": prompt}], **fields}
    async with ark.session.post(f"{ark.url}/api/v3/chat/completions", json=body) as answer:
        return answer.status, await answer.json()


class TestAnswers:
    """Canned ones."""

    async def test_whole(self, ark: Served) -> None:
        """The same for the same question; its tokens are in the ledger."""
        status, answer = await ask(ark, "江南春色")
        assert status == 200
        choice = answer["choices"][0]
        assert (choice["message"], choice["finish_reason"]) == (
            {"role": "assistant", "content": "模拟回答：江南春色"},
            "stop",
        )
        assert answer["usage"]["total_tokens"] == 4 + 9
        (entry,) = await ark.ledger()
        assert (entry["kind"], entry["quantity"], entry["unit"], entry["delivered"]) == ("text", 13, "token", True)

    async def test_translation(self, ark: Served) -> None:
        """It says that it is one."""
        _, answer = await ask(ark, "Translate into Chinese: spring")
        assert answer["choices"][0]["message"]["content"].startswith("【译文】")
        _, answer = await ask(ark, "翻译成英文：春天")
        assert answer["choices"][0]["message"]["content"].startswith("[translated] ")

    async def test_limit(self, ark: Served) -> None:
        """A short answer says that it was cut."""
        _, answer = await ask(ark, "江南春色", max_tokens=5)
        assert answer["choices"][0]["finish_reason"] == "length"
        assert answer["usage"]["completion_tokens"] == 5

    async def test_json(self, ark: Served) -> None:
        """An object where one is asked for."""
        _, answer = await ask(ark, "hello", response_format={"type": "json_object"})
        assert "hello" in json.loads(answer["choices"][0]["message"]["content"])["text"]

    async def test_stream(self, ark: Served) -> None:
        """Pieces, usage where it is asked for, and the end mark."""
        body = {
            "model": MODEL,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        async with ark.session.post(f"{ark.url}/api/v3/chat/completions", json=body) as answer:
            assert answer.content_type == "text/event-stream"
            *events, end = (await answer.text()).removesuffix("\n\n").split("\n\n")
        chunks = [json.loads(event.removeprefix("data: ")) for event in events]
        assert end == "data: [DONE]"
        pieces = [chunk["choices"][0]["delta"]["content"] for chunk in chunks[:-1]]
        assert "".join(pieces) == "A sandbox's answer to: hello"
        assert (chunks[-1]["choices"], chunks[-1]["usage"]["prompt_tokens"]) == ([], 2)

    @pytest.mark.parametrize(
        ("fields", "status", "code"),
        [
            ({"model": "doubao-seed"}, 404, "InvalidEndpointOrModel.NotFound"),
            ({"model": "doubao-seedream-4-0-250828"}, 404, "InvalidEndpointOrModel.NotFound"),
            ({"messages": []}, 400, "MissingParameter"),
            ({"messages": [{"role": "king", "content": "x"}]}, 400, "InvalidParameter"),
            (
                {"messages": [{"role": "user", "content": "[sandbox:quota]"}]},
                429,
                "QuotaExceeded",
            ),
        ],
    )
    async def test_refused(self, ark: Served, fields: dict[str, Any], status: int, code: str) -> None:
        """In Ark's words, and not billed."""
        found, answer = await ask(ark, "x", **fields)
        assert (found, answer["error"]["code"]) == (status, code)
        assert await ark.ledger() == []

    async def test_stream_that_breaks_off(self, ark: Served) -> None:
        """It ends in the middle, without the end mark: billed, and not delivered."""
        body = {
            "model": MODEL,
            "messages": [{"role": "user", "content": "a long question [sandbox:stream-cut]"}],
            "stream": True,
        }
        with pytest.raises(aiohttp.ClientPayloadError):
            async with ark.session.post(f"{ark.url}/api/v3/chat/completions", json=body) as answer:
                await answer.read()
        assert [entry["delivered"] for entry in await ark.ledger()] == [False]


class TestOpenAIsLibrary:
    """Ark's chat is OpenAI's on the wire; its library says so."""

    async def test_whole_and_streamed(self, ark: Served) -> None:
        """Content, usage, and a stream that ends."""
        async with httpx.AsyncClient(trust_env=False) as http:
            client = AsyncOpenAI(base_url=f"{ark.url}/ark/api/v3", api_key="k", http_client=http, max_retries=0)
            asked = [{"role": "user", "content": "江南春色"}]
            whole = await client.chat.completions.create(model=MODEL, messages=asked)
            assert whole.choices[0].message.content == "模拟回答：江南春色"
            assert whole.usage is not None
            assert whole.usage.total_tokens == 13
            stream = await client.chat.completions.create(model=MODEL, messages=asked, stream=True)
            pieces = [chunk.choices[0].delta.content async for chunk in stream]
            assert "".join(pieces) == "模拟回答：江南春色"

    async def test_refused(self, ark: Served) -> None:
        """Its classes follow the status."""
        async with httpx.AsyncClient(trust_env=False) as http:
            client = AsyncOpenAI(base_url=f"{ark.url}/ark/api/v3", api_key="k", http_client=http, max_retries=0)
            asked = [{"role": "user", "content": "[sandbox:overloaded]"}]
            with pytest.raises(RateLimitError):
                await client.chat.completions.create(model=MODEL, messages=asked)
