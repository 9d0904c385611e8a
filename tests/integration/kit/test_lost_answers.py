"""The conformance kit against providers whose paid request is answered by nobody, or by a 503."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from danqing_plugins import (
    Job,
    ModelInfo,
    OutcomeUnknown,
    Prepared,
    Provider,
    ProviderInfo,
    Request,
    Run,
    Source,
    Unavailable,
)
from danqing_plugins.testing import check_provider
from tests.support.providers import picture

REQUEST = Request(provider="shop", type="image", model=None, input={"prompt": "a quiet hill", "n": 2})
SENT_AGAIN = "was sent again inside the same run.call"

Buy = Callable[["Shop", Run, int], Awaitable[str]]


@attrs.define(eq=False)
class Shop(Provider):
    """A service at *url*; *buy* asks it for one picture, inside its call, and returns where the picture is."""

    url: str
    buy: Buy
    own: aiohttp.ClientSession | None = None

    @property
    def info(self) -> ProviderInfo:
        return ProviderInfo(
            name="shop", title="Shop", models=(ModelInfo(id="one", title="One"),), default_model="one"
        )

    def prepare(self, request: Request) -> Prepared:
        given = dict(request.input)
        return Prepared(model=self.find_model(request).id, input=given, outputs=given["n"])

    async def generate(self, job: Job, run: Run) -> None:
        for index in run.missing:
            async with run.call([index], f"hash-{index}"):
                await run.deliver(index, Source.from_url(await self.buy(self, run, index)))

    async def post(self, run: Run, path: str, **options: Any) -> str:
        """Post to *path*; return the picture's address. Raises: Unavailable for a 503."""
        session = self.own or run.session
        async with session.post(f"{self.url}{path}", json={"prompt": "a quiet hill"}, **options) as answer:
            if answer.status == 503:
                raise Unavailable("busy")
            return str((await answer.json())["url"])


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """Where a service answers every post with a picture's address."""

    async def sell(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"url": f"http://{request.host}/picture"})

    async def show(_: web.Request) -> web.Response:
        return web.Response(body=picture(), content_type="image/png")

    app = web.Application()
    app.add_routes([web.post("/{path}", sell), web.get("/picture", show)])
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def once(shop: Shop, run: Run, _index: int) -> str:
    """Tell a lost answer as what it is."""
    try:
        return await shop.post(run, "/pictures")
    except aiohttp.ClientError as error:
        raise OutcomeUnknown("the connection broke") from error


async def bare(shop: Shop, run: Run, _index: int) -> str:
    """Let everything pass."""
    return await shop.post(run, "/pictures")


async def insisting(shop: Shop, run: Run, _index: int) -> str:
    """Send it again when the connection breaks."""
    for _ in range(2):
        try:
            return await shop.post(run, "/pictures")
        except aiohttp.ClientError:
            await asyncio.sleep(0)
    raise OutcomeUnknown("the connection broke")


async def patient(shop: Shop, run: Run, _index: int) -> str:
    """Send it again when the service is busy."""
    for _ in range(2):
        try:
            return await shop.post(run, "/pictures")
        except aiohttp.ClientError as error:
            raise OutcomeUnknown("the connection broke") from error
        except Unavailable:
            await asyncio.sleep(0)
    raise Unavailable("busy")


async def sure(shop: Shop, run: Run, _index: int) -> str:
    """Take a broken connection for a service that did nothing."""
    try:
        return await shop.post(run, "/pictures")
    except aiohttp.ClientError as error:
        raise Unavailable("the connection broke") from error


async def with_key(shop: Shop, run: Run, index: int) -> str:
    """Send it again under a key by which the service knows it."""
    for _ in range(3):
        try:
            return await shop.post(run, "/pictures", headers={"Idempotency-Key": f"{id(run)}-{index}"})
        except (aiohttp.ClientError, Unavailable):
            await asyncio.sleep(0)
    raise OutcomeUnknown("the connection broke")


async def uploading(shop: Shop, run: Run, index: int) -> str:
    """Upload something before, as often as need be."""
    for _ in range(2):
        await shop.post(run, "/uploads")
    return await once(shop, run, index)


class TestLostAnswers:
    """A repeat inside one call is a purchase that nobody writes down."""

    @pytest.mark.parametrize("buy", [once, bare, with_key, uploading])
    async def test_what_keeps_the_rule_passes(self, url: str, buy: Buy) -> None:
        """Once, whatever else is posted; or as often as one likes under a key that the service knows."""
        async with aiohttp.ClientSession() as session:
            await check_provider(Shop(url, buy), REQUEST, session=session)

    @pytest.mark.parametrize(
        ("buy", "rule"),
        [
            (insisting, f"the answer to a paid request was lost, and it {SENT_AGAIN}"),
            (patient, f"the answer to a paid request was a 503, and it {SENT_AGAIN}"),
            (sure, "was lost, and its call counts as failed_unbilled (Unavailable): nobody knows that"),
        ],
    )
    async def test_what_breaks_it_is_named(self, url: str, buy: Buy, rule: str) -> None:
        """One sentence says what is wrong, and the way out."""
        async with aiohttp.ClientSession() as session:
            with pytest.raises(AssertionError) as refused:
                await check_provider(Shop(url, buy), REQUEST, session=session)
            assert rule in str(refused.value)
            assert session.trace_configs == []

    async def test_a_session_of_its_own_is_not_heard(self, url: str) -> None:
        """What cannot be seen is not judged."""
        async with aiohttp.ClientSession() as own, aiohttp.ClientSession() as session:
            await check_provider(Shop(url, insisting, own), REQUEST, session=session)
