"""What every route begins with: who asks, whether they may, and the services.

`let_in` comes before each route that is not public (`routing` sees to it); `admit` and `admit_change` are what the
route itself calls.
"""

from __future__ import annotations

from typing import NamedTuple

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.access.credentials import secret_of
from danqing_server.errors import Draining, ScopeMissing
from danqing_server.http.links import address_of
from danqing_server.http.origins import Origins
from danqing_server.http.requests import ApiRequest
from danqing_server.http.services import Services
from danqing_server.tenancy import Scope

__all__ = ["Admitted", "admit", "admit_change", "let_in", "payer_of", "services_of"]

LACKS = Message(key="lacks_scope", en="this API key lacks the scope `{scope}`", zh="此 API Key 没有 `{scope}` 权限")


class Admitted(NamedTuple):
    """What answers, and who asks."""

    services: Services
    caller: Caller


def services_of(request: ApiRequest) -> Services:
    """Return what the composition root gave this process."""
    services: Services = request.app.ctx.services
    return services


async def let_in(request: ApiRequest, needs: Scope) -> None:
    """Note who asks, or refuse a request before its route sees it.

    Raises:
        Unauthenticated: no key, or one that is good for nothing.
        TooManyWrongKeys: too many unknown ones came from this address.
        ScopeMissing: the key may not do what the route *needs*.
    """
    gatekeeper = services_of(request).gatekeeper
    if not gatekeeper.guards:
        request.caller = Caller.local()
        return
    caller = await gatekeeper.caller_of(secret_of(request.headers), address_of(request))
    if needs not in caller.scopes:
        raise ScopeMissing(LACKS(scope=needs.value))
    request.caller, request.key = caller, caller.key


def admit(request: ApiRequest) -> Admitted:
    """Return what answers a request that only looks, and who asks."""
    caller = request.caller
    if caller is None:
        raise LookupError("a public route knows no caller")
    return Admitted(services_of(request), caller)


def admit_change(request: ApiRequest) -> Admitted:
    """Let a request in that changes something, before its body is read.

    Raises:
        Draining: the process is stopping.
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
