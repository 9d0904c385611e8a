"""A task as it is shown.

Source: volcengine.com/docs/82379/1521309 and recorded answers (a failed task has neither content nor usage); read
2026-11-28.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from danqing_providers.sandbox.ark.errors import ArkError, image_refused, worded
from danqing_providers.sandbox.ark.video.orders import FRAMES_PER_S
from danqing_providers.sandbox.gallery import Work
from danqing_providers.sandbox.jobs import Job, JobState
from danqing_providers.sandbox.troubles import Trouble, TroubleKind

__all__ = ["show_task"]

_ECHOED: Final = ("service_tier", "execution_expires_after", "draft")
_WHERE_SAID: Final = ("priority", "output_format", "safety_identifier")


def show_task(job: Job, now_s: float, link: Callable[[Work, float], str]) -> dict[str, Any]:
    """Return *job* as `GET` and the list show it; *link* makes a link to a work that was made at a time."""
    state = job.state(now_s)
    shown: dict[str, Any] = {
        "id": job.id,
        "model": job.request["model"],
        "status": str(state),
        "created_at": int(job.created_s),
        "updated_at": int(job.updated_s(now_s)),
    }
    if job.request["with_audio"]:
        shown["generate_audio"] = job.request["generate_audio"]
    if job.request["safety_identifier"] is not None:
        shown["safety_identifier"] = job.request["safety_identifier"]
    if state is JobState.FAILED:
        return shown | {"error": _error(job)}
    shown |= {"error": None} | {name: job.request[name] for name in _ECHOED}
    shown |= {name: job.request[name] for name in _WHERE_SAID if job.request[name] is not None}
    if job.request["draft_task_id"]:
        shown["draft_task_id"] = job.request["draft_task_id"]
    if job.request["web_search"]:
        shown["tools"] = [{"type": "web_search"}]
    return shown | (_result(job, link) if state is JobState.SUCCEEDED else {})


def _result(job: Job, link: Callable[[Work, float], str]) -> dict[str, Any]:
    film, *still = job.works
    content = {"video_url": link(film, job.ends_s)}
    if still:
        content["last_frame_url"] = link(still[0], job.ends_s)
    tokens, frames = job.request["tokens"], job.request["frames"]
    usage: dict[str, Any] = {"completion_tokens": tokens, "total_tokens": tokens}
    if job.request["web_search"]:
        usage["tool_usage"] = {"web_search": 1}
    length = {"frames": frames} if job.request["by_frames"] else {"duration": math.floor(frames / FRAMES_PER_S)}
    echoed = {name: job.request[name] for name in ("seed", "resolution", "ratio")}
    return {"content": content, "usage": usage, "framespersecond": FRAMES_PER_S, **echoed, **length}


def _error(job: Job) -> dict[str, str]:
    if (failure := job.request["failure"]) and job.trouble is TroubleKind.INVALID:
        return {"code": failure["code"], "message": failure["message"]}
    error = _video_refused() if job.trouble is TroubleKind.MODERATION_OUTPUT else _worded(job)
    return {"code": error.code, "message": f"{error.message} Request id: {job.purchases[0].request_id}"}


def _worded(job: Job) -> ArkError:
    return worded(Trouble(job.trouble or TroubleKind.INTERNAL))


def _video_refused() -> ArkError:
    message = image_refused().message.replace("image", "video")
    return ArkError(400, "OutputVideoSensitiveContentDetected", message)
