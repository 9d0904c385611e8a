"""What every answer of the door says of its request."""

from __future__ import annotations

import re

from sanic import Blueprint
from sanic.response import BaseHTTPResponse

from danqing_server.doors.ark.refusing import PREFIX
from danqing_server.http.requests import ApiRequest

__all__ = ["blueprint"]

CLIENT_REQUEST_ID = "x-client-request-id"

_SANE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


def blueprint(name: str) -> Blueprint:
    """Return routes under the door's prefix whose answers name the request as its client did.

    Source: `volcenginesdkarkruntime` 5.0.54, `_constants.CLIENT_REQUEST_HEADER`.
    """
    routes = Blueprint(name, url_prefix=PREFIX)
    routes.on_response(_echo)  # type: ignore[no-untyped-call]  # Sanic's
    return routes


async def _echo(request: ApiRequest, response: BaseHTTPResponse) -> None:
    given = request.headers.get(CLIENT_REQUEST_ID)
    if given is not None and _SANE.fullmatch(given):
        response.headers[CLIENT_REQUEST_ID] = given
