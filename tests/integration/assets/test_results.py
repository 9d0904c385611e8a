"""Where a provider's links to finished pictures may lead."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from danqing_plugins import ModelInfo, ProviderInfo, Source
from danqing_server.assets.opening import open_assets
from danqing_server.assets.results import ResultSessions, may_deliver, results_session
from danqing_server.assets.storage import Assets
from danqing_server.errors import SourceUnavailable
from danqing_server.settings.server import Settings
from tests.integration.assets.conftest import LIMITS, Serve, respond
from tests.unit.assets.pictures import picture

BODY = picture("png", 60, 40)
URL = "https://pictures.example/a.png"


def provider(name: str, endpoint: str | None, *, sandbox: bool = False) -> ProviderInfo:
    model = ModelInfo(id="m", title="m", types=("image_generation",))
    return ProviderInfo(
        name=name, title=name, models=(model,), default_model="m", endpoint=endpoint, sandbox=sandbox
    )


PROVIDERS = {
    each.name: each
    for each in (
        provider("public", "https://ark.example/api/v3"),
        provider("near", "http://192.168.1.5:8188"),
        provider("simulated", "https://ark.example/api/v3", sandbox=True),
        provider("silent", None),
    )
}


@pytest.fixture
async def results(session: aiohttp.ClientSession) -> AsyncIterator[ResultSessions]:
    async with results_session() as guarded:
        yield ResultSessions(
            plain=session, guarded=guarded, providers=PROVIDERS, private_hosts=("store.example", "fd00::5")
        )


@pytest.fixture
async def guarding(
    settings: Settings, session: aiohttp.ClientSession, results: ResultSessions
) -> AsyncIterator[Assets]:
    async with open_assets(settings, session, results=results, limits=LIMITS) as opened:
        yield opened


class TestE14Results:
    """E14: a public service cannot have the server ask machines of its own network."""

    async def test_a_public_services_link_inwards_is_not_followed(self, guarding: Assets, serve: Serve) -> None:
        """Nothing arrives there; the paid picture is not given up, for its host may be the operator's."""
        upstream = await serve(respond(BODY))
        with pytest.raises(SourceUnavailable, match="not public") as caught:
            await guarding.keep("t", 0, Source.from_url(upstream.url), provider="public")
        assert (caught.value.gone, upstream.connections) == (False, 0)

    @pytest.mark.parametrize("name", ["near", "simulated", "silent", "of a plugin that is gone"])
    async def test_others_deliver_from_anywhere(self, guarding: Assets, serve: Serve, name: str) -> None:
        """A service in one's own network is what they are for."""
        upstream = await serve(respond(BODY))
        assert await guarding.keep("t", 0, Source.from_url(upstream.url), provider=name)

    @pytest.mark.parametrize(
        "url", ["https://ark.example:8443/a.png", "http://STORE.example/a.png", "http://[fd00::5]/a.png"]
    )
    def test_its_own_host_and_the_operators_are_let_be(self, results: ResultSessions, url: str) -> None:
        """A gateway of one's own may hand pictures on."""
        assert results.session_for("public", url) is results.plain
        assert results.session_for("public", URL) is results.guarded

    async def test_the_operator_may_let_all_be(self, session: aiohttp.ClientSession) -> None:
        """By a star."""
        everything = ResultSessions(plain=session, guarded=session, providers=PROVIDERS, private_hosts=("*",))
        assert everything.session_for("public", URL) is everything.plain
        assert everything.session_for("public", "http://[") is everything.plain

    @pytest.mark.parametrize(
        ("host", "allowed"),
        [
            ("8.8.8.8", True),
            ("198.18.3.4", True),
            ("198.19.0.1", True),
            ("198.20.0.1", True),
            ("10.0.0.1", False),
            ("127.0.0.1", False),
            ("::1", False),
            ("198.18.0.1.example", False),
        ],
    )
    def test_which_addresses(self, host: str, allowed: bool) -> None:
        """Those by which a local proxy stands in for public names count as public."""
        assert may_deliver(host) is allowed

    @pytest.mark.parametrize("credentials", ["u:p@", "u@", ":p@"])
    async def test_a_link_with_a_password_is_refused(self, assets: Assets, serve: Serve, credentials: str) -> None:
        """Whoever's it is, it is not sent."""
        upstream = await serve(respond(BODY))
        with pytest.raises(SourceUnavailable, match="user name or password") as caught:
            await assets.keep("t", 0, Source.from_url(upstream.url.replace("//", f"//{credentials}")))
        assert (caught.value.gone, upstream.connections) == (True, 0)
