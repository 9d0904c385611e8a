"""The documentation: for people `/docs`, its files and the error codes, and the OpenAPI document for programs.

Nothing is loaded from elsewhere.
"""

from __future__ import annotations

import asyncio
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import attrs
from sanic import Blueprint, HTTPResponse, Sanic

from danqing_plugins import Message
from danqing_server.codec.bodies import dump_json
from danqing_server.errors import NotFound
from danqing_server.http.answers import prepared_once
from danqing_server.http.messages import CONFLICTS, NOT_FOUND
from danqing_server.http.problems import BAD_REQUEST, OVERLOADED_SERVER, PROBLEMS, Kind
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get

__all__ = ["OpenApiDocument", "document_routes", "routes"]

FOLDER = Path(__file__).with_name("static")
HTML = "text/html; charset=utf-8"
FILES = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
}
KEPT = {"cache-control": "public, max-age=3600", "x-content-type-options": "nosniff"}
# The browser itself refuses whatever a page would load from another host.
POLICY = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
}

_STYLE = (
    "body{max-width:70rem;margin:2rem auto;padding:0 1rem;color:#3b4151;font:15px/1.5 sans-serif}"
    "table{border-collapse:collapse}th,td{padding:.5rem .75rem;border-bottom:1px solid #ddd;text-align:left;"
    "vertical-align:top}tr:target{background:#fff6d6}"
)

routes = Blueprint("documentation", url_prefix="/docs")
document_routes = Blueprint("openapi")


@attrs.define(eq=False)
class OpenApiDocument:
    """The OpenAPI document of one application; made when somebody first asks for it, and kept."""

    _body: bytes | None = None
    _making: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)

    async def body(self, app: Sanic[Any, Any]) -> bytes:
        """Return it as JSON."""
        async with self._making:
            if self._body is None:
                self._body = await asyncio.to_thread(_document, app)
            return self._body


@on_get(document_routes, "/openapi.json", public=True)
async def get_document(request: ApiRequest) -> HTTPResponse:
    """Send the OpenAPI document of every route that is not for people alone."""
    document: OpenApiDocument = request.app.ctx.document
    return prepared_once(await document.body(request.app))


@on_get(routes, "/", public=True)
async def get_docs(_request: ApiRequest) -> HTTPResponse:
    """Show every route, with a form to try it."""
    page = await asyncio.to_thread(_read, "docs.html")
    return HTTPResponse(page, headers={**KEPT, **POLICY}, content_type=HTML)


@on_get(routes, "/errors", public=True)
async def get_error_codes(_request: ApiRequest) -> HTTPResponse:
    """Explain every error code."""
    return HTTPResponse(_error_page(), headers={**KEPT, **POLICY}, content_type=HTML)


@on_get(routes, "/<name>", public=True)
async def get_docs_file(_request: ApiRequest, name: str) -> HTTPResponse:
    """Send a file of the documentation page."""
    media_type = FILES.get(name)
    if media_type is None:
        raise NotFound("file", name)
    body = await asyncio.to_thread(_read, name)
    return HTTPResponse(body, headers=KEPT, content_type=media_type)


@cache
def _read(name: str) -> bytes:
    """Return a file of ours, the same bytes to all who are sent it."""
    return (FOLDER / name).read_bytes()


def _document(app: Sanic[Any, Any]) -> bytes:
    from danqing_server.doors.openapi import document_of  # it loads sanic-ext

    return dump_json(document_of(app))


def _error_page() -> str:
    rows = [_row(kind.status, kind.code, kind.title, kind.message) for kind in _kinds()]
    rows += [_row(404, f"{name}_not_found", text, text) for name, text in NOT_FOUND.items()]
    rows += [_row(409, code, text, text) for code, text in CONFLICTS.items()]
    return (
        '<!DOCTYPE html><html lang="zh"><head><meta charset="utf-8"><title>错误码 · Error codes</title>'
        f'<link rel="icon" href="data:,"><style>{_STYLE}</style></head><body><h1>错误码 · Error codes</h1><table>'
        "<tr><th>code</th><th>HTTP</th><th>中文</th><th>English</th></tr>"
        f"{''.join(rows)}</table></body></html>"
    )


def _kinds() -> list[Kind]:
    by_code = {kind.code: kind for kind in (*PROBLEMS.values(), OVERLOADED_SERVER, BAD_REQUEST)}
    return sorted(by_code.values(), key=lambda kind: (kind.status, kind.code))


def _row(status: int, code: str, title: Message, message: Message) -> str:
    cells = (f"{title.zh}：{message.zh}", f"{title.en}: {message.en}")
    shown = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr id="{escape(code)}"><td><code>{escape(code)}</code></td><td>{status}</td>{shown}</tr>'
