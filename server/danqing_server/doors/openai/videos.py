"""Videos for clients of OpenAI's Videos API: ordered, looked for, fetched, made into others."""

from __future__ import annotations

import asyncio
from hashlib import sha256

from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message, OutputKind
from danqing_server.codec.bodies import shorten
from danqing_server.doors.documentation import ANY_FILE, KEY_HEADER, Answer, described, query
from danqing_server.doors.fields import Fields
from danqing_server.doors.filters import members_of_query
from danqing_server.doors.holding import note_refusal
from danqing_server.doors.openai.calls import Reading, offers_of, receive
from danqing_server.doors.openai.reading import Wish
from danqing_server.doors.openai.speaking import OpenAICall
from danqing_server.doors.openai.video_reading import read_remix, read_video_wish
from danqing_server.doors.openai.video_remaking import (
    EDIT,
    EXTEND,
    file_of,
    not_made_here,
    read_remade,
    video_id_of,
)
from danqing_server.doors.openai.video_views import VideoViewer, film_of
from danqing_server.doors.openai_shapes import OpenAIErrorShape
from danqing_server.doors.openai_video_shapes import (
    OpenAIRemixRequest,
    OpenAIVideoDeletedShape,
    OpenAIVideoEditRequest,
    OpenAIVideoExtensionRequest,
    OpenAIVideoListShape,
    OpenAIVideoShape,
    OpenAIVideosRequest,
)
from danqing_server.doors.sending import send_stored
from danqing_server.errors import Conflict, NotFound
from danqing_server.http.answers import json_answer
from danqing_server.http.entry import Admitted, admit, admit_change, payer_of
from danqing_server.http.links import base_url, picture_url
from danqing_server.http.receiving import discard_body
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_delete, on_get, on_post
from danqing_server.records.outputs import Asset
from danqing_server.records.tasks import FINISHED, JsonObject, Task
from danqing_server.records.tenancy import Scope
from danqing_server.store.listing import TaskFilter
from danqing_server.store.paging import FilmQuery
from danqing_server.store.pictures import PictureFilter

__all__ = ["routes"]

POLL_AFTER_HEADER, POLL_AFTER_MS = "openai-poll-after-ms", 2000
"""By it openai-python's `poll` goes, which would otherwise ask every second."""

DEFAULT_LISTED, MOST_LISTED = 20, 100
THUMBNAIL_WIDTH = 512
VARIANTS = ("video", "thumbnail", "spritesheet")

NOT_READY = Message(key="openai_video_not_ready", en="Video {id} is not ready.", zh="视频 {id} 尚未就绪")
NO_VIDEO_THERE = Message(
    key="openai_video_without_content",
    en="Video {id} failed: there is nothing to fetch.",
    zh="视频 {id} 生成失败，没有可下载的内容",
)
NO_SPRITESHEET = Message(
    key="openai_no_spritesheet",
    en="spritesheets are not made; there are video and thumbnail",
    zh="不提供 spritesheet，可用 video 或 thumbnail",
)

routes = Blueprint("openai_videos", url_prefix="/v1/videos")

_VIDEO = Answer(description="视频 · the video", shape=OpenAIVideoShape, enveloped=False)
_FILE = Answer(description="文件 · the file", shape=None, media_type=ANY_FILE)


@on_post(routes, "/", needs=Scope.GENERATE, when_refused=note_refusal)
@described(
    "生成视频（OpenAI 格式） · Make a video, as OpenAI's API does",
    {200: _VIDEO},
    errors=(400, 404, 413, 422, 429),
    refused_as=OpenAIErrorShape,
    body=OpenAIVideosRequest,
    parameters=[KEY_HEADER],
)
async def create_video(request: ApiRequest) -> HTTPResponse | None:
    """Order a video: a form, or JSON. Its id is good in every door."""
    admitted = admit_change(request)
    offers = offers_of(admitted.services)

    async def read(body: JsonObject) -> Wish:
        return read_video_wish(body, request.headers, admitted.caller, offers)

    await _order(request, admitted, read)
    return None


@on_get(routes, "/", needs=Scope.READ)
@described(
    "视频列表（OpenAI 格式） · List videos",
    {200: Answer(description="视频列表 · the videos", shape=OpenAIVideoListShape, enveloped=False)},
    errors=(400, 404),
    refused_as=OpenAIErrorShape,
    parameters=[
        query("after", "the last id of the page before", type="string"),
        query("limit", "videos a page", type="integer", minimum=1, maximum=MOST_LISTED, default=DEFAULT_LISTED),
        query("order", "by when they were ordered", type="string", enum=["asc", "desc"], default="desc"),
    ],
)
async def list_videos(request: ApiRequest) -> HTTPResponse:
    """List a project's videos, whichever door they came through."""
    admitted = admit(request)
    fields = Fields(members=members_of_query(request))
    limit = fields.whole_text("limit", 1, MOST_LISTED) or DEFAULT_LISTED
    ascending = fields.choice("order", ("asc", "desc")) == "asc"
    after = request.args.get("after")
    fields.finish()
    last = await _find(admitted, after) if after else None
    wanted = FilmQuery(reach=admitted.caller.reach)
    found = await admitted.services.films.behind(wanted, last, ascending=ascending, limit=limit + 1)
    viewer = _viewer(request, admitted)
    videos = [viewer.video(task) for task in found[:limit]]
    shown: OpenAIVideoListShape = {
        "object": "list",
        "data": videos,
        "has_more": len(found) > limit,
        "first_id": videos[0]["id"] if videos else None,
        "last_id": videos[-1]["id"] if videos else None,
    }
    return json_answer(shown)


@on_get(routes, "/<task_id>", needs=Scope.READ)
@described(
    "查询视频（OpenAI 格式） · Look for a video",
    {200: _VIDEO},
    errors=(404,),
    refused_as=OpenAIErrorShape,
)
async def get_video(request: ApiRequest, task_id: str) -> HTTPResponse:
    """Say how far a video is; where to fetch it when it is completed."""
    admitted = admit(request)
    task = await _find(admitted, task_id)
    if task.status in FINISHED:
        return json_answer(_viewer(request, admitted).video(task))
    task = task.changed(progress=await admitted.services.forecast.progress(task))
    headers = {POLL_AFTER_HEADER: str(POLL_AFTER_MS)}
    return json_answer(_viewer(request, admitted).video(task), 200, headers)


@on_get(routes, "/<task_id>/content", needs=Scope.READ)
@described(
    "下载视频（OpenAI 格式） · Fetch a video, or a picture of it",
    {
        200: _FILE,
        206: Answer(description="文件的一部分 · a part of it", shape=None, media_type=ANY_FILE),
        307: Answer(description="转到存储的短期链接 · a short-lived link into the storage", shape=None, empty=True),
        304: Answer(description="文件未变 · it is the one you have", shape=None, empty=True),
        416: Answer(description="范围超出文件 · the range is outside of it", shape=None, empty=True),
    },
    errors=(400, 404),
    refused_as=OpenAIErrorShape,
    parameters=[query("variant", "what to fetch", type="string", enum=list(VARIANTS), default="video")],
)
async def get_video_content(request: ApiRequest, task_id: str) -> HTTPResponse | None:
    """Send the video, or with `variant=thumbnail` a still picture of it in WebP."""
    admitted = admit(request)
    fields = Fields(members=members_of_query(request))
    variant = fields.choice("variant", VARIANTS) or "video"
    if variant == "spritesheet":
        fields.report("variant", NO_SPRITESHEET)
    fields.finish()
    film = _made(await _find(admitted, task_id))
    if variant == "thumbnail":
        thumbnails = admitted.services.thumbnails
        return await send_stored(request, await thumbnails.find(film.key, THUMBNAIL_WIDTH, payer_of(request)))
    return await send_stored(request, await admitted.services.assets.describe(film.key))


@on_delete(routes, "/<task_id>", needs=Scope.GENERATE)
@described(
    "删除视频（OpenAI 格式） · Delete a video",
    {200: Answer(description="已删除 · it is gone", shape=OpenAIVideoDeletedShape, enveloped=False)},
    errors=(400, 404),
    refused_as=OpenAIErrorShape,
)
async def delete_video(request: ApiRequest, task_id: str) -> HTTPResponse:
    """Delete a video and what is stored of it; one that is not finished is cancelled first."""
    admitted = admit_change(request)
    await discard_body(request)
    await _find(admitted, task_id)
    await admitted.services.control.delete(task_id, admitted.caller)
    shown: OpenAIVideoDeletedShape = {"id": task_id, "object": "video.deleted", "deleted": True}
    return json_answer(shown)


@on_post(routes, "/<task_id>/remix", needs=Scope.GENERATE, when_refused=note_refusal)
@described(
    "改编视频（OpenAI 格式） · Make another video of a video",
    {200: _VIDEO},
    errors=(400, 404, 413, 422, 429),
    refused_as=OpenAIErrorShape,
    body=OpenAIRemixRequest,
    parameters=[KEY_HEADER],
)
async def remix_video(request: ApiRequest, task_id: str) -> HTTPResponse | None:
    """Order another video of one that is completed, by a model that makes videos of videos."""
    admitted = admit_change(request)
    source = await _find(admitted, task_id)
    link, offers = _link(request, source), offers_of(admitted.services)

    async def read(body: JsonObject) -> Wish:
        return read_remix(body, request.headers, admitted.caller, offers, source=source, link=link)

    await _order(request, admitted, read)
    return None


@on_post(routes, "/edits", needs=Scope.GENERATE, when_refused=note_refusal)
@described(
    "编辑视频（OpenAI 格式） · Edit a video",
    {200: _VIDEO},
    errors=(400, 404, 413, 422, 429),
    refused_as=OpenAIErrorShape,
    body=OpenAIVideoEditRequest,
    parameters=[KEY_HEADER],
)
async def edit_video(request: ApiRequest) -> HTTPResponse | None:
    """Order a video that is another but for what the prompt says, by a model that edits videos."""
    await _remake(request, EDIT)
    return None


@on_post(routes, "/extensions", needs=Scope.GENERATE, when_refused=note_refusal)
@described(
    "延长视频（OpenAI 格式） · Extend a video",
    {200: _VIDEO},
    errors=(400, 404, 413, 422, 429),
    refused_as=OpenAIErrorShape,
    body=OpenAIVideoExtensionRequest,
    parameters=[KEY_HEADER],
)
async def extend_video(request: ApiRequest) -> HTTPResponse | None:
    """Order a video that goes on where another ends, by a model that extends videos."""
    await _remake(request, EXTEND)
    return None


async def _remake(request: ApiRequest, kind: str) -> None:
    admitted = admit_change(request)
    offers = offers_of(admitted.services)

    async def read(body: JsonObject) -> Wish:
        source = await _source(admitted, kind, body)
        link = _link(request, source)
        return read_remade(kind, body, request.headers, admitted.caller, offers, source=source, link=link)

    await _order(request, admitted, read)


async def _source(admitted: Admitted, kind: str, body: JsonObject) -> Task:
    """Return the task of the video that a request is about: named by its id, or known by the bytes of its file.

    Raises:
        NotFound: there is none of that id.
        InvalidSubmission: it names none, or the file is none that was made here.
    """
    film = file_of(body)
    if film is None:
        return await _find(admitted, video_id_of(body))
    digest = (await asyncio.to_thread(sha256, film)).hexdigest()
    wanted = PictureFilter(tasks=TaskFilter(kind=OutputKind.VIDEO), sha256=digest)
    found, _ = await admitted.services.pictures.page(wanted, admitted.caller, limit=1, after=None)
    if not found:
        raise not_made_here(kind, offers_of(admitted.services))
    return found[0].task


async def _order(request: ApiRequest, admitted: Admitted, read: Reading) -> None:
    call = await receive(request, admitted, of_form=read, of_json=read)
    await call.see_through(_acknowledge)


def _link(request: ApiRequest, source: Task) -> str:
    """Return where a service fetches the video of *source*. Raises Conflict: there is none."""
    return picture_url(base_url(request), _made(source).key)


async def _acknowledge(call: OpenAICall, task_id: str) -> bool:
    """Answer that a video is ordered."""
    task = await call.services.control.find(task_id, call.caller)
    viewer = VideoViewer(base_url(call.request), call.services.registry)
    headers = {} if task.status in FINISHED else {POLL_AFTER_HEADER: str(POLL_AFTER_MS)}
    await call.send(json_answer(viewer.video(task), 200, headers))
    return True


async def _find(admitted: Admitted, task_id: str) -> Task:
    """Return a video's task. Raises NotFound for what makes something else, too."""
    task = await admitted.services.control.find(task_id, admitted.caller)
    if task.kind is not OutputKind.VIDEO:
        raise NotFound("task", task_id)
    return task


def _made(task: Task) -> Asset:
    """Return the video of *task*. Raises Conflict: there is none."""
    film = film_of(task) if task.status in FINISHED else None
    if film is not None:
        return film
    if task.status in FINISHED:
        raise Conflict(NO_VIDEO_THERE(id=shorten(task.id)), code="video_failed")
    raise Conflict(NOT_READY(id=shorten(task.id)), code="video_not_ready")


def _viewer(request: ApiRequest, admitted: Admitted) -> VideoViewer:
    return VideoViewer(base_url(request), admitted.services.registry)
