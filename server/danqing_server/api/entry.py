"""What every route begins with: the services, and whose request it is."""

from __future__ import annotations

from typing import Any, NamedTuple

from sanic import Request

from danqing_server.api.identity import KeyRing
from danqing_server.api.origins import Origins
from danqing_server.api.services import Services
from danqing_server.errors import Draining

__all__ = ["Caller", "admit", "admit_change", "services_of"]


class Caller(NamedTuple):
    """Who asks, and what answers. `owner` is the API key's name, None without authentication."""

    services: Services
    owner: str | None


def services_of(request: Request[Any, Any]) -> Services:
    """Return what the composition root gave this process."""
    services: Services = request.app.ctx.services
    return services


def admit(request: Request[Any, Any]) -> Caller:
    """Let a request that only looks in. Raises Unauthenticated."""
    keys: KeyRing = request.app.ctx.keys
    return Caller(services_of(request), keys.owner_of(request.headers.get("authorization")))


def admit_change(request: Request[Any, Any]) -> Caller:
    """Let a request in that changes something, before its body is read.

    Raises:
        Draining: the process is stopping.
        Unauthenticated: no key, or an unknown one.
        Forbidden: it comes from a web page that may not call the API.
    """
    services = services_of(request)
    if services.draining:
        raise Draining("this process is stopping")
    origins: Origins = request.app.ctx.origins
    origins.check(request.headers.get("origin"), request.headers.get("host"))
    return admit(request)
