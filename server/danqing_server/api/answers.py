"""The bodies of answers: one form for success, one for errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sanic import HTTPResponse

from danqing_server.codec import dump_json

__all__ = ["JSON", "json_answer", "success"]

JSON = "application/json"
NO_STORE = {"cache-control": "no-store"}


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HTTPResponse:
    """Return *body* as JSON that no cache keeps."""
    return HTTPResponse(dump_json(body), status, {**NO_STORE, **headers} if headers else NO_STORE, JSON)


def success(data: Any, message: str, status: int = 200, headers: Mapping[str, str] | None = None) -> HTTPResponse:
    """Return the answer to a request that was carried out."""
    return json_answer({"success": True, "data": data, "message": message}, status, headers)
