"""A request as every route is given it."""

from __future__ import annotations

import re
import time
from typing import Any

from sanic import Request

from danqing_server.access.caller import Caller
from danqing_server.ids import new_token
from danqing_server.records.tenancy import StudioSession

__all__ = ["ApiRequest", "new_trace_id"]

_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


def new_trace_id() -> str:
    """Return an id for a request whose client named none."""
    return new_token(8)


class ApiRequest(Request[Any, Any]):
    """A request that knows when its head arrived and under which id it is logged.

    `caller` is who asks, None on a public route. `key` is the id of the key it came with, None also where no key
    is asked for. `session` is the sign-in to the studio that it came by, None for who shows a key.
    """

    __slots__ = ("arrived_s", "caller", "key", "names_itself", "session", "trace_id")

    def __init__(self, url_bytes: bytes, *positional: Any, **named: Any) -> None:
        # Sanic makes a request named NONE to answer one that makes no sense, with the URL that made none.
        super().__init__(b"*" if named.get("method") == "NONE" else url_bytes, *positional, **named)
        self.caller: Caller | None = None
        self.key: str | None = None
        self.session: StudioSession | None = None
        self.arrived_s = time.perf_counter()
        given = self.headers.get("x-request-id")
        self.names_itself = given is not None and _SANE_ID.fullmatch(given) is not None
        self.trace_id = given if given is not None and self.names_itself else new_trace_id()

    def __repr__(self) -> str:
        """Return what Sanic's own log lines show of a request: no path, which may be the permission itself."""
        return f"<request {self.trace_id}>"
