"""The server's front page: people are led to the studio, programs are told what is here."""

from __future__ import annotations

import importlib.metadata

from sanic import Blueprint, HTTPResponse

from danqing_server.doors.documentation import Answer, described
from danqing_server.doors.server_shapes import RootShape
from danqing_server.http.answers import json_answer
from danqing_server.http.links import location_of
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get
from danqing_server.settings.server import Settings

__all__ = ["routes"]

LINKS = {
    "documentation": "/docs",
    "errors": "/docs/errors",
    "openapi": "/openapi.json",
    "health": "/health",
    "providers": "/api/v1/providers",
}
STUDIO = "/studio/"
VARY = {"vary": "Accept"}

_VERSION = importlib.metadata.version("danqing")

routes = Blueprint("root")


@on_get(routes, "/", public=True)
@described(
    "首页 · What this is",
    {
        200: Answer(description="服务信息 · name, version and links", shape=RootShape, enveloped=False),
        302: Answer(description="浏览器转到创作室 · a browser is led to the studio", shape=None, empty=True),
    },
)
async def get_root(request: ApiRequest) -> HTTPResponse:
    """Say what this is, and where to go on; a browser is led to the studio, else to the documentation."""
    if "text/html" in (request.headers.get("accept") or "").lower():
        settings: Settings = request.app.ctx.settings
        led = STUDIO if settings.studio else LINKS["documentation"]
        return HTTPResponse(status=302, headers={**VARY, "location": location_of(request, led)})
    body: RootShape = {"name": "danqing", "version": _VERSION, "links": LINKS}
    return json_answer(body, 200, VARY)
