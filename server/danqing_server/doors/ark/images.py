"""`/images/generations`: pictures, asked for and waited for in one call.

Source: Volcengine's page 82379/1541523, read 2026-11-23.
"""

from __future__ import annotations

from functools import partial

import attrs
from sanic import HTTPResponse

from danqing_server.codec.bodies import without_nulls
from danqing_server.doors.ark.echoing import blueprint
from danqing_server.doors.ark.image_bodies import image_submission
from danqing_server.doors.ark.speaking import ArkVoice
from danqing_server.doors.ark.streaming import by_events
from danqing_server.doors.ark_shapes import ArkErrorShape, ArkImagesRequest, ArkImagesShape
from danqing_server.doors.documentation import KEY_HEADER, Answer, described
from danqing_server.doors.foreign import ReceivedForeign
from danqing_server.doors.holding import GOES_ON, begin, go_on, note_refusal
from danqing_server.doors.lasting import open_for_s, way_of
from danqing_server.http.entry import admit_change
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get, on_post
from danqing_server.records.tenancy import Scope

__all__ = ["routes"]

routes = blueprint("ark_images")

_PICTURES = Answer(description="图片 · the pictures", shape=ArkImagesShape, enveloped=False)
_WAITED = {200: _PICTURES, 303: GOES_ON}
_MADE = {200: attrs.evolve(_PICTURES, streams=True), 303: GOES_ON}


@on_post(routes, "/images/generations", needs=Scope.GENERATE, when_refused=note_refusal)
@described(
    "生成图片（方舟格式） · Make pictures, in Ark's words",
    _MADE,
    errors=(400, 404, 413, 422, 429),
    refused_as=ArkErrorShape,
    body=ArkImagesRequest,
    parameters=[KEY_HEADER],
)
async def create_ark_images(request: ApiRequest) -> HTTPResponse | None:
    """Make pictures and answer with them; with `stream` as events, each as soon as it is made."""
    admitted = admit_change(request)
    async with ReceivedForeign(request) as body:
        meant = without_nulls(body)
        wanted = image_submission(meant, admitted.caller, admitted.services.submissions.checker)
        voice = ArkVoice(wanted.in_base64)
        settings = admitted.services.settings
        longest_s = settings.task_timeout_s if wanted.streamed else open_for_s(settings)
        call = await begin(request, admitted, voice, wanted.submission, meant, open_for_s=longest_s)
    way = partial(by_events, in_base64=wanted.in_base64) if wanted.streamed else way_of(settings)
    await call.see_through(way)
    return None


@on_get(routes, "/images/wait/<task_id>", needs=Scope.GENERATE, goes_on=True)
@described(
    "继续等待图片（方舟格式） · Go on waiting for pictures", _WAITED, errors=(400, 404), refused_as=ArkErrorShape
)
async def wait_for_ark_images(request: ApiRequest, task_id: str) -> HTTPResponse | None:
    """Go on with a call that was redirected here."""
    call = await go_on(request, task_id, ArkVoice(request.args.get("f") == "b64_json"))
    await call.see_through(way_of(call.services.settings))
    return None


@on_post(routes, "/images/wait/<task_id>", needs=Scope.GENERATE, goes_on=True)
@described(
    "继续等待图片（方舟格式） · Go on waiting for pictures", _WAITED, errors=(400, 404), refused_as=ArkErrorShape
)
async def wait_for_ark_images_by_post(request: ApiRequest, task_id: str) -> HTTPResponse | None:
    """Go on with a call whose client repeats its method, as curl does when it is told to."""
    return await wait_for_ark_images(request, task_id)
