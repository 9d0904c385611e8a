"""Whether a service takes a key: asked for nothing that costs, and claimed only where it was looked at."""

from __future__ import annotations

import aiohttp
import pytest

from danqing_plugins import AccountProblem, Provider, Text
from danqing_plugins.kit.failures import Failures
from danqing_plugins.kit.http import Service
from tests.support.scripted_service import Answer, page, said, scripted
from tests.unit.openai_images.builders import configured as of_openai
from tests.unit.volcengine.builders import configured as of_ark

ABSENT = said({"error": {"code": "404", "message": "Resource not found"}}, 404)
REFUSED = said({"error": {"code": "401", "message": "Access denied"}}, 401)
LISTED = said({"data": []})


async def taken(answer: Answer, *, nobodys: bool) -> bool:
    """Return what the kit says of a key when *answer* is given."""
    async with scripted({"GET /place": [answer]}) as acme, aiohttp.ClientSession() as session:
        service = Service(failures=Failures(service=Text("Acme", "安科")), base_url=acme.url)
        return await service.takes_key(session, "/place", nobodys=nobodys)


class TestPlaces:
    """What a 404 means depends on what was asked for."""

    @pytest.mark.parametrize("answer", [LISTED, ABSENT])
    async def test_what_nobody_has_is_looked_for_with_the_key(self, answer: Answer) -> None:
        """That it is not there is the answer of a service that took the key."""
        assert await taken(answer, nobodys=True)

    @pytest.mark.parametrize(("answer", "expected"), [(LISTED, True), (ABSENT, False), (page(404), False)])
    async def test_a_place_that_is_not_there_says_nothing_of_the_key(self, answer: Answer, expected: bool) -> None:
        """Nobody looked at it."""
        assert await taken(answer, nobodys=False) is expected

    @pytest.mark.parametrize("nobodys", [True, False])
    async def test_a_key_that_is_refused_is_an_operators(self, nobodys: bool) -> None:
        """Whatever was asked for."""
        with pytest.raises(AccountProblem):
            await taken(REFUSED, nobodys=nobodys)


class TestProviders:
    """Those that ask for a list, at a service that has none."""

    @pytest.mark.parametrize("answer", [ABSENT, page(404)])
    async def test_nothing_is_claimed(self, answer: Answer) -> None:
        """Azure has no list at that path, nor have many that are like OpenAI, nor a wrong address."""
        async with scripted({}) as service, aiohttp.ClientSession() as session:
            for path in ("/models", "/v1/models", "/api/v3/models"):
                service.answers[f"GET {path}"] = [answer]
            providers: list[Provider] = [
                of_openai({"preset": "azure", "base_url": service.url}),
                of_openai({"preset": "custom", "base_url": f"{service.url}/v1", "models": [{"id": "m"}]}),
                of_ark({"VOLCENGINE_API_KEY": "key", "VOLCENGINE_ENDPOINT": service.url}),
            ]
            assert [await each.prove_account(session) for each in providers] == [False] * 3
