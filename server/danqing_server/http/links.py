"""How clients reach this server: the links to pictures.

The link begins with `PUBLIC_BASE_URL`, else with the scheme and host of the request. `X-Forwarded-Proto` and
`X-Forwarded-Host` count only when the connection comes from a loopback or private address: a proxy of one's own.
A host that is no plain name, address or port is not repeated; the address the connection came in on is used.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from danqing_server.assets.keys import ASSET_PATH
from danqing_server.http.requests import ApiRequest
from danqing_server.settings.server import Settings

__all__ = [
    "address_of",
    "base_url",
    "client_address",
    "is_near",
    "location_of",
    "names_base",
    "picture_url",
    "scheme_of",
]

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?", re.ASCII)

_WITH_PORT = re.compile(r"(?:([0-9.]+)|\[([0-9A-Fa-f:.]+)\])(?::[0-9]{1,5})?", re.ASCII)


def picture_url(base: str, key: str) -> str:
    """Return the link to the picture of *key*; every character of it is safe in a shell and a URL."""
    return f"{base}{ASSET_PATH}{key}"


def base_url(request: ApiRequest) -> str:
    """Return the scheme and host under which this client reaches the server, without a trailing slash."""
    settings: Settings = request.app.ctx.settings
    if settings.public_base_url is not None:
        return settings.public_base_url
    scheme, host = _asked_for(request)
    # `[` is a pattern to a shell, and the old clients' loop prints the link unquoted.
    return f"{scheme}://{(host or _own_address(request)).replace('[::1]', 'localhost')}"


def location_of(request: ApiRequest, path: str) -> str:
    """Return *path*, one of this server's, as a `Location`: a proxy may have it under a path of its own."""
    settings: Settings = request.app.ctx.settings
    return urlsplit(settings.public_base_url or "").path + path


def names_base(request: ApiRequest) -> bool:
    """Tell whether `base_url` follows from the request and `is_near` alone, not from the connection's address."""
    return request.app.ctx.settings.public_base_url is not None or _asked_for(request)[1] is not None


def scheme_of(request: ApiRequest) -> str:
    """Return `https` where a near proxy says that its client came by TLS, else `http`."""
    return _asked_for(request)[0]


def _asked_for(request: ApiRequest) -> tuple[str, str | None]:
    """Return the scheme and the host that the request names; None for a host that is no plain one."""
    headers = request.headers
    scheme, host = "http", headers.get("host")
    if ("x-forwarded-proto" in headers or "x-forwarded-host" in headers) and is_near(request.ip):
        host = _first(headers.get("x-forwarded-host")) or host
        scheme = "https" if _first(headers.get("x-forwarded-proto")).lower() == "https" else scheme
    return scheme, host if host is not None and _is_plain(host) else None


@lru_cache(maxsize=1024)
def _is_plain(host: str) -> bool:
    return _HOST.fullmatch(host) is not None


def _first(header: str | None) -> str:
    return (header or "").partition(",")[0].strip()


@lru_cache(maxsize=1024)
def is_near(address: str) -> bool:
    """Tell whether a peer is on this machine or in a private network."""
    try:
        return ip_address(address).is_private
    except ValueError:
        return False


def address_of(request: ApiRequest) -> str:
    """Return the client's address, by which it is counted; of IPv6 the network, for a client has all of one.

    A near proxy's word is taken for the last hop alone: what stands before it in `X-Forwarded-For` the client may
    have written itself.
    """
    return _network_of(client_address(request), request.ip)


def client_address(request: ApiRequest) -> str:
    """Return the client's own address, by the same rule; what a near proxy wrote need not be one.

    Some proxies do not lengthen the client's header but add one of their own behind it: the last one counts. Some
    write the client's port, too (Azure's Application Gateway).
    Sources: HAProxy's configuration manual, "option forwardfor", read 2026-11-29;
    azure.microsoft.com/blog/rewrite-http-headers-with-azure-application-gateway, read 2026-11-30.
    """
    address: str = request.ip
    if "x-forwarded-for" in request.headers and is_near(address):
        forwarded: str = request.headers.getall("x-forwarded-for")[-1]
        return _without_port(forwarded.rpartition(",")[2].strip())
    return address


@lru_cache(maxsize=1024)
def _network_of(address: str, otherwise: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return otherwise
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped is not None:  # so comes IPv4 where a socket, or a proxy's, listens for both
        return str(found.ipv4_mapped)
    return str(ip_network((found, 64), strict=False))


def _without_port(address: str) -> str:
    """Return `192.0.2.7` of `192.0.2.7:4711`, and `2001:db8::7` of `[2001:db8::7]:4711`."""
    found = _WITH_PORT.fullmatch(address)
    return address if found is None else found[1] or found[2]


def _own_address(request: ApiRequest) -> str:
    """Return the address and port the connection came in on."""
    name = request.transport.get_extra_info("sockname") if request.transport is not None else None
    if not isinstance(name, tuple):
        return "localhost"
    host, port = str(name[0]), name[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
