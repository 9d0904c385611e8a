"""Who asks: a project, the key it came with, and what that key may do."""

from __future__ import annotations

import attrs

from danqing_server.access.limits import UNLIMITED, CallerLimits
from danqing_server.records.tasks import Task
from danqing_server.records.tenancy import CLIENT_SCOPES, Scope
from danqing_server.store.reach import Reach

__all__ = ["ADMINISTRATION", "LOCAL", "Caller"]

LOCAL = "(local)"
"""The project of who comes without authentication, because none is asked for. No API key may be called so."""

ADMINISTRATION = "(admin)"
"""The project of `DANQING_ADMIN_KEY`, which makes nothing."""

_OVERSEE = frozenset({Scope.EVERY_PROJECT, Scope.ADMIN, Scope.OPERATE})
_SEE_ACCOUNTS = frozenset({Scope.ADMIN, Scope.OPERATE, Scope.EVERY_ACCOUNT})
_OF_VIEWERS = frozenset({Scope.USAGE, Scope.EVERY_ACCOUNT})


@attrs.frozen(kw_only=True)
class Caller:
    """Who asks. There always is one: `local()` where no key is asked for.

    `key` is the key's id. `user` is the person that signed in to the studio with it, and `session` the id of that
    visit; None without one. `owner` is the name under which what it makes is stored; None, the local project's, is
    stored as no owner at all. `reach` is whose tasks and users it may touch.
    """

    project: str
    key: str
    scopes: frozenset[Scope] = frozenset()
    limits: CallerLimits = attrs.field(default=UNLIMITED, repr=False)
    user: str | None = None
    session: str | None = None
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
        """Return who comes with the key *name* of `DANQING_API_KEYS`, which is a project of that name."""
        return cls(project=name, key=name, scopes=CLIENT_SCOPES)

    @classmethod
    def administrator(cls) -> Caller:
        """Return who comes with `DANQING_ADMIN_KEY`."""
        return cls(
            project=ADMINISTRATION,
            key=ADMINISTRATION,
            scopes=frozenset({Scope.READ, Scope.USAGE, Scope.ADMIN, Scope.OPERATE}),
        )

    @property
    def accounts(self) -> Reach:
        """Whose spending it may see: its own project's; who has a role everybody's."""
        return self.reach if self.scopes.isdisjoint(_SEE_ACCOUNTS) else Reach.everybody()

    @property
    def rows(self) -> Reach:
        """Whose tasks it may see as rows of a list: an operator everybody's, without the prompts of others."""
        return Reach.everybody() if self.operator else self.reach

    @property
    def operator(self) -> bool:
        """Whether it keeps the lanes running: the local caller, administrators, and whom settings name."""
        return Scope.OPERATE in self.scopes

    @property
    def viewer(self) -> bool:
        """Whether it sees what was spent, and nothing else."""
        return Scope.USAGE in self.scopes and self.scopes <= _OF_VIEWERS

    @property
    def own(self) -> Reach:
        """Whose pictures it may see: its own project's, whatever it oversees; without keys there is but one."""
        return self.reach if self.project == LOCAL else Reach.of(self.owner)

    @property
    def oversees(self) -> bool:
        """Whether the caller may know how busy the whole server is: the local one, administrators, operators."""
        return not self.scopes.isdisjoint(_OVERSEE)

    def sees(self, task: Task) -> bool:
        """Tell whether *task* is there for this caller; who does not see it cannot touch it either."""
        return self.reach.covers(task.owner)


_LOCAL_CALLER = Caller(project=LOCAL, key=LOCAL, scopes=frozenset(Scope))
