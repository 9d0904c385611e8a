"""The bodies of answers: one form for success, one for errors."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from sanic import HTTPResponse

from danqing_server.codec.bodies import dump_json
from danqing_server.desk.recent import Recent

__all__ = [
    "JSON",
    "STATUS_LINES",
    "Repeatable",
    "json_answer",
    "prepared_answer",
    "prepared_once",
    "success",
    "success_body",
]

JSON = "application/json"
STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
NO_STORE = {"cache-control": "no-store"}


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HTTPResponse:
    """Return *body* as JSON that no cache keeps."""
    return HTTPResponse(dump_json(body), status, {**NO_STORE, **headers} if headers else NO_STORE, JSON)


class Repeatable(HTTPResponse):
    """An answer that may be sent again to who asks the same, for as long as its task is held."""

    __slots__ = ("held",)

    def __init__(self, body: bytes, held: Recent) -> None:
        super().__init__(body, 200, NO_STORE, JSON)
        self.held = held


def prepared_answer(body: bytes, held: Recent | None) -> HTTPResponse:
    """Return a body that is JSON already; *held* is what it was made of, None when that is not held."""
    return prepared_once(body) if held is None else Repeatable(body, held)


def prepared_once(body: bytes, headers: Mapping[str, str] | None = None) -> HTTPResponse:
    """Return a body that is JSON already, for this request alone."""
    return HTTPResponse(body, 200, {**NO_STORE, **headers} if headers else NO_STORE, JSON)


def success_body(data: Any, message: str) -> bytes:
    """Return the body of a success, as JSON."""
    return dump_json({"success": True, "data": data, "message": message})


def success(data: Any, message: str, status: int = 200, headers: Mapping[str, str] | None = None) -> HTTPResponse:
    """Return the answer to a request that was carried out."""
    return json_answer({"success": True, "data": data, "message": message}, status, headers)
