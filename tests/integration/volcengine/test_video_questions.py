"""Questions for a video that is paid for: what a gateway says of them says nothing of the video."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web

from danqing_plugins import FoundOrder, LostCall, Request
from danqing_plugins.recording import RecordingRun
from danqing_plugins.testing import job_of
from danqing_providers.volcengine.video.wire import marker_of
from tests.support.scripted_service import Answer, cut, page, said, scripted
from tests.unit.volcengine.builders import configured

VIDEO = Request(
    provider="volcengine",
    type="video",
    model="doubao-seedance-2-0-260128",
    input={"prompt": "a red fox runs", "resolution": "480p"},
)
TASKS = "/api/v3/contents/generations/tasks"
DONE = said({"id": "cgt-1", "status": "succeeded", "content": {"video_url": "https://tos.example/a.mp4"}})
INVALID = said({"error": {"code": "InvalidParameter", "message": "no"}}, 400)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session like the server's."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.mark.parametrize(
    "trouble",
    [page(400), page(413), page(451), INVALID, page(502), cut],
    ids=["400", "413", "451", "code", "502", "cut"],
)
async def test_the_order_is_asked_for_again(session: aiohttp.ClientSession, trouble: Answer) -> None:
    """It is neither given up as refused and free, nor placed again."""
    answers = {f"POST {TASKS}": [said({"id": "cgt-1"})], f"GET {TASKS}/cgt-1": [trouble, DONE]}
    await made_once(session, answers)


@pytest.mark.parametrize("error", [{}, False, "", {"code": "", "message": ""}])
async def test_an_empty_error_beside_an_id_is_none(session: aiohttp.ClientSession, error: object) -> None:
    """As relays send it: the order was taken, and its id is the only way to what it makes."""
    taken = said({"id": "cgt-1", "error": error, "code": 0})
    await made_once(session, {f"POST {TASKS}": [taken], f"GET {TASKS}/cgt-1": [DONE]})


NONE = {"items": [], "total": 0}


@pytest.mark.parametrize("filtered", [said(NONE), INVALID], ids=["empty", "refused"])
async def test_an_order_is_found_though_the_filter_knows_no_models(
    session: aiohttp.ClientSession, filtered: Answer
) -> None:
    """The page says that `filter.model` takes the id of an endpoint; whether it takes a model's, it does not."""
    async with scripted({}) as service:
        provider = configured({"DANQING_VOLCENGINE_VIDEO_POLL_EVERY": "0.05"}, sandbox_url=service.url)
        job = job_of(provider, VIDEO)
        row = {"id": "cgt-1", "safety_identifier": marker_of(job.task_id, "call-0")}

        def listed(request: web.Request, url: str) -> web.StreamResponse:
            whole = said({"items": [row], "total": 1})
            return (filtered if "filter.model" in request.query else whole)(request, url)

        service.answers[f"GET {TASKS}"] = [listed]
        lost = LostCall(id="call-0", fingerprint="hash", sent_at=datetime.now(UTC), indexes=(0,))
        found = await provider.find_order(job, RecordingRun(job=job, http=session), lost)
        assert isinstance(found, FoundOrder)
        assert found.saved["order_0"]["order"]["id"] == "cgt-1"


async def made_once(session: aiohttp.ClientSession, answers: Mapping[str, Sequence[Answer]]) -> None:
    """Have a video made against *answers*, and check that it was ordered once."""
    async with scripted(answers) as service:
        provider = configured({"DANQING_VOLCENGINE_VIDEO_POLL_EVERY": "0.05"}, sandbox_url=service.url)
        run = RecordingRun(job=job_of(provider, VIDEO), http=session)
        await provider.generate(run.job, run)
        assert set(run.pictures) == {0}
        assert service.asked.count(f"POST {TASKS}") == 1
