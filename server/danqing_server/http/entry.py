"""What every route begins with: the services, and whose request it is."""

from __future__ import annotations

from typing import NamedTuple

from danqing_server.access.gatekeeper import Gatekeeper
from danqing_server.errors import Draining
from danqing_server.http.links import address_of
from danqing_server.http.origins import Origins
from danqing_server.http.requests import ApiRequest
from danqing_server.http.services import Services

__all__ = ["Caller", "admit", "admit_change", "caller_of", "services_of"]


class Caller(NamedTuple):
    """Who asks, and what answers. `owner` is the API key's name, None without authentication."""

    services: Services
    owner: str | None


def services_of(request: ApiRequest) -> Services:
    """Return what the composition root gave this process."""
    services: Services = request.app.ctx.services
    return services


def admit(request: ApiRequest) -> Caller:
    """Let a request that only looks in. Raises Unauthenticated, TooManyWrongKeys."""
    gatekeeper: Gatekeeper = request.app.ctx.gatekeeper
    owner = None
    if gatekeeper.guards:
        owner = gatekeeper.owner_of(request.headers.get("authorization"), address_of(request))
        request.owner = owner
    return Caller(services_of(request), owner)


def admit_change(request: ApiRequest) -> Caller:
    """Let a request in that changes something, before its body is read.

    Raises:
        Draining: the process is stopping.
        Unauthenticated, TooManyWrongKeys: no key, or an unknown one.
        Forbidden: it comes from a web page that may not call the API.
    """
    services = services_of(request)
    if services.draining:
        raise Draining("this process is stopping")
    origins: Origins = request.app.ctx.origins
    origins.check(request.headers.get("origin"), request.headers.get("host"))
    return admit(request)


def caller_of(request: ApiRequest) -> str:
    """Return whom a request's bodies and downloads are counted for: the key's owner, else the client's address."""
    owner = request.owner
    return address_of(request) if owner is None else f"key {owner}"
