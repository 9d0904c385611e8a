"""The shapes of requests and answers, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Any

from danqing_server.doors.shapes import (
    ANY,
    FLAG,
    MOMENT,
    POLICY,
    PRIORITY,
    answer,
    list_of,
    nullable,
    ref,
    shape,
    text,
    whole,
)
from danqing_server.doors.task_schemas import TASK_SCHEMAS

__all__ = ["SCHEMAS"]

_PLAIN = {"pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$"}
_USER_ID = text("free text: whose task it is", minLength=1, maxLength=128, **_PLAIN)
_NAME = text(minLength=2, maxLength=50, **_PLAIN)
_NO_EMAIL = r"\s@\"(),:;<>\[\\\]\u0000-\u001f\u007f-\u009f"
_EMAIL = text(
    minLength=3,
    maxLength=100,
    pattern=f"^[^{_NO_EMAIL}]+@([^.{_NO_EMAIL}]+\\.)+[^.{_NO_EMAIL}]{{2,}}$",
)
_NUMBER = {"type": "number"}
_GATE = {
    "accepting": {**FLAG, "description": "whether the lane gives tasks out"},
    "breaker": text("its circuit breaker", enum=["closed", "open", "half_open"]),
    "hold": nullable(answer({"reason": text(), "until": MOMENT})),
    "closed_until": nullable(MOMENT),
    "reason": nullable(text("what keeps it shut")),
    "models": {
        "type": "object",
        "additionalProperties": MOMENT,
        "description": "until when single models are held",
    },
}
_SHOWN = {"description": "what was sent, shortened; null for a prompt"}
_DETAIL = answer({"field": text(), "code": text("stable"), "message": text(), "value": _SHOWN})
_DEPTH = {
    "queued": whole("ready to start"),
    "delayed": whole("waiting for their time"),
    "held": whole("with a worker"),
}


def _by_name(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": schema}


def _optional(properties: dict[str, Any]) -> dict[str, Any]:
    """Return properties of a request that may also be null, which is the same as absent."""
    return {name: nullable(schema) for name, schema in properties.items()}


_REQUESTS = {
    "ImageTaskRequest": shape(
        {
            "prompt": text("what to paint", minLength=1, pattern=r"^[^\u0000]*$"),
            "user_id": _USER_ID,
            **_optional(
                {
                    "model": text("a model or an alias, see /api/v1/providers; the default model when missing"),
                    "size": text("1024x1024, 2K, …"),
                    "n": whole("how many independent pictures; 0 is the same as absent", minimum=0, maximum=15),
                    "quality": text("standard or hd"),
                    "style": text("natural, anime, cyberpunk or realistic"),
                    "options": {**ANY, "description": "the model's own parameters; also priority and on_ambiguous"},
                }
            ),
        },
        required=("prompt", "user_id"),
        closed=True,
    ),
    "TaskRequest": shape(
        {
            "type": text("a task type of the provider", minLength=1, maxLength=128, **_PLAIN),
            "model": text(minLength=1, maxLength=128, **_PLAIN),
            "input": {**ANY, "description": "the model's parameters, see /api/v1/providers"},
            "user_id": _USER_ID,
            **_optional(
                {
                    "provider": text("the default provider when missing", minLength=1, maxLength=128, **_PLAIN),
                    "delay": whole("seconds until it may start", minimum=0),
                    "priority": {**PRIORITY, "default": "normal"},
                    "on_ambiguous": POLICY,
                }
            ),
        },
        required=("type", "model", "input", "user_id"),
        closed=True,
    ),
    "UserRequest": shape(
        {"email": _EMAIL, "name": _NAME},
        required=("email", "name"),
        closed=True,
    ),
    "UserChange": shape(_optional({"email": _EMAIL, "name": _NAME}), closed=True),
}

_OTHERS = {
    "User": answer({"id": text(), "email": text(), "name": text(), "created_at": MOMENT, "updated_at": MOMENT}),
    "Lane": answer({**_DEPTH, **_GATE, "finished_per_s": nullable(_NUMBER), "mean_duration_s": nullable(_NUMBER)}),
    "QueueStats": answer({**_DEPTH, "lanes": _by_name(ref("Lane"))}),
    "Model": answer(
        {
            "id": text(),
            "title": text(),
            "types": list_of(text()),
            "aliases": list_of(text()),
            "price": nullable(answer({"amount": text("decimal"), "currency": text("ISO 4217"), "per": text()})),
            "parameters": {**ANY, "description": "a JSON Schema of `input`"},
        }
    ),
    "Provider": answer(
        {
            "name": text(),
            "title": text(),
            "sandbox": FLAG,
            "homepage": nullable(text()),
            "default_model": text(),
            "types": list_of(text()),
            "reference_fields": list_of(text("a parameter that takes pictures")),
            "images_per_minute": nullable(whole("the service's own limit")),
            "models": list_of(ref("Model")),
        }
    ),
    "Plugin": answer(
        {
            "name": text(),
            "version": nullable(text()),
            "distribution": nullable(text()),
            "providers": list_of(text()),
            "error": nullable(text("why it does not work")),
        }
    ),
    "Providers": answer(
        {"default": text(), "providers": list_of(ref("Provider")), "plugins": list_of(ref("Plugin"))}
    ),
    "Deleted": answer({"id": text()}),
    "Health": answer(
        {
            "status": text(enum=["ok", "unavailable"]),
            "message": text(),
            "checks": _by_name(text()),
            "lanes": _by_name(answer(_GATE)),
            "version": text(),
            "sandbox": FLAG,
            "pid": whole("the process that answered"),
        }
    ),
    "Root": answer({"name": text(), "version": text(), "links": _by_name(text())}),
    "Error": answer(
        {
            "success": FLAG,
            "error": text("short"),
            "message": text("in detail"),
            "code": text("stable"),
            "type": text("where the code is explained"),
            "title": text(),
            "status": whole("the HTTP status"),
            "retryable": FLAG,
            "request_id": text(),
            "details": list_of(_DETAIL),
            "data": {
                **answer(
                    {"task_id": text(), "status": text(), "message": text(), "error": _by_name({})},
                    sometimes=("message", "error"),
                ),
                "description": "on the result route: what a poll is told, whatever happened",
            },
        },
        sometimes=("data",),
    ),
}

SCHEMAS: dict[str, dict[str, Any]] = {**_REQUESTS, **TASK_SCHEMAS, **_OTHERS}
