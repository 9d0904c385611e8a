"""The doors as the edge knows them: which paths are whose, and how a request that failed is refused there.

The paths of no door listed here are the native one's, and those of the old server, which refuses alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from danqing_server.http.reports import ProblemReport

__all__ = ["Door", "Doors", "Refusal"]


@attrs.frozen(kw_only=True)
class Refusal:
    """An error as one door answers it; *body* is JSON."""

    status: int
    body: object
    headers: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Door:
    """How a door answers what fails under its `prefixes`, whoever found out: a route of its own, or the edge.

    `refuse` is given the report and the request's id. `language` is what its clients read, None: what each says.
    """

    prefixes: tuple[str, ...]
    refuse: Callable[[ProblemReport, str], Refusal]
    language: str | None = None

    def leads_to(self, path: str) -> bool:
        """Tell whether *path* is one of this door's."""
        return any(path == prefix or path.startswith(f"{prefix}/") for prefix in self.prefixes)


@attrs.frozen
class Doors:
    """Every door that does not refuse as the native one does; no two have a path in common."""

    _doors: tuple[Door, ...] = ()

    def at(self, path: str) -> Door | None:
        """Return whose *path* is; None for the native door's, which has all that is nobody else's."""
        return next((door for door in self._doors if door.leads_to(path)), None)
