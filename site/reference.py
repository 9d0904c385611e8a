"""The API's reference as a page, from the OpenAPI document: every route, then every shape, each told once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["reference"]

Json = Mapping[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")


def reference(document: Json) -> str:
    """Return the page, in Markdown. *document* is OpenAPI 3.0."""
    lines = [
        f"# API reference\n\nOf version {document['info']['version']}. A running server shows it at `/docs`, too.\n"
    ]
    tags: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operation = item[method]
                tags.setdefault((operation.get("tags") or ["other"])[0], []).extend(
                    _operation(method, path, operation)
                )
    for tag, parts in tags.items():
        lines += [f"## {tag}\n", *parts]
    lines.append("## Shapes\n")
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += _shape(name, schema)
    return "\n".join(lines)


def _operation(method: str, path: str, operation: Json) -> Iterator[str]:
    yield f"### {method.upper()} {path} {{ #{method}-{_anchor(path)} }}\n"
    yield from (f"{text}\n" for text in (operation.get("summary"), operation.get("description")) if text)
    parameters = operation.get("parameters", [])
    if parameters:
        rows = (
            (each["name"], each["in"], _type(each.get("schema", {})), each.get("description", ""))
            for each in parameters
        )
        yield from _table(("parameter", "in", "type", ""), rows)
    body = operation.get("requestBody")
    if body:
        kinds = (f"`{kind}`: {_type(content.get('schema', {}))}" for kind, content in body["content"].items())
        yield f"Body: {', '.join(kinds)}\n"
    answers = (
        (
            status,
            ", ".join(_type(content.get("schema", {})) for content in answer.get("content", {}).values()),
            answer.get("description", ""),
        )
        for status, answer in operation["responses"].items()
    )
    yield from _table(("answer", "shape", ""), answers)


def _shape(name: str, schema: Json) -> Iterator[str]:
    yield f"### {name} {{ #shape-{name.lower()} }}\n"
    if schema.get("description"):
        yield f"{schema['description']}\n"
    required = schema.get("required", ())
    rows = (
        (f"`{member}`" + ("" if member in required else " ?"), _type(one), _told(one))
        for member, one in schema.get("properties", {}).items()
    )
    yield from _table(("member", "type", ""), rows)


def _told(schema: Json) -> str:
    """Return what is said of a member, with its example."""
    example = schema.get("example")
    shown = "" if example is None or isinstance(example, dict | list) else f" (`{example}`)"
    return f"{schema.get('description', '')}{shown}"


def _type(schema: Json) -> str:
    found = _plain(schema)
    return f"{found} or null" if schema.get("nullable") else found


def _plain(schema: Json) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#shape-{name.lower()})"
    if "enum" in schema:
        return " · ".join(f"`{word}`" for word in schema["enum"] if word is not None)
    for several, between in (("allOf", " & "), ("anyOf", " or "), ("oneOf", " or ")):
        if several in schema:
            return between.join(_type(each) for each in schema[several])
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    inner = schema.get("properties", {})
    return f"object of {', '.join(f'`{name}`: {_type(one)}' for name, one in inner.items())}" if inner else kind


def _table(heads: tuple[str, ...], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(_cell(each) for each in row)} |"
    yield ""


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def _anchor(path: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in path).strip("-")
