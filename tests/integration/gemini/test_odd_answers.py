"""Answers without a picture: what they may have cost, and whether they are worth another try."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from danqing_plugins import ContentRejected, InvalidRequest, OutcomeUnknown, PluginError, Request
from danqing_plugins.billing import Billed
from danqing_plugins.recording import RecordingRun
from danqing_plugins.testing import job_of
from tests.integration.gemini.configured import configured
from tests.support.scripted_service import Answer, page, said, scripted

FLASH = "gemini-2.5-flash-image"
PLACE = f"POST /v1beta/models/{FLASH}:generateContent"
COUNTED = {"promptTokenCount": 9, "candidatesTokenCount": 40, "totalTokenCount": 49}
BLOCKED = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 9}}
HELD_BACK = {"candidates": [{"finishReason": "IMAGE_SAFETY"}], "usageMetadata": COUNTED}
TALKED = {
    "candidates": [{"content": {"parts": [{"text": "What a fox!"}]}, "finishReason": "STOP"}],
    "usageMetadata": COUNTED,
}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session like the server's."""
    async with aiohttp.ClientSession() as session:
        yield session


async def tried(
    session: aiohttp.ClientSession, answer: Answer, *, attempt: int = 1
) -> tuple[RecordingRun, PluginError]:
    """Carry a task out against *answer*; return its run and what that raised."""
    async with scripted({PLACE: [answer]}) as service:
        provider = configured(service.url)
        request = Request(provider="gemini", type="image", model=FLASH, input={"prompt": "a fox"})
        run = RecordingRun(job=job_of(provider, request), http=session)
        for _ in range(1, attempt):
            run = run.next_attempt()
        with pytest.raises(PluginError) as caught:
            await provider.generate(run.job, run)
        return run, caught.value


class TestRefusals:
    """With status 200."""

    @pytest.mark.parametrize("body", [BLOCKED, HELD_BACK], ids=["prompt", "picture"])
    async def test_none_is_called_free(self, session: aiohttp.ClientSession, body: Any) -> None:
        """No page says whether what was read, or made and held back, is charged; it is final."""
        run, error = await tried(session, said(body))
        assert (type(error), error.billed) == (ContentRejected, Billed.UNKNOWN)
        assert run.books.billed is Billed.UNKNOWN

    @pytest.mark.parametrize(("body", "micro"), [(BLOCKED, 3), (HELD_BACK, 103)], ids=["prompt", "picture"])
    async def test_what_was_counted_has_no_picture_in_it(
        self, session: aiohttp.ClientSession, body: Any, micro: int
    ) -> None:
        """So it is not booked at a picture's price: 9 tokens were read, at 0.3 millionths, and 40 said at 2.5."""
        run, _ = await tried(session, said(body))
        assert run.calls[0].cost_micro == micro


class TestTalking:
    """Words, and no picture: they are charged."""

    async def test_the_first_time_it_is_in_doubt(self, session: aiohttp.ClientSession) -> None:
        """One more purchase is made or not, as the policy says."""
        run, error = await tried(session, said(TALKED))
        assert isinstance(error, OutcomeUnknown)
        assert run.books.billed is Billed.UNKNOWN

    async def test_the_second_time_it_is_final(self, session: aiohttp.ClientSession) -> None:
        """And not called free either."""
        run, error = await tried(session, said(TALKED), attempt=2)
        assert (type(error), error.billed) == (InvalidRequest, Billed.UNKNOWN)
        assert run.books.billed is Billed.UNKNOWN

    @pytest.mark.parametrize("answer", [said({}), said({"candidates": []}), page(502), page(504)])
    async def test_an_answer_that_says_nothing_is_in_doubt(
        self, session: aiohttp.ClientSession, answer: Answer
    ) -> None:
        """Whatever it came as."""
        run, error = await tried(session, answer)
        assert isinstance(error, OutcomeUnknown)
        assert run.books.billed is Billed.UNKNOWN


class TestCost:
    """What an answer counts is charged: what was read, thought and said, beside the picture."""

    async def test_every_token_is_counted_at_its_own_price(self, session: aiohttp.ClientSession) -> None:
        """A thousand thoughts cost a fifth of the picture."""
        usage = {
            "promptTokenCount": 100,
            "candidatesTokenCount": 1130,
            "thoughtsTokenCount": 1000,
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}],
        }
        parts = [{"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}]
        body = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}], "usageMetadata": usage}
        model = "gemini-nano-banana-2.1"
        async with scripted({f"POST /v1beta/models/{model}:generateContent": [said(body)]}) as service:
            provider = configured(service.url)
            request = Request(provider="gemini", type="image", model=model, input={"prompt": "a fox"})
            run = RecordingRun(job=job_of(provider, request), http=session)
            await provider.generate(run.job, run)
        assert run.calls[0].cost_micro == 1120 * 30 + 1010 * 7.5 + 100 * 1.5
