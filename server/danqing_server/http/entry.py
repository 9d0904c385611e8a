"""What every route begins with: the services, and whose request it is."""

from __future__ import annotations

from typing import NamedTuple

from danqing_server.access.caller import Caller
from danqing_server.access.gatekeeper import Gatekeeper
from danqing_server.errors import Draining
from danqing_server.http.links import address_of
from danqing_server.http.origins import Origins
from danqing_server.http.requests import ApiRequest
from danqing_server.http.services import Services

__all__ = ["Admitted", "admit", "admit_change", "payer_of", "services_of"]


class Admitted(NamedTuple):
    """What answers, and who asks."""

    services: Services
    caller: Caller


def services_of(request: ApiRequest) -> Services:
    """Return what the composition root gave this process."""
    services: Services = request.app.ctx.services
    return services


def admit(request: ApiRequest) -> Admitted:
    """Let a request that only looks in. Raises Unauthenticated, TooManyWrongKeys."""
    gatekeeper: Gatekeeper = request.app.ctx.gatekeeper
    if not gatekeeper.guards:
        return Admitted(services_of(request), Caller.local())
    caller = gatekeeper.caller_of(request.headers.get("authorization"), address_of(request))
    request.key = caller.key
    return Admitted(services_of(request), caller)


def admit_change(request: ApiRequest) -> Admitted:
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


def payer_of(request: ApiRequest) -> str:
    """Return whom a request's bodies and downloads are counted for: its key, else the client's address."""
    return address_of(request) if request.key is None else f"key {request.key}"
