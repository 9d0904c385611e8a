"""Bodies of other services' clients: they send what means nothing here, and of which nothing is stored.

A chat has the JSON schemas of its tools (`$schema`), a request to a web UI the options of its scripts (`Dynamic
Prompts v2.17.1`): keys that our own door refuses, since MongoDB would read them its own way. Here that is looked
for only in what a task is given, by `codec.bodies.require_storable`.
Sources: zod-to-json-schema, as the Vercel AI SDK has it; requests to AUTOMATIC1111's API; read 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from danqing_plugins import Problem
from danqing_server.codec.bodies import DEEPEST_JSON, TOO_DEEP, load_json_object
from danqing_server.errors import InvalidSubmission
from danqing_server.http.receiving import ReceivedObject

__all__ = ["ReceivedForeign", "parse_foreign"]


def parse_foreign(body: bytes) -> dict[str, Any]:
    """Read a request body that must be a JSON object of sane depth. Raises InvalidSubmission."""
    value = load_json_object(body)
    if not _is_shallow(value, DEEPEST_JSON):
        raise InvalidSubmission([Problem(field="request_body", message=TOO_DEEP(most=DEEPEST_JSON))])
    return value


ReceivedForeign = partial(ReceivedObject, parse=parse_foreign)


def _is_shallow(value: dict[str, Any] | list[Any], depth: int) -> bool:
    inside: Iterable[Any] = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(_is_shallow(each, depth - 1) for each in inside if isinstance(each, dict | list))
