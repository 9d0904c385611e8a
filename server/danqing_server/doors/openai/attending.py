"""A call that waits for its pictures: from its task to the last byte of its answer, over redirects.

A proxy cuts a connection on which nothing comes for a minute, and the client's library asks again. So after a while
the call is redirected (303) to where it goes on waiting, which every client that was tried follows; each redirect
is a plain GET of a task that goes on whoever looks. What became of the client is written down (`desk.visits`), so
that a repeat finds the task.

    open ──→ answered            the picture, or why there is none: never joined
      │ ↑
      │ └── 303: away, and back within moments
      └───→ lost                 cut, or told to come back: the next who asks the same takes its place

Sources: openai-python, openai-node, ai, requests, urllib, aiohttp, axios, got, node-fetch and curl, tried on
loopback 2026-11-28: hops allowed are 10 at the least.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import attrs
from sanic import HTTPResponse

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.desk.visits import Visit
from danqing_server.doors.openai.answering import Gallery, pictures_of, send_out
from danqing_server.doors.openai.failing import failure
from danqing_server.doors.openai.reading import Manner
from danqing_server.doors.openai.refusing import RETRY_HEADER, envelope
from danqing_server.errors import DanqingError, ServiceUnavailable
from danqing_server.http.answers import NO_STORE, json_answer
from danqing_server.http.edge import Edge, hang_up_after
from danqing_server.http.links import base_url
from danqing_server.http.messages import ENGLISH
from danqing_server.http.problems import report_of
from danqing_server.http.requests import ApiRequest
from danqing_server.http.services import Services
from danqing_server.models import Status, Task

__all__ = ["MOST_HOPS", "TASK_HEADER", "WAIT_PATH", "Attendance"]

TASK_HEADER = "x-danqing-task"
WAIT_PATH = "/v1/images/wait/"
MOST_HOPS = 9
SEE_OTHER, TIMED_OUT = 303, 504

STILL_RUNNING = Message(
    key="openai_still_running",
    en="The picture is still being made. Send the same request again: it goes on waiting for the same task.",
    zh="图片仍在生成中。请重新发送相同的请求，将继续等待同一任务",
)


@attrs.define(kw_only=True, eq=False)
class Attendance:
    """One call. `visit` None: it has an Idempotency-Key, by which its repeat is known. `hop`: redirects so far."""

    request: ApiRequest
    services: Services
    caller: Caller
    manner: Manner
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

    async def see_through(self) -> None:
        """Answer a call that has a task, and note whether its client had the answer."""
        if self.task_id is None:
            return
        with self._noting_its_loss():
            try:
                is_answered = await self._wait(self.task_id)
            except DanqingError as error:
                if self.request.responded:
                    raise
                self._lose()
                is_answered = False
                await self._send(self._refusal(error))
        if self.visit is not None and is_answered:
            await self.services.visits.end(self.visit)

    @contextmanager
    def _noting_its_loss(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._lose()
            raise

    def _lose(self) -> None:
        if self.visit is not None:
            self.services.visits.lose(self.visit.id)

    async def _wait(self, task_id: str) -> bool:
        """Send what there is to be sent now; True when it is the end of the call."""
        settings = self.services.settings
        task = await self.services.watchers.finished(task_id, self.caller, settings.sync_wait_s)
        if task is None:
            await self._go_on(task_id)
            return False
        if task.status is Status.COMPLETED and pictures_of(task):
            gallery = Gallery(
                assets=self.services.assets, base=base_url(self.request), task=task, manner=self.manner
            )
            await send_out(self.request, gallery, self._headers)
        else:
            await self._send(failure(task))
        return True

    async def _go_on(self, task_id: str) -> None:
        """Redirect the client to where it goes on waiting, or, after too many, have it ask anew."""
        if self.hop >= MOST_HOPS:
            body = envelope(TIMED_OUT, "still_running", STILL_RUNNING.to(ENGLISH))
            self._lose()
            await self._send(json_answer(body, TIMED_OUT, {RETRY_HEADER: "true", "retry-after": "1"}))
            return
        if self.visit is not None:
            await self.services.visits.send_away(self.visit)
        if self.services.draining:
            hang_up_after(self.request)
        await self._send(HTTPResponse(status=SEE_OTHER, headers={**NO_STORE, "location": self._next(task_id)}))

    def _next(self, task_id: str) -> str:
        """Return where to go on. The count keeps the addresses apart: urllib visits none a fourth time."""
        told = {"i": str(self.hop + 1), "f": self.manner.form.value}
        if self.manner.output_format is not None:
            told["o"] = self.manner.output_format
        if self.visit is not None:
            told["v"] = self.visit.id
        return f"{WAIT_PATH}{task_id}?{urlencode(told)}"

    async def _refuse(self, error: DanqingError) -> None:
        """Say why there is no task; what may have been stored all the same is found by a repeat."""
        if isinstance(error, ServiceUnavailable):
            self._lose()
        elif self.visit is not None:
            report = report_of(error, ENGLISH)
            retry_after_s = float(report.retry_after_s or 0) if report.retryable else None
            await self.services.visits.refuse(self.visit, retry_after_s)
        await self._send(self._refusal(error))

    def _refusal(self, error: DanqingError) -> HTTPResponse:
        edge: Edge = self.request.app.error_handler
        return edge.response(self.request, error)

    @property
    def _headers(self) -> dict[str, str]:
        return {} if self.task_id is None else {TASK_HEADER: self.task_id}

    async def _send(self, response: HTTPResponse) -> None:
        response.headers.update(self._headers)
        sent = await self.request.respond(response)
        await sent.send(end_stream=True)
