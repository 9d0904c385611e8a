"""Where a server is, said without credentials."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

__all__ = ["place_of"]

_PORTS = {"mongodb": 27017, "redis": 6379, "rediss": 6379, "valkey": 6379, "valkeys": 6379}
_SENTINEL_PORT = 26379


def place_of(url: str) -> str:
    """Return the hosts and ports of a MongoDB or Redis URL (`db1:27017, db2:27018`), or its socket's path.

    A port that is not written is the scheme's own. User names, passwords, databases and options are left out.
    """
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    hosts = parts.netloc.rpartition("@")[2].split(",")
    scheme, _, kind = parts.scheme.partition("+")
    port = _SENTINEL_PORT if kind == "sentinel" else None if kind == "srv" else _PORTS.get(scheme)
    # MongoDB's sockets stand percent-encoded in the place of a host.
    return ", ".join(_with_port(unquote(host), port) for host in hosts if host)


def _with_port(host: str, port: int | None) -> str:
    has_port = ":" in host.rpartition("]")[2]
    return host if port is None or has_port or host.startswith("/") else f"{host}:{port}"
