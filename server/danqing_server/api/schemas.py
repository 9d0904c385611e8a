"""The shapes of requests and answers, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Any

__all__ = ["SCHEMAS"]


def _text(description: str = "", **more: Any) -> dict[str, Any]:
    return {"type": "string", **({"description": description} if description else {}), **more}


def _whole(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "integer", "description": description, **more}


def _list_of(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _object(properties: dict[str, Any], *, required: tuple[str, ...] = (), closed: bool = False) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        shape["required"] = list(required)
    if closed:
        shape["additionalProperties"] = False
    return shape


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "nullable": True}


_ANY = {"type": "object", "additionalProperties": True}
_MOMENT = _text("RFC 3339, UTC", format="date-time")
_STATUS = _text(enum=["pending", "scheduled", "processing", "completed", "failed", "cancelled"])
_BILLED = _text("whether the provider charged for it", enum=["yes", "no", "unknown"])
_USER_ID = _text("free text: whose task it is", minLength=1, maxLength=128)
_PRIORITY = _text(enum=["high", "normal", "low"], default="normal")
_POLICY = _text("after a call that may have been billed: one more, or failure", enum=["retry", "fail"])

SCHEMAS: dict[str, dict[str, Any]] = {
    "ImageTaskRequest": _object(
        {
            "prompt": _text("what to paint", minLength=1),
            "user_id": _USER_ID,
            "model": _text("a model or an alias, see /api/v1/providers; the default model when missing"),
            "size": _text("1024x1024, 2K, …"),
            "n": _whole(
                "how many independent pictures; 0, as old clients send it, is absent", minimum=0, maximum=15
            ),
            "quality": _text("standard or hd"),
            "style": _text("natural, anime, cyberpunk or realistic"),
            "options": {**_ANY, "description": "the model's own parameters; also priority and on_ambiguous"},
        },
        required=("prompt", "user_id"),
        closed=True,
    ),
    "TaskRequest": _object(
        {
            "type": _text("a task type of the provider"),
            "model": _text(),
            "input": {**_ANY, "description": "the model's parameters, see /api/v1/providers"},
            "user_id": _USER_ID,
            "provider": _text("the default provider when missing"),
            "delay": _whole("seconds until it may start", minimum=0),
            "priority": _PRIORITY,
            "on_ambiguous": _POLICY,
        },
        required=("type", "model", "input", "user_id"),
        closed=True,
    ),
    "UserRequest": _object({"email": _text(maxLength=100), "name": _text(minLength=2, maxLength=50)}, closed=True),
    "User": _object(
        {"id": _text(), "email": _text(), "name": _text(), "created_at": _MOMENT, "updated_at": _MOMENT}
    ),
    "Image": _object(
        {
            "index": _whole("its place among the task's pictures, from 0"),
            "url": _text("stays readable until the task is deleted"),
            "width": _whole("pixels"),
            "height": _whole("pixels"),
            "media_type": _text(),
            "size_bytes": _whole("bytes"),
            "sha256": _text("hexadecimal"),
            "late": {"type": "boolean", "description": "it arrived after the task was cancelled"},
        }
    ),
    "TaskError": _object(
        {
            "code": _text("stable"),
            "message": _text(),
            "retryable": {"type": "boolean"},
            "billed": _BILLED,
            "provider_code": _nullable(_text()),
            "request_id": _nullable(_text("the provider's")),
        }
    ),
    "Cost": _object(
        {
            "amount": _text("decimal"),
            "currency": _text("ISO 4217"),
            "images": _whole("pictures counted"),
            "estimated": {"type": "boolean"},
        }
    ),
    "Task": _object(
        {
            "id": _text(),
            "user_id": _text(),
            "type": _text(),
            "status": _STATUS,
            "provider": _text(),
            "model": _text(),
            "input": _ANY,
            "output": {
                "type": "object",
                "nullable": True,
                "properties": {
                    "images": _list_of(_ref("Image")),
                    "errors": _list_of(_ANY),
                    "partial": {"type": "boolean"},
                },
            },
            "error": {"nullable": True, "allOf": [_ref("TaskError")]},
            "progress": {"type": "number", "minimum": 0, "maximum": 1},
            "attempts": _whole("how often it was begun"),
            "created_at": _MOMENT,
            "updated_at": _MOMENT,
            "started_at": _nullable(_MOMENT),
            "completed_at": _nullable(_MOMENT),
            "scheduled_for": _nullable(_MOMENT),
            "next_try_at": _nullable(_MOMENT),
            "priority": _PRIORITY,
            "on_ambiguous": _nullable(_POLICY),
            "notes": _list_of(_text("what was changed at submission")),
            "images": _whole("pictures asked for"),
            "usage": _ANY,
            "cost": {"nullable": True, "allOf": [_ref("Cost")]},
            "billed": _BILLED,
            "sandbox": {"type": "boolean", "description": "simulated: nothing was paid"},
            "calls": _list_of(_ANY),
        }
    ),
    "ImageResult": _object(
        {
            "task_id": _text(),
            "status": _STATUS,
            "message": _text(),
            "progress": {"type": "number"},
            "images": _list_of(_ref("Image")),
            "image_url": _text(),
            "result": _object(
                {
                    "image_url": _text(),
                    "image_urls": _list_of(_text()),
                    "images": _list_of(_ref("Image")),
                    "partial": {"type": "boolean"},
                    "errors": _list_of(_ANY),
                    "model": _text(),
                    "usage": _ANY,
                    "cost": {"nullable": True, "allOf": [_ref("Cost")]},
                    "notes": _list_of(_text()),
                    "sandbox": {"type": "boolean"},
                }
            ),
            "error": _ref("TaskError"),
        },
        required=("task_id", "status"),
    ),
    "ImageTaskCreated": _object({"task_id": _text(), "status": _STATUS, "message": _text()}),
    "TaskList": _object(
        {
            "tasks": _list_of(_ref("Task")),
            "limit": _whole("as asked"),
            "offset": _whole("as asked"),
            "count": _whole("tasks on this page"),
            "total": _whole("tasks of this user"),
            "next_cursor": _nullable(_text("pass as `cursor` for the next page; null on the last")),
        }
    ),
    "Explanation": _object(
        {
            "task_id": _text(),
            "status": _text(),
            "waiting_for": _text(
                "null when it is finished",
                enum=["worker", "turn", "lane_closed", "model_held", "schedule", "backoff", "provider"],
                nullable=True,
            ),
            "reason": _text("what keeps the lane shut: a hold's reason or the breaker's", nullable=True),
            "until": _text("when it stops waiting for that", format="date-time", nullable=True),
            "position": _object({"own": _whole("own tasks ahead"), "lane": _whole("all tasks ahead")}, required=()),
            "estimated_start_at": _text(format="date-time", nullable=True),
            "estimated_finish_at": _text(format="date-time", nullable=True),
            "attempts": _whole("starts"),
            "failures": _whole("of them failed and are counted"),
            "leases_lost": _whole("processes that died with it before a call was sent"),
            "last_error": _ANY,
            "billed": _text(enum=["yes", "no", "unknown"]),
            "calls": _list_of(_ANY),
        }
    ),
    "QueueStats": _object(
        {
            "queued": _whole("ready to start"),
            "delayed": _whole("waiting for their time"),
            "held": _whole("with a worker"),
            "lanes": {
                **_ANY,
                "description": "for each provider the same three, its gate as in `/health`, and its pace",
            },
        }
    ),
    "Providers": _object(
        {"default": _text(), "providers": _list_of(_ANY), "plugins": _list_of(_ANY)},
    ),
    "Deleted": _object({"id": _text()}),
    "Health": _object(
        {
            "status": _text(enum=["ok", "unavailable"]),
            "message": _text(),
            "checks": {"type": "object", "additionalProperties": {"type": "string"}},
            "lanes": {
                **_ANY,
                "description": "whether each lane is `accepting`, its `breaker`, its `hold` and held `models`",
            },
            "version": _text(),
            "sandbox": {"type": "boolean"},
            "pid": _whole("the process that answered"),
        }
    ),
    "Error": _object(
        {
            "success": {"type": "boolean"},
            "error": _text("short"),
            "message": _text("in detail"),
            "code": _text("stable"),
            "type": _text("where the code is explained"),
            "title": _text(),
            "status": _whole("the HTTP status"),
            "retryable": {"type": "boolean"},
            "request_id": _text(),
            "details": _list_of(
                _object(
                    {
                        "field": _text(),
                        "message": _text(),
                        "code": _nullable(_text("stable")),
                        "value": {"nullable": True},
                    },
                    required=("field", "message"),
                )
            ),
            "data": {**_ANY, "description": "on the result route: task_id and status, whatever happened"},
        },
        required=("success", "error", "message", "code", "status", "retryable", "request_id", "details"),
    ),
}
