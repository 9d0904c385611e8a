"""Who in this process waits for a change of which task: told at once, of this process's own changes, or never.

What is missed here is found out by looking (`delivery.watchers`): nothing is marked, and nobody is waited for.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

__all__ = ["Onlookers"]

Look = Callable[[], None]


@attrs.define(eq=False)
class Onlookers:
    """Those who look on, by task id."""

    _waiting: dict[str, set[Look]] = attrs.field(factory=dict, init=False)

    def add(self, task_id: str, look: Look) -> None:
        """Call *look* at each change of a task from now on; it must return at once, and never raises."""
        self._waiting.setdefault(task_id, set()).add(look)

    def remove(self, task_id: str, look: Look) -> None:
        """Call it no more."""
        waiting = self._waiting.get(task_id, set())
        waiting.discard(look)
        if not waiting:
            self._waiting.pop(task_id, None)

    def tell(self, task_id: str) -> None:
        """Say that a task changed: a look into a dictionary where nobody waits."""
        for look in tuple(self._waiting.get(task_id, ())):
            look()
