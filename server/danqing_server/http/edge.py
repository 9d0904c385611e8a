"""The server's edge: every error becomes an answer here, and every answer gets what all of them carry."""

from __future__ import annotations

import logging
import time
from asyncio import CancelledError
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import attrs
from sanic import HTTPResponse
from sanic.exceptions import MethodNotAllowed, NotFound, PayloadTooLarge, SanicException
from sanic.handlers import ErrorHandler
from sanic.response import BaseHTTPResponse

from danqing_server.codec.bodies import shorten
from danqing_server.errors import DanqingError, Draining
from danqing_server.http.answers import json_answer
from danqing_server.http.doors import Doors
from danqing_server.http.messages import language_of
from danqing_server.http.origins import Origins
from danqing_server.http.problem_shapes import PollErrorShape, ToldShape
from danqing_server.http.problems import HeadTooLarge
from danqing_server.http.reports import ProblemReport, report_of
from danqing_server.http.requests import ApiRequest
from danqing_server.log import get_logger

if TYPE_CHECKING:
    from danqing_server.telemetry.meters import Meters

__all__ = ["RESULT_PATH", "Edge", "finish", "hang_up_after", "logs_every_request"]

RESULT_PATH = "/api/v1/ai/image/result/"

NOTHING = "text/plain; charset=utf-8"
"""Of what type a body is that has no bytes."""
_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")

log = get_logger(__name__)
_levels = logging.getLogger(__name__)


def logs_every_request() -> bool:
    """Tell whether each request is to have its line in the log, not only those that failed."""
    return _levels.isEnabledFor(logging.DEBUG)


def finish(request: ApiRequest, response: BaseHTTPResponse) -> None:
    """Give an answer that is about to leave its request id and the headers for web pages, and log it."""
    headers = response.headers
    headers["x-request-id"] = request.trace_id
    if response.content_type is None:
        response.content_type = NOTHING  # Sanic would write "None"
    origin = request.headers.get("origin")
    if origin is not None:
        origins: Origins = request.app.ctx.origins
        varies = headers.get("vary")
        headers.update(origins.headers(origin, request.headers.get("host")))
        if varies is not None and varies != headers["vary"]:
            headers["vary"] = f"{varies}, {headers['vary']}"
    meters: Meters | None = request.app.ctx.meters
    if meters is not None:
        _count(meters, request, response)
    level = logging.DEBUG if response.status < 500 else logging.WARNING
    if _levels.isEnabledFor(level):
        _log_request(request, response, level)


def _count(meters: Meters, request: ApiRequest, response: BaseHTTPResponse) -> None:
    """Count an answer by the route's template; what no route takes, and what a client made up, has no name here."""
    route, method = request.route, request.method
    named = f"/{route.path}" if route is not None else ""
    verb = method if method in _METHODS else "OTHER"
    meters.count("http_requests", verb, named, str(response.status))
    meters.observe("http_request_seconds", verb, named, seconds=time.perf_counter() - request.arrived_s)


def _log_request(request: ApiRequest, response: BaseHTTPResponse, level: int) -> None:
    """Log by the route's template: paths hold ids, and queries may hold anything."""
    route = request.route
    log.log(
        level,
        "request",
        method=request.method[:16],
        route=f"/{route.path}" if route is not None else None,
        status=response.status,
        ms=round((time.perf_counter() - request.arrived_s) * 1000, 1),
        request_id=request.trace_id,
    )


class Edge(ErrorHandler):
    """Turns everything a route or Sanic itself raises into the error body of the door that was knocked at."""

    def __init__(self, doors: Doors) -> None:
        super().__init__()
        self.doors = doors

    def response(self, request: Any, exception: BaseException) -> HTTPResponse:
        """Return the answer to *exception*; one nobody foresaw is logged with its traceback."""
        if isinstance(exception, MethodNotAllowed) and request.method == "OPTIONS":
            return _options(request)
        if not isinstance(exception, DanqingError | SanicException | CancelledError):
            log.error("unexpected_error", request_id=request.trace_id, exc_info=exception)
        if isinstance(exception, PayloadTooLarge) and request.route is None:
            exception = HeadTooLarge(str(exception))  # Sanic raises the same error for head and body
        door = self.doors.at(_path_of(request))
        language = door.language if door is not None else None
        report = report_of(exception, language or language_of(request.headers))
        if isinstance(exception, MethodNotAllowed):
            report = attrs.evolve(report, headers={"allow": _allowed_methods(request)})
        if isinstance(exception, Draining):
            hang_up_after(request)
        if door is None:
            return problem_answer(request, report)
        refusal = door.refuse(report, request.trace_id)
        return json_answer(refusal.body, refusal.status, {**_waiting_headers(report), **refusal.headers})


def hang_up_after(request: ApiRequest) -> None:
    """Close the connection after this answer, so that the client's next request finds another process."""
    stream: Any = request.stream
    if stream is not None:
        stream.keep_alive = False


def problem_answer(request: ApiRequest, report: ProblemReport) -> HTTPResponse:
    """Return the native answer to a request that failed; the result route's says `data.status` in every case."""
    body = report.body(request.trace_id)
    headers = {**report.headers, **_waiting_headers(report)}
    path = _path_of(request)
    if path.startswith(RESULT_PATH):
        body["data"] = _result_data(path.removeprefix(RESULT_PATH), report)
    return json_answer(body, report.status, headers)


def _waiting_headers(report: ProblemReport) -> dict[str, str]:
    return {} if report.retry_after_s is None else {"retry-after": str(report.retry_after_s)}


def _allowed_methods(request: ApiRequest) -> str:
    """Return what the path takes; Sanic's own error does not know it where several routes share a path."""
    found = ["OPTIONS"]
    for method in _METHODS:
        with suppress(NotFound, MethodNotAllowed):
            request.app.router.get(request.path, method, request.headers.get("host"))
            found.append(method)
    return ", ".join(sorted(found))


def _options(request: ApiRequest) -> HTTPResponse:
    """Answer OPTIONS on any route, preflights included."""
    allowed = _allowed_methods(request)
    origins: Origins = request.app.ctx.origins
    asked = request.headers.get("access-control-request-headers")
    return HTTPResponse(status=204, headers={"allow": allowed, **origins.preflight_headers(allowed, asked)})


def _path_of(request: ApiRequest) -> str:
    """Return the path; empty when the request line made no sense."""
    return request.path or ""


def _result_data(task_id: str, report: ProblemReport) -> ToldShape:
    """Return what a poll is told of its task: keep asking, when the fault is ours or may pass; else it failed.

    A client that finds no `data.status` polls for ever, or gives up and buys a second picture.
    """
    shown = str(shorten(unquote(task_id, errors="replace")))
    if report.status >= 500 or report.status in (408, 429):
        return {"task_id": shown, "status": "processing", "message": report.message}
    error: PollErrorShape = {"code": report.code, "message": report.message, "retryable": report.retryable}
    return {"task_id": shown, "status": "failed", "error": error}
