"""Errors as Ark words them: the object `{"error": {code, message, param, type}}` and the headers of every answer.

Source: Volcengine documentation 82379/1299023 (error codes) and recorded answers of the live service of 2026-09-04;
read 2026-11-23. Wordings without a record are marked as a guess where they are made.
"""

from __future__ import annotations

import secrets
import time

import attrs
import orjson
from aiohttp import web

__all__ = ["Refusal", "answer_refusal", "invalid", "mark_answer", "new_request_id", "refusal_body", "request_id_of"]

_TYPES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    429: "TooManyRequests",
    500: "InternalServerError",
}
_REQUEST_ID = web.RequestKey("request_id", str)
_STARTED_AT = web.RequestKey("started_at", float)


class Refusal(Exception):
    """The whole request is answered with an error; nothing was made or billed."""

    def __init__(self, status: int, code: str, message: str, *, param: str = "", type_: str | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.error = ImageError(code=code, message=message)
        self.param = param
        self.type = _TYPES.get(status, "") if type_ is None else type_
        self.wrapped = True


@attrs.frozen(kw_only=True)
class ImageError:
    """A code and its sentence, of a request or of one picture; without the request id."""

    code: str
    message: str

    def as_json(self, request_id: str) -> dict[str, str]:
        """Return the object Ark puts beside pictures and into events."""
        return {"code": self.code, "message": f"{self.message} Request id: {request_id}"}


def invalid(param: str, reason: str = "") -> Refusal:
    """Return the refusal of one parameter's value."""
    sentence = f"The parameter `{param}` specified in the request is not valid"
    return Refusal(
        400, "InvalidParameter", f"{sentence}: {reason}." if reason else f"{sentence}.", param=param, type_=""
    )


def new_request_id() -> str:
    """Return an id in Ark's form: `02`, 13 digits of milliseconds, hexadecimal digits; 57 characters."""
    return f"02{int(time.time() * 1000):013d}{secrets.token_hex(21)}"


def request_id_of(request: web.Request) -> str:
    """Return this request's id; the same at every call."""
    if _REQUEST_ID not in request:
        request[_REQUEST_ID] = new_request_id()
        request[_STARTED_AT] = time.monotonic()
    return request[_REQUEST_ID]


def refusal_body(refusal: Refusal, request_id: str) -> bytes:
    """Return the answer's JSON."""
    error = {**refusal.error.as_json(request_id), "param": refusal.param, "type": refusal.type}
    return orjson.dumps({"error": error} if refusal.wrapped else error)


def answer_refusal(request: web.Request, refusal: Refusal) -> web.Response:
    """Return the answer to a refused request."""
    body = refusal_body(refusal, request_id_of(request))
    return web.Response(status=refusal.status, body=body, content_type="application/json", charset="utf-8")


async def mark_answer(request: web.Request, response: web.StreamResponse) -> None:
    """Put Ark's headers on an answer, whatever made it."""
    request_id = request_id_of(request)
    elapsed_ms = int((time.monotonic() - request[_STARTED_AT]) * 1000)
    response.headers["x-request-id"] = request_id
    response.headers["x-client-request-id"] = client_request_id_of(request) or f"unknown-{request_id}"
    response.headers["x-envoy-upstream-service-time"] = str(elapsed_ms)
    response.headers["server"] = "istio-envoy"


def client_request_id_of(request: web.Request) -> str:
    """Return the id the client gave its request, empty when none."""
    return request.headers.get("X-Client-Request-Id", "")
