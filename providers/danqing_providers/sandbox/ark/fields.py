"""Reads the fields of a request's body, strictly; the texts about wrong types are ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from danqing_providers.sandbox.ark import errors

__all__ = ["choice", "flag", "integer", "mapping", "parse_body", "text"]


def parse_body(content: bytes) -> Mapping[str, Any]:
    """Return the JSON object in *content*, without the fields that are null. Raises: ArkError 400."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise errors.malformed_body("it is not JSON") from error
    if not isinstance(body, dict):
        raise errors.malformed_body("it is not a JSON object")
    return {name: value for name, value in body.items() if value is not None}


def text(body: Mapping[str, Any], name: str) -> str:
    """Return the string *name*, empty when absent. Raises: ArkError 400."""
    value = body.get(name, "")
    if not isinstance(value, str):
        raise errors.invalid_parameter(name, "expected a string")
    return value


def flag(body: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """Return the boolean *name*. Raises: ArkError 400."""
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise errors.invalid_parameter(name, "expected a boolean")
    return value


def integer(body: Mapping[str, Any], name: str, where: str, least: int, most: int) -> int:
    """Return the integer *name*, called *where* in an error. Raises: ArkError 400."""
    value = body[name]
    if not isinstance(value, int) or isinstance(value, bool):
        raise errors.invalid_parameter(where, "expected an integer")
    if not least <= value <= most:
        raise errors.invalid_parameter(where, f"must be between {least} and {most}")
    return value


def choice(body: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    """Return which of *choices* the string *name* is; the first when absent. Raises: ArkError 400."""
    value = text(body, name) or choices[0]
    if value not in choices:
        named = ", ".join(f"'{choice}'" for choice in choices)
        raise errors.invalid_parameter(name, f"must be one of {named}")
    return value


def mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the object *name* without its nulls, empty when absent. Raises: ArkError 400."""
    value = body.get(name, {})
    if not isinstance(value, dict):
        raise errors.invalid_parameter(name, "expected an object")
    return {key: inner for key, inner in value.items() if inner is not None}
