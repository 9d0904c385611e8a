"""Errors under `/api/v3`, whoever found them."""

from __future__ import annotations

import pytest

from tests.integration.api.conftest import Client, Open
from tests.integration.doors.ark.conftest import KEY, Library, ark_library
from tests.support.installed import all_but

BEARER = {"Authorization": f"Bearer {KEY}"}
ADMIN_KEY = "an-admin-of-sixteen"
TASKS = "/api/v3/contents/generations/tasks"


class TestShape:
    """`{"error": {code, message, param, type}}`, and the message names the request."""

    @pytest.mark.parametrize(
        ("method", "path", "headers", "body", "status", "code", "type_"),
        [
            ("GET", "/api/v3/nowhere", BEARER, None, 404, "NotFound", "Not Found"),
            ("GET", "/api/v3", BEARER, None, 404, "NotFound", "Not Found"),
            ("PUT", TASKS, BEARER, None, 405, "MethodNotAllowed", "BadRequest"),
            ("GET", "/api/v3/models", {}, None, 401, "AuthenticationError", "Unauthorized"),
            ("GET", TASKS, {"Authorization": "Bearer wrong"}, None, 401, "AuthenticationError", "Unauthorized"),
            ("POST", TASKS, BEARER, b"{", 400, "InvalidParameter", "BadRequest"),
            ("POST", TASKS, BEARER, b"{}", 400, "MissingParameter", "BadRequest"),
            ("GET", f"{TASKS}/x", BEARER, None, 404, "ResourceNotFound", "Not Found"),
            (
                "POST",
                TASKS,
                BEARER,
                b'{"model": "ep-20260101-abcde", "content": [{"type": "text", "text": "x"}]}',
                404,
                "InvalidEndpointOrModel.NotFound",
                "Not Found",
            ),
        ],
    )
    async def test_each(
        self,
        api: Client,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None,
        status: int,
        code: str,
        type_: str,
    ) -> None:
        """English, though nobody asked for it; the client's own word for the request comes back."""
        sent = {**headers, "X-Client-Request-Id": "20261128120000abcdef"}
        reply = await api.ask(method, path, data=body, headers=sent)
        assert list(reply.json) == ["error"], reply.body
        error = reply.json["error"]
        assert (reply.status, error["code"], error["type"]) == (status, code, type_)
        assert error["message"].endswith(f" Request id: {reply.headers['x-request-id']}")
        assert set(error) == {"code", "message", "param", "type"}
        assert error["message"].isascii()

    async def test_client_names_its_request(self, api: Client) -> None:
        """And finds the name in the answer; what could break a header does not come back."""
        reply = await api.ask("GET", "/api/v3/models", headers={**BEARER, "X-Client-Request-Id": "abc-1"})
        assert reply.headers["x-client-request-id"] == "abc-1"
        reply = await api.ask("GET", "/api/v3/models", headers={**BEARER, "X-Client-Request-Id": "a b"})
        assert "x-client-request-id" not in reply.headers

    async def test_body_too_large(self, open_api: object) -> None:
        """413 in the same form."""
        async with open_api(DANQING_MAX_BODY_BYTES="4096") as api:  # type: ignore[operator]  # the fixture's
            reply = await api.ask("POST", TASKS, data=b" " * 5000)
        assert (reply.status, reply.json["error"]["code"]) == (413, "RequestEntityTooLarge")


class TestLibrary:
    """Which of its errors the library raises."""

    async def test_wrong_key(self, library: Library) -> None:
        """Its own class for it, with Ark's code."""
        with pytest.raises(ark_library._exceptions.ArkAuthenticationError) as caught:
            await library(api_key="wrong").content_generation.tasks.list()
        assert caught.value.code == "AuthenticationError"


class TestModels:
    """`GET /api/v3/models`."""

    async def test_what_can_be_asked_for(self, api: Client) -> None:
        """Each once, with what it makes."""
        reply = await api.ask("GET", "/api/v3/models", headers=BEARER)
        models = {model["id"]: model for model in reply.json["data"]}
        assert len(models) == len(reply.json["data"])
        picture, video = models["doubao-seedream-4-0-250828"], models["doubao-seedance-2-0-260128"]
        assert (picture["name"], picture["version"]) == ("doubao-seedream-4-0", "250828")
        assert (picture["domain"], video["domain"]) == ("ImageGeneration", "VideoGeneration")
        assert picture["task_type"] == ["TextToImage", "ImageToImage"]
        assert video["modalities"]["output_modalities"] == ["video"]

    async def test_what_a_key_may_not_ask_for_is_not_listed(self, open_api: Open) -> None:
        """By its own list of models, or its project's."""
        async with open_api(DANQING_ADMIN_KEY=ADMIN_KEY, DANQING_DISABLED_PLUGINS=all_but("volcengine")) as api:
            admin = {"Authorization": f"Bearer {ADMIN_KEY}"}
            await api.ask("POST", "/api/v1/projects", json={"name": "shop"}, headers=admin)
            wanted = {"project": "shop", "name": "k", "limits": {"models": ["doubao-seedream-4-*"]}}
            made = await api.ask("POST", "/api/v1/keys", json=wanted, headers=admin)
            key = {"Authorization": f"Bearer {made.json['data']['secret']}"}
            reply = await api.ask("GET", "/api/v3/models", headers=key)
            assert {model["name"] for model in reply.json["data"]} == {"doubao-seedream-4-0", "doubao-seedream-4-5"}
