"""Has requests traced; only an application that traces has this."""

from __future__ import annotations

from typing import Any

from sanic import Sanic
from sanic.response import BaseHTTPResponse

from danqing_server.http.requests import ApiRequest
from danqing_server.telemetry.traces import PARENT, Traces

__all__ = ["trace_requests"]


def trace_requests(app: Sanic[Any, Any], traces: Traces) -> None:
    """Open a span for each sampled request of *app*, and close it with its answer. Call it before *app* serves."""

    def begin(request: ApiRequest) -> None:
        route = "" if request.route is None else f"/{request.route.path}"
        traces.begin_request(request.method, route, request.headers.get(PARENT))

    def end(_request: ApiRequest, response: BaseHTTPResponse) -> None:
        traces.end_request(response.status)

    app.register_middleware(begin, "request")
    app.register_middleware(end, "response")
