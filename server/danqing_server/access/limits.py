"""What bounds a caller: its project's limits and its key's, of which the tighter wins."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

import attrs

from danqing_server.tenancy import NO_LIMITS, Limits

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

    def forbids_model(self, *names: str) -> str | None:
        """Return whose list, `project` or `key`, has no pattern for a model of these *names*; None for nobody's."""
        for whose, limits in self:
            patterns = limits.models
            if patterns is not None and not any(fnmatchcase(name, each) for name in names for each in patterns):
                return whose
        return None


UNLIMITED = CallerLimits()
