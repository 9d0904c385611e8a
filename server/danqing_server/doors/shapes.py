"""How the shapes of requests and answers are written for the OpenAPI document."""

from __future__ import annotations

from typing import Any

__all__ = [
    "ANY", "BILLED", "FLAG", "MOMENT", "POLICY", "PRIORITY", "STATUS", "answer", "list_of", "nullable", "ref",
    "shape", "text", "whole",
]  # fmt: skip


def text(description: str = "", **more: Any) -> dict[str, Any]:
    return {"type": "string", **({"description": description} if description else {}), **more}


def whole(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "integer", "description": description, **more}


def list_of(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def shape(properties: dict[str, Any], *, required: tuple[str, ...] = (), closed: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        found["required"] = list(required)
    if closed:
        found["additionalProperties"] = False
    return found


def answer(properties: dict[str, Any], *, sometimes: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the shape of what is sent: every property each time, but for those that are sent *sometimes*."""
    return shape(properties, required=tuple(name for name in properties if name not in sometimes))


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """Return *schema*, or null. A reference takes no sibling in OpenAPI 3.0, so that it is wrapped."""
    return {"nullable": True, "allOf": [schema]} if "$ref" in schema else {**schema, "nullable": True}


ANY = {"type": "object", "additionalProperties": True}
FLAG = {"type": "boolean"}
MOMENT = text("RFC 3339, UTC", format="date-time")
STATUS = text(enum=["pending", "scheduled", "processing", "completed", "failed", "cancelled"])
BILLED = text("whether the provider charged for it", enum=["yes", "no", "unknown"])
PRIORITY = text(enum=["high", "normal", "low"])
POLICY = text("after a call that may have been billed: one more, or failure", enum=["retry", "fail"])
