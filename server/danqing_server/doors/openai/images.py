"""Pictures for clients of OpenAI's Images API: asked for and waited for in one call."""

from __future__ import annotations

from functools import partial

import attrs
from sanic import Blueprint, HTTPResponse

from danqing_plugins import Problem
from danqing_server.codec import without_nulls
from danqing_server.desk.request import Submission
from danqing_server.doors.documentation import Answer, described
from danqing_server.doors.fields import NOT_WHOLE
from danqing_server.doors.idempotency import HEADER, digest_of, fingerprint_of, repeat_of
from danqing_server.doors.offers import Offers
from danqing_server.doors.openai.attending import MOST_HOPS, Attendance
from danqing_server.doors.openai.reading import Form, Manner, Wish, read_wish
from danqing_server.doors.openai_shapes import OpenAIErrorShape, OpenAIImagesRequest, OpenAIImagesShape
from danqing_server.errors import Conflict, InvalidSubmission
from danqing_server.http.entry import Admitted, admit, admit_change
from danqing_server.http.receiving import ReceivedObject, discard_body
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get, on_post
from danqing_server.http.services import Services
from danqing_server.models import JsonObject, Task
from danqing_server.tenancy import Scope

__all__ = ["routes"]

RETRY_COUNT = "x-stainless-retry-count"

routes = Blueprint("openai_images", url_prefix="/v1/images")

_ANSWERS = {
    200: Answer(description="图片 · the pictures", shape=OpenAIImagesShape, enveloped=False),
    303: Answer(description="仍在生成，请跟随跳转 · go on waiting there", shape=None, empty=True),
}


@on_post(routes, "/generations", needs=Scope.GENERATE)
@described(
    "生成图片（OpenAI 格式） · Make pictures, as OpenAI's API does",
    _ANSWERS,
    errors=(400, 404, 413, 422, 429),
    refused_as=OpenAIErrorShape,
    body=OpenAIImagesRequest,
)
async def create_images(request: ApiRequest) -> HTTPResponse | None:
    """Make pictures and answer with them."""
    attendance = await _take_in(request, admit_change(request))
    await attendance.see_through()
    return None


@on_get(routes, "/wait/<task_id>", needs=Scope.GENERATE)
@described(
    "继续等待图片 · Go on waiting for pictures", _ANSWERS, errors=(400, 404, 429), refused_as=OpenAIErrorShape
)
async def wait_for_images(request: ApiRequest, task_id: str) -> HTTPResponse | None:
    """Go on with a call that was redirected here."""
    admitted = admit(request)
    services = admitted.services
    hop = _hop(request)
    visit_id = request.args.get("v")
    visit = None
    if visit_id and request.method != "HEAD":
        visit = await services.visits.come_back(visit_id, within_s=services.settings.sync_wait_s)
    attendance = Attendance(
        request=request,
        services=services,
        caller=admitted.caller,
        manner=_manner(request),
        visit=visit,
        hop=hop,
    )
    await attendance.take_in(partial(services.control.find, task_id, admitted.caller))
    await attendance.see_through()
    return None


@on_post(routes, "/wait/<task_id>", needs=Scope.GENERATE)
@described(
    "继续等待图片 · Go on waiting for pictures", _ANSWERS, errors=(400, 404, 429), refused_as=OpenAIErrorShape
)
async def wait_for_images_by_post(request: ApiRequest, task_id: str) -> HTTPResponse | None:
    """Go on with a call whose client repeats its method, as curl does when it is told to."""
    await discard_body(request)
    return await wait_for_images(request, task_id)


async def _take_in(request: ApiRequest, admitted: Admitted) -> Attendance:
    """Read and submit a call; what it sent is let go before its pictures are waited for."""
    async with ReceivedObject(request) as body:
        wish = read_wish(body, request.headers, admitted.caller, _offers(admitted.services))
        attendance, submission = await _begin(request, admitted, wish, body)
        await attendance.take_in(partial(_submit, attendance, submission))
    return attendance


def _offers(services: Services) -> Offers:
    settings = services.settings
    return Offers(services.registry, services.submissions.checker.routes, settings.model_aliases)


async def _begin(
    request: ApiRequest, admitted: Admitted, wish: Wish, canonical: JsonObject
) -> tuple[Attendance, Submission]:
    """Return who attends to a call, and the submission as its repeat will be recognised."""
    services, caller = admitted
    path = request.path.rstrip("/")
    key = request.headers.get(HEADER)
    visit = None
    if key is not None:
        repeat = repeat_of(key, path, canonical, caller, 0.0)
    else:
        digest = digest_of("visit", caller.project, caller.key, fingerprint_of(path, without_nulls(canonical)))
        marked = request.headers.get(RETRY_COUNT, "0") not in ("", "0")
        visit = await services.visits.enter(digest, marked=marked, within_s=services.settings.sync_wait_s)
        repeat = visit.repeat
    attendance = Attendance(request=request, services=services, caller=caller, manner=wish.manner, visit=visit)
    return attendance, attrs.evolve(wish.submission, repeat=repeat)


async def _submit(attendance: Attendance, submission: Submission) -> Task:
    """Make the task, or find it; one that was deleted after its client had left is in nobody's way."""
    services, visit = attendance.services, attendance.visit
    try:
        return (await services.submissions.submit(submission)).task
    except Conflict as error:
        if visit is None or not visit.joined or error.code != "task_deleted":
            raise
    attendance.visit = visit = await services.visits.renew(visit, within_s=services.settings.sync_wait_s)
    return (await services.submissions.submit(attrs.evolve(submission, repeat=visit.repeat))).task


def _hop(request: ApiRequest) -> int:
    raw = request.args.get("i") or "1"
    if not (raw.isascii() and raw.isdigit() and 1 <= int(raw) <= MOST_HOPS):
        raise InvalidSubmission([Problem(field="i", message=NOT_WHOLE(), value=None)])
    return int(raw)


def _manner(request: ApiRequest) -> Manner:
    form, format_ = request.args.get("f"), request.args.get("o")
    return Manner(
        form=Form(form) if form in tuple(Form) else Form.BOTH,
        output_format=format_ if format_ in ("png", "jpeg", "webp") else None,
    )
