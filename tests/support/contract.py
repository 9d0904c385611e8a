"""Compares answers with the OpenAPI document: what is sent has to be described, and what is promised to be sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import orjson
from jsonschema import Draft202012Validator

from danqing_server.doors.openapi import document_of

__all__ = ["Contract"]

JSON = "application/json"


@attrs.define(eq=False)
class Contract:
    """The document of one server, read strictly: an object has the properties it is said to have and no others."""

    document: Mapping[str, Any]
    _validators: dict[int, Draft202012Validator] = attrs.field(factory=dict, init=False)
    _whole: Draft202012Validator | None = attrs.field(default=None, init=False)
    """Of all components: the others are made from it, so that these are read once."""
    _schemas: list[Mapping[str, Any]] = attrs.field(factory=list, init=False)

    @classmethod
    def of(cls, app: Any) -> Contract:
        """Return the contract of an application that serves the API, without asking it over HTTP.

        Those of one process that have the same routes share one: making it takes longer than most tests.
        """
        routes = frozenset((route.path, *sorted(route.methods)) for route in app.router.routes)
        if routes not in _MADE:
            _MADE[routes] = cls(orjson.loads(orjson.dumps(document_of(app))))
        return _MADE[routes]

    def faults(self, method: str, path: str, status: int, media_type: str, body: bytes) -> list[str]:
        """Return what is wrong with an answer, in words; nothing is asked of paths the document does not know."""
        operation = self._operation(method, path)
        if operation is None:
            return []
        responses = operation["responses"]
        described = responses.get(str(status)) or (responses["default"] if status >= 400 else None)
        if described is None:
            return [f"{method} {path}: {status} is not described"]
        content = described.get("content", {})
        if not content or method == "HEAD":
            return [f"{method} {path}: {status} has a body"] if body else []
        if JSON not in content or media_type in content.keys() - {JSON}:
            return []
        if media_type != JSON:
            return [f"{method} {path}: {status} is {media_type}"]
        return [f"{method} {path}: {status} {fault}" for fault in self._wrong(content[JSON]["schema"], body)]

    def problems_of(self, name: str, value: Any) -> list[str]:
        """Return how *value* differs from the shape called *name*."""
        return self.differences({"$ref": f"#/components/schemas/{name}"}, value)

    def differences(self, schema: Mapping[str, Any], value: Any) -> list[str]:
        """Return how *value* differs from *schema*."""
        return list(self._wrong(schema, orjson.dumps(value)))

    def _operation(self, method: str, path: str) -> Mapping[str, Any] | None:
        wanted = {"HEAD": "get"}.get(method, method.lower())
        plain = path.partition("?")[0].rstrip("/") or "/"
        templates = sorted(self.document["paths"], key=lambda template: template.count("{"))
        for template in templates:
            pattern = re.sub(r"\\\{[^}]*\\\}", "(?:[^/]+|(?<=assets/).+)", re.escape(template.rstrip("/") or "/"))
            if re.fullmatch(pattern, plain):
                operation: Mapping[str, Any] | None = self.document["paths"][template].get(wanted)
                return operation
        return None

    def _wrong(self, schema: Mapping[str, Any], body: bytes) -> Iterator[str]:
        validator = self._validators.get(id(schema))
        if validator is None:
            if self._whole is None:
                self._whole = Draft202012Validator({"components": _strict(self.document["components"])})
            validator = self._validators[id(schema)] = self._whole.evolve(schema=_strict(schema))
            self._schemas.append(schema)  # so that its id stays its own
        for error in validator.iter_errors(orjson.loads(body)):
            yield f"{error.json_path}: {error.message[:300]}"


_MADE: dict[frozenset[tuple[str, ...]], Contract] = {}


def _strict(schema: Any) -> Any:
    """Return an OpenAPI 3.0 schema as JSON Schema, with every object closed that is not said to be open."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _strict(value) for name, value in schema.items() if name != "example"}
    if isinstance(found.get("properties"), dict) and found.get("type") == "object":
        found.setdefault("additionalProperties", False)
    if found.pop("nullable", False) is True:
        return {"anyOf": [{"type": "null"}, found]}
    return found
