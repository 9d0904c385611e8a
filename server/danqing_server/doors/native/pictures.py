"""The stored outputs: whole or in parts, streamed, kept for good by whoever fetched them."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from danqing_server.assets.serving import (
    ByteRange,
    Unsatisfiable,
    etag_of,
    is_current,
    matches,
    parse_range,
    stored_headers,
)
from danqing_server.assets.storage import Assets, Stat
from danqing_server.assets.thumbnails import WIDTHS
from danqing_server.doors.documentation import Answer, described, query
from danqing_server.doors.fields import Fields
from danqing_server.doors.filters import members_of_query
from danqing_server.http.downloads import Downloads
from danqing_server.http.entry import payer_of, services_of
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get

__all__ = ["routes"]

WIDTHS_AS_TEXT = [str(width) for width in WIDTHS]

routes = Blueprint("pictures", url_prefix="/api/v1/assets")


@on_get(routes, "/<key:path>", public=True)
@described(
    "获取图片或其他成品 · Get a picture, or another output",
    {
        200: Answer(description="文件 · the file", shape=None),
        206: Answer(description="文件的一部分 · a part of it", shape=None),
        304: Answer(description="文件未变 · it is the one you have", shape=None, empty=True),
        416: Answer(description="范围超出文件 · the range is outside of it", shape=None, empty=True),
    },
    errors=(400, 404),
    parameters=[
        query(
            "w",
            "a thumbnail in WebP, at most so many pixels wide and high; of a video its poster's",
            type="string",
            enum=WIDTHS_AS_TEXT,
        )
    ],
)
async def get_picture(request: ApiRequest, key: str) -> HTTPResponse | None:
    """Send an output. Its key is the permission: it is shown to nobody but the task's owner."""
    assets = services_of(request).assets
    stat = await _find(request, assets, key)
    headers = stored_headers(stat)
    if matches(request.headers.get("if-none-match"), etag_of(stat.key)):
        return HTTPResponse(status=304, headers=headers)
    part = _wanted_part(request, stat)
    if isinstance(part, Unsatisfiable):
        return HTTPResponse(status=416, headers={**headers, "content-range": f"bytes */{stat.size_bytes}"})
    if part is None:
        return await _send(request, assets, stat, ByteRange(0, stat.size_bytes), 200, headers)
    headers["content-range"] = part.content_range(stat.size_bytes)
    return await _send(request, assets, stat, part, 206, headers)


async def _find(request: ApiRequest, assets: Assets, key: str) -> Stat:
    """Return what is asked for: the output, or with `w` its thumbnail. Raises NotFound, InvalidSubmission."""
    if not request.query_string:
        return await assets.describe(key)
    fields = Fields(members=members_of_query(request))
    width = fields.choice("w", WIDTHS_AS_TEXT)
    fields.finish()
    return await (assets.describe(key) if width is None else services_of(request).thumbnails.find(key, int(width)))


def _wanted_part(request: ApiRequest, stat: Stat) -> ByteRange | Unsatisfiable | None:
    condition = request.headers.get("if-range")
    if condition is not None and not is_current(condition, stat):
        return None
    return parse_range(request.headers.get("range"), stat.size_bytes)


async def _send(
    request: ApiRequest, assets: Assets, stat: Stat, part: ByteRange, status: int, headers: dict[str, str]
) -> HTTPResponse | None:
    """Stream the part as fast as the client reads, and no faster."""
    headers["content-length"] = str(part.end - part.start)
    if request.method == "HEAD":
        return HTTPResponse(status=status, headers=headers, content_type=stat.media_type)
    downloads: Downloads = request.app.ctx.downloads
    async with downloads.place(payer_of(request)):
        response = await request.respond(status=status, headers=headers, content_type=stat.media_type)
        chunks = assets.stream(stat.key, part.start, part.end, downloads.window_bytes)
        await downloads.send(request, response, chunks)
        await response.eof()
    return None
