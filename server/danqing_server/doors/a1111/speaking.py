"""How the door answers a call that waits for its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from sanic import HTTPResponse

from danqing_plugins import Message, in_language
from danqing_server.codec.bodies import dump_json
from danqing_server.doors.a1111.refusing import PREFIX, envelope
from danqing_server.doors.encoding import Encoded, Piece, send_pieces
from danqing_server.doors.holding import Call, Voice
from danqing_server.doors.output_views import pictures_of
from danqing_server.http.answers import json_answer
from danqing_server.http.messages import ENGLISH
from danqing_server.records.outputs import Asset
from danqing_server.records.tasks import Task

__all__ = ["A1111Voice"]

FAILED_STATUSES: Mapping[str, int] = {"invalid_request": 422, "content_rejected": 400, "cancelled": 400}
FORMAT = "png"
TIMED_OUT = 504

FAILED = Message(key="a1111.failed", en="the task failed", zh="任务失败")
STILL_RUNNING = Message(
    key="a1111.still_running",
    en="the pictures are still being made; the same request again goes on waiting for them",
    zh="图片仍在生成中，重新发送相同的请求将继续等待",
)


@attrs.frozen
class A1111Voice:
    """Answers with the pictures, as PNG in base64."""

    @property
    def wait_path(self) -> str:
        return f"{PREFIX}/wait/"

    @property
    def marks(self) -> Mapping[str, str]:
        return {}

    async def show(self, call: Call[Voice], task: Task) -> None:
        await send_pieces(call.request, call.services.assets, self.pieces(call, task), call.headers)

    def pieces(self, call: Call[Voice], task: Task) -> Sequence[Piece]:
        return _pieces(task)

    def failed(self, call: Call[Voice], task: Task) -> HTTPResponse:
        error = task.error
        if error is None:
            return json_answer(envelope("failed", FAILED.to(ENGLISH)), 500)
        status = FAILED_STATUSES.get(error.code, 500)
        return json_answer(envelope(error.code, in_language(error.message, ENGLISH)), status)

    def still_running(self, call: Call[Voice]) -> HTTPResponse:
        return json_answer(envelope("still_running", STILL_RUNNING.to(ENGLISH)), TIMED_OUT, {"retry-after": "1"})


def _pieces(task: Task) -> list[Piece]:
    pictures = pictures_of(task)
    pieces: list[Piece] = [b'{"images":[']
    for place, asset in enumerate(pictures):
        pieces += [b',"' if place else b'"', Encoded(asset, FORMAT), b'"']
    rest = {"parameters": dict(task.input), "info": dump_json(_info(task, pictures)).decode()}
    return [*pieces, b"]," + dump_json(rest)[1:]]


def _info(task: Task, pictures: list[Asset]) -> dict[str, Any]:
    """Return what the web UI tells of its pictures, as far as it means something here; a task may have none."""
    prompt, seed = task.input.get("prompt", ""), task.input.get("seed", -1)
    count = len(pictures)
    return {
        "prompt": prompt,
        "all_prompts": [prompt] * count,
        "negative_prompt": task.input.get("negative_prompt", ""),
        "seed": seed,
        "all_seeds": [seed] * count,
        "width": pictures[0].width if pictures else 0,
        "height": pictures[0].height if pictures else 0,
        "batch_size": count,
        "sd_model_name": task.model,
        "infotexts": [prompt] * count,
        "task_id": task.id,
    }
