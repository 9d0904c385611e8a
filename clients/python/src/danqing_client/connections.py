"""Connections to the server: by the proxies of the environment, and to this machine by none.

Who sets `ALL_PROXY=socks5://…` for all programs of a shell means other machines: a proxy elsewhere would look for
this one at home, and httpx refuses even to begin where it lacks `socksio`.
Source: httpx 0.28.1 (`_get_proxy_map`); Go's net/http, `ProxyFromEnvironment`, which spares loopback addresses
alike; read 2026-11-30.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, TypeVar

import httpx

from danqing_client.calls import Settings
from danqing_client.errors import UnusableProxy

__all__ = ["open_http"]

HERE = ("localhost", "127.0.0.1", "::1")

Http = TypeVar("Http", httpx.Client, httpx.AsyncClient)


def open_http(kind: type[Http], settings: Settings, transport: Any) -> Http:
    """Return what sends requests; *transport* None: over the network.

    Raises:
        UnusableProxy: the server is elsewhere, and the environment names a proxy that httpx cannot use.
    """
    host: str = httpx.URL(settings.url).host
    options: dict[str, Any] = {
        "timeout": settings.timeout,
        "limits": settings.limits,
        "transport": transport,
        "mounts": {f"all://{_written(each)}": None for each in {*HERE, *([host] if _is_here(host) else [])}},
    }
    try:
        return kind(**options)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        if not _is_here(host):
            raise UnusableProxy(f"a proxy that the environment names cannot be used: {error}") from error
    return kind(**options, trust_env=False)


def _is_here(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
