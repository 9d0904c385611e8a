"""A call that is held until its task ends, for clients that know no tasks: over redirects, and over repeats.

A proxy cuts a connection on which nothing comes for a minute, and the client's library asks again. So after a while
the call is redirected (303) to where it goes on waiting; each redirect is a plain GET of a task that goes on
whoever looks. What became of the client is written down (`desk.visits`), so that a repeat finds the task and buys
nothing.

    open ──→ answered            what was made, or why there is nothing: never joined
      │ ↑
      │ └── 303: away, and back within moments
      └───→ lost                 cut, or told to come back: the next who asks the same takes its place

Sources: volcenginesdkarkruntime 5.0.54, aiohttp, requests, node-fetch and others, tried on loopback 2026-11-28:
hops allowed are 10 at the least.
"""

from __future__ import annotations

import posixpath
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import Generic, Protocol, TypeVar
from urllib.parse import urlencode

import attrs
from sanic import HTTPResponse

from danqing_plugins import Message, Problem
from danqing_server.access.caller import Caller
from danqing_server.codec.bodies import require_storable, without_nulls
from danqing_server.desk.request import Submission
from danqing_server.desk.visits import Visit
from danqing_server.doors.documentation import Answer
from danqing_server.doors.encoding import Piece
from danqing_server.doors.fields import NOT_WHOLE
from danqing_server.doors.foreign import parse_foreign
from danqing_server.doors.idempotency import HEADER, digest_of, fingerprint_of, repeat_of
from danqing_server.errors import Conflict, DanqingError, InvalidSubmission, ServiceUnavailable
from danqing_server.http.answers import NO_STORE
from danqing_server.http.connection import stay_connected
from danqing_server.http.edge import Edge, hang_up_after
from danqing_server.http.entry import Admitted, admit, caller_of, services_of
from danqing_server.http.messages import ENGLISH
from danqing_server.http.multipart import is_form
from danqing_server.http.receiving import body_at_hand, discard_body, read_object
from danqing_server.http.reports import report_of
from danqing_server.http.requests import ApiRequest
from danqing_server.http.services import Services
from danqing_server.records.tasks import JsonObject, Status, Task

__all__ = [
    "GOES_ON",
    "MOST_HOPS",
    "TASK_HEADER",
    "Call",
    "Voice",
    "begin",
    "by_redirects",
    "give_up",
    "go_on",
    "note_refusal",
]

TASK_HEADER = "x-danqing-task"
RETRY_COUNT = "x-stainless-retry-count"
SHOULD_RETRY = "x-should-retry"
MOST_HOPS = 9
SEE_OTHER = 303
PLAIN = "text/plain; charset=utf-8"

ELSEWHERE = Message(
    key="goes_on_elsewhere",
    en="This is still being made. Follow the redirect to wait for it; whoever cannot may send the same request "
    "again, which buys nothing twice, or have the server wait otherwise (DANQING_SYNC_MODE=whitespace).",
    zh="仍在生成中。请跟随重定向继续等待；不能跟随的可以重新发送相同的请求，不会重复购买。"
    "也可以让服务器以其他方式等待（DANQING_SYNC_MODE=whitespace）",
)
"""For programs that take a redirect for a failure, and show what it says: pydantic-ai and n8n, read 2026-12-01."""


GOES_ON = Answer(description="仍在生成，请跟随跳转 · go on waiting there", shape=None, media_type="text/plain")
"""How a 303 of these calls is described."""


class Voice(Protocol):
    """How one door answers. `wait_path` is where a held call goes on, `marks` what it takes along in the query."""

    @property
    def wait_path(self) -> str: ...

    @property
    def marks(self) -> Mapping[str, str]: ...

    async def show(self, call: Call[Voice], task: Task) -> None:
        """Send what *task* made; return when the last byte has left."""

    def pieces(self, call: Call[Voice], task: Task) -> Sequence[Piece]:
        """Return what *task* made as a body of JSON; nothing when it made nothing to show."""

    def failed(self, call: Call[Voice], task: Task) -> HTTPResponse:
        """Return the answer for a task that brought nothing."""

    def still_running(self, call: Call[Voice]) -> HTTPResponse:
        """Return the answer that has the client ask anew."""


V = TypeVar("V", bound=Voice)
V_co = TypeVar("V_co", bound=Voice, covariant=True)


@attrs.define(kw_only=True, eq=False)
class Call(Generic[V_co]):
    """One call, and the voice of its door.

    `visit` None: it has an Idempotency-Key, by which its repeat is known. `hop`: redirects so far.
    """

    request: ApiRequest
    services: Services
    caller: Caller
    voice: V_co
    visit: Visit | None
    hop: int = 0
    task_id: str | None = attrs.field(default=None, init=False)

    async def take_in(self, task_of: Callable[[], Awaitable[Task]]) -> None:
        """Have *task_of* make the call's task, or find it; where there is none, say why, which ends the call."""
        with self._noting_its_loss():
            try:
                self.task_id = (await task_of()).id
            except DanqingError as error:
                await self._refuse(error)

    async def see_through(self, way: Callable[[Call[V_co], str], Awaitable[bool]]) -> None:
        """Answer a call that has a task, and note whether its client had the answer.

        *way* answers, given the call and its task's id; False: not for good, or its client is lost already.
        """
        if self.task_id is None:
            return
        waiting = nullcontext() if self.visit is None else self.services.visits.waiting_on(self.visit)
        with self._noting_its_loss(), waiting:
            try:
                is_answered = await way(self, self.task_id)
            except DanqingError as error:
                if self.request.responded:
                    raise
                await self.dismiss()
                is_answered = False
                await self.send(self._refusal(error))
        if self.visit is not None and is_answered:
            await self.services.visits.end(self.visit)

    async def show(self, task: Task) -> None:
        """Send what a finished task made, or why it made nothing."""
        if task.status is Status.COMPLETED and task.kept:
            await self.voice.show(self, task)
            return
        failed = self.voice.failed(self, task)
        if failed.headers.get(SHOULD_RETRY) == "true":
            if HEADER in self.request.headers:  # by its key a repeat would be told of the same failure
                failed.headers[SHOULD_RETRY] = "false"
            await self._await_repeat()
        await self.send(failed)

    async def _await_repeat(self) -> None:
        """Note that the client, told of a failure, asks for another task: its repeat is to join nobody's call."""
        if self.visit is not None:
            await self.services.visits.refuse(self.visit, 0.0)
            self.visit = None

    def lose(self) -> None:
        """Note that the client went without its answer."""
        if self.visit is not None:
            self.services.visits.lose(self.visit.id)

    async def dismiss(self) -> None:
        """Note that the client is about to be told to ask again, or cut off so that it does."""
        if self.visit is not None:
            await self.services.visits.dismiss(self.visit.id)

    @property
    def headers(self) -> dict[str, str]:
        """What every answer carries, so that a client that was cut off finds its task."""
        return {} if self.task_id is None else {TASK_HEADER: self.task_id}

    async def send(self, response: HTTPResponse) -> None:
        """Send a whole answer."""
        response.headers.update(self.headers)
        sent = await self.request.respond(response)
        await sent.send(end_stream=True)

    @contextmanager
    def _noting_its_loss(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.lose()
            raise

    async def _refuse(self, error: DanqingError) -> None:
        """Say why there is no task; what may have been stored all the same is found by a repeat."""
        if isinstance(error, ServiceUnavailable):
            await self.dismiss()
        elif self.visit is not None:
            report = report_of(error, ENGLISH)
            retry_after_s = float(report.retry_after_s or 0) if report.retryable else None
            await self.services.visits.refuse(self.visit, retry_after_s)
        await self.send(self._refusal(error))

    def _refusal(self, error: DanqingError) -> HTTPResponse:
        edge: Edge = self.request.app.error_handler
        return edge.response(self.request, error)


async def begin(
    request: ApiRequest,
    admitted: Admitted,
    voice: V,
    submission: Submission,
    meant: JsonObject,
    *,
    open_for_s: float | None = None,
) -> Call[V]:
    """Take a call in: its task is made, or that of the call found whose place it takes.

    *meant* is its body without nulls, or what stands for it: what makes two calls the same. *open_for_s* is how
    long it may be open at the most, None for one that is redirected.

    Raises:
        InvalidSubmission: its task would hold what cannot be stored.
        StoreUnavailable: it is not known whose repeat it is.
    """
    require_storable(submission.input)
    services, caller = admitted
    within_s = services.settings.sync_wait_s if open_for_s is None else open_for_s
    path, key = request.path.rstrip("/"), request.headers.get(HEADER)
    visit = None
    if key is not None:
        repeat = repeat_of(key, path, meant, caller, 0.0)
    else:
        digest = _digest_of_visit(caller, path, meant)
        marked = request.headers.get(RETRY_COUNT, "0") not in ("", "0")
        visit = await services.visits.enter(digest, marked=marked, within_s=within_s)
        stay_connected(request)  # it may have been held, for as long as it takes to know of another
        repeat = visit.repeat
    call = Call(request=request, services=services, caller=caller, voice=voice, visit=visit)
    await call.take_in(partial(_submit, call, attrs.evolve(submission, repeat=repeat)))
    return call


async def note_refusal(request: ApiRequest, error: DanqingError) -> None:
    """Note that a call was refused before it was read: its repeat, which says that it is one, joins nobody's.

    Only of clients that say so, and of what is here already: no refusal waits for what a client has still to send.
    """
    if RETRY_COUNT not in request.headers or HEADER in request.headers or is_form(request.headers):
        return
    report = report_of(error, ENGLISH)
    body = await body_at_hand(request) if report.retryable else None
    if body is None:
        return
    with suppress(DanqingError):  # it makes no sense, or nobody can tell at present whose it is
        meant = without_nulls(await read_object(body, parse=parse_foreign))
        caller = request.caller or await caller_of(request)
        digest = _digest_of_visit(caller, request.path.rstrip("/"), meant)
        await services_of(request).visits.refuse_unheard(digest, float(report.retry_after_s or 0))


async def go_on(request: ApiRequest, task_id: str, voice: V) -> Call[V]:
    """Take in a call that was redirected, whatever body its client repeats, or announces.

    LiteLLM's transport says `chunked` of a GET that it was redirected to a second time.

    Raises:
        RequestTimeout, BodyTooLarge: that body cannot be passed over.
    """
    services, caller = admit(request)
    await discard_body(request)
    hop, visit_id, visit = _hop(request), request.args.get("v"), None
    if visit_id and request.method != "HEAD":
        visit = await services.visits.come_back(visit_id, within_s=services.settings.sync_wait_s)
    call = Call(request=request, services=services, caller=caller, voice=voice, visit=visit, hop=hop)
    await call.take_in(partial(services.control.find, task_id, caller))
    return call


def _digest_of_visit(caller: Caller, path: str, meant: JsonObject) -> str:
    return digest_of("visit", caller.project, caller.key, fingerprint_of(path, meant))


async def by_redirects(call: Call[Voice], task_id: str) -> bool:
    """Wait a while, and redirect the client to where it goes on waiting; after too many, have it ask anew."""
    services = call.services
    task = await services.watchers.finished(task_id, call.caller, services.settings.sync_wait_s)
    if task is not None:
        await call.show(task)
        return True
    if call.hop >= MOST_HOPS:
        return await give_up(call)
    if call.visit is not None:
        await services.visits.send_away(call.visit)
    if services.draining:
        hang_up_after(call.request)
    headers = {**NO_STORE, "location": _next(call, task_id)}
    await call.send(HTTPResponse(ELSEWHERE.to(ENGLISH), SEE_OTHER, headers, content_type=PLAIN))
    return False


async def give_up(call: Call[Voice]) -> bool:
    """Have the client ask anew: its repeat joins."""
    await call.dismiss()
    await call.send(call.voice.still_running(call))
    return False


def _next(call: Call[Voice], task_id: str) -> str:
    """Return where to go on, seen from here: a proxy may have this server under a path of its own.

    The count keeps the addresses apart: urllib visits none a fourth time.
    """
    told = {"i": str(call.hop + 1), **call.voice.marks}
    if call.visit is not None:
        told["v"] = call.visit.id
    from_here = posixpath.relpath(call.voice.wait_path, posixpath.dirname(call.request.path))
    return f"{from_here}/{task_id}?{urlencode(told)}"


async def _submit(call: Call[Voice], submission: Submission) -> Task:
    """Make the task, or find it; one that was deleted after its client had left is in nobody's way."""
    services, visit = call.services, call.visit
    try:
        return (await services.submissions.submit(submission)).task
    except Conflict as error:
        if visit is None or not visit.joined or error.code != "task_deleted":
            raise
    call.visit = visit = await services.visits.renew(visit, within_s=services.settings.sync_wait_s)
    return (await services.submissions.submit(attrs.evolve(submission, repeat=visit.repeat))).task


def _hop(request: ApiRequest) -> int:
    raw = request.args.get("i") or "1"
    if not (raw.isascii() and raw.isdigit() and len(raw) < 4 and 1 <= int(raw) <= MOST_HOPS):
        raise InvalidSubmission([Problem(field="i", message=NOT_WHOLE(), value=None)])
    return int(raw)
