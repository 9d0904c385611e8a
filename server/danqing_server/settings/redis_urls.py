"""What a Redis URL says, whatever stands behind it: one server, Sentinel's, or a cluster.

Spelled as redis-py does (`redis`, `rediss`, `unix`), and for several servers as limits and redis-sentinel-url do
(`redis+sentinel://host:26379,host/NAME/DB`, `redis+cluster://host:7000,host`); `valkey` is another word for
`redis`. Sources: redis.readthedocs.io/en/stable/connections.html, limits.readthedocs.io/en/stable/storage.html and
pypi.org/project/redis-sentinel-url, read 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import attrs

__all__ = ["REDIS_URLS", "RedisAddress", "redis_address", "redis_url"]

REDIS_URLS = (
    "`redis://`, `unix://`, `redis+sentinel://host,host/NAME` or `redis+cluster://host,host`; "
    "`rediss` for TLS; `valkey` is the same as `redis`"
)
PORT, SENTINEL_PORT = 6379, 26379
_SCHEMES = {"redis": False, "rediss": True, "valkey": False, "valkeys": True}
_CERT_REQS = ("none", "optional", "required")


@attrs.frozen(kw_only=True)
class RedisAddress:
    """Where Redis is. *kind* is `single`, `sentinel` or `cluster`.

    `hosts` are names and ports: the sentinels', some of a cluster's nodes, or the one server, none at a socket's
    `path`. `service` is what the sentinels call the server. `files` are paths by what they are to TLS: `ca_certs`,
    `certfile`, `keyfile`. The sentinels have a name and password of their own, where they ask for any.
    """

    kind: str
    tls: bool = False
    hosts: Sequence[tuple[str, int]] = ()
    path: str | None = None
    service: str | None = None
    database: int = 0
    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    sentinel_username: str | None = None
    sentinel_password: str | None = attrs.field(default=None, repr=False)
    files: Mapping[str, str] = attrs.field(factory=dict)
    cert_reqs: str = "required"
    check_hostname: bool = True


def redis_url(raw: str) -> str:
    """Return *raw*, a URL that `redis_address` reads. Raises ValueError."""
    redis_address(raw)
    return raw


def redis_address(raw: str) -> RedisAddress:
    """Return what *raw* says.

    Raises:
        ValueError: it is no such URL, or says what is not understood.
    """
    parts = urlsplit(raw)
    scheme, _, kind = parts.scheme.partition("+")
    said = _options(parts.query)
    if parts.scheme == "unix":
        return _filled(parts, said, kind="single", path=unquote(parts.path), database=_number(said.pop("db", "0")))
    if scheme not in _SCHEMES or kind not in ("", "sentinel", "cluster"):
        raise ValueError(f"unknown scheme {parts.scheme}")
    kind = kind or "single"
    hosts = _hosts(parts.netloc.rpartition("@")[2], SENTINEL_PORT if kind == "sentinel" else PORT)
    if kind == "single" and len(hosts) > 1:
        raise ValueError("several hosts are +sentinel's or +cluster's")
    service, database = _path(parts.path, kind)
    database = _number(said.pop("db", str(database)))
    if kind == "cluster" and database:
        raise ValueError("a cluster has no databases")
    tls = _SCHEMES[scheme]
    return _filled(parts, said, kind=kind, hosts=hosts, service=service, database=database, tls=tls)


def _filled(
    parts: SplitResult,
    said: dict[str, str],
    *,
    kind: str,
    database: int,
    hosts: Sequence[tuple[str, int]] = (),
    path: str | None = None,
    service: str | None = None,
    tls: bool = False,
) -> RedisAddress:
    """Return the address with who we are, and what TLS needs; refuse what is left of the options."""
    if path is not None and not path.strip("/"):
        raise ValueError("no path")
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    files = {name: said.pop(f"ssl_{name}", "") for name in ("ca_certs", "certfile", "keyfile")} if tls else {}
    missing = [name for name, place in files.items() if place and not Path(place).is_file()]
    if missing:
        raise ValueError(f"ssl_{missing[0]}: no such file")
    sentinel = kind == "sentinel"
    address = RedisAddress(
        kind=kind,
        tls=tls,
        hosts=hosts,
        path=path,
        service=service,
        database=database,
        username=unquote(user) or said.pop("username", None),
        password=unquote(password) or said.pop("password", None),
        sentinel_username=said.pop("sentinel_username", None) if sentinel else None,
        sentinel_password=said.pop("sentinel_password", None) if sentinel else None,
        files={name: place for name, place in files.items() if place},
        cert_reqs=_one_of(said.pop("ssl_cert_reqs", "required"), *_CERT_REQS) if tls else "required",
        check_hostname=_truth(said.pop("ssl_check_hostname", "true")) if tls else True,
    )
    if said:
        raise ValueError(f"unknown option {next(iter(said))}")
    return address


def _options(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    return dict(pairs)


def _hosts(text: str, default_port: int) -> list[tuple[str, int]]:
    hosts = [urlsplit(f"//{part}") for part in text.split(",")]
    found = [(host.hostname or "", host.port or default_port) for host in hosts]
    if not all(name for name, _ in found):
        raise ValueError("a host is missing")
    return found


def _path(path: str, kind: str) -> tuple[str | None, int]:
    """Return the service and the number of the database that a path names."""
    words = [unquote(word) for word in path.strip("/").split("/")] if path.strip("/") else []
    service = None
    if kind == "sentinel":
        if not words:
            raise ValueError("the name of what the sentinels watch is missing: …/NAME")
        service = words.pop(0)
    if len(words) > 1:
        raise ValueError("too long a path")
    return service, _number(words[0]) if words else 0


def _number(word: str) -> int:
    if not word.isascii() or not word.isdigit():
        raise ValueError("a database is a number")
    return int(word)


def _one_of(word: str, *allowed: str) -> str:
    if word not in allowed:
        raise ValueError(f"allowed: {', '.join(allowed)}")
    return word


def _truth(word: str) -> bool:
    return _one_of(word.lower(), "true", "false") == "true"
