"""Has every request traced; only an application that traces has this."""

from __future__ import annotations

from typing import Any

from sanic import Sanic
from sanic.response import BaseHTTPResponse

from danqing_server.http.requests import ApiRequest
from danqing_server.telemetry.traces import RequestSpan, Traces

__all__ = ["trace_requests"]


def trace_requests(app: Sanic[Any, Any], traces: Traces) -> None:
    """Open a span for each request of *app*, and close it with its answer. To be called before it serves."""

    async def begin(request: ApiRequest) -> None:
        route = "" if request.route is None else f"/{request.route.path}"
        request.ctx.span = traces.begin_request(request.method, route, request.headers)

    async def end(request: ApiRequest, response: BaseHTTPResponse) -> None:
        span: RequestSpan | None = getattr(request.ctx, "span", None)
        if span is not None:
            request.ctx.span = None
            traces.end_request(span, response.status)

    app.register_middleware(begin, "request")
    app.register_middleware(end, "response")
