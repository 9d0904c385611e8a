"""What DashScope answers: a whole answer, a task in each of its states, a list of tasks.

Sources: help.aliyun.com/zh/model-studio/manage-asynchronous-tasks (2026-03), the pages of `models`, read
2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from danqing_providers.sandbox.dashscope import errors
from danqing_providers.sandbox.dashscope.models import IMAGE_GENERATION, TEXT2IMAGE, VIDEO, is_large
from danqing_providers.sandbox.dashscope.requests import Wanted
from danqing_providers.sandbox.jobs import Job, JobState
from danqing_providers.sandbox.troubles import Trouble, TroubleKind

__all__ = ["listing", "remembered", "task", "unknown", "whole"]

_DAY_S: Final = 86_400
_BEIJING: Final = timezone(timedelta(hours=8))
"""The zone of times without one. No page says which it is."""

_STATES: Final = {
    JobState.QUEUED: "PENDING",
    JobState.RUNNING: "RUNNING",
    JobState.SUCCEEDED: "SUCCEEDED",
    JobState.FAILED: "FAILED",
    JobState.CANCELLED: "CANCELED",
    JobState.EXPIRED: "UNKNOWN",
}


def whole(wanted: Wanted, links: Sequence[str], request_id: str) -> dict[str, Any]:
    """Return the answer of a model that answers at once."""
    usage = _usage(wanted.model.id, wanted.width, wanted.height, len(links), len(wanted.pictures))
    return {"output": {"choices": _choices(links)}, "usage": usage, "request_id": request_id}


def _choices(links: Sequence[str]) -> list[dict[str, Any]]:
    content = [{"image": link} for link in links]
    return [{"finish_reason": "stop", "message": {"role": "assistant", "content": content}}]


def _usage(model: str, width: int, height: int, made: int, pictures: int) -> dict[str, Any]:
    if not model.startswith("qwen-image-3.0"):
        return {"width": width, "height": height, "image_count": made}
    kind = "2k" if is_large(width, height) else "1k"
    return {
        "input_image_count": pictures,
        "output_image_count": made,
        "output_width": width,
        "output_height": height,
        "output_image_type": f"qima_output_{kind}",
        **({"input_image_type": "qima_input"} if pictures else {}),
    }


def remembered(wanted: Wanted, troubles: Sequence[Trouble | None], request_id: str) -> dict[str, Any]:
    """Return what a task's answers tell of its order: JSON."""
    return {
        "route": wanted.route,
        "request_id": request_id,
        "troubles": [None if trouble is None else str(trouble.kind) for trouble in troubles],
        "extends": wanted.extends,
        "width": wanted.width,
        "height": wanted.height,
        "seconds": wanted.seconds,
        "resolution": wanted.resolution,
        "ratio": wanted.ratio,
        "pictures": len(wanted.pictures),
    }


def unknown(id_: str, request_id: str) -> dict[str, Any]:
    """Return the answer for a task that there is not, or not any more: with status 200."""
    return {"request_id": request_id, "output": {"task_id": id_, "task_status": "UNKNOWN"}}


def task(job: Job, state: JobState, links: Sequence[str], request_id: str) -> dict[str, Any]:
    """Return the answer for *job*; *links* are those of its works."""
    output: dict[str, Any] = {"task_id": job.id, "task_status": _STATES[state], "submit_time": _time(job.created_s)}
    if state not in (JobState.QUEUED, JobState.CANCELLED):
        output["scheduled_time"] = _time(job.starts_s)
    if state in (JobState.SUCCEEDED, JobState.FAILED):
        output["end_time"] = _time(job.ends_s)
    if state is JobState.FAILED:
        output |= errors.said(job.trouble or TroubleKind.INTERNAL)
    if state is not JobState.SUCCEEDED:
        return {"request_id": request_id, "output": output}
    result, usage = _result(job, links)
    return {"request_id": request_id, "output": output | result, "usage": usage}


def _result(job: Job, links: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    asked = job.request
    if asked["route"] == VIDEO:
        return {"orig_prompt": job.prompt, "video_url": links[0]}, _video_usage(job)
    if asked["route"] == IMAGE_GENERATION:
        return {"finished": True, "choices": _choices(links)}, {
            **_usage(job.model, asked["width"], asked["height"], len(links), asked["pictures"]),
            "size": f"{asked['width']}*{asked['height']}",
        }
    assert asked["route"] == TEXT2IMAGE
    left = iter(links)
    results = [
        _text_result(job, next(left)) if kind is None else errors.said(TroubleKind(kind))
        for kind in asked["troubles"]
    ]
    total = len(results)
    metrics = {"TOTAL": total, "SUCCEEDED": len(links), "FAILED": total - len(links)}
    return {"results": results, "task_metrics": metrics}, {"image_count": len(links)}


def _text_result(job: Job, link: str) -> dict[str, Any]:
    actual = {"actual_prompt": f"{job.prompt}, in fine detail"} if job.request["extends"] else {}
    return {"orig_prompt": job.prompt, **actual, "url": link}


def _video_usage(job: Job) -> dict[str, Any]:
    asked = job.request
    seconds, size = asked["seconds"], f"{asked['width']}*{asked['height']}"
    if job.model.startswith("wan2.5"):
        return {"video_duration": seconds, "video_ratio": size, "video_count": 1}
    usage = {
        "duration": seconds,
        "input_video_duration": 0,
        "output_video_duration": seconds,
        "video_count": 1,
        "SR": int(asked["resolution"].removesuffix("P")),
    }
    if job.model.startswith("wan2.6"):
        return usage | {"size": size}
    return usage | ({"ratio": asked["ratio"]} if asked["ratio"] else {})


def listing(
    jobs: Sequence[Job], query: Mapping[str, str], key: str, now_s: float, request_id: str
) -> dict[str, Any]:
    """Return the list of tasks: of the whole account, whatever key placed them. Raises: DashScopeError."""
    page, size = _number(query, "page_no", 1), _number(query, "page_size", 10)
    begin_s, end_s = _window(query, now_s)
    rows = [
        _row(job, key, now_s)
        for job in jobs
        if begin_s <= job.created_s <= end_s
        and query.get("model_name") in (None, job.model)
        and query.get("status") in (None, _STATES[job.state(now_s)])
    ]
    return {
        "total": len(rows),
        "data": rows[(page - 1) * size : page * size],
        "total_page": -(-len(rows) // size),
        "page_no": page,
        "request_id": request_id,
        "page_size": size,
    }


def _row(job: Job, key: str, now_s: float) -> dict[str, Any]:
    state = job.state(now_s)
    row: dict[str, Any] = {
        "api_key_id": key,
        "caller_parent_id": "1000000000000000",
        "caller_uid": "1000000000000000",
        "gmt_create": int(job.created_s * 1000),
        "model_name": job.model,
        "region": "cn-beijing",
        "request_id": job.request["request_id"],
        "status": _STATES[state],
        "task_id": job.id,
        "user_api_unique_key": f"apikey:v1:aigc:{job.request['route'].replace('/', ':')}:{job.model}",
    }
    if state is not JobState.QUEUED:
        row["start_time"] = int(job.starts_s * 1000)
    if state in (JobState.SUCCEEDED, JobState.FAILED):
        row["end_time"] = int(job.ends_s * 1000)
    return row


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    raw = query.get(name, str(default))
    if not raw.isascii() or not raw.isdigit() or not 1 <= int(raw) <= 1000:
        raise errors.invalid(f"{name} is invalid.")  # our words
    return int(raw)


def _window(query: Mapping[str, str], now_s: float) -> tuple[float, float]:
    """Return the time asked about: 24 hours at most, the last ones unless named."""
    begin_s, end_s = _moment(query.get("start_time")), _moment(query.get("end_time"))
    if end_s is None:
        end_s = now_s if begin_s is None else begin_s + _DAY_S
    begin_s = end_s - _DAY_S if begin_s is None else begin_s
    if not 0 <= end_s - begin_s <= _DAY_S:
        raise errors.invalid("The time range must not exceed 24 hours.")  # our words
    return begin_s, end_s


def _moment(raw: str | None) -> float | None:
    if raw is None:
        return None
    try:
        return datetime.strptime(raw, "%Y%m%d%H%M%S").replace(tzinfo=_BEIJING).timestamp()
    except ValueError as error:
        raise errors.invalid("The time must be YYYYMMDDhhmmss.") from error  # our words


def _time(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC).astimezone(_BEIJING)
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
