"""What Replicate, or a gateway before it, may answer beside the rule."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from danqing_plugins import (
    ContentRejected,
    FoundOrder,
    InvalidRequest,
    LostCall,
    OutcomeUnknown,
    PluginError,
    Unavailable,
)
from danqing_plugins.billing import Billed, CallOutcome
from danqing_plugins.recording import RecordingRun
from danqing_plugins.testing import job_of
from tests.integration.replicate.conftest import OBJECT, configured
from tests.integration.replicate.test_provider import asked
from tests.support.scripted_service import Answer, Scripted, page, said, scripted

OFFICIAL = "POST /v1/models/black-forest-labs/flux-schnell/predictions"
OTHER = "POST /v1/predictions"
GET = "GET /v1/predictions/p1"
ELSEWHERE = "https://api.replicate.example/v1/predictions"
BEGUN = {"id": "p1", "status": "starting", "urls": {"get": "{url}/v1/predictions/p1"}}
MADE = said({**BEGUN, "status": "succeeded", "output": ["{url}/a.webp"]})
MISSING = said({"detail": "No such prediction."}, 404)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session like the server's."""
    async with aiohttp.ClientSession() as session:
        yield session


async def tried(
    session: aiohttp.ClientSession, folder: Path, answers: dict[str, list[Answer]], model: str | None = None
) -> tuple[RecordingRun, PluginError | None, Scripted]:
    """Carry a task out against *answers*; return its run, what that raised, and the service."""
    async with scripted(answers) as service:
        provider = configured(folder, service.url)
        run = RecordingRun(job=job_of(provider, asked(model=model)), http=session)
        try:
            await provider.generate(run.job, run)
        except PluginError as error:
            return run, error, service
        return run, None, service


class TestQuestions:
    """What is asked of a prediction that is paid for."""

    @pytest.mark.parametrize("status", [400, 403, 404, 413, 502])
    async def test_a_gateways_page_says_nothing_of_the_prediction(
        self, session: aiohttp.ClientSession, tmp_path: Path, status: int
    ) -> None:
        """It is not given up for it, and not made again."""
        answers = {OFFICIAL: [said(BEGUN, 201)], GET: [page(status), MADE]}
        run, error, service = await tried(session, tmp_path, answers)
        if error is not None:  # of the key, perhaps: the next attempt asks for it
            run = run.next_attempt()
            async with scripted({GET: [MADE]}) as again:
                run.saved["order_0"]["order"]["get"] = f"{again.url}/v1/predictions/p1"
                await configured(tmp_path, again.url).generate(run.job, run)
        assert set(run.pictures) == {0}
        assert service.asked.count(OFFICIAL) == 1

    async def test_one_that_was_just_made_may_not_be_known_yet(
        self, session: aiohttp.ClientSession, tmp_path: Path
    ) -> None:
        """A 404 of Replicate's own, whatever its words, is asked again at first."""
        answers = {OFFICIAL: [said(BEGUN, 201)], GET: [MISSING, MADE]}
        run, error, service = await tried(session, tmp_path, answers)
        assert error is None
        assert set(run.pictures) == {0}
        assert service.asked.count(OFFICIAL) == 1

    async def test_a_creation_that_names_no_prediction_leaves_it_open(
        self, session: aiohttp.ClientSession, tmp_path: Path
    ) -> None:
        """It was taken, and cannot be asked for."""
        run, error, _ = await tried(session, tmp_path, {OFFICIAL: [said({"status": "starting"}, 201)]})
        assert isinstance(error, OutcomeUnknown)
        assert [call.outcome for call in run.calls] == [CallOutcome.UNKNOWN]

    async def test_a_model_that_is_not_there_is_final(self, session: aiohttp.ClientSession, tmp_path: Path) -> None:
        """Whatever the words of the 404."""
        _, error, _ = await tried(session, tmp_path, {OFFICIAL: [said({"detail": "Model not found."}, 404)]})
        assert (type(error), error and error.code) == (InvalidRequest, "model_not_found")

    async def test_what_a_model_shows_on_its_way_is_not_its_output(
        self, session: aiohttp.ClientSession, tmp_path: Path
    ) -> None:
        """A model that hands out one file after the other has the first there while it is at work on the last."""
        early = said({**BEGUN, "status": "processing", "output": ["{url}/draft.webp"]})
        run, error, _ = await tried(session, tmp_path, {OFFICIAL: [said(BEGUN, 201)], GET: [early, MADE]})
        assert error is None
        assert str(run.pictures[0].url).endswith("/a.webp")


class TestBehindAGateway:
    """Where `endpoint` is another address than Replicate's, which its answers name."""

    async def test_a_prediction_is_asked_for_by_its_id(
        self, session: aiohttp.ClientSession, tmp_path: Path
    ) -> None:
        """The gateway has the token; the address that Replicate tells is not asked."""
        begun = {"id": "p1", "status": "starting", "urls": {"get": f"{ELSEWHERE}/p1"}}
        run, error, service = await tried(session, tmp_path, {OFFICIAL: [said(begun, 201)], GET: [MADE]})
        assert error is None
        assert set(run.pictures) == {0}
        assert service.asked.count(OFFICIAL) == 1

    async def test_the_list_goes_on_there(self, session: aiohttp.ClientSession, tmp_path: Path) -> None:
        """A prediction whose answer was lost is found on its second page."""
        async with scripted({}) as service:
            provider = configured(tmp_path, service.url)
            run = RecordingRun(job=job_of(provider, asked()), http=session)
            sent = {name: value for name, value in run.job.input.items() if name not in ("own_seed", "pictures")}
            row = {
                "id": "p1",
                "model": run.job.model,
                "created_at": datetime.now(UTC).isoformat(),
                "input": {**sent, "num_outputs": 1},
            }
            pages = [{"next": f"{ELSEWHERE}?cursor=a%3D%3D", "results": []}, {"next": None, "results": [row]}]
            service.answers["GET /v1/predictions"] = [said(each) for each in pages]
            lost = LostCall(id="call", fingerprint="f", sent_at=datetime.now(UTC), indexes=(0,))
            assert isinstance(await provider.find_order(run.job, run, lost), FoundOrder)


class TestFailures:
    """A prediction that failed: official models are billed by output, all others by their time."""

    @pytest.mark.parametrize(
        ("words", "official", "other"),
        [
            ("NSFW content detected.", ContentRejected, ContentRejected),
            ("flagged as sensitive (E005)", ContentRejected, ContentRejected),
            ("CUDA out of memory", InvalidRequest, InvalidRequest),
            ("high demand (E003)", Unavailable, OutcomeUnknown),
            ("Prediction interrupted; please retry (code: PA)", Unavailable, OutcomeUnknown),
            ("no idea", Unavailable, OutcomeUnknown),
        ],
    )
    async def test_one_that_ran_on_our_time_is_never_called_free(
        self,
        session: aiohttp.ClientSession,
        tmp_path: Path,
        words: str,
        official: type[PluginError],
        other: type[PluginError],
    ) -> None:
        """The model's own words do not say what its time cost."""
        failed = said({**BEGUN, "status": "failed", "error": words})
        free = await tried(session, tmp_path, {OFFICIAL: [said(BEGUN, 201)], GET: [failed]})
        paid = await tried(session, tmp_path, {OTHER: [said(BEGUN, 201)], GET: [failed]}, str(OBJECT["id"]))
        assert [_told(free), _told(paid)] == [(official, Billed.NO), (other, Billed.UNKNOWN)]


def _told(found: tuple[RecordingRun, PluginError | None, Any]) -> tuple[type[Any], Billed]:
    return type(found[1]), found[0].books.billed
