"""Connections to providers' services: a call may take twenty minutes without a byte, unless its other end is gone.

A machine that loses its power, a gateway that forgets a connection, a network that is cut while a service starts
anew: none of them says so. The kernel asks the other end then whether it is there, which costs no byte of the call.
"""

from __future__ import annotations

import socket

import aiohttp
import attrs

from danqing_server.codec.bodies import dump_json

__all__ = ["Silence", "open_session"]

CONNECTIONS = 0  # aiohttp's "no limit": each lane's concurrency bounds its calls
DNS_CACHE_S = 300

_AddressInfo = tuple[int, int, int, str, tuple[object, ...]]


@attrs.frozen(kw_only=True)
class Silence:
    """When a connection counts as dead: asked after *quiet_s*, again every *every_s*, given up after *dead_s*.

    Longer than a network is away as a rule: a paid call that is given up may be bought again. An end that has
    started anew says at the first question that it knows of no connection. Source: tcp(7), Linux man-pages 6, read
    2026-11-29; where the system knows an option not, its own default holds.
    """

    quiet_s: int = 20
    every_s: int = 10
    dead_s: int = 90

    def make(self, address: _AddressInfo) -> socket.socket:
        """Return a socket for *address* that asks so."""
        family, kind, protocol, *_ = address
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        asked = {
            "TCP_KEEPIDLE": self.quiet_s,
            "TCP_KEEPINTVL": self.every_s,
            "TCP_KEEPCNT": max(1, (self.dead_s - self.quiet_s) // self.every_s),
            "TCP_USER_TIMEOUT": self.dead_s * 1000,  # the same for what was sent and is not acknowledged
        }
        for name, value in asked.items():
            if (option := getattr(socket, name, None)) is not None:
                made.setsockopt(socket.IPPROTO_TCP, option, value)
        return made


def open_session(silence: Silence = Silence()) -> aiohttp.ClientSession:
    """Return the session that providers talk to their services by."""
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, ttl_dns_cache=DNS_CACHE_S, socket_factory=silence.make)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        json_serialize_bytes=dump_json,
        timeout=aiohttp.ClientTimeout(total=None),
        trust_env=False,
    )
