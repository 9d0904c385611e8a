"""Which addresses a URL given by a user may lead to: those of the public Internet, and no other.

Sources: IANA's special-purpose address registries for IPv4 and IPv6 (iana.org/assignments, read 2026-11-24). Listed
here rather than taken from `ipaddress`, whose answer changes with the Python patch release.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import AbstractResolver

if TYPE_CHECKING:
    from aiohappyeyeballs import AddrInfoType

__all__ = ["Allowed", "Barred", "NotPublic", "is_public", "public_connector"]

Allowed = Callable[[str], bool]
Barred = Callable[[str, int], bool]
"""Given an address and a port: whether no connection may be made to them, though the address is allowed."""

_IPV4_SPECIAL = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",  # carrier NAT, and the metadata services of Alibaba Cloud and Volcengine
            "127.0.0.0/8",
            "168.63.129.16/32",  # Azure's host agent, public by number only
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_IPV6_GLOBAL = IPv6Network("2000::/3")
_IPV6_SPECIAL = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # Teredo, ORCHID, benchmarking
            "2001:db8::/32",
            "2002::/16",  # 6to4 carries any IPv4 address, private ones too
            "3fff::/20",
        ),
    )
)
_IPV4_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")


class NotPublic(OSError):
    """The connection would have gone to an address that is not public; it was not made."""

    def __init__(self) -> None:
        # The same words for each address of a name: whoever tries several then raises this very error.
        super().__init__("the address is not public")


def is_public(host: str) -> bool:
    """Tell whether *host*, an IP address in text form, belongs to the public Internet; False for anything else."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _IPV4_SPECIAL)
    if address.scope_id is not None:
        return False
    if address in _IPV4_MAPPED or address in _NAT64:
        return is_public(str(IPv4Address(int(address) & 0xFFFF_FFFF)))
    return address in _IPV6_GLOBAL and not any(address in network for network in _IPV6_SPECIAL)


def _nothing(_address: str, _port: int) -> bool:
    return False


def public_connector(
    *,
    resolver: AbstractResolver | None = None,
    allowed: Allowed = is_public,
    barred: Barred = _nothing,
    keep: bool = False,
) -> aiohttp.TCPConnector:
    """Return a connector that opens sockets to public addresses only.

    The check stands where a socket is made for one numeric address that is then connected: whatever a name
    resolves to, however an address is written, and wherever a redirect leads, nothing is looked up after it.
    *allowed* replaces the rule; a test passes one that also lets loopback through. *keep* keeps connections and
    names for the next request, and sets no bound on their number.
    """

    def open_socket(info: AddrInfoType) -> socket.socket:
        family, type_, protocol, _, address = info
        if not allowed(str(address[0])) or barred(str(address[0]), int(address[1])):
            raise NotPublic
        return socket.socket(family, type_, protocol)

    if keep:
        return aiohttp.TCPConnector(resolver=resolver, limit=0, ttl_dns_cache=300, socket_factory=open_socket)
    return aiohttp.TCPConnector(
        resolver=resolver, use_dns_cache=False, force_close=True, socket_factory=open_socket
    )
