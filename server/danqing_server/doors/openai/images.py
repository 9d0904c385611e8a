"""Pictures for clients of OpenAI's Images API: asked for and waited for in one call, or looked for later."""

from __future__ import annotations

from functools import partial

import attrs
from sanic import Blueprint, HTTPResponse

from danqing_plugins import OutputKind
from danqing_server.doors.documentation import KEY_HEADER, Answer, described
from danqing_server.doors.holding import GOES_ON, go_on, note_refusal
from danqing_server.doors.lasting import way_of
from danqing_server.doors.openai.calls import take_in
from danqing_server.doors.openai.later import acknowledge, task_view
from danqing_server.doors.openai.reading import Form, Manner
from danqing_server.doors.openai.speaking import OpenAICall, OpenAIVoice
from danqing_server.doors.openai.streaming import by_events
from danqing_server.doors.openai_shapes import (
    OpenAIErrorShape,
    OpenAIImagesRequest,
    OpenAIImagesShape,
    OpenAITaskShape,
)
from danqing_server.errors import NotFound
from danqing_server.http.answers import json_answer
from danqing_server.http.entry import admit, admit_change
from danqing_server.http.links import base_url
from danqing_server.http.preferences import PREFER, preferences_of
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get, on_post
from danqing_server.records.tasks import FINISHED
from danqing_server.records.tenancy import Scope

__all__ = ["routes"]

RETRY_AFTER_S = 3
routes = Blueprint("openai_images", url_prefix="/v1/images")

_PICTURES = Answer(description="图片 · the pictures", shape=OpenAIImagesShape, enveloped=False, streams=True)
_ACCEPTED = Answer(description="已受理 · look for it later", shape=OpenAITaskShape, enveloped=False)
_WAITED = {200: _PICTURES, 303: GOES_ON}
_MADE = {**_WAITED, 202: _ACCEPTED}
_PARAMETERS = [KEY_HEADER, PREFER]
_ERRORS = (400, 404, 413, 422, 429)


@on_post(routes, "/generations", needs=Scope.GENERATE, when_refused=note_refusal)
@described(
    "生成图片（OpenAI 格式） · Make pictures, as OpenAI's API does",
    _MADE,
    errors=_ERRORS,
    refused_as=OpenAIErrorShape,
    body=OpenAIImagesRequest,
    parameters=_PARAMETERS,
)
async def create_images(request: ApiRequest) -> HTTPResponse | None:
    """Make pictures and answer with them; with `stream` as events, with `Prefer: respond-async` as a task."""
    await _answer(await take_in(request, admit_change(request)))
    return None


@on_post(routes, "/edits", needs=Scope.GENERATE, when_refused=note_refusal)
@described(
    "编辑图片（OpenAI 格式） · Edit pictures, as OpenAI's API does",
    _MADE,
    errors=_ERRORS,
    refused_as=OpenAIErrorShape,
    body=OpenAIImagesRequest,
    parameters=_PARAMETERS,
)
async def edit_images(request: ApiRequest) -> HTTPResponse | None:
    """Make pictures of other pictures: a form with files, or JSON with links and data URIs in `images`."""
    await _answer(await take_in(request, admit_change(request), edit=True))
    return None


@on_post(routes, "/generations/async", needs=Scope.GENERATE, when_refused=note_refusal)
@described(
    "异步生成图片 · Make pictures, and look for them later",
    {202: _ACCEPTED},
    errors=_ERRORS,
    refused_as=OpenAIErrorShape,
    body=OpenAIImagesRequest,
    parameters=[KEY_HEADER],
)
async def create_images_async(request: ApiRequest) -> HTTPResponse | None:
    """Begin to make pictures."""
    await _answer_later(await take_in(request, admit_change(request), streams=False))
    return None


@on_post(routes, "/edits/async", needs=Scope.GENERATE, when_refused=note_refusal)
@described(
    "异步编辑图片 · Edit pictures, and look for them later",
    {202: _ACCEPTED},
    errors=_ERRORS,
    refused_as=OpenAIErrorShape,
    body=OpenAIImagesRequest,
    parameters=[KEY_HEADER],
)
async def edit_images_async(request: ApiRequest) -> HTTPResponse | None:
    """Begin to make pictures of other pictures."""
    await _answer_later(await take_in(request, admit_change(request), edit=True, streams=False))
    return None


@on_get(routes, "/tasks/<task_id>", needs=Scope.READ)
@described(
    "查询异步图片任务 · Look for pictures",
    {200: Answer(description="任务 · the task", shape=OpenAITaskShape, enveloped=False)},
    errors=(404,),
    refused_as=OpenAIErrorShape,
)
async def get_images_task(request: ApiRequest, task_id: str) -> HTTPResponse:
    """Say how far a task is; its pictures, as links, when it is completed."""
    services, caller = admit(request)
    task = await services.control.find(task_id, caller)
    if task.kind is not OutputKind.IMAGE:  # it would read as a task that made no picture
        raise NotFound("task", task_id)
    headers = {} if task.status in FINISHED else {"retry-after": str(RETRY_AFTER_S)}
    return json_answer(task_view(task, base_url(request)), 200, headers)


@on_get(routes, "/wait/<task_id>", needs=Scope.GENERATE, goes_on=True)
@described("继续等待图片 · Go on waiting for pictures", _WAITED, errors=(400, 404), refused_as=OpenAIErrorShape)
async def wait_for_images(request: ApiRequest, task_id: str) -> HTTPResponse | None:
    """Go on with a call that was redirected here."""
    call = await go_on(request, task_id, OpenAIVoice(_manner(request)))
    await call.see_through(way_of(call.services.settings))
    return None


@on_post(routes, "/wait/<task_id>", needs=Scope.GENERATE, goes_on=True)
@described("继续等待图片 · Go on waiting for pictures", _WAITED, errors=(400, 404), refused_as=OpenAIErrorShape)
async def wait_for_images_by_post(request: ApiRequest, task_id: str) -> HTTPResponse | None:
    """Go on with a call whose client repeats its method, as curl does when it is told to."""
    return await wait_for_images(request, task_id)


async def _answer(call: OpenAICall) -> None:
    preferred = preferences_of(call.request)
    if call.voice.manner.stream:
        await call.see_through(by_events)
    elif preferred is not None and preferred.respond_async:
        honoured = attrs.evolve(preferred, wait_s=None)  # it is answered at once
        await call.see_through(partial(acknowledge, headers=honoured.headers(answers_async=True)))
    else:
        await call.see_through(way_of(call.services.settings))


async def _answer_later(call: OpenAICall) -> None:
    await call.see_through(partial(acknowledge, headers={}))


def _manner(request: ApiRequest) -> Manner:
    form, format_ = request.args.get("f"), request.args.get("o")
    return Manner(
        form=Form(form) if form in tuple(Form) else Form.BOTH,
        output_format=format_ if format_ in ("png", "jpeg", "webp") else None,
    )
