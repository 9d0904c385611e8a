"""JSON as services send it: read by what it is, and as kindly as can be done without guessing.

What comes here may be paid for: a byte-order mark, a control character or something behind the last brace are no
reason to throw it away. What is cut in the middle is no document.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

import orjson

__all__ = ["LARGEST_COUNT", "Form", "form_of", "looks_whole", "plain", "read_object", "read_values"]

LARGEST_COUNT: Final = 2**63 - 1
DEEPEST: Final = 8
LONGEST_BEGINNING: Final = 4096

_BOM: Final = b"\xef\xbb\xbf"
_FIELDS: Final = (b"event:", b"data:", b"id:", b"retry:", b":")
_KIND: Final = json.JSONDecoder(strict=False)
_BLANK: Final = b" \t\r\n"


class Form(Enum):
    """What a body is: one JSON object, a stream of events, or neither."""

    DOCUMENT = "document"
    STREAM = "stream"
    OTHER = "other"


def form_of(beginning: bytes, *, ended: bool) -> Form | None:
    """Say what a body is by its *beginning*; None while that is too little, never when it has *ended*."""
    text = beginning[:LONGEST_BEGINNING].removeprefix(_BOM).lstrip(_BLANK)
    if text.startswith(b"{"):
        return Form.DOCUMENT
    if text.startswith(_FIELDS):
        return Form.STREAM
    begun = not text or _BOM.startswith(text) or any(field.startswith(text) for field in _FIELDS)
    if begun and not ended and len(beginning) < LONGEST_BEGINNING:
        return None
    return Form.OTHER


def looks_whole(body: bytearray) -> bool:
    """Say whether *body* may be a complete object, without reading it."""
    return body[-16:].rstrip(_BLANK).endswith(b"}")


def read_object(body: bytes | bytearray | str) -> Mapping[str, Any] | None:
    """Return the JSON object that *body* is, or begins with; None when it is none, or cut."""
    try:
        value = orjson.loads(_without_mark(body))
    except orjson.JSONDecodeError:
        value = _read_kindly(body)
    return value if isinstance(value, Mapping) else None


def read_values(body: bytes | bytearray | str) -> list[Any]:
    """Return the JSON object that *body* is, the elements of its list, or its string; nothing when it is none."""
    try:
        value = orjson.loads(_without_mark(body))
    except orjson.JSONDecodeError:
        value = read_object(body)
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, Mapping | str) else []


def _without_mark(body: bytes | bytearray | str) -> bytes | bytearray | memoryview | str:
    if isinstance(body, str) or not body.startswith(_BOM):
        return body
    return memoryview(body)[len(_BOM) :]  # copies nothing: it may be a picture of 60 MB


def _read_kindly(body: bytes | bytearray | str) -> Any:
    text = body if isinstance(body, str) else body.decode("utf-8", "replace")
    try:
        value, _ = _KIND.raw_decode(re.sub(r"\A[\ufeff\s]+", "", text))
    except (ValueError, RecursionError):
        return None
    return value


def plain(value: Any, depth: int = 0) -> Any:
    """Return *value* (JSON) as any database can hold it: numbers of 64 bits, text that can be encoded."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "")
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= LARGEST_COUNT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth == DEEPEST:
        return None
    if isinstance(value, Mapping):
        return {plain(key): plain(each, depth + 1) for key, each in value.items()}
    return [plain(each, depth + 1) for each in value]
