"""Who asks: a project, the key it came with, and what that key may do."""

from __future__ import annotations

from enum import StrEnum

import attrs

from danqing_server.models import Task
from danqing_server.store.reach import Reach

__all__ = ["LOCAL", "Caller", "Scope"]

LOCAL = "(local)"
"""The project of who comes without authentication, because none is asked for. No API key may be called so."""


class Scope(StrEnum):
    """What a caller may do beside what every key may: look at and change what its own project made."""

    EVERY_PROJECT = "every_project"


@attrs.frozen(kw_only=True)
class Caller:
    """Who asks. There always is one: `local()` where no key is asked for.

    `owner` is the name under which what it makes is stored; None, the local project's, is stored as no owner at
    all. `reach` is whose tasks and users it may touch.
    """

    project: str
    key: str
    scopes: frozenset[Scope] = frozenset()
    owner: str | None = attrs.field(init=False)
    reach: Reach = attrs.field(init=False, repr=False)

    @owner.default
    def _owner(self) -> str | None:
        return None if self.project == LOCAL else self.project

    @reach.default
    def _reach(self) -> Reach:
        return Reach.everybody() if Scope.EVERY_PROJECT in self.scopes else Reach.of(self.owner)

    @classmethod
    def local(cls) -> Caller:
        """Return who comes without authentication: the machine's own people, who may do everything."""
        return _LOCAL_CALLER

    @classmethod
    def with_key(cls, name: str) -> Caller:
        """Return who comes with the API key *name*, which is a project of that name."""
        return cls(project=name, key=name)

    def sees(self, task: Task) -> bool:
        """Tell whether *task* is there for this caller; who does not see it cannot touch it either."""
        return self.reach.covers(task.owner)


_LOCAL_CALLER = Caller(project=LOCAL, key=LOCAL, scopes=frozenset(Scope))
