"""Answers that hold a picture back, or seem to: what is paid for is kept, and not called free."""

from __future__ import annotations

import base64
from typing import Any

import aiohttp
import pytest

from danqing_plugins import ContentRejected, OutcomeUnknown, PluginError, Request
from danqing_plugins.billing import Billed
from danqing_plugins.recording import RecordingRun
from danqing_plugins.testing import job_of
from tests.integration.openai_images.conftest import png
from tests.support.scripted_service import Answer, page, said, scripted
from tests.unit.openai_images.builders import configured

PICTURE = {"b64_json": base64.b64encode(png()).decode()}
EMPTY_ERROR = {"message": "", "type": "", "param": "", "code": None}


def refused_at(stage: str) -> Answer:
    """Return OpenAI's refusal at *stage*, as recorded."""
    details = {"moderation_stage": stage, "categories": ["violence"]}
    error = {"message": "Rejected.", "code": "moderation_blocked", "moderation_details": details}
    return said({"error": {**error, "type": "image_generation_user_error", "param": None}}, 400)


async def tried(
    session: aiohttp.ClientSession, answer: Answer, preset: str = "openai", n: int = 1
) -> tuple[RecordingRun, PluginError | None]:
    """Carry a task out against *answer*; return its run and what that raised."""
    async with scripted({"POST /v1/images/generations": [answer]}) as service:
        provider = configured({"preset": preset, "base_url": f"{service.url}/v1"})
        request = Request(provider=provider.info.name, type="image", model=None, input={"prompt": "a hill", "n": n})
        run = RecordingRun(job=job_of(provider, request), http=session)
        try:
            await provider.generate(run.job, run)
        except PluginError as error:
            return run, error
        return run, None


class TestModeration:
    """The same code, before the picture and after it."""

    @pytest.mark.parametrize(
        ("stage", "billed"), [("input", Billed.NO), ("output", Billed.UNKNOWN), ("unknown", Billed.UNKNOWN)]
    )
    async def test_a_picture_that_was_made_may_be_billed(
        self, session: aiohttp.ClientSession, stage: str, billed: Billed
    ) -> None:
        """OpenAI does not say that what it holds back is free."""
        run, error = await tried(session, refused_at(stage))
        assert isinstance(error, ContentRejected)
        assert (error.billed, run.books.billed) == (billed, billed)

    async def test_what_xai_took_back_is_not_called_free(self, session: aiohttp.ClientSession) -> None:
        """The answer's own count has it."""
        items = [{"url": "https://xai.example/a.jpeg"}, {"respect_moderation": False}]
        told = {"data": items, "usage": {"cost_in_usd_ticks": 400_000_000}}
        run, error = await tried(session, said(told), "xai", n=2)
        assert error is None
        assert run.rejected[1].billed is Billed.UNKNOWN

    async def test_an_entry_of_nothing_is_not_called_free(self, session: aiohttp.ClientSession) -> None:
        """It may be a picture that the answer lost."""
        run, error = await tried(session, said({"data": [PICTURE, {}]}), n=2)
        assert error is None
        assert set(run.pictures) == {0}
        assert run.rejected[1].billed is Billed.UNKNOWN


class TestPaidAnswers:
    """Whole answers of gateways."""

    @pytest.mark.parametrize("error", [{}, False, [], EMPTY_ERROR], ids=["object", "false", "list", "fields"])
    async def test_an_empty_error_beside_the_picture_is_none(
        self, session: aiohttp.ClientSession, error: Any
    ) -> None:
        """The picture is paid for."""
        run, raised = await tried(session, said({"error": error, "data": [PICTURE]}))
        assert raised is None
        assert set(run.pictures) == {0}

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    async def test_a_gateways_page_leaves_it_open(self, session: aiohttp.ClientSession, status: int) -> None:
        """A service that is paid for may have made it behind the page."""
        run, error = await tried(session, page(status), "siliconflow")
        assert isinstance(error, OutcomeUnknown)
        assert run.books.billed is Billed.UNKNOWN
