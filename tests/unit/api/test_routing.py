from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sanic import Blueprint, HTTPResponse, Sanic

from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import declared_routes, on_delete, on_get, on_post, on_put
from danqing_server.records.tenancy import Scope
from danqing_server.serving.app import create_app
from danqing_server.settings.server import Settings


async def _nothing(_request: ApiRequest) -> HTTPResponse:
    return HTTPResponse()


class TestDeclaration:
    @pytest.mark.parametrize("declare", [on_get, on_post, on_put, on_delete])
    @pytest.mark.parametrize("said", [{}, {"needs": Scope.READ, "public": True}])
    def test_route_that_does_not_say_who_may_call_cannot_be_declared(
        self, declare: Callable[..., Any], said: dict[str, Any]
    ) -> None:
        """Nor one that says two things."""
        with pytest.raises(TypeError, match="scope"):
            declare(Blueprint("b"), "/x", **said)

    def test_route_declared_past_it_is_found(self) -> None:
        """An application with one cannot be made."""
        app: Sanic[Any, Any] = Sanic("undeclared", configure_logging=False)
        app.add_route(_nothing, "/x")
        with pytest.raises(TypeError, match="/x"):
            declared_routes(app)

    def test_without_a_studio_nobody_signs_in(self) -> None:
        """`DANQING_STUDIO=off` takes the page away, and the cookie with it."""
        found = declared_routes(create_app(Settings.read({"DANQING_STUDIO": "off"})))
        assert not [route.path for route in found if route.path.startswith("/studio")]

    def test_every_route_of_ours_says_it(self) -> None:
        """Public is only what carries its permission in itself, or tells nothing of anybody."""
        found = declared_routes(create_app(Settings()))
        assert {route.path for route in found if route.needs is None} == {
            "/",
            "/api/v1/assets/<key:path>",
            "/docs",
            "/docs/<name:str>",
            "/docs/errors",
            "/health",
            "/health/live",
            "/health/ready",
            "/openapi.json",
            "/studio",
            "/studio/<place:str>",
            "/studio/settings/<section:path>",
            "/studio/v/<version:str>/<path:path>",
            "/studio/session",
            "/studio/sessions",
            "/studio/sessions/<session:str>",
        }
        changing = {route for route in found if route.method not in ("GET", "HEAD")}
        # A token for an event stream and an archive change nothing: whoever reads may have them.
        assert {route.path for route in changing if route.needs is Scope.READ} == {
            "/api/v1/events/token",
            "/api/v1/pictures/zip",
        }
