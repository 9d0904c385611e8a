"""The bodies of answers: one form for success, one for errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sanic import HTTPResponse

from danqing_server.codec import dump_json

__all__ = ["JSON", "json_answer", "prepared_answer", "success", "success_body"]

JSON = "application/json"
NO_STORE = {"cache-control": "no-store"}


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HTTPResponse:
    """Return *body* as JSON that no cache keeps."""
    return HTTPResponse(dump_json(body), status, {**NO_STORE, **headers} if headers else NO_STORE, JSON)


def prepared_answer(body: bytes) -> HTTPResponse:
    """Return a body that is JSON already."""
    return HTTPResponse(body, 200, NO_STORE, JSON)


def success_body(data: Any, message: str) -> bytes:
    """Return the body of a success, as JSON."""
    return dump_json({"success": True, "data": data, "message": message})


def success(data: Any, message: str, status: int = 200, headers: Mapping[str, str] | None = None) -> HTTPResponse:
    """Return the answer to a request that was carried out."""
    return json_answer({"success": True, "data": data, "message": message}, status, headers)
