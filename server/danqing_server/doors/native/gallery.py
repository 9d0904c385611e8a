"""Pictures, whichever tasks made them: lists of ids, lists, stars, archives; and one deleted alone."""

from __future__ import annotations

import re
from typing import Any

from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message
from danqing_server.doors.documentation import Answer, described, plain_query, query
from danqing_server.doors.fields import Fields
from danqing_server.doors.filters import (
    CURSOR,
    KINDS,
    LONGEST_SEARCH,
    cursor_of,
    members_of_query,
    read_cursor,
    read_filter,
)
from danqing_server.doors.picture_shapes import (
    LONGEST_TEMPLATE,
    MOST_ARCHIVED,
    PICTURE_ID,
    ArchiveRequest,
    PictureIndexShape,
    PicturePageShape,
    StarredShape,
)
from danqing_server.doors.picture_views import DEFAULT_NAME, WORDS, archived, picture_view, words_of
from danqing_server.doors.sending import send_made
from danqing_server.doors.server_shapes import DeletedShape
from danqing_server.doors.views import Viewer
from danqing_server.errors import NotFound
from danqing_server.http.answers import success, success_body
from danqing_server.http.downloads import Downloads
from danqing_server.http.entry import admit, admit_change, services_of
from danqing_server.http.links import base_url
from danqing_server.http.messages import language_of
from danqing_server.http.packing import packed
from danqing_server.http.receiving import ReceivedObject, discard_body
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_delete, on_get, on_post, on_put
from danqing_server.http.zips import zipped
from danqing_server.records.tenancy import Scope
from danqing_server.store.pictures import PictureFilter, PictureId, PictureSize, parts_of, picture_id

__all__ = ["routes"]

MOST_SHOWN = 200
DEFAULT_SHOWN = 60
MOST_INDEXED = 100_000
FILTERS = ("provider", "model", "user_id", "kind", "from", "to", "q", "starred", "size", "sha256")
SIZES = tuple(size.value for size in PictureSize)

LISTED = Message(key="pictures.listed", zh="获取图片列表成功", en="Pictures listed")
STARRED = Message(key="picture.starred", zh="已加星标", en="Starred")
UNSTARRED = Message(key="picture.unstarred", zh="已取消星标", en="Star taken away")
DELETED = Message(key="picture.deleted", zh="图片已删除", en="Picture deleted")
NOT_IDS = Message(
    key="not_picture_ids",
    zh="必须是 1 到 {most} 个图片 ID，形如 <任务 ID>/<序号>",
    en="must be 1 to {most} ids of pictures, as <task id>/<index>",
)
NOT_SHA256 = Message(key="not_sha256", zh="必须是 64 位十六进制的 SHA-256", en="must be a SHA-256 in hexadecimal")
NO_WORD = Message(key="no_such_word", zh="模板中只能使用：{allowed}", en="may hold these words alone: {allowed}")

_ID = re.compile(PICTURE_ID)
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")

routes = Blueprint("gallery", url_prefix="/api/v1/pictures")


_FILTERED = [
    plain_query("q", "text anywhere in the prompt", LONGEST_SEARCH),
    plain_query("model", "the model's own id", 128),
    plain_query("provider", "who made them", 128),
    plain_query("user_id", "whose they are", 128),
    query("kind", "what their task makes", type="string", enum=list(KINDS)),
    query("starred", "those with a star alone", type="string", enum=["true"]),
    query("size", "below 2 megapixels, below 8, or more", type="string", enum=list(SIZES)),
    query("from", "made at this time or later", type="string", format="date-time"),
    query("to", "made before this time", type="string", format="date-time"),
    query("sha256", "of the file, in hexadecimal", type="string", pattern=f"^{_SHA256.pattern}$"),
    query("cursor", "next_cursor of the page before", type="string", pattern=f"^({CURSOR.pattern})$"),
]


@on_get(routes, "/index", needs=Scope.READ)
@described(
    "所有图片的 ID · The ids of all pictures",
    {200: Answer(description="获取图片列表成功", shape=PictureIndexShape)},
    errors=(400,),
    parameters=[
        *_FILTERED,
        query("limit", "ids", type="integer", minimum=1, maximum=MOST_INDEXED, default=MOST_INDEXED),
    ],
)
async def get_index(request: ApiRequest) -> HTTPResponse:
    """List the ids of the project's pictures, newest first; in gzip for who takes it.

    A page ends between two tasks, and may have a few more ids than asked for. What is not at hand is looked for one
    second at most: `next_cursor` goes on.
    """
    services, caller = admit(request)
    fields = Fields(members=members_of_query(request))
    fields.check_known((*FILTERS, "limit", "cursor"))
    wanted, after = _filter(fields), read_cursor(fields)
    limit = fields.whole_text("limit", 1, MOST_INDEXED) or MOST_INDEXED
    fields.finish()
    found = await services.pictures.index(wanted, caller, limit=limit, after=after)
    data: PictureIndexShape = {
        "ids": list(found.ids),
        "count": len(found.ids),
        "next_cursor": cursor_of(found.next),
        "searched_to": found.searched_to,
    }
    return await packed(request, success_body(data, LISTED.to(language_of(request.headers))))


@on_get(routes, "", needs=Scope.READ)
@described(
    "列出与搜索图片 · List and search pictures",
    {200: Answer(description="获取图片列表成功", shape=PicturePageShape)},
    errors=(400,),
    parameters=[
        query("ids", f"up to {MOST_SHOWN} ids with commas, and nothing beside them", type="string", minLength=3),
        *_FILTERED,
        query("limit", "pictures per page", type="integer", minimum=1, maximum=MOST_SHOWN, default=DEFAULT_SHOWN),
    ],
)
async def list_pictures(request: ApiRequest) -> HTTPResponse:
    """List the project's pictures, newest first; or show those of `ids`, in that order, as far as they are there.

    A page ends between two tasks, and may have a few more pictures than asked for.
    """
    services, caller = admit(request)
    fields = Fields(members=members_of_query(request))
    if "ids" in fields.members:
        fields.check_known(("ids",))
        text = fields.text("ids", 0, MOST_SHOWN * 210)
        ids = _ids(fields, "ids", None if text is None else text.split(","), MOST_SHOWN)
        fields.finish()
        pictures, next_, searched_to = await services.pictures.many(ids, caller), None, None
    else:
        fields.check_known((*FILTERS, "limit", "cursor"))
        wanted, after = _filter(fields), read_cursor(fields)
        limit = fields.whole_text("limit", 1, MOST_SHOWN) or DEFAULT_SHOWN
        fields.finish()
        pictures, found = await services.pictures.page(wanted, caller, limit=limit, after=after)
        next_, searched_to = found.next, found.searched_to
    viewer = _viewer(request)
    data: PicturePageShape = {
        "pictures": [picture_view(each, viewer) for each in pictures],
        "count": len(pictures),
        "next_cursor": cursor_of(next_),
        "searched_to": searched_to,
    }
    return success(data, LISTED.to(viewer.language))


@on_put(routes, "/<task_id>/<index>/star", needs=Scope.GENERATE)
@described(
    "加星标 · Give a picture a star", {200: Answer(description="已加星标", shape=StarredShape)}, errors=(404,)
)
async def star_picture(request: ApiRequest, task_id: str, index: str) -> HTTPResponse:
    """Give a picture a star."""
    return await _star(request, task_id, index, starred=True)


@on_delete(routes, "/<task_id>/<index>/star", needs=Scope.GENERATE)
@described(
    "取消星标 · Take a picture's star away",
    {200: Answer(description="已取消星标", shape=StarredShape)},
    errors=(404,),
)
async def unstar_picture(request: ApiRequest, task_id: str, index: str) -> HTTPResponse:
    """Take a picture's star away."""
    return await _star(request, task_id, index, starred=False)


@on_delete(routes, "/<task_id>/<index>", needs=Scope.GENERATE)
@described(
    "删除单张图片 · Delete one picture",
    {200: Answer(description="图片已删除", shape=DeletedShape)},
    errors=(404, 409),
)
async def delete_picture(request: ApiRequest, task_id: str, index: str) -> HTTPResponse:
    """Delete one picture of a finished task, for good; the task stays, and what it cost."""
    services, caller = admit_change(request)
    await discard_body(request)
    found = _asked_for(task_id, index)
    await services.pictures.delete(*found, caller)
    deleted: DeletedShape = {"id": picture_id(*found)}
    return success(deleted, DELETED.to(language_of(request.headers)))


@on_post(routes, "/zip", needs=Scope.READ)
@described(
    "打包下载图片 · Pictures as one archive",
    {200: Answer(description="ZIP", shape=None, media_type="application/zip")},
    errors=(400, 404, 413),
    body=ArchiveRequest,
)
async def get_archive(request: ApiRequest) -> HTTPResponse | None:
    """Send pictures as a ZIP, made while it is sent, and beside each, as JSON, what made it.

    Those that are not there are named in `missing.json`; 404 when none is.
    """
    services, caller = admit_change(request)
    async with ReceivedObject(request) as body:
        fields = Fields(members=body)
        fields.check_known(("ids", "name"))
        given = fields.json_list("ids", required=True)
        wanted = _ids(fields, "ids", given, MOST_ARCHIVED)
        template = _template(fields)
        fields.finish()
    ids = list(dict.fromkeys(wanted))
    pictures = await services.pictures.many(ids, caller)
    if not pictures:
        raise NotFound("picture", picture_id(*ids[0]))
    there = {picture.id for picture in pictures}
    missing = [id_ for id_ in (picture_id(*each) for each in ids) if id_ not in there]
    downloads: Downloads = request.app.ctx.downloads
    members = archived(pictures, missing, template, services.assets, _viewer(request), downloads.window_bytes)
    headers = {"content-disposition": 'attachment; filename="pictures.zip"'}
    return await send_made(request, zipped(members), "application/zip", headers)


async def _star(request: ApiRequest, task_id: str, index: str, *, starred: bool) -> HTTPResponse:
    services, caller = admit_change(request)
    await discard_body(request)
    found = _asked_for(task_id, index)
    await services.pictures.star(*found, caller, starred=starred)
    data: StarredShape = {"id": picture_id(*found), "starred": starred}
    return success(data, (STARRED if starred else UNSTARRED).to(language_of(request.headers)))


def _filter(fields: Fields) -> PictureFilter:
    """Read the members `FILTERS` of *fields*; what is wrong is reported there."""
    starred, size = fields.choice("starred", ("true",)), fields.choice("size", SIZES)
    sha256 = fields.given("sha256")
    if sha256 is not None and not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
        fields.report("sha256", NOT_SHA256)
        sha256 = None
    return PictureFilter(
        tasks=read_filter(fields),
        starred=starred is not None,
        size=None if size is None else PictureSize(size),
        sha256=None if sha256 is None else sha256.lower(),
    )


def _ids(fields: Fields, name: str, given: list[Any] | None, most: int) -> list[PictureId]:
    if given is None or fields.problems:
        return []
    if not 1 <= len(given) <= most:
        fields.report(name, NOT_IDS, most=most)
        return []
    fields.are_sound(name, given, lambda each: _parsed(each) is not None, NOT_IDS, most=most)
    return [found for found in map(_parsed, given) if found is not None]


def _parsed(text: object) -> PictureId | None:
    if not isinstance(text, str) or not _ID.fullmatch(text):
        return None
    return parts_of(text)


def _asked_for(task_id: str, index: str) -> PictureId:
    """Return the picture that a path names. Raises NotFound."""
    found = _parsed(f"{task_id}/{index}")
    if found is None:
        raise NotFound("picture", f"{task_id}/{index}")
    return found


def _template(fields: Fields) -> str:
    template = fields.text("name", 1, LONGEST_TEMPLATE) or DEFAULT_NAME
    if not set(words_of(template)) <= set(WORDS):
        fields.report("name", NO_WORD, allowed=", ".join(f"{{{word}}}" for word in WORDS))
    return template


def _viewer(request: ApiRequest) -> Viewer:
    return Viewer(base_url(request), services_of(request).registry, language_of(request.headers))
