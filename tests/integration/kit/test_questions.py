"""Questions about what is paid for: a gateway's page before the service says nothing of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import pytest

from danqing_plugins import (
    Call,
    ContentRejected,
    InvalidRequest,
    Job,
    PluginError,
    Run,
    Source,
    Text,
    Unavailable,
)
from danqing_plugins.kit.failures import Failures, Rule
from danqing_plugins.kit.http import Service
from danqing_plugins.kit.orders import AsyncOrders, Found, Made, Pace, Working
from danqing_plugins.outcomes import CallOutcome
from danqing_plugins.recording import RecordingRun
from tests.support.scripted_service import Answer, page, said, scripted


async def refusal(answer: Answer, *, paid: bool) -> PluginError:
    """Return what is raised when *answer* is given."""
    async with scripted({"POST /jobs": [answer]}) as acme, aiohttp.ClientSession() as session:
        service = Service(failures=Failures(service=Text("Acme", "安科")), base_url=acme.url)
        with pytest.raises(PluginError) as caught:
            await service.post(session, "/jobs", {}, paid=paid)
        return caught.value


@pytest.mark.parametrize("status", [400, 405, 413, 451])
async def test_a_page_in_answer_to_a_question_is_no_refusal(status: int) -> None:
    """The question is asked again; what it is about goes on."""
    assert type(await refusal(page(status), paid=False)) is Unavailable


@pytest.mark.parametrize(("answer", "paid"), [(page(413), True), (said({"message": "no"}, 400), False)])
async def test_what_is_refused_stays_refused(answer: Answer, paid: bool) -> None:
    """A request that never got through, and a question that the service itself refuses."""
    assert type(await refusal(answer, paid=paid)) is InvalidRequest


class Jobs(AsyncOrders):
    """Orders as the documentation writes them."""

    pace = Pace(first_s=0.01, longest_s=0.01)

    def __init__(self, url: str, *rules: Rule) -> None:
        self.service = Service(failures=Failures(service=Text("Acme", "安科"), rules=rules), base_url=url)

    async def submit(self, job: Job, run: Run, call: Call, indexes: Sequence[int]) -> Mapping[str, Any]:
        answer = await self.service.post(run.session, "/jobs", {}, call=call)
        return {"id": answer.document["id"]}

    async def poll(self, job: Job, run: Run, order: Mapping[str, Any]) -> Found:
        answer = await self.service.get(run.session, f"/jobs/{order['id']}")
        return Made(outputs=[Source.from_url(answer.document["url"])]) if "url" in answer.document else Working()


JOB = Job(task_id="t", user_id="u", provider="acme", type="image", model="m", input={"prompt": "a hill"}, outputs=1)
UNKNOWN = said({"error": {"code": "not_found", "message": "no such job"}}, 404)


class TestOrders:
    """A question that is refused, of an order that goes on."""

    @pytest.mark.parametrize("answer", [UNKNOWN, said({"message": "blocked by a rule"}, 400), page(404)])
    async def test_an_order_is_not_over_because_a_question_was_refused(self, answer: Answer) -> None:
        """A service may not know yet what it just took, and a gateway has rules of its own."""
        answers = {"POST /jobs": [said({"id": "j"})], "GET /jobs/j": [answer, answer, said({"url": "{url}/a.png"})]}
        async with scripted(answers) as acme, aiohttp.ClientSession() as session:
            run = RecordingRun(job=JOB, http=session)
            await Jobs(acme.url).carry_out(JOB, run)
        assert set(run.pictures) == {0}
        assert len(run.calls) == 1

    async def test_one_that_is_refused_for_ever_is_in_doubt(self) -> None:
        """Nobody said that it was not made, nor that it costs nothing."""
        answers = {"POST /jobs": [said({"id": "j"})], "GET /jobs/j": [UNKNOWN]}
        async with scripted(answers) as acme, aiohttp.ClientSession() as session:
            run = RecordingRun(job=JOB, http=session)
            with pytest.raises(Unavailable):
                await Jobs(acme.url).carry_out(JOB, run)
        assert run.calls[0].outcome is CallOutcome.OPEN
        assert run.saved

    async def test_a_reason_that_the_table_knows_is_the_works(self) -> None:
        """Services tell of failed work so, too."""
        refused = said({"error": {"code": "moderation", "message": "refused"}}, 422)
        answers = {"POST /jobs": [said({"id": "j"})], "GET /jobs/j": [refused]}
        async with scripted(answers) as acme, aiohttp.ClientSession() as session:
            run = RecordingRun(job=JOB, http=session)
            with pytest.raises(ContentRejected):
                await Jobs(acme.url, Rule(ContentRejected, codes=("moderation",))).carry_out(JOB, run)
        assert not run.saved
