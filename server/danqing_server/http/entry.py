"""What every route begins with: who asks, whether they may, and the services.

`let_in` comes before each route that is not public (`routing` sees to it); `admit` and `admit_change` are what the
route itself calls.
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.access.credentials import plain_secret_of, secret_of
from danqing_server.access.limits import UNLIMITED
from danqing_server.codec.bodies import shorten
from danqing_server.errors import AddressNotAllowed, Draining, ScopeMissing, TooManyRequests
from danqing_server.http.cookies import token_of
from danqing_server.http.links import address_of, client_address
from danqing_server.http.origins import Origins
from danqing_server.http.own_pages import check_page
from danqing_server.http.requests import ApiRequest
from danqing_server.http.services import Services
from danqing_server.queue.requests import RequestCounter
from danqing_server.records.tenancy import Scope

__all__ = [
    "SIGNED_IN_AT",
    "Admitted",
    "admit",
    "admit_change",
    "caller_of",
    "hear_of_keys",
    "hold_to_addresses",
    "identify",
    "let_in",
    "let_in_to_events",
    "let_on",
    "payer_of",
    "services_of",
]

SIGNED_IN_AT = ("/api/v1/", "/studio/")
"""Where the studio's cookie counts: not at the doors that speak as others do."""

LACKS = Message(key="lacks_scope", en="this API key lacks the scope `{scope}`", zh="此 API 密钥没有 `{scope}` 权限")


ELSEWHERE = Message(
    key="not_from_here",
    en="the addresses of this {whose} do not include {address}",
    zh="`{whose}` 的允许地址（addresses）不包括 {address}",
)
TOO_MANY = Message(
    key="requests_used_up",
    en="this {whose} may make {limit} requests a minute (requests_per_minute)",
    zh="`{whose}` 每分钟最多 {limit} 个请求（requests_per_minute）",
)


class Admitted(NamedTuple):
    """What answers, and who asks."""

    services: Services
    caller: Caller


def services_of(request: ApiRequest) -> Services:
    """Return what the composition root gave this process."""
    services: Services = request.app.ctx.services
    return services


async def let_in(request: ApiRequest, needs: Scope, *, counted: bool = True) -> None:
    """Note who asks, or refuse a request before its route sees it; *counted*: it is one of so many a minute.

    Raises:
        Unauthenticated: no key, or one that is good for nothing.
        TooManyWrongKeys: too many unknown ones came from this address.
        ScopeMissing: the key may not do what the route *needs*.
        AddressNotAllowed, TooManyRequests: a limit of its project or of itself says no.
    """
    gatekeeper = services_of(request).gatekeeper
    if not gatekeeper.guards:
        request.caller = Caller.local()
        return
    caller = await caller_of(request)
    if needs not in caller.scopes:
        raise ScopeMissing(LACKS(scope=needs.value))
    if caller.limits is not UNLIMITED:
        await _hold_to_limits(request, caller, counted=counted and needs is Scope.GENERATE)
    request.caller, request.key = caller, caller.key


async def caller_of(request: ApiRequest) -> Caller:
    """Return who asks, by key or by the studio's cookie; a key that was sent on purpose counts alone.

    Raises:
        Unauthenticated: neither, or one that is good for nothing.
        TooManyWrongKeys: too many unknown keys came from this address.
        Forbidden: the cookie comes from a page that is not the studio's.
    """
    secret = plain_secret_of(request.headers)
    if secret is None:
        token = token_of(request)
        if token is not None and request.path.startswith(SIGNED_IN_AT):
            check_page(request)
            caller, request.session = await services_of(request).sessions.find(token)
            return caller
        secret = secret_of(request.headers)
    return await services_of(request).gatekeeper.caller_of(secret, address_of(request))


async def identify(request: ApiRequest) -> Caller:
    """Return who asks, on a public route that is about nothing else; its limits on addresses hold.

    Raises what `let_in` raises, but ScopeMissing.
    """
    if not services_of(request).gatekeeper.guards:
        request.caller = Caller.local()
        return request.caller
    caller = await caller_of(request)
    await hold_to_addresses(request, caller)
    request.caller, request.key = caller, caller.key
    return caller


async def hold_to_addresses(request: ApiRequest, caller: Caller) -> None:
    """Refuse *caller* where its key, or its project, may not be used from. Raises AddressNotAllowed."""
    if caller.limits is not UNLIMITED:
        await _hold_to_limits(request, caller, counted=False)


async def let_on(request: ApiRequest, needs: Scope) -> None:
    """Do what `let_in` does for who goes on waiting with a request that was counted when it came."""
    await let_in(request, needs, counted=False)


async def _hold_to_limits(request: ApiRequest, caller: Caller, *, counted: bool) -> None:
    """Refuse what comes from elsewhere than it may, and more than so many requests a minute.

    Raises:
        AddressNotAllowed, TooManyRequests: the message says whose limit it is.
    """
    address = client_address(request)
    whose = caller.limits.forbids_address(address)
    if whose is not None:
        raise AddressNotAllowed(ELSEWHERE(whose=whose, address=shorten(address)))
    if counted:
        await _count(services_of(request).requests, caller)


async def _count(requests: RequestCounter, caller: Caller) -> None:
    """Count a request for its key and its project, or for neither. Raises TooManyRequests, QueueUnavailable.

    For the key first: what that refuses is none of its project's, whose other keys would be refused for it.
    """
    taken: list[tuple[str, str]] = []
    for whose, limits in reversed([*caller.limits]):
        limit = limits.requests_per_minute
        if limit is None:
            continue
        counted_for = caller.project if whose == "project" else caller.key
        wait_s = await requests.count(whose, counted_for, limit)
        if wait_s:
            for each in taken:
                await requests.take_back(*each)
            raise TooManyRequests(TOO_MANY(whose=whose, limit=limit), retry_after_s=ceil(wait_s))
        taken.append((whose, counted_for))


async def let_in_to_events(request: ApiRequest, needs: Scope) -> None:
    """Do what `let_in` does, also by a token of the query (`access.event_tokens`), which counts nowhere else.

    A key counts first: then the token is not looked at. Basic is no such key: it is what a browser tells a proxy.
    """
    services, token = services_of(request), request.args.get("token")
    if token is None or not services.gatekeeper.guards or plain_secret_of(request.headers) is not None:
        await let_in(request, needs)
        return
    caller = await services.event_tokens.caller_of(token)
    if needs not in caller.scopes:
        raise ScopeMissing(LACKS(scope=needs.value))
    if caller.limits is not UNLIMITED:
        await _hold_to_limits(request, caller, counted=needs is Scope.GENERATE)
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
    admitted = admit(request)
    if admitted.services.draining:
        raise Draining("this process is stopping")
    origins: Origins = request.app.ctx.origins
    origins.check(request.headers.get("origin"), request.headers.get("host"))
    return admitted


async def hear_of_keys(services: Services) -> None:
    """Let a change of projects or keys count in this process at once; the others hear of it within seconds."""
    roster = services.gatekeeper.roster
    if roster is not None:
        await roster.hear()
    services.replays.forget()


def payer_of(request: ApiRequest) -> str:
    """Return whom a request's bodies and downloads are counted for: its key, else the client's address."""
    return address_of(request) if request.key is None else f"key {request.key}"
