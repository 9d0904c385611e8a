"""Questions about what is paid for: a gateway's page before the service says nothing of it."""

from __future__ import annotations

import aiohttp
import pytest

from danqing_plugins import InvalidRequest, PluginError, Text, Unavailable
from danqing_plugins.kit.failures import Failures
from danqing_plugins.kit.http import Service
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
