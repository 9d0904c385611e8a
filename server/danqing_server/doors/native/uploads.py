"""Pictures sent ahead of their tasks: once, by whatever client, and then referred to by id."""

from __future__ import annotations

import attrs
from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message, Problem
from danqing_server.assets.incoming import Incoming
from danqing_server.assets.keys import ASSET_PATH, upload_of
from danqing_server.assets.references import UPLOAD_SCHEME
from danqing_server.doors.documentation import Answer, described, query
from danqing_server.doors.fields import Fields
from danqing_server.doors.filters import NO_CURSOR, members_of_query
from danqing_server.doors.server_shapes import DeletedShape
from danqing_server.doors.upload_shapes import UPLOAD_ID, UploadListShape, UploadShape
from danqing_server.errors import InvalidSubmission
from danqing_server.http.answers import success
from danqing_server.http.entry import admit, admit_change
from danqing_server.http.limits import Holding
from danqing_server.http.links import base_url, picture_url
from danqing_server.http.messages import language_of
from danqing_server.http.multipart import Part, is_form, receive_form
from danqing_server.http.receiving import discard_body, holding_of, receive_body
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_delete, on_get, on_post
from danqing_server.records.tenancy import Scope
from danqing_server.records.uploads import Upload

__all__ = ["routes"]

MOST_LISTED = 200
DEFAULT_LISTED = 50

KEPT = Message(key="upload.kept", zh="上传成功", en="Uploaded")
KNOWN = Message(key="upload.known", zh="此图片已经上传过", en="Uploaded before")
FOUND = Message(key="upload.found", zh="获取上传文件成功", en="Upload found")
LISTED = Message(key="upload.listed", zh="获取上传文件列表成功", en="Uploads listed")
DELETED = Message(key="upload.deleted", zh="上传文件已删除", en="Upload deleted")
NO_FILE = Message(
    key="upload.no_file",
    zh="表单中没有文件；请用带 filename 的字段发送一张图片",
    en="the form holds no file; send one picture, in a part with a filename",
)
SECOND_FILE = Message(
    key="upload.second_file",
    zh="一次只能上传一个文件；请分别上传",
    en="is a second file; send one picture a request",
)

routes = Blueprint("uploads", url_prefix="/api/v1")


@on_post(routes, "/uploads", needs=Scope.GENERATE)
@described(
    "上传参考图片 · Send a picture ahead",
    {
        200: Answer(description="此图片已经上传过 · it is here already", shape=UploadShape),
        201: Answer(description="上传成功", shape=UploadShape),
    },
    errors=(400, 409, 413),
    file="file",
)
async def create_upload(request: ApiRequest) -> HTTPResponse:
    """Send a picture once, to refer to it in tasks: as the body itself, or as the file of a form."""
    services, caller = admit_change(request)
    async with services.uploads.receiving() as incoming:
        await _receive(request, incoming)
        upload, is_new = await services.uploads.keep(incoming, caller)
    message = KEPT if is_new else KNOWN
    return success(_view(request, upload), message.to(language_of(request.headers)), 201 if is_new else 200)


@on_get(routes, "/uploads", needs=Scope.READ)
@described(
    "列出上传的图片 · List uploads",
    {200: Answer(description="获取上传文件列表成功", shape=UploadListShape)},
    errors=(400,),
    parameters=[
        query("limit", "uploads per page", type="integer", minimum=1, maximum=MOST_LISTED, default=DEFAULT_LISTED),
        query("cursor", "next_cursor of the page before", type="string", pattern=UPLOAD_ID),
    ],
)
async def list_uploads(request: ApiRequest) -> HTTPResponse:
    """List the project's uploads, the youngest first."""
    services, caller = admit(request)
    fields = Fields(members=members_of_query(request))
    fields.check_known(("limit", "cursor"))
    limit = fields.whole_text("limit", 1, MOST_LISTED) or DEFAULT_LISTED
    cursor = fields.given("cursor")
    if cursor is not None and upload_of(cursor) != cursor:
        fields.report("cursor", NO_CURSOR)
    fields.finish()
    found = await services.uploads.page(caller, limit + 1, cursor)
    shown = found[:limit]
    data: UploadListShape = {
        "uploads": [_view(request, each) for each in shown],
        "count": len(shown),
        "next_cursor": shown[-1].id if len(found) > limit else None,
    }
    return success(data, LISTED.to(language_of(request.headers)))


@on_get(routes, "/uploads/<upload_id>", needs=Scope.READ)
@described(
    "查看上传的图片 · Show an upload",
    {200: Answer(description="获取上传文件成功", shape=UploadShape)},
    errors=(404,),
)
async def get_upload(request: ApiRequest, upload_id: str) -> HTTPResponse:
    """Show an upload."""
    services, caller = admit(request)
    found = await services.uploads.find(upload_id, caller)
    return success(_view(request, found), FOUND.to(language_of(request.headers)))


@on_delete(routes, "/uploads/<upload_id>", needs=Scope.GENERATE)
@described(
    "删除上传的图片 · Delete an upload",
    {200: Answer(description="上传文件已删除", shape=DeletedShape)},
    errors=(404,),
)
async def delete_upload(request: ApiRequest, upload_id: str) -> HTTPResponse:
    """Delete an upload. Tasks that refer to it keep copies of their own."""
    services, caller = admit_change(request)
    await discard_body(request)
    await services.uploads.delete(upload_id, caller)
    deleted: DeletedShape = {"id": upload_id}
    return success(deleted, DELETED.to(language_of(request.headers)))


async def _receive(request: ApiRequest, incoming: Incoming) -> None:
    taker = _OneFile(incoming, holding_of(request))
    if not is_form(request.headers):
        await receive_body(request, taker.write_counted)
        return
    await receive_form(request, taker)
    if taker.name is None:
        raise InvalidSubmission([Problem(field="file", message=NO_FILE())])


@attrs.define(eq=False)
class _OneFile:
    """Takes the only file of a form; its fields are passed over. A piece counts until it is on the disk."""

    _incoming: Incoming
    _holding: Holding
    name: str | None = attrs.field(default=None, init=False)
    _is_file: bool = attrs.field(default=False, init=False)

    async def begin(self, part: Part) -> None:
        self._is_file = part.filename is not None
        if self._is_file and self.name is not None:
            raise InvalidSubmission([Problem(field=part.name, message=SECOND_FILE())])
        if self._is_file:
            self.name = part.name

    async def write(self, chunk: bytes) -> None:
        if self._is_file:
            await self.write_counted(chunk)

    async def end(self) -> None:
        self._is_file = False

    async def write_counted(self, chunk: bytes) -> None:
        self._holding.add(len(chunk))
        try:
            await self._incoming.write(chunk)
        finally:
            self._holding.release()


def _view(request: ApiRequest, upload: Upload) -> UploadShape:
    return {
        "id": upload.id,
        "uri": f"{UPLOAD_SCHEME}{upload.id}",
        "url": picture_url(base_url(request), upload.key),
        "path": f"{ASSET_PATH}{upload.key}",
        "media_type": upload.media_type,
        "width": upload.width,
        "height": upload.height,
        "size_bytes": upload.size_bytes,
        "sha256": upload.sha256,
        "created_at": upload.created_at,
        "expires_at": upload.expires_at,
    }
