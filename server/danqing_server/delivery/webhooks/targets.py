"""Where webhooks may go: out to the Internet by https, and where the operator says so.

The rule stands twice. `check` and `look_up` tell whoever names a target at once what is wrong with it; what holds
is the connector of the sessions, which looks at the address that it connects to, at every try: a name that leads
elsewhere by then, and a redirect (which is not followed), reach nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from time import monotonic
from urllib.parse import SplitResult, urlsplit

import aiohttp
import attrs

from danqing_plugins import Message, Problem, Text
from danqing_server.assets.addresses import is_public, public_connector
from danqing_server.assets.names import Names
from danqing_server.assets.urls import is_private, split_url
from danqing_server.codec.bodies import shorten
from danqing_server.errors import InvalidSubmission
from danqing_server.settings.redis_urls import redis_address
from danqing_server.settings.server import Settings

__all__ = ["LONGEST_TARGET", "Targets"]

LONGEST_TARGET = 2048
LOOK_UP_S = 3.0
GOOD_FOR_S = 30.0
MOST_KNOWN = 1000
PORTS = {"http": 80, "https": 443, "mongodb": 27017, "redis": 6379}

NOT_HTTPS = Message(
    key="webhook_not_https",
    en="must begin with https://; DANQING_WEBHOOK_HTTP allows http:// as well",
    zh="必须以 https:// 开头；设置 DANQING_WEBHOOK_HTTP 后也可使用 http://",
)
NO_HOST = Message(key="webhook_no_host", en="names no host", zh="没有主机名")
WITH_PASSWORD = Message(
    key="webhook_with_password",
    en="may not hold a user name or a password",
    zh="不能包含用户名或密码",
)
WITH_FRAGMENT = Message(key="webhook_with_fragment", en="may not hold a fragment (`#…`)", zh="不能包含片段（`#…`）")
PRIVATE = Message(
    key="webhook_private",
    en="leads to a private address; the operator can allow it by DANQING_WEBHOOK_TARGETS",
    zh="指向内网地址；可由管理员通过 DANQING_WEBHOOK_TARGETS 允许",
)
OWN = Message(key="webhook_own", en="leads to this server itself", zh="指向本服务器自身")
TOO_LONG = Message(
    key="webhook_too_long",
    en="is a URL of {count} characters; at most {most}",
    zh="URL 过长：{count} 个字符，最多 {most} 个",
)


@attrs.frozen(kw_only=True)
class Targets:
    """The operator's rule. `hosts` and `networks` may be private, and are reached by http, too; `http`: all are.

    `own_ports` are those of this server and of what it stands on: at a private address none of them is a target.
    `own_host` is how this server is reached, None when nobody said.
    """

    http: bool = False
    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    own_ports: frozenset[int] = frozenset()
    own_host: tuple[str, int] | None = None
    checked: Names = attrs.field(factory=Names, repr=False)
    """By which names are looked up for who names a target, apart from those of what is sent."""

    _good_until_s: dict[tuple[str, int], float] = attrs.field(factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Targets:
        """Return what *settings* allow."""
        urls = [url for url in (settings.mongo_url, settings.redis_url) if url is not None]
        networks = [name for name in settings.webhook_targets if "/" in name]
        return cls(
            http=settings.webhook_http,
            hosts=frozenset(settings.webhook_targets) - set(networks),
            networks=tuple(map(ip_network, networks)),
            own_ports=frozenset({settings.port, *(port for url in urls for port in _ports(url))}),
            own_host=None if settings.public_base_url is None else _place(urlsplit(settings.public_base_url)),
        )

    def check(self, url: str) -> SplitResult:
        """Return the parts of *url* when nothing is wrong with what it says.

        Raises:
            ValueError: with the reason, for the user.
        """
        if len(url) > LONGEST_TARGET:
            raise ValueError(TOO_LONG(count=len(url), most=LONGEST_TARGET))
        parts = split_url(url)
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https"):
            raise ValueError(NOT_HTTPS())
        if not host:
            raise ValueError(NO_HOST())
        if parts.username is not None or parts.password is not None:
            raise ValueError(WITH_PASSWORD())
        if parts.fragment:
            raise ValueError(WITH_FRAGMENT())
        if _place(parts) == self.own_host:
            raise ValueError(OWN())
        if not self.may_be_private(host):
            if is_private(host):  # said first: what allows the address allows http as well
                raise ValueError(PRIVATE())
            if parts.scheme == "http" and not self.http:
                raise ValueError(NOT_HTTPS())
        return parts

    async def require(self, url: str, field: str) -> None:
        """Refuse a URL that no webhook may go to. Raises InvalidSubmission, which names *field*."""
        try:
            await self.look_up(url)
        except ValueError as error:
            [reason] = error.args
            message = reason if isinstance(reason, Text) else str(reason)
            raise InvalidSubmission([Problem(field=field, message=message, value=shorten(url))]) from error

    async def look_up(self, url: str) -> None:
        """Check *url*, and where its host's name leads just now; one that leads nowhere may do so later.

        A name that was good is not looked up again for a while: what holds is what each try connects to.

        Raises:
            ValueError: with the reason, for the user.
        """
        parts = self.check(url)
        host, port = _place(parts)
        now_s = monotonic()
        if self._good_until_s.get((host, port), 0.0) > now_s:
            return
        for address in await self._addresses(host, port):
            if not self.reaches(address, named=self.names(host)) or self.bars(address, port):
                raise ValueError(PRIVATE())
        if len(self._good_until_s) >= MOST_KNOWN:
            self._good_until_s.clear()
        self._good_until_s[host, port] = now_s + GOOD_FOR_S

    def may_be_private(self, host: str) -> bool:
        """Tell whether the operator named *host*, by its name or its network."""
        return self.names(host) or self._in_networks(host)

    def names(self, host: str) -> bool:
        """Tell whether *host* is among `hosts`; `.example.com` there means all names below it."""
        name = host.lower().rstrip(".")
        above = (f".{'.'.join(name.split('.')[depth:])}" for depth in range(name.count(".") + 1))
        return bool(self.hosts & {name, "*", *above})

    def reaches(self, address: str, *, named: bool = False) -> bool:
        """Tell whether a connection to *address* may be made; *named*: for a host that the operator named."""
        return named or is_public(address) or self._in_networks(address)

    def bars(self, address: str, port: int) -> bool:
        """Tell whether *port* of *address* may be this server itself, its MongoDB or its Redis."""
        return port in self.own_ports and not is_public(address)

    def session(self, *, named: bool) -> aiohttp.ClientSession:
        """Return a session with connections of its own: for hosts that the operator *named*, or for all others."""
        return aiohttp.ClientSession(
            connector=public_connector(
                resolver=Names(look_up=self.checked.look_up),
                allowed=lambda address: self.reaches(address, named=named),
                barred=self.bars,
                keep=True,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,  # an answer's beginning is shown; nobody unpacks what a stranger packed
        )

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        """Return where a name leads, nothing when that is not known soon."""
        found: Sequence[tuple[object, ...]] = ()
        if self.checked.is_full:  # of names whose servers are silent: nobody waits for those of others
            return []
        with suppress(OSError, TimeoutError, UnicodeError):
            async with asyncio.timeout(LOOK_UP_S):
                found = await self.checked.addresses(host, port)
        return [str(address[0]) for *_, address in found if isinstance(address, tuple)]

    def _in_networks(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self.networks)


def _place(parts: SplitResult) -> tuple[str, int]:
    return (parts.hostname or "").rstrip("."), parts.port or PORTS.get(parts.scheme, 443)


def _ports(url: str) -> list[int]:
    """Return the ports that a MongoDB or Redis URL names, of each of its hosts, and the usual one of Redis."""
    scheme, _, rest = url.partition("://")
    if scheme.startswith(("redis", "valkey")):  # sentinels lead on to it, and a cluster to others of its nodes
        return sorted({PORTS["redis"], *(port for _, port in redis_address(url).hosts)})
    places = rest.partition("/")[0].rpartition("@")[2].split(",")
    ports = [place.rpartition(":")[2] for place in places]
    return [int(port) if port.isdigit() else PORTS.get(scheme, 0) for port in ports]
