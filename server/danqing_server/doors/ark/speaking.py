"""How the door answers a call that waits for its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from sanic import HTTPResponse

from danqing_plugins import Message
from danqing_server.codec.bodies import dump_json
from danqing_server.doors.ark.failing import refusal_of_task
from danqing_server.doors.ark.refusing import INTERNAL, PREFIX, RETRY_HEADER, envelope
from danqing_server.doors.ark.showing import ArkViewer
from danqing_server.doors.encoding import Encoded, Piece, send_pieces
from danqing_server.doors.holding import Call, Voice
from danqing_server.http.answers import json_answer
from danqing_server.http.links import base_url
from danqing_server.http.messages import ENGLISH
from danqing_server.records.outputs import Output, OutputState
from danqing_server.records.tasks import Task

__all__ = ["ArkVoice", "viewer_of"]

TIMED_OUT = 504

STILL_RUNNING = Message(
    key="ark.still_running",
    en="The pictures are still being made. Send the same request again: it goes on waiting for the same task.",
    zh="图片仍在生成中。请重新发送相同的请求，将继续等待同一任务。",
)


@attrs.frozen
class ArkVoice:
    """Answers with links, or with the pictures themselves *in_base64*."""

    in_base64: bool

    @property
    def wait_path(self) -> str:
        return f"{PREFIX}/images/wait/"

    @property
    def marks(self) -> Mapping[str, str]:
        return {"f": "b64_json"} if self.in_base64 else {}

    async def show(self, call: Call[Voice], task: Task) -> None:
        if self.in_base64:
            await send_pieces(call.request, call.services.assets, self.pieces(call, task), call.headers)
        else:
            await call.send(json_answer(viewer_of(call).images(task)))

    def pieces(self, call: Call[Voice], task: Task) -> Sequence[Piece]:
        viewer = viewer_of(call)
        return _pieces(viewer, task) if self.in_base64 else [dump_json(viewer.images(task))]

    def failed(self, call: Call[Voice], task: Task) -> HTTPResponse:
        refusal = refusal_of_task(task, call.services.registry, call.request.trace_id)
        return json_answer(refusal.body, refusal.status, refusal.headers)

    def still_running(self, call: Call[Voice]) -> HTTPResponse:
        body = envelope(TIMED_OUT, call.request.trace_id, INTERNAL, STILL_RUNNING.to(ENGLISH))
        return json_answer(body, TIMED_OUT, {RETRY_HEADER: "true", "retry-after": "1"})


def viewer_of(call: Call[Voice]) -> ArkViewer:
    """Return how tasks are shown to the client of *call*."""
    return ArkViewer(base_url(call.request), call.services.registry)


def with_picture(shown: Mapping[str, Any], output: Output) -> list[Piece]:
    """Return an object with a picture in it, as JSON in pieces; without one of an output that has none."""
    if output.asset is None:
        return [dump_json(shown)]
    return [dump_json(shown)[:-1] + b',"b64_json":"', Encoded(output.asset), b'"}']


def _pieces(viewer: ArkViewer, task: Task) -> list[Piece]:
    whole = viewer.images(task, in_base64=True)
    outputs = sorted(task.outputs.values(), key=lambda output: output.index)
    shown = [output for output in outputs if output.state in (OutputState.KEPT, OutputState.FAILED)]
    pieces: list[Piece] = [b'{"data":[']
    for place, (item, output) in enumerate(zip(whole["data"], shown, strict=True)):
        pieces += [b","] if place else []
        pieces += with_picture(item, output)
    rest = {name: value for name, value in whole.items() if name != "data"}
    return [*pieces, b"]," + dump_json(rest)[1:]]
