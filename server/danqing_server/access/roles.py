"""Keys that are more, or less, than their scopes say, because the server's settings name them."""

from __future__ import annotations

import attrs

from danqing_server.access.caller import Caller
from danqing_server.records.tenancy import Scope
from danqing_server.settings.server import Settings

__all__ = ["NO_ROLES", "Roles"]


@attrs.frozen(kw_only=True)
class Roles:
    """Who keeps the lanes running, and who sees costs alone: names of `DANQING_API_KEYS`, ids of stored keys."""

    operators: frozenset[str] = frozenset()
    viewers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: Settings) -> Roles:
        """Return the roles that the settings give."""
        return cls(operators=frozenset(settings.operators), viewers=frozenset(settings.viewers))

    def given_to(self, caller: Caller) -> Caller:
        """Return *caller* with the scopes of its role; an administrator is an operator."""
        if caller.key in self.viewers:
            return attrs.evolve(caller, scopes=frozenset({Scope.USAGE, Scope.EVERY_ACCOUNT}))
        if caller.key in self.operators or Scope.ADMIN in caller.scopes:
            return attrs.evolve(caller, scopes=caller.scopes | {Scope.OPERATE})
        return caller


NO_ROLES = Roles()
