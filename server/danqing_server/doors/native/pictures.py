"""The stored outputs: whole or in parts, streamed, kept for good by whoever fetched them."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from danqing_server.assets.storage import Assets, Stat
from danqing_server.assets.thumbnails import WIDTHS
from danqing_server.doors.documentation import ANY_FILE, Answer, described, query
from danqing_server.doors.fields import Fields
from danqing_server.doors.filters import members_of_query
from danqing_server.doors.sending import send_stored
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
        200: Answer(description="文件 · the file", shape=None, media_type=ANY_FILE),
        206: Answer(description="文件的一部分 · a part of it", shape=None, media_type=ANY_FILE),
        307: Answer(description="转到存储的短期链接 · a short-lived link into the storage", shape=None, empty=True),
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
    return await send_stored(request, await _find(request, services_of(request).assets, key))


async def _find(request: ApiRequest, assets: Assets, key: str) -> Stat:
    """Return what is asked for: the output, or with `w` its thumbnail. Raises NotFound, InvalidSubmission."""
    if not request.query_string:
        return await assets.describe(key)
    fields = Fields(members=members_of_query(request))
    width = fields.choice("w", WIDTHS_AS_TEXT)
    fields.finish()
    if width is None:
        return await assets.describe(key)
    return await services_of(request).thumbnails.find(key, int(width), payer_of(request))
