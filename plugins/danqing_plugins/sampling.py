"""An input that a model takes, made of its schema: for checks that need one and know nothing of the model."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Any, Final

from danqing_plugins.catalogue import ModelInfo
from danqing_plugins.models import Reference, ReferenceData, Request

__all__ = ["sample_request"]

PROMPT: Final = "a quiet hill by a lake at dawn"
COUNTS: Final = ("n", "num_images", "num_outputs", "batch_size")
SIDE: Final = 1024


def sample_request(provider: str, model: ModelInfo) -> tuple[Request, dict[str, ReferenceData]]:
    """Return a request for *model*, of two outputs where it counts them, and the bytes of the pictures it refers
    to.

    Raises:
        ValueError: a required property is of a kind that cannot be guessed.
    """
    properties: Mapping[str, Any] = model.parameters.get("properties", {})
    required = [name for name in model.parameters.get("required", ()) if name in properties]
    pictures = [name for name in required if _widget(properties[name]) == "references"]
    input_ = {name: _value(name, properties[name]) for name in required if name not in pictures}
    if "prompt" in properties:
        input_.setdefault("prompt", PROMPT)
    for name in COUNTS:
        if properties.get(name, {}).get("maximum", 1) >= 2:
            input_[name] = 2
            break
    data = {name: ReferenceData(body=_picture(), media_type="image/png") for name in pictures}
    references = tuple(
        Reference(
            field=name,
            asset=f"check/{name}.png",
            media_type="image/png",
            width=SIDE,
            height=SIDE,
            size_bytes=len(found.body),
        )
        for name, found in data.items()
    )
    type_ = model.types[0]
    return Request(provider=provider, type=type_, model=model.id, input=input_, references=references), data


def _widget(schema: Mapping[str, Any]) -> Any:
    hints = schema.get("x-ui")
    return hints.get("widget") if isinstance(hints, Mapping) else None


def _value(name: str, schema: Mapping[str, Any]) -> Any:
    for key in ("default", "const"):
        if key in schema:
            return schema[key]
    listed = schema.get("enum") or schema.get("examples")
    if listed:
        return listed[0]
    choices = schema.get("anyOf") or schema.get("oneOf")
    return _value(name, choices[0]) if choices else _value_of_type(name, schema)


def _value_of_type(name: str, schema: Mapping[str, Any]) -> Any:
    match schema.get("type"):
        case "string":
            return PROMPT[: schema.get("maxLength", len(PROMPT))]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case "array":
            return [_value(name, schema.get("items", {}))] * schema.get("minItems", 0)
        case "object":
            inner = schema.get("properties", {})
            return {each: _value(each, inner[each]) for each in schema.get("required", ())}
    raise ValueError(f"no value for {name} can be guessed from its schema")


def _picture() -> bytes:
    """Return a grey picture of 1024x1024."""
    row = b"\0" + bytes([128]) * SIDE

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    pixels = zlib.compress(row * SIDE)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
