"""TypeScript's view of the API: an interface for each shape, written from the same declarations as the document.

`python -m tests.support.typescript` writes it anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from danqing_server.doors.schemas import SCHEMAS

__all__ = ["PATH", "declarations"]

PATH = Path(__file__).parents[2] / "server/danqing_server/studio/js/types/api.d.ts"
HEAD = """\
/* Written by `python -m tests.support.typescript` from the server's own shapes; a test says when it is stale. */
"""
# What other doors speak is no business of the page.
FOREIGN = ("A1111", "Ark", "OpenAI", "Legacy")
_SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean"}


def declarations() -> str:
    """Return the whole file."""
    own = sorted((name, schema) for name, schema in SCHEMAS.items() if not name.startswith(FOREIGN))
    return HEAD + "".join(_interface(name, schema) for name, schema in own)


def _interface(name: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    members = schema["properties"].items()
    lines = [f"  {_key(each)}{'' if each in required else '?'}: {_type(one)};" for each, one in members]
    if schema.get("additionalProperties") is True:
        lines.append("  [more: string]: unknown;")
    return "\n".join([f"\nexport interface {name} {{", *lines, "}\n"])


def _key(name: str) -> str:
    return name if name.isidentifier() else json.dumps(name)


def _type(schema: Mapping[str, Any]) -> str:
    found = _plain(schema)
    return f"{found} | null" if schema.get("nullable") else found


def _plain(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " | ".join(json.dumps(word, ensure_ascii=False) for word in schema["enum"] if word is not None)
    for several, between in (("allOf", " & "), ("anyOf", " | "), ("oneOf", " | ")):
        if several in schema:
            return between.join(_type(each) for each in schema[several])
    kind = schema.get("type")
    if kind == "array":
        item = _type(schema.get("items", {}))
        return f"({item})[]" if " " in item else f"{item}[]"
    if kind == "object":
        inner = schema.get("additionalProperties")
        return f"Record<string, {_type(inner) if isinstance(inner, Mapping) else 'unknown'}>"
    return _SCALARS.get(str(kind), "unknown")


if __name__ == "__main__":
    PATH.write_text(declarations())
