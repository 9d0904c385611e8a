"""A call that has a task and waits for its end: whatever becomes of it is written down (`desk.visits`).

    open ──→ answered            the picture, or why there is none: never joined
      │ ↑
      │ └── 303: away, and back within moments
      └───→ lost                 cut, or told to come back: the next who asks the same takes its place

How it waits is a *way*: by redirects, by blanks, silently (`lasting`), with events (`streaming`), not at all
(`async_tasks`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import attrs
from sanic import HTTPResponse

from danqing_server.access.caller import Caller
from danqing_server.desk.visits import Visit
from danqing_server.doors.openai.answering import Gallery, pictures_of, send_out
from danqing_server.doors.openai.failing import failure
from danqing_server.doors.openai.reading import Manner
from danqing_server.errors import DanqingError, ServiceUnavailable
from danqing_server.http.edge import Edge
from danqing_server.http.links import base_url
from danqing_server.http.messages import ENGLISH
from danqing_server.http.problems import report_of
from danqing_server.http.requests import ApiRequest
from danqing_server.http.services import Services
from danqing_server.models import Status, Task

__all__ = ["TASK_HEADER", "Attendance", "Way"]

TASK_HEADER = "x-danqing-task"


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

    async def see_through(self, way: Way) -> None:
        """Answer a call that has a task, and note whether its client had the answer."""
        if self.task_id is None:
            return
        with self._noting_its_loss():
            try:
                is_answered = await way(self, self.task_id)
            except DanqingError as error:
                if self.request.responded:
                    raise
                self.lose()
                is_answered = False
                await self.send(self._refusal(error))
        if self.visit is not None and is_answered:
            await self.services.visits.end(self.visit)

    async def show(self, task: Task) -> None:
        """Send the pictures of a finished task, or why there is none; return when the last byte has left."""
        if task.status is Status.COMPLETED and pictures_of(task):
            await send_out(self.request, self.gallery(task), self.headers)
        else:
            await self.send(failure(task))

    def gallery(self, task: Task) -> Gallery:
        """Return the pictures of *task* as this client reads them."""
        return Gallery(assets=self.services.assets, base=self.base, task=task, manner=self.manner)

    @property
    def base(self) -> str:
        """How this client reaches the server."""
        return base_url(self.request)

    def lose(self) -> None:
        """Note that the client goes without its answer."""
        if self.visit is not None:
            self.services.visits.lose(self.visit.id)

    @property
    def headers(self) -> dict[str, str]:
        """What every answer carries, so that a client that was cut off finds its pictures."""
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
            self.lose()
        elif self.visit is not None:
            report = report_of(error, ENGLISH)
            retry_after_s = float(report.retry_after_s or 0) if report.retryable else None
            await self.services.visits.refuse(self.visit, retry_after_s)
        await self.send(self._refusal(error))

    def _refusal(self, error: DanqingError) -> HTTPResponse:
        edge: Edge = self.request.app.error_handler
        return edge.response(self.request, error)


Way = Callable[[Attendance, str], Awaitable[bool]]
"""Answers a call with a task of that id; False: not for good, or its client is lost already."""
