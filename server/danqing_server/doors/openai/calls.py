"""A request for pictures, read and submitted: what every route that takes one begins with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from danqing_plugins import Message, Problem
from danqing_server.codec.bodies import without_nulls
from danqing_server.doors.foreign import ReceivedForeign
from danqing_server.doors.holding import begin
from danqing_server.doors.lasting import open_for_s
from danqing_server.doors.offers import Offers
from danqing_server.doors.openai.forms import body_of_form, identity_of_form
from danqing_server.doors.openai.reading import Wish, read_wish
from danqing_server.doors.openai.speaking import OpenAICall, OpenAIVoice
from danqing_server.errors import InvalidSubmission
from danqing_server.http.entry import Admitted
from danqing_server.http.multipart import ReceivedForm, is_form
from danqing_server.http.requests import ApiRequest
from danqing_server.http.services import Services
from danqing_server.records.tasks import JsonObject

__all__ = ["Reading", "offers_of", "receive", "take_in"]

Reading = Callable[[JsonObject], Awaitable[Wish]]

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
) -> OpenAICall:
    """Read and submit a call, JSON or a form; what it sent is let go before its pictures are waited for.

    *streams*: it may ask for events. *reads* makes a request for pictures of a JSON body that is none.

    Raises:
        InvalidSubmission, NotFound, Overloaded, BodyTooLarge: it cannot be read.
        StoreUnavailable: it is not known whose repeat it is.
    """

    async def read(body: JsonObject) -> Wish:
        return _read(request, admitted, body, edit=edit, streams=streams)

    return await receive(request, admitted, of_form=read, of_json=lambda body: read(reads(body)))


async def receive(
    request: ApiRequest,
    admitted: Admitted,
    *,
    of_form: Reading,
    of_json: Reading,
) -> OpenAICall:
    """Read a call, a form or JSON, by what makes a wish of either, and submit it. Raises as `take_in` does."""
    if is_form(request.headers):
        async with ReceivedForm(request) as form:
            return await _submit(request, admitted, await of_form(body_of_form(form)), identity_of_form(form))
    async with ReceivedForeign(request) as body:
        return await _submit(request, admitted, await of_json(body), without_nulls(body))


def offers_of(services: Services) -> Offers:
    """Return what can be asked for by name."""
    return Offers(services.registry, services.submissions.checker.routes, services.settings.model_aliases)


def _read(request: ApiRequest, admitted: Admitted, body: JsonObject, *, edit: bool, streams: bool) -> Wish:
    wish = read_wish(body, request.headers, admitted.caller, offers_of(admitted.services), edit=edit)
    if wish.manner.stream and not streams:
        raise InvalidSubmission([Problem(field="stream", message=NOT_STREAMED(), value=True)])
    return wish


async def _submit(request: ApiRequest, admitted: Admitted, wish: Wish, identity: JsonObject) -> OpenAICall:
    settings, voice = admitted.services.settings, OpenAIVoice(wish.manner)
    longest_s = settings.task_timeout_s if wish.manner.stream else open_for_s(settings)
    return await begin(request, admitted, voice, wish.submission, identity, open_for_s=longest_s)
