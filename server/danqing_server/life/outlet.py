"""The way out: whoever wants to hear of tasks' changes is told of each, once it is stored."""

from __future__ import annotations

import attrs

from danqing_server.life.moves import Move
from danqing_server.life.telling import event_of
from danqing_server.registry import Registry

__all__ = ["Outlet"]


@attrs.define(eq=False)
class Outlet:
    """Tells the plugins that listen. Nobody waits for them, and while there are none it does nothing."""

    registry: Registry

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens."""
        return self.registry.has_listeners

    def tell(self, move: Move) -> None:
        """Tell of a move that was carried out."""
        kind = move.kind
        if kind is not None and self.is_heard:
            self.registry.tell(event_of(move.task, kind, move.error_code))
