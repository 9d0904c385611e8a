"""How the text of a setting becomes what the server works with. Parsers raise ValueError."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from ipaddress import ip_network
from types import MappingProxyType
from urllib.parse import urlsplit

import attrs

from danqing_server.settings.variables import names, url

__all__ = [
    "AMOUNT",
    "MADE_ID",
    "PROJECT_NAME",
    "ApiKey",
    "aliases",
    "amount_micro",
    "amounts",
    "api_keys_of",
    "base_url",
    "database_name",
    "hosts",
    "origins",
    "redis_prefix",
    "sandbox_urls",
    "secret_of_16",
    "targets",
]


SHORTEST_SECRET = 16
LONGEST_DATABASE_NAME = 63
AMOUNT = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"
"""Money in decimal digits."""
PROJECT_NAME = r"[A-Za-z0-9_.-]{1,64}"
MADE_ID = r"(?:prj|key)_[0-9a-f]{32}"
"""What the ids of stored projects and keys look like: no name in settings may."""


@attrs.frozen(kw_only=True)
class ApiKey:
    """One client's key; `owner` is the name its tasks and users are kept under."""

    owner: str
    secret: str = attrs.field(repr=False)


def aliases(raw: str) -> Mapping[str, str]:
    """What each name means; the first colon ends the name."""
    found = {}
    for part in names(raw):
        name, _, meant = part.partition(":")
        if not name.strip() or not meant.strip() or name.strip() in found:
            raise ValueError
        found[name.strip()] = meant.strip()
    return MappingProxyType(found)


def amounts(raw: str) -> Mapping[str, int]:
    """Amounts of money by name, in millionths."""
    found = {}
    for part in names(raw):
        name, _, amount = part.partition(":")
        if not name or name in found:
            raise ValueError
        found[name] = amount_micro(amount)
    return MappingProxyType(found)


def amount_micro(text: str) -> int:
    """An amount of money in decimal digits, in millionths."""
    if not re.fullmatch(AMOUNT, text):
        raise ValueError
    return int(Decimal(text) * 1_000_000)


def api_keys_of(raw: str) -> tuple[ApiKey, ...]:
    keys = []
    for part in names(raw):
        owner, _, secret = part.partition(":")
        named = re.fullmatch(PROJECT_NAME, owner) and not re.fullmatch(MADE_ID, owner)
        if not named or len(secret) < SHORTEST_SECRET:
            raise ValueError
        keys.append(ApiKey(owner=owner, secret=secret))
    if len({key.secret for key in keys}) != len(keys):
        raise ValueError
    return tuple(keys)


def secret_of_16(raw: str) -> str:
    """A secret nobody guesses: 16 characters or more."""
    if len(raw) < SHORTEST_SECRET:
        raise ValueError
    return raw


def hosts(raw: str) -> tuple[str, ...]:
    """Names of hosts, lower case: no ports, for a browser's page is judged by its name."""
    found = tuple(part.lower().strip("[]") for part in names(raw))
    if not all(re.fullmatch(r"\*|\.?[a-z0-9](?:[a-z0-9._-]*)|[0-9a-f:.]+", name) for name in found):
        raise ValueError
    return found


def database_name(raw: str) -> str:
    """A name that MongoDB takes for a database (pymongo 4's `_check_name`; 64 bytes are refused by MongoDB 6.0)."""
    if re.search(r'[/\\."$\s\0]', raw) or len(raw.encode()) > LONGEST_DATABASE_NAME:
        raise ValueError
    return raw


def redis_prefix(raw: str) -> str:
    """What keys begin with: braces are for their hash tags."""
    if re.search(r"[{}\s]", raw):
        raise ValueError
    return raw


def base_url(raw: str) -> str:
    """The URL that links begin with: a host, perhaps a port and a path, and nothing behind."""
    parts = urlsplit(raw)
    named = re.fullmatch(r"[\w.:-]+", parts.hostname or "") and parts.port != 0  # no port at all raises ValueError
    if not named or parts.username is not None or "?" in raw or "#" in raw:
        raise ValueError
    return url("http", "https")(raw)


def origins(raw: str) -> tuple[str, ...]:
    """What a browser sends as `Origin`, or one of our words for several."""
    found = names(raw)
    if not all(re.fullmatch(r"local|\*|none|null|[A-Za-z][A-Za-z0-9+.-]*://[^/\s*$]+/?", name) for name in found):
        raise ValueError
    return found


def targets(raw: str) -> tuple[str, ...]:
    """Names of hosts and networks, lower case; an address is a network of one."""
    found = []
    for part in names(raw):
        if re.fullmatch(r"[0-9a-fA-F.:]+(/[0-9]+)?", part):
            found.append(str(ip_network(part)))
        else:
            found += hosts(part)
    return tuple(found)


def sandbox_urls(raw: str) -> Mapping[str, str]:
    """Addresses of simulators by the module that each runs; one that names no module is under the empty name."""
    parse = url("http", "https")
    found = {}
    for part in names(raw):
        module, _, address = part.rpartition("=") if re.match(r"[\w.]+=", part) else ("", "", part)
        found[module] = parse(address)
    return MappingProxyType(found)
