"""Answers packed for who takes them so."""

from __future__ import annotations

import asyncio
import gzip
import re

from sanic import HTTPResponse

from danqing_server.http.answers import JSON, NO_STORE
from danqing_server.http.requests import ApiRequest

__all__ = ["packed", "takes_gzip"]

SMALLEST_BYTES = 16 * 1024
EFFORT = 5

_TAKES_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)


def takes_gzip(request: ApiRequest) -> bool:
    """Tell whether the client takes an answer in gzip."""
    return _TAKES_GZIP.search(request.headers.get("accept-encoding", "")) is not None


async def packed(request: ApiRequest, body: bytes) -> HTTPResponse:
    """Return *body*, which is JSON; a long one in gzip where the client takes it, packed beside the event loop."""
    headers = {**NO_STORE, "vary": "accept-encoding"}
    if len(body) >= SMALLEST_BYTES and takes_gzip(request):
        body = await asyncio.to_thread(gzip.compress, body, EFFORT, mtime=0)
        headers["content-encoding"] = "gzip"
    return HTTPResponse(body, 200, headers, JSON)
