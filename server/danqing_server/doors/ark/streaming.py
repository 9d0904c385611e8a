"""Pictures as events, each as soon as it is made.

For each picture `image_generation.partial_succeeded` or `.partial_failed`, by `image_index`; then `.completed`, or
`error`. Before the stream begins errors are plain answers.

Source: Volcengine's page 82379/1824137, read 2026-11-23.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import attrs

from danqing_server.codec.bodies import dump_json
from danqing_server.doors.ark.failing import refusal_of_task
from danqing_server.doors.ark.refusing import refusal_of
from danqing_server.doors.ark.showing import images_usage
from danqing_server.doors.ark.speaking import viewer_of, with_picture
from danqing_server.doors.encoding import Piece, written
from danqing_server.doors.holding import Call, Voice
from danqing_server.errors import NotFound
from danqing_server.http.messages import ENGLISH
from danqing_server.http.reports import report_of
from danqing_server.records.outputs import Output, OutputState
from danqing_server.records.tasks import FINISHED, Status, Task

__all__ = ["by_events"]

QUIET_S = 10.0
"""Until a heartbeat: proxies cut what is silent for a minute, some sooner."""

FIRST_S = 15.0
"""How long the beginning is put off: who is refused within it reads so from the status."""

HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
SHOWN = (OutputState.KEPT, OutputState.FAILED)


@attrs.define(eq=False)
class _Stream:
    """What was told of one task so far; `told` are indexes, which are counted anew for the client."""

    call: Call[Voice]
    in_base64: bool
    response: Any = None
    told: set[int] = attrs.field(factory=set)

    async def tell(self, task: Task) -> None:
        """Send what is new: what was made first, as it is; what failed comes when it is certain."""
        for output in sorted(task.outputs.values(), key=lambda each: (each.asset is None, each.index)):
            is_final = output.state is OutputState.KEPT or task.status in FINISHED
            if output.state in SHOWN and is_final and output.index not in self.told:
                await self._open()
                await self._send_output(task, output)
                self.told.add(output.index)

    async def finish(self, task: Task) -> None:
        """Send the end; of a task that made nothing, the whole error."""
        if task.status is Status.COMPLETED and task.kept:
            told = {**self._head(task, "completed"), "usage": images_usage(task)}
            await self._open()
            await self._send(b"image_generation.completed", [dump_json(told)])
        elif self.response is None:
            await self.call.send(self.call.voice.failed(self.call, task))
            return
        else:
            refusal = refusal_of_task(task, self.call.services.registry, self.call.request.trace_id)
            await self._send(b"error", [dump_json(refusal.body)])
        await self.response.eof()

    async def break_off(self, error: NotFound) -> bool:
        """Tell that the task was deleted: an end without a word would be taken for that of all pictures.

        Raises *error* when nothing was sent yet.
        """
        if self.response is None:
            raise error
        refusal = refusal_of(report_of(error, ENGLISH), self.call.request.trace_id)
        await self._send(b"error", [dump_json(refusal.body)])
        await self.response.eof()
        return True

    async def beat(self) -> None:
        """Keep the connection alive."""
        await self._open()
        await self.response.send(": waiting\n\n")

    async def _open(self) -> None:
        if self.response is None:
            headers = {**HEADERS, **self.call.headers}
            self.response = await self.call.request.respond(content_type="text/event-stream", headers=headers)

    async def _send_output(self, task: Task, output: Output) -> None:
        kind = "partial_succeeded" if output.asset is not None else "partial_failed"
        item = viewer_of(self.call).image(output, task, in_base64=self.in_base64)
        told = {**self._head(task, kind), "image_index": len(self.told), **item}
        pieces: list[Piece] = with_picture(told, output) if self.in_base64 else [dump_json(told)]
        await self._send(f"image_generation.{kind}".encode(), pieces)

    def _head(self, task: Task, kind: str) -> Mapping[str, Any]:
        return {
            "type": f"image_generation.{kind}",
            "model": task.model,
            "created": int(task.updated_at.timestamp()),
        }

    async def _send(self, event: bytes, pieces: list[Piece]) -> None:
        response = self.response
        await response.send(b"event: " + event + b"\ndata: ")
        async with aclosing(written(self.call.services.assets, pieces)) as chunks:
            async for chunk in chunks:
                await response.send(chunk)
        await response.send(b"\n\n")


async def by_events(call: Call[Voice], task_id: str, *, in_base64: bool) -> bool:
    """Answer a call with events until its task ends; a process that stops cuts it, and its repeat goes on."""
    services = call.services
    stream = _Stream(call, in_base64)
    task = await services.control.find(task_id, call.caller)
    began_s = asyncio.get_running_loop().time()
    with services.watchers.watch(task, call.caller) as watch:
        while task.status not in FINISHED:
            await stream.tell(task)
            try:
                changed = await watch.change(QUIET_S)
            except NotFound as error:
                return await stream.break_off(error)
            if changed is not None:
                task = changed
            elif watch.closed:
                return await _cut(call)
            elif stream.response is not None or asyncio.get_running_loop().time() - began_s >= FIRST_S:
                await stream.beat()
    if task.kept:
        await stream.tell(task)
    await stream.finish(task)
    return True


async def _cut(call: Call[Voice]) -> bool:
    """Hang up in the middle: what looked like an end would be taken for one."""
    await call.dismiss()
    protocol: Any = call.request.protocol
    protocol.transport.abort()
    return False
