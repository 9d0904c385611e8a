"""Texts that Ark does not give, though it was asked and may charge for it."""

from __future__ import annotations

import aiohttp
import pytest

from danqing_plugins import ContentRejected, Request, Result
from danqing_plugins.billing import Billed
from danqing_plugins.recording import RecordingRun
from danqing_plugins.testing import job_of
from tests.support.scripted_service import said, scripted
from tests.unit.volcengine.builders import configured

CHAT = "POST /api/v3/chat/completions"
ASKED = Request(
    provider="volcengine",
    type="text_generation",
    model="doubao-seed-1-6-250615",
    input={"prompt": "a red fox"},
)


@pytest.mark.parametrize("content", [None, ""])
async def test_what_a_filter_withheld_is_not_asked_for_again(content: str | None) -> None:
    """It would be withheld again, and each time may have been charged."""
    choice = {"index": 0, "finish_reason": "content_filter", "message": {"role": "assistant", "content": content}}
    answer = {"choices": [choice], "usage": {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19}}
    async with scripted({CHAT: [said(answer)]}) as service, aiohttp.ClientSession() as session:
        provider = configured({}, sandbox_url=service.url)
        run = RecordingRun(job=job_of(provider, ASKED), http=session)
        with pytest.raises(ContentRejected) as caught:
            await provider.generate(run.job, run)
        assert (caught.value.code, caught.value.billed) == ("content_filter", Billed.UNKNOWN)
        [call] = run.calls
        assert call.usage["completion_tokens"] == 7


@pytest.mark.parametrize("error", [{}, False, "", {"code": "", "message": ""}])
async def test_an_empty_error_beside_a_text_is_none(error: object) -> None:
    """As relays send it: the text was paid for, and is not asked for again."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "A fox."}}
    answer = {"choices": [choice], "error": error, "code": 0}
    async with scripted({CHAT: [said(answer)]}) as service, aiohttp.ClientSession() as session:
        provider = configured({}, sandbox_url=service.url)
        run = RecordingRun(job=job_of(provider, ASKED), http=session)
        assert await provider.generate(run.job, run) == Result(output={"text": "A fox."})
