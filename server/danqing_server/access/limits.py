"""What bounds a caller: its project's limits and its key's, of which the tighter wins."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import attrs

from danqing_server.records.tenancy import NO_LIMITS, Limits

__all__ = ["UNLIMITED", "CallerLimits"]


@attrs.frozen(kw_only=True)
class CallerLimits:
    """The limits of a project, counted over all of its keys, and of one key, counted over that alone."""

    project: Limits = NO_LIMITS
    key: Limits = NO_LIMITS

    def __iter__(self) -> Iterator[tuple[str, Limits]]:
        """Yield what limits anything, with `project` or `key`: whose counts it is compared with."""
        for whose, limits in (("project", self.project), ("key", self.key)):
            if limits is not NO_LIMITS and not limits.are_none:
                yield whose, limits

    @property
    def are_any(self) -> bool:
        """Whether anything is limited."""
        return self is not UNLIMITED and any(True for _ in self)

    @property
    def go_by_address(self) -> bool:
        """Whether it matters from where a request comes."""
        return any(limits.addresses is not None for _, limits in self)

    def forbids_model(self, *names: str) -> str | None:
        """Return whose list, `project` or `key`, has no pattern for a model of these *names*; None for nobody's."""
        for whose, limits in self:
            patterns = limits.models
            if patterns is not None and not any(fnmatchcase(name, each) for name in names for each in patterns):
                return whose
        return None

    def forbids_address(self, address: str) -> str | None:
        """Return whose list, `project` or `key`, has no network of *address*; None for nobody's."""
        for whose, limits in self:
            if limits.addresses is not None and not _is_within(address, limits.addresses):
                return whose
        return None


@lru_cache(maxsize=4096)
def _is_within(address: str, networks: tuple[str, ...]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if found.version == 6 and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in _network(each) for each in networks)


@lru_cache(maxsize=1024)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)


UNLIMITED = CallerLimits()
