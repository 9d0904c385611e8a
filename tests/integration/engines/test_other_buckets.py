"""Buckets that are no S3: asked as patiently as one, and no longer."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping

import attrs
import pytest
from aiohttp import web

from danqing_server.assets.bucket import open_bucket
from danqing_server.errors import StorageUnavailable

AZURE = {
    "AZURE_STORAGE_ACCOUNT_NAME": "somebody",
    "AZURE_STORAGE_ACCOUNT_KEY": "c29tZWJvZHk=",
    "AZURE_ALLOW_HTTP": "true",
}
GOOGLE = {"GOOGLE_BEARER_TOKEN": "somebody", "GOOGLE_ALLOW_HTTP": "true"}


@attrs.define
class Busy:
    """A service that is asked too much, whatever it is asked; `asked` counts how often it is."""

    url: str = ""
    asked: int = 0

    async def answer(self, _request: web.Request) -> web.Response:
        """Refuse."""
        self.asked += 1
        return web.Response(status=503)


@pytest.fixture
async def busy() -> AsyncIterator[Busy]:
    """A service on loopback."""
    service = Busy()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield service
    await runner.cleanup()


@pytest.mark.parametrize(
    ("url", "variables", "endpoint"),
    [
        ("az://pictures/danqing", AZURE, "AZURE_STORAGE_ENDPOINT"),
        ("gs://pictures/danqing", GOOGLE, "GOOGLE_BASE_URL"),
    ],
)
async def test_one_that_refuses_is_told_within_a_second(
    url: str, variables: Mapping[str, str], endpoint: str, busy: Busy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After four tries; by itself obstore tries eleven times, for minutes, and a reader waits for all of them."""
    for name, value in {**variables, endpoint: busy.url}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StorageUnavailable):
        await open_bucket(url, os.environ).ping()
    assert busy.asked == 4
