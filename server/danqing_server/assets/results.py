"""Where a provider's links to finished pictures may lead; docs/decisions/0012 says why."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

import aiohttp
import attrs

from danqing_plugins import ProviderInfo
from danqing_server.assets.addresses import is_public, public_connector
from danqing_server.assets.urls import is_private

__all__ = ["ResultSessions", "may_deliver", "results_session"]

ANYWHERE = "*"

_STAND_INS = re.compile(r"198\.1[89]\.\d+\.\d+")


def may_deliver(host: str) -> bool:
    """Tell whether a picture may come from the address *host*.

    Beside public addresses those by which local proxies stand in for public names (the "fake IP" of Clash and
    sing-box, common in China): no network uses them for machines of its own.
    """
    return is_public(host) or _STAND_INS.fullmatch(host) is not None


def results_session() -> aiohttp.ClientSession:
    """Return a session that fetches pictures from `may_deliver` addresses only, and keeps its connections.

    An address is checked when its socket is made, so neither a kept connection nor a remembered name goes round it.
    """
    return aiohttp.ClientSession(
        connector=public_connector(allowed=may_deliver, keep=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        trust_env=False,
    )


@attrs.frozen(kw_only=True)
class ResultSessions:
    """Chooses who fetches a provider's picture: `guarded` reaches public addresses only, `plain` all.

    `providers` is the registry's own mapping; `private_hosts` are the operator's exceptions, `*` for every host.
    """

    plain: aiohttp.ClientSession
    guarded: aiohttp.ClientSession
    providers: Mapping[str, ProviderInfo]
    private_hosts: Collection[str] = ()

    def session_for(self, provider: str, url: str) -> aiohttp.ClientSession:
        """Return `guarded` when *provider* is a public service, unless the link leads to its own host."""
        info = self.providers.get(provider)
        endpoint = None if info is None or info.sandbox else info.endpoint
        own_host = _host(endpoint or "")
        if not own_host or is_private(own_host):
            return self.plain
        near = {own_host, *self.private_hosts}
        return self.plain if ANYWHERE in near or _host(url) in near else self.guarded


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""  # the download says what is wrong
