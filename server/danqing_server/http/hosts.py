"""Under which names this server answers: the allow-list of the `Host` header.

A page whose own name is made to point at this machine (DNS rebinding) is, to its browser, of the same origin as
this server: it may read and change everything. Only the `Host` that the browser sends tells it from the user's own
pages. What a proxy says in `X-Forwarded-Host` is not looked at here: any client may send it.
Source: RFC 9110 §7.2 and §15.5.20, read 2026-11-28.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

import attrs

from danqing_server.settings.server import Settings

__all__ = ["PORT", "Hosts", "is_loopback"]

PORT = re.compile(r":[0-9]{0,5}\Z", re.ASCII)


@attrs.frozen
class Hosts:
    """The names the server answers to, lower case and without ports; None for every name.

    `.example.com` stands for that name and every name below it.
    """

    named: frozenset[str] | None

    @classmethod
    def of(cls, settings: Settings) -> Hosts:
        """Return what the settings allow: with keys and without a list every name, for the key is the lock."""
        if "*" in settings.allowed_hosts or (settings.asks_for_keys and not settings.allowed_hosts):
            return cls(None)
        public = urlsplit(settings.public_base_url or "").hostname
        return cls(frozenset([*settings.allowed_hosts, *([public] if public else [])]))

    def admit(self, host: str | None) -> bool:
        """Tell whether a request may name *host*; None, of a client older than HTTP/1.1, is no browser's."""
        return self.named is None or host is None or _is_among(host, self.named)


@lru_cache(maxsize=1024)
def _is_among(host: str, named: frozenset[str]) -> bool:
    name = PORT.sub("", host.lower())
    if is_loopback(name) or name.strip("[]") in named:
        return True
    return any(each.startswith(".") and f".{name}".endswith(each) for each in named)


def is_loopback(name: str) -> bool:
    """Tell whether a host's *name*, without a port, stands for this machine and nothing else."""
    if name == "localhost" or name == "[::1]":
        return True
    try:
        return ip_address(name).is_loopback and ":" not in name
    except ValueError:
        return False
