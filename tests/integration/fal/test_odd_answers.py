"""What fal, or a gateway before it, may answer beside the rule: no picture is bought twice for it, none is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from danqing_plugins import ContentRejected, OutcomeUnknown, PluginError, Unavailable
from danqing_plugins.billing import Billed, CallOutcome
from danqing_plugins.recording import RecordingRun
from danqing_plugins.testing import job_of
from tests.integration.fal.test_provider import asked, configured
from tests.support.scripted_service import Answer, cut, page, said, scripted

SUBMIT = "POST /fal-ai/flux/schnell"
PLACE = "/fal-ai/flux/requests/r1"
STATUS, RESPONSE = f"GET {PLACE}/status", f"GET {PLACE}"
ORDER = {
    "request_id": "r1",
    "status_url": f"{{url}}{PLACE}/status",
    "response_url": f"{{url}}{PLACE}",
    "cancel_url": f"{{url}}{PLACE}/cancel",
}
PLACED = said({"status": "IN_QUEUE", **ORDER})
COMPLETED = said({"status": "COMPLETED", "request_id": "r1", "logs": []})
FAILED = said({"status": "COMPLETED", "logs": [], "error": "no", "error_type": "content_policy_violation"})
MADE = said({"images": [{"url": "{url}/a.png", "content_type": "image/png"}], "seed": 1})
REFUSED = {"detail": [{"loc": ["body"], "msg": "flagged", "type": "content_policy_violation"}]}
NOT_FOUND = said({"status": "NOT_FOUND"}, 404)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session like the server's."""
    async with aiohttp.ClientSession() as session:
        yield session


class Tried:
    """What one attempt came to."""

    def __init__(self, run: RecordingRun, error: PluginError | None, places: list[str]) -> None:
        self.run = run
        self.error = error
        self.places = places


async def tried(
    session: aiohttp.ClientSession, folder: Path, answers: dict[str, list[Answer]], *, resumed: bool = False
) -> Tried:
    """Carry a task for one picture out against *answers*; *resumed*: one whose order was placed long ago."""
    async with scripted(answers) as service:
        provider = configured(folder, service.url)
        run = RecordingRun(job=job_of(provider, asked()), http=session)
        if resumed:
            order: dict[str, Any] = {name: each.replace("{url}", service.url) for name, each in ORDER.items()}
            run.saved = {"order_0": {"indexes": [0], "order": order}}
        error = None
        try:
            await provider.generate(run.job, run)
        except PluginError as raised:
            error = raised
        return Tried(run, error, service.asked)


class TestSubmissions:
    """The answer to what is paid for."""

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    async def test_a_gateways_page_leaves_it_open(
        self, session: aiohttp.ClientSession, tmp_path: Path, status: int
    ) -> None:
        """fal's own 5xx is not billed; of a gateway's page nobody knows what it hides."""
        found = await tried(session, tmp_path, {SUBMIT: [page(status)]})
        assert isinstance(found.error, OutcomeUnknown)
        assert [call.outcome for call in found.run.calls] == [CallOutcome.UNKNOWN]

    async def test_one_that_names_no_request_leaves_it_open(
        self, session: aiohttp.ClientSession, tmp_path: Path
    ) -> None:
        """It was taken, and cannot be asked for."""
        found = await tried(session, tmp_path, {SUBMIT: [said({"status": "IN_QUEUE"})]})
        assert isinstance(found.error, OutcomeUnknown)

    async def test_one_without_a_way_to_cancel_is_asked_for(
        self, session: aiohttp.ClientSession, tmp_path: Path
    ) -> None:
        """Its picture comes all the same."""
        order = {name: value for name, value in ORDER.items() if name != "cancel_url"}
        found = await tried(session, tmp_path, {SUBMIT: [said(order)], STATUS: [COMPLETED], RESPONSE: [MADE]})
        assert found.error is None
        assert set(found.run.pictures) == {0}


class TestQuestions:
    """What is asked of a request that is paid for."""

    async def test_one_that_is_not_known_any_more_may_have_been_billed(
        self, session: aiohttp.ClientSession, tmp_path: Path
    ) -> None:
        """It is settled, not asked for without end, and not called free."""
        found = await tried(session, tmp_path, {STATUS: [NOT_FOUND]}, resumed=True)
        assert isinstance(found.error, OutcomeUnknown)
        assert found.error.code == "not_found"
        assert found.run.saved == {}

    async def test_one_that_was_just_placed_may_not_be_known_yet(
        self, session: aiohttp.ClientSession, tmp_path: Path
    ) -> None:
        """It is asked for again."""
        answers = {SUBMIT: [PLACED], STATUS: [NOT_FOUND, COMPLETED], RESPONSE: [MADE]}
        found = await tried(session, tmp_path, answers)
        assert found.error is None
        assert found.places.count(SUBMIT) == 1

    @pytest.mark.parametrize("trouble", [page(400), page(502), cut], ids=["400", "502", "cut"])
    @pytest.mark.parametrize("place", [STATUS, RESPONSE])
    async def test_a_gateways_page_says_nothing_of_the_work(
        self, session: aiohttp.ClientSession, tmp_path: Path, trouble: Answer, place: str
    ) -> None:
        """It is asked for again, and nothing is bought again."""
        answers = {SUBMIT: [PLACED], STATUS: [COMPLETED], RESPONSE: [MADE]}
        found = await tried(session, tmp_path, {**answers, place: [trouble, *answers[place]]})
        assert found.error is None
        assert set(found.run.pictures) == {0}
        assert found.places.count(SUBMIT) == 1

    @pytest.mark.parametrize("trouble", [page(502), cut], ids=["502", "cut"])
    async def test_why_it_failed_is_asked_for_again(
        self, session: aiohttp.ClientSession, tmp_path: Path, trouble: Answer
    ) -> None:
        """A refusal that may be billed is not taken for a failure that is not."""
        answers = {SUBMIT: [PLACED], STATUS: [FAILED], RESPONSE: [trouble, said(REFUSED, 422)]}
        found = await tried(session, tmp_path, answers)
        assert isinstance(found.error, ContentRejected)
        assert found.error.billed is Billed.UNKNOWN

    async def test_an_answer_that_is_late_is_waited_for(
        self, session: aiohttp.ClientSession, tmp_path: Path
    ) -> None:
        """COMPLETED comes a moment before the answer can be had."""
        late = said({"detail": "Request is still in progress"}, 400)
        answers = {SUBMIT: [PLACED], STATUS: [COMPLETED], RESPONSE: [late, MADE]}
        found = await tried(session, tmp_path, answers)
        assert found.error is None

    async def test_an_answer_without_a_file_is_not_called_free(
        self, session: aiohttp.ClientSession, tmp_path: Path
    ) -> None:
        """The model ran: it is final, and may be billed."""
        answers = {SUBMIT: [PLACED], STATUS: [COMPLETED], RESPONSE: [said({"images": [], "seed": 1})]}
        found = await tried(session, tmp_path, answers)
        assert found.error is not None
        assert found.error.code == "no_media_generated"
        assert found.error.billed is Billed.UNKNOWN
        assert not isinstance(found.error, Unavailable)
