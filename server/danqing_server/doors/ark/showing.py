"""Tasks as Ark shows them.

Sources: Volcengine's pages 82379/1541523 (pictures) and 1521309 (videos), read 2026-11-28.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import attrs

from danqing_plugins import OutputKind
from danqing_server.doors.ark.failing import fault_of, is_expired
from danqing_server.doors.ark.reading import NOBODY
from danqing_server.doors.ark_shapes import (
    ArkImageShape,
    ArkImagesShape,
    ArkTaskContentShape,
    ArkTaskShape,
    ArkTaskUsageShape,
    ArkUsageShape,
)
from danqing_server.doors.views import usage_of
from danqing_server.http.links import picture_url
from danqing_server.plugins.registry import Registry
from danqing_server.records.outputs import Asset, Output, OutputState
from danqing_server.records.tasks import Status, Task

__all__ = ["EXPIRED_WORD", "STATUSES", "ArkViewer", "images_usage", "size_of"]

PIXELS_PER_TOKEN = 256

STATUSES: Mapping[Status, str] = {
    Status.SCHEDULED: "queued",
    Status.PENDING: "queued",
    Status.PROCESSING: "running",
    Status.COMPLETED: "succeeded",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
}
EXPIRED_WORD = "expired"
"""What Ark calls a failure of its own time running out."""

_ECHOED = (
    "seed",
    "resolution",
    "ratio",
    "duration",
    "frames",
    "service_tier",
    "execution_expires_after",
    "generate_audio",
    "draft",
    "priority",
    "output_format",
    "tools",
)


@attrs.frozen
class ArkViewer:
    """Shows tasks to one client; `base` is how it reaches this server."""

    base: str
    registry: Registry

    def images(self, task: Task, *, in_base64: bool = False) -> ArkImagesShape:
        """Return the answer for a task whose pictures are made; *in_base64*: whoever sends it puts them in."""
        return {
            "model": task.model,
            "created": _seconds(task),
            "data": [
                self.image(output, task, in_base64=in_base64)
                for _, output in sorted(task.outputs.items(), key=lambda item: item[1].index)
                if output.state in (OutputState.KEPT, OutputState.FAILED)
            ],
            "usage": images_usage(task),
        }

    def image(self, output: Output, task: Task, *, in_base64: bool = False) -> ArkImageShape:
        """Return one picture, or why it was not made."""
        if output.asset is None:
            error = output.error or task.error
            assert error is not None, "a failed output says why"
            return {"error": fault_of(error, task, self.registry)}
        shown: ArkImageShape = {"size": size_of(output.asset), "output_format": _format_of(output.asset)}
        if not in_base64:
            shown["url"] = picture_url(self.base, output.asset.key)
        layer = task.result.get("layers", {}).get(str(output.index), {})
        return cast("ArkImageShape", {**layer, **shown})

    def video(self, task: Task) -> ArkTaskShape:
        """Return a video's task."""
        asked = {name: task.input[name] for name in _ECHOED if name in task.input}
        shown: ArkTaskShape = {
            "id": task.id,
            "model": task.model,
            "status": EXPIRED_WORD if is_expired(task) else STATUSES[task.status],
            "error": None
            if task.error is None or not _ended_badly(task)
            else fault_of(task.error, task, self.registry),
            "created_at": int(task.created_at.timestamp()),
            "updated_at": int(task.updated_at.timestamp()),
        }
        if task.user_id != NOBODY:
            asked["safety_identifier"] = task.user_id
        if "draft_task" in task.input:
            asked["draft_task_id"] = task.input["draft_task"]
        made = self._made(task) if task.status is Status.COMPLETED else {}
        return cast("ArkTaskShape", {**asked, **shown, **made})

    def _made(self, task: Task) -> dict[str, Any]:
        content: ArkTaskContentShape = {}
        told: dict[str, Any] = {"content": content, "usage": _video_usage(task)}
        for output in task.kept:
            asset = output.asset
            if asset is not None and asset.kind is OutputKind.VIDEO and "video_url" not in content:
                content["video_url"] = picture_url(self.base, asset.key)
                told |= _measured(asset, task.input)
            elif asset is not None and asset.kind is OutputKind.IMAGE:
                content["last_frame_url"] = picture_url(self.base, asset.key)
        return told


def images_usage(task: Task) -> ArkUsageShape:
    """Return what was made; the service's own count goes before ours."""
    assets = [output.asset for output in task.kept if output.asset is not None]
    tokens = sum(asset.width * asset.height for asset in assets) // PIXELS_PER_TOKEN
    counted = {name: value for name, value in usage_of(task).items() if type(value) is int}
    own: ArkUsageShape = {
        "generated_images": len(assets),
        "output_tokens": counted.get("output_tokens", tokens),
        "total_tokens": counted.get("total_tokens", counted.get("output_tokens", tokens)),
    }
    if "input_images" in counted:
        own = cast("ArkUsageShape", {**own, "input_images": counted["input_images"]})
    if "tool_usage_web_search" in counted:
        own = cast("ArkUsageShape", {**own, "tool_usage": {"web_search": counted["tool_usage_web_search"]}})
    return own


def size_of(asset: Asset) -> str:
    """Return width and height as Ark writes them."""
    return f"{asset.width}x{asset.height}"


def _format_of(asset: Asset) -> str:
    return asset.media_type.partition("/")[2]


def _seconds(task: Task) -> int:
    return int((task.completed_at or task.updated_at).timestamp())


def _ended_badly(task: Task) -> bool:
    return task.status in (Status.FAILED, Status.CANCELLED)


def _video_usage(task: Task) -> ArkTaskUsageShape:
    usage = usage_of(task)
    tokens = usage.get("completion_tokens", 0)
    return {"completion_tokens": tokens, "total_tokens": usage.get("total_tokens", tokens)}


def _measured(asset: Asset, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a video by itself, where it was left to the model or counted otherwise."""
    told: dict[str, Any] = {}
    if asset.fps:
        told["framespersecond"] = round(asset.fps)
    if asset.duration_s and asked.get("duration", -1) == -1 and "frames" not in asked:
        told["duration"] = math.floor(asset.duration_s)
    return told
