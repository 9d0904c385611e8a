"""The shapes of tasks, of their parts, and of what is said about them; tests compare them with what is sent."""

from __future__ import annotations

from typing import Any

from danqing_server.doors.shapes import (
    ANY,
    BILLED,
    FLAG,
    MOMENT,
    POLICY,
    PRIORITY,
    STATUS,
    answer,
    list_of,
    nullable,
    ref,
    text,
    whole,
)
from danqing_server.models import CallOutcome

__all__ = ["TASK_SCHEMAS"]

_OUTCOME = text(enum=[outcome.value for outcome in CallOutcome])
_ERROR: dict[str, Any] = {
    "code": text("stable"),
    "message": text(),
    "retryable": FLAG,
    "billed": BILLED,
    "provider_code": nullable(text("the provider's own word")),
    "request_id": nullable(text("the provider's")),
}
_LATE_OUTCOME = {**_OUTCOME, "description": "what an answer said that came after it was given up"}
_UNIT = {"type": "number", "minimum": 0, "maximum": 1}


def _open(schema: dict[str, Any], why: str) -> dict[str, Any]:
    """Return *schema* with room for what a provider adds."""
    return {**schema, "additionalProperties": True, "description": why}


TASK_SCHEMAS: dict[str, dict[str, Any]] = {
    "Image": answer(
        {
            "index": whole("its place among the task's pictures, from 0"),
            "url": text("stays readable until the task is deleted"),
            "width": whole("pixels"),
            "height": whole("pixels"),
            "media_type": text(),
            "size_bytes": whole("bytes"),
            "sha256": text("hexadecimal"),
        }
    ),
    "PictureError": answer({"index": whole("the picture's place, from 0"), **_ERROR}),
    "TaskError": answer(_ERROR, sometimes=("provider_code", "request_id")),
    "Cost": answer(
        {
            "amount": text("decimal"),
            "currency": text("ISO 4217"),
            "images": whole("pictures counted"),
            "estimated": FLAG,
        }
    ),
    "Call": answer(
        {
            "id": text(),
            "attempt": whole("the start it belongs to, from 1"),
            "indexes": list_of(whole("the pictures it was to bring")),
            "outcome": _OUTCOME,
            "late_outcome": nullable(
                {**_OUTCOME, "description": "what an answer said that came after it was given up"}
            ),
            "sent_at": MOMENT,
            "ended_at": nullable(MOMENT),
            "request_id": nullable(text("the provider's")),
            "error_code": nullable(text("the provider's")),
            "usage": ANY,
        }
    ),
    "Output": _open(
        answer(
            {
                "images": list_of(ref("Image")),
                "errors": list_of(ref("PictureError")),
                "partial": FLAG,
                "late": list_of(ref("Image")),
            },
            sometimes=("late",),
        ),
        "`late`: pictures that came after the task was cancelled; and what the provider adds",
    ),
    "Task": answer(
        {
            "id": text(),
            "user_id": text(),
            "type": text(),
            "status": STATUS,
            "provider": text(),
            "model": text(),
            "input": ANY,
            "output": nullable(ref("Output")),
            "error": nullable(ref("TaskError")),
            "progress": _UNIT,
            "attempts": whole("how often it was begun"),
            "created_at": MOMENT,
            "updated_at": MOMENT,
            "started_at": nullable(MOMENT),
            "completed_at": nullable(MOMENT),
            "scheduled_for": nullable(MOMENT),
            "next_try_at": nullable(MOMENT),
            "priority": PRIORITY,
            "on_ambiguous": nullable(POLICY),
            "notes": list_of(text("what was changed at submission")),
            "images": whole("pictures asked for"),
            "usage": ANY,
            "cost": nullable(ref("Cost")),
            "billed": BILLED,
            "sandbox": {**FLAG, "description": "simulated: nothing was paid"},
            "calls": list_of(ref("Call")),
        }
    ),
    "ImageResult": answer(
        {
            "task_id": text(),
            "status": STATUS,
            "message": text("while it is under way"),
            "progress": {**_UNIT, "description": "while it is under way"},
            "images": {**list_of(ref("Image")), "description": "what is there, unless it is completed"},
            "image_url": text("the first picture, once it is completed"),
            "result": ref("Result"),
            "error": ref("TaskError"),
        },
        sometimes=("message", "progress", "images", "image_url", "result", "error"),
    ),
    "Result": _open(
        answer(
            {
                "image_url": text(),
                "image_urls": list_of(text()),
                "images": list_of(ref("Image")),
                "partial": FLAG,
                "errors": list_of(ref("PictureError")),
                "model": text(),
                "usage": ANY,
                "cost": nullable(ref("Cost")),
                "notes": list_of(text()),
                "sandbox": FLAG,
            },
            sometimes=("image_url", "image_urls", "errors"),
        ),
        "of a task that is completed; and what the provider adds",
    ),
    "ImageTaskCreated": answer({"task_id": text(), "status": STATUS, "message": text()}),
    "TaskList": answer(
        {
            "tasks": list_of(ref("Task")),
            "limit": whole("as asked"),
            "offset": whole("as asked"),
            "count": whole("tasks on this page"),
            "total": whole("tasks of this user; counted up to 10000"),
            "next_cursor": nullable(text("pass as `cursor` for the next page; null on the last")),
        }
    ),
    "Explanation": answer(
        {
            "task_id": text(),
            "status": STATUS,
            "waiting_for": nullable(
                text(
                    "null when it is finished",
                    enum=["worker", "turn", "lane_closed", "model_held", "schedule", "backoff", "provider", None],
                )
            ),
            "reason": nullable(text("what closed the lane")),
            "until": nullable({**MOMENT, "description": "when it stops waiting for that"}),
            "position": answer(
                {"own": nullable(whole("own tasks ahead")), "lane": nullable(whole("all tasks ahead"))}
            ),
            "estimated_start_at": nullable(MOMENT),
            "estimated_finish_at": nullable(MOMENT),
            "attempts": whole("starts"),
            "failures": whole("of them failed and are counted"),
            "leases_lost": whole("processes that died with it before a call was sent"),
            "last_error": nullable(ref("TaskError")),
            "billed": BILLED,
            "calls": list_of(ref("Call")),
        }
    ),
}
