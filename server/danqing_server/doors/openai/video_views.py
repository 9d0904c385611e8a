"""Videos as clients of OpenAI's Videos API read them.

Source: openai-python 3.57.0, whose `poll` ends at `completed` and `failed`, read 2026-11-28.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs

from danqing_plugins import Message, OutputKind
from danqing_server.assets.keys import ASSET_PATH
from danqing_server.doors.openai.failing import error_of
from danqing_server.doors.openai.refusing import CODES
from danqing_server.doors.openai.video_fitting import FRAMES_A_SECOND, short_side_of
from danqing_server.doors.openai.video_reading import FILMS
from danqing_server.doors.openai_video_shapes import OpenAIVideoErrorShape, OpenAIVideoShape
from danqing_server.http.links import picture_url
from danqing_server.http.messages import ENGLISH
from danqing_server.plugins.registry import Registry
from danqing_server.records.outputs import Asset
from danqing_server.records.tasks import Status, Task

__all__ = ["VideoViewer", "film_of"]

STATUSES: Mapping[Status, str] = {
    Status.SCHEDULED: "queued",
    Status.PENDING: "queued",
    Status.PROCESSING: "in_progress",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.CANCELLED: "failed",
}
WITHOUT_VIDEO = Message(
    key="openai_no_video", en="The task ended without a video.", zh="任务已结束，但没有生成视频"
)

_RATIO = re.compile(r"([0-9]{1,3}):([0-9]{1,3})", re.ASCII)


def film_of(task: Task) -> Asset | None:
    """Return the video that a task made; None: not yet, or none."""
    made = (output.asset for output in task.kept)
    return next((asset for asset in made if asset is not None and asset.kind is OutputKind.VIDEO), None)


@attrs.frozen
class VideoViewer:
    """Shows videos to one client; `base` is how it reaches this server."""

    base: str
    registry: Registry

    def video(self, task: Task) -> OpenAIVideoShape:
        """Return the video of *task*, its progress as the task says it."""
        status, film = STATUSES[task.status], film_of(task)
        if status == "completed" and film is None:
            status = "failed"
        ended = task.completed_at if status == "completed" else None
        prompt = task.input.get("prompt")
        asked = {**self._usual(task), **task.input}
        shown: OpenAIVideoShape = {
            "id": task.id,
            "object": "video",
            "model": task.model,
            "status": status,
            "progress": 100 if status == "completed" else int(100 * task.progress),
            "created_at": int(task.created_at.timestamp()),
            "completed_at": None if ended is None else int(ended.timestamp()),
            "expires_at": None,
            "error": _error(task) if status == "failed" else None,
            "prompt": prompt if isinstance(prompt, str) else None,
            "remixed_from_video_id": self._source(task),
            "seconds": _seconds(film, asked),
            "size": _size(film, asked),
        }
        if status == "completed" and film is not None:
            shown["url"] = picture_url(self.base, film.key)
        return shown

    def _usual(self, task: Task) -> Mapping[str, Any]:
        """Return what the model does where nothing is asked of it."""
        provider = self.registry.find_provider(task.provider)
        models = () if provider is None else provider.models
        found = next((model for model in models if model.id == task.model), None)
        known = {} if found is None else found.parameters.get("properties", {})
        return {name: schema["default"] for name, schema in known.items() if "default" in schema}

    def _source(self, task: Task) -> str | None:
        """Return the task whose video this one was made of, when it was one of ours."""
        ours = f"{self.base}{ASSET_PATH}"
        for name in FILMS:
            given = task.input.get(name)
            for link in given if isinstance(given, list) else [given]:
                if isinstance(link, str) and link.startswith(ours):
                    return link.removeprefix(ours).partition("/")[0]
        return None


def _error(task: Task) -> OpenAIVideoErrorShape:
    if task.error is None and task.status is not Status.CANCELLED:
        return {"code": "no_video", "message": WITHOUT_VIDEO.to(ENGLISH)}
    _, code, message = error_of(task)
    return {"code": CODES.get(code, code), "message": message}


def _seconds(film: Asset | None, asked: Mapping[str, Any]) -> str:
    """Return how long a video is, in whole seconds; before it is there, how long it will be, or nothing."""
    if film is not None and film.duration_s:
        return str(max(1, round(film.duration_s)))
    if "frames" in asked and isinstance(asked["frames"], int):
        return str(round((asked["frames"] - 1) / FRAMES_A_SECOND))
    told = str(asked.get("seconds", asked.get("duration", "")))
    return "" if told.startswith("-") else told.removesuffix("s")


def _size(film: Asset | None, asked: Mapping[str, Any]) -> str:
    if film is not None and film.width:
        return f"{film.width}x{film.height}"
    resolution, size = asked.get("resolution"), asked.get("size")
    if isinstance(size, str):
        return size
    short = short_side_of(resolution)
    found = _RATIO.fullmatch(str(asked.get("ratio", asked.get("aspect_ratio", ""))))
    if short is None or found is None or not int(found[1]) or not int(found[2]):
        return str(resolution or "")
    width, height = int(found[1]), int(found[2])
    unit = short / min(width, height)
    return f"{_even(width * unit)}x{_even(height * unit)}"


def _even(side: float) -> int:
    return 2 * round(side / 2)
