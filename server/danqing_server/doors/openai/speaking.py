"""How the door answers a call that waits for its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
from sanic import HTTPResponse

from danqing_plugins import Message
from danqing_server.doors.encoding import Piece, send_pieces
from danqing_server.doors.holding import Call, Voice
from danqing_server.doors.openai.answering import Gallery
from danqing_server.doors.openai.failing import failure
from danqing_server.doors.openai.reading import Manner
from danqing_server.doors.openai.refusing import RETRY_HEADER, envelope
from danqing_server.doors.output_views import pictures_of
from danqing_server.http.answers import json_answer
from danqing_server.http.links import base_url
from danqing_server.http.messages import ENGLISH
from danqing_server.records.tasks import Task

__all__ = ["OpenAICall", "OpenAIVoice", "gallery_of"]

WAIT_PATH = "/v1/images/wait/"
TIMED_OUT = 504

STILL_RUNNING = Message(
    key="openai_still_running",
    en="The picture is still being made. Send the same request again: it goes on waiting for the same task.",
    zh="图片仍在生成中。请重新发送相同的请求，将继续等待同一任务",
)


@attrs.frozen
class OpenAIVoice:
    """Answers in the manner that its client asked for."""

    manner: Manner

    @property
    def wait_path(self) -> str:
        return WAIT_PATH

    @property
    def marks(self) -> Mapping[str, str]:
        told = {"f": self.manner.form.value}
        return told if self.manner.output_format is None else {**told, "o": self.manner.output_format}

    async def show(self, call: Call[Voice], task: Task) -> None:
        pieces = self.pieces(call, task)
        if not pieces:
            await call.send(self.failed(call, task))
            return
        await send_pieces(call.request, call.services.assets, pieces, call.headers)

    def pieces(self, call: Call[Voice], task: Task) -> Sequence[Piece]:
        return _gallery(call, task, self.manner).pieces if pictures_of(task) else []

    def failed(self, call: Call[Voice], task: Task) -> HTTPResponse:
        return failure(task)

    def still_running(self, call: Call[Voice]) -> HTTPResponse:
        body = envelope(TIMED_OUT, "still_running", STILL_RUNNING.to(ENGLISH))
        return json_answer(body, TIMED_OUT, {RETRY_HEADER: "true", "retry-after": "1"})


OpenAICall = Call[OpenAIVoice]


def gallery_of(call: OpenAICall, task: Task) -> Gallery:
    """Return the pictures of *task* as the client of *call* reads them."""
    return _gallery(call, task, call.voice.manner)


def _gallery(call: Call[Voice], task: Task, manner: Manner) -> Gallery:
    return Gallery(base=base_url(call.request), task=task, manner=manner)
