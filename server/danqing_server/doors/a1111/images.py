"""`txt2img` and `img2img`: pictures, asked for and waited for in one call.

Source: AUTOMATIC1111/stable-diffusion-webui, modules/api/api.py, read 2026-11-28.
"""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from danqing_server.codec.bodies import without_nulls
from danqing_server.doors.a1111.reading import named_model, read_images
from danqing_server.doors.a1111.refusing import PREFIX
from danqing_server.doors.a1111.speaking import A1111Voice
from danqing_server.doors.a1111_shapes import A1111ErrorShape, A1111ImagesRequest, A1111ImagesShape
from danqing_server.doors.documentation import KEY_HEADER, Answer, described
from danqing_server.doors.foreign import ReceivedForeign
from danqing_server.doors.holding import GOES_ON, begin, go_on
from danqing_server.doors.lasting import open_for_s, way_of
from danqing_server.doors.offers import Offers
from danqing_server.http.entry import admit_change
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get, on_post
from danqing_server.records.tenancy import Scope
from danqing_server.store.choices import ChoiceStore

__all__ = ["routes"]

VOICE = A1111Voice()

routes = Blueprint("a1111_images", url_prefix=PREFIX)

_ANSWERS = {
    200: Answer(description="图片 · the pictures", shape=A1111ImagesShape, enveloped=False),
    303: GOES_ON,
}


@on_post(routes, "/txt2img", needs=Scope.GENERATE)
@described(
    "文生图（A1111 格式） · Make pictures, as AUTOMATIC1111's API does",
    _ANSWERS,
    errors=(400, 404, 413, 422, 429),
    refused_as=A1111ErrorShape,
    body=A1111ImagesRequest,
    parameters=[KEY_HEADER],
)
async def create_a1111_images(request: ApiRequest) -> HTTPResponse | None:
    """Make pictures and answer with them."""
    admitted = admit_change(request)
    services, caller = admitted
    async with ReceivedForeign(request) as body:
        meant = without_nulls(body)
        choices = ChoiceStore(services.store.database)
        model = named_model(meant) or await choices.model_of(caller.project, caller.key)
        offers = Offers(services.registry, services.submissions.checker.routes, services.settings.model_aliases)
        submission = read_images(meant, caller, offers, model)
        identity, longest_s = {**meant, "model": submission.model}, open_for_s(services.settings)
        call = await begin(request, admitted, VOICE, submission, identity, open_for_s=longest_s)
    await call.see_through(way_of(services.settings))
    return None


@on_post(routes, "/img2img", needs=Scope.GENERATE)
@described(
    "图生图（A1111 格式） · Make pictures of pictures, as AUTOMATIC1111's API does",
    _ANSWERS,
    errors=(400, 404, 413, 422, 429),
    refused_as=A1111ErrorShape,
    body=A1111ImagesRequest,
    parameters=[KEY_HEADER],
)
async def edit_a1111_images(request: ApiRequest) -> HTTPResponse | None:
    """Make pictures of those in `init_images`."""
    return await create_a1111_images(request)


@on_get(routes, "/wait/<task_id>", needs=Scope.GENERATE, goes_on=True)
@described(
    "继续等待图片（A1111 格式） · Go on waiting",
    _ANSWERS,
    errors=(400, 404),
    refused_as=A1111ErrorShape,
)
async def wait_for_a1111_images(request: ApiRequest, task_id: str) -> HTTPResponse | None:
    """Go on with a call that was redirected here."""
    call = await go_on(request, task_id, VOICE)
    await call.see_through(way_of(call.services.settings))
    return None


@on_post(routes, "/wait/<task_id>", needs=Scope.GENERATE, goes_on=True)
@described(
    "继续等待图片（A1111 格式） · Go on waiting",
    _ANSWERS,
    errors=(400, 404),
    refused_as=A1111ErrorShape,
)
async def wait_for_a1111_images_by_post(request: ApiRequest, task_id: str) -> HTTPResponse | None:
    """Go on with a call whose client repeats its method, as curl does when it is told to."""
    return await wait_for_a1111_images(request, task_id)
