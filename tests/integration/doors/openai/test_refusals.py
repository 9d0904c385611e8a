"""Errors that no route of the door raised itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from tests.integration.api.conftest import Client, Open
from tests.integration.doors.openai.conftest import library

KEY = "a-secret-of-sixteen"


@pytest.fixture
async def api(open_api: Open) -> AsyncIterator[Client]:
    """An application that asks for keys, without workers."""
    async with open_api(DANQING_API_KEYS=f"shop:{KEY}", DANQING_MAX_BODY_BYTES="4096") as client:
        yield client


def error_of(body: Any) -> dict[str, Any]:
    assert list(body) == ["error"]
    assert set(body["error"]) == {"message", "type", "param", "code"}
    found: dict[str, Any] = body["error"]
    return found


class TestEdge:
    async def test_library_knows_what_it_is(self, api: Client) -> None:
        """A path that is not there raises what it would raise there, with a text and the request's id."""
        async with library(api, api_key=KEY) as client:
            with pytest.raises(openai.NotFoundError) as caught:
                await client.fine_tuning.jobs.list()
        assert (caught.value.code, caught.value.status_code) == ("route_not_found", 404)
        assert "There is no such route" in caught.value.message
        assert caught.value.request_id

    @pytest.mark.parametrize(
        ("method", "path", "status", "code"),
        [
            ("GET", "/v1/nowhere", 404, "route_not_found"),
            ("GET", "/v1", 404, "route_not_found"),
            ("PATCH", "/v1/a/b/c", 404, "route_not_found"),
        ],
    )
    async def test_framework_speaks_it(self, api: Client, method: str, path: str, status: int, code: str) -> None:
        """Whatever refuses a request under the prefix; English, though nobody asked for it."""
        reply = await api.ask(method, path)
        error = error_of(reply.json)
        assert (reply.status, error["code"]) == (status, code)
        assert error["message"].isascii()
        assert reply.headers["x-should-retry"] == "false"

    async def test_native_paths_are_refused_as_before(self, api: Client) -> None:
        """The neighbours' body, in Chinese."""
        reply = await api.ask("GET", "/api/v1/nowhere")
        assert (reply.status, reply.json["success"], reply.json["error"]) == (404, False, "接口不存在")
        assert "x-should-retry" not in reply.headers
