"""Files: what is stored, whole or in parts and not again to who has it; and what is made while it is sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, cast

from sanic import HTTPResponse

from danqing_server.assets.serving import (
    ByteRange,
    Unsatisfiable,
    etag_of,
    is_current,
    link_headers,
    matches,
    parse_range,
    stored_headers,
)
from danqing_server.assets.storage import Stat
from danqing_server.http.downloads import Downloads, begun
from danqing_server.http.entry import payer_of, services_of
from danqing_server.http.own_pages import asks_from_own_page
from danqing_server.http.requests import ApiRequest

__all__ = ["send_made", "send_stored"]


async def send_stored(request: ApiRequest, stat: Stat) -> HTTPResponse | None:
    """Answer with what *stat* describes, by the request's conditions and range; None: it was sent already.

    Where the operator wants that, by a link into the bucket.
    """
    headers = stored_headers(stat)
    if matches(request.headers.get("if-none-match"), etag_of(stat.key)):
        return HTTPResponse(status=304, headers=headers)
    if request.method == "GET" and not asks_from_own_page(request):  # whose policy loads nothing from elsewhere
        link = await services_of(request).assets.link(stat)
        if link is not None:
            return HTTPResponse(status=307, headers=link_headers(link))
    part = _wanted_part(request, stat)
    if isinstance(part, Unsatisfiable):
        return HTTPResponse(status=416, headers={**headers, "content-range": f"bytes */{stat.size_bytes}"})
    if part is None:
        return await _send(request, stat, ByteRange(0, stat.size_bytes), 200, headers)
    headers["content-range"] = part.content_range(stat.size_bytes)
    return await _send(request, stat, part, 206, headers)


async def send_made(
    request: ApiRequest, chunks: AsyncGenerator[bytes, None], media_type: str, headers: dict[str, str]
) -> HTTPResponse | None:
    """Stream what is made while it is sent, as fast as the client reads."""
    headers = {"cache-control": "no-store", **headers}
    if request.method == "HEAD":
        return HTTPResponse(status=200, headers=headers, content_type=media_type)
    downloads: Downloads = request.app.ctx.downloads
    async with downloads.place(payer_of(request)), begun(chunks) as body:
        response = cast("Any", await request.respond(headers=headers, content_type=media_type))
        await downloads.send(request, response, body)
        await response.eof()
    return None


def _wanted_part(request: ApiRequest, stat: Stat) -> ByteRange | Unsatisfiable | None:
    condition = request.headers.get("if-range")
    if condition is not None and not is_current(condition, stat):
        return None
    return parse_range(request.headers.get("range"), stat.size_bytes)


async def _send(
    request: ApiRequest, stat: Stat, part: ByteRange, status: int, headers: dict[str, str]
) -> HTTPResponse | None:
    """Stream the part as fast as the client reads, and no faster."""
    headers["content-length"] = str(part.end - part.start)
    if request.method == "HEAD":
        return HTTPResponse(status=status, headers=headers, content_type=stat.media_type)
    downloads: Downloads = request.app.ctx.downloads
    async with downloads.place(payer_of(request)):
        chunks = services_of(request).assets.stream(stat.key, part.start, part.end, downloads.window_bytes)
        async with begun(chunks) as body:
            response = await request.respond(status=status, headers=headers, content_type=stat.media_type)
            await downloads.send(request, response, body)
            await response.eof()
    return None
