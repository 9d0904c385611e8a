"""A request for pictures, read and submitted: what every route that takes one begins with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs

from danqing_plugins import Message, Problem
from danqing_server.codec import without_nulls
from danqing_server.desk.request import Submission
from danqing_server.doors.idempotency import HEADER, digest_of, fingerprint_of, repeat_of
from danqing_server.doors.offers import Offers
from danqing_server.doors.openai.attending import Attendance
from danqing_server.doors.openai.forms import body_of_form, identity_of_form
from danqing_server.doors.openai.reading import Wish, read_wish
from danqing_server.errors import Conflict, InvalidSubmission
from danqing_server.http.entry import Admitted
from danqing_server.http.multipart import ReceivedForm, is_form
from danqing_server.http.receiving import ReceivedObject
from danqing_server.http.requests import ApiRequest
from danqing_server.http.services import Services
from danqing_server.models import JsonObject, Task

__all__ = ["offers_of", "receive", "take_in"]

RETRY_COUNT = "x-stainless-retry-count"
NOT_STREAMED = Message(
    key="openai_async_stream",
    en="a task that is looked for later has no stream",
    zh="异步任务不支持流式返回",
)


async def take_in(
    request: ApiRequest,
    admitted: Admitted,
    *,
    edit: bool = False,
    streams: bool = True,
    reads: Callable[[JsonObject], JsonObject] = lambda body: body,
) -> Attendance:
    """Read and submit a call, JSON or a form; what it sent is let go before its pictures are waited for.

    *streams*: it may ask for events. *reads* makes a request for pictures of a JSON body that is none.

    Raises:
        InvalidSubmission, NotFound, Overloaded, BodyTooLarge: it cannot be read.
        StoreUnavailable: it is not known whose repeat it is.
    """

    def read(body: JsonObject) -> Wish:
        return _read(request, admitted, body, edit=edit, streams=streams)

    return await receive(request, admitted, of_form=read, of_json=lambda body: read(reads(body)))


async def receive(
    request: ApiRequest,
    admitted: Admitted,
    *,
    of_form: Callable[[JsonObject], Wish],
    of_json: Callable[[JsonObject], Wish],
) -> Attendance:
    """Read a call, a form or JSON, by what makes a wish of either, and submit it. Raises as `take_in` does."""
    if is_form(request.headers):
        async with ReceivedForm(request) as form:
            return await _submit(request, admitted, of_form(body_of_form(form)), identity_of_form(form))
    async with ReceivedObject(request) as body:
        return await _submit(request, admitted, of_json(body), without_nulls(body))


def offers_of(services: Services) -> Offers:
    """Return what can be asked for by name."""
    return Offers(services.registry, services.submissions.checker.routes, services.settings.model_aliases)


def _read(request: ApiRequest, admitted: Admitted, body: JsonObject, *, edit: bool, streams: bool) -> Wish:
    wish = read_wish(body, request.headers, admitted.caller, offers_of(admitted.services), edit=edit)
    if wish.manner.stream and not streams:
        raise InvalidSubmission([Problem(field="stream", message=NOT_STREAMED(), value=True)])
    return wish


async def _submit(request: ApiRequest, admitted: Admitted, wish: Wish, identity: JsonObject) -> Attendance:
    call, submission = await _begin(request, admitted, wish, identity)
    await call.take_in(partial(_task_of, call, submission))
    return call


async def _begin(
    request: ApiRequest, admitted: Admitted, wish: Wish, identity: JsonObject
) -> tuple[Attendance, Submission]:
    """Return the call, and its submission as a repeat of it will be recognised."""
    services, caller = admitted
    path = request.path.rstrip("/")
    key = request.headers.get(HEADER)
    visit = None
    if key is not None:
        repeat = repeat_of(key, path, identity, caller, 0.0)
    else:
        digest = digest_of("visit", caller.project, caller.key, fingerprint_of(path, identity))
        marked = request.headers.get(RETRY_COUNT, "0") not in ("", "0")
        visit = await services.visits.enter(digest, marked=marked, within_s=_within_s(services, wish))
        repeat = visit.repeat
    call = Attendance(request=request, services=services, caller=caller, manner=wish.manner, visit=visit)
    return call, attrs.evolve(wish.submission, repeat=repeat)


def _within_s(services: Services, wish: Wish) -> float:
    """Return how long the call may be open at most: of one that is not redirected its whole time."""
    settings = services.settings
    if wish.manner.stream:
        return settings.task_timeout_s
    return settings.sync_wait_s * (1 if settings.sync_mode == "303" else 10)


async def _task_of(call: Attendance, submission: Submission) -> Task:
    """Make the task, or find it; one that was deleted after its client had left is in nobody's way."""
    services, visit = call.services, call.visit
    try:
        return (await services.submissions.submit(submission)).task
    except Conflict as error:
        if visit is None or not visit.joined or error.code != "task_deleted":
            raise
    call.visit = visit = await services.visits.renew(visit, within_s=services.settings.sync_wait_s)
    return (await services.submissions.submit(attrs.evolve(submission, repeat=visit.repeat))).task
