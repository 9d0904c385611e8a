"""Makes what erases all of a user or a project, of what a process has."""

from __future__ import annotations

from collections.abc import Callable

from danqing_server.desk.erasure import Erasure
from danqing_server.http.services import Services
from danqing_server.store.belongings import Belongings
from danqing_server.store.client import Database

__all__ = ["make_erasure"]


def make_erasure(services: Services, database: Database, report: Callable[[str], None]) -> Erasure:
    """Return what erases; *database* may be more patient than that of *services*, *report* hears how far it is."""
    return Erasure(
        belongings=Belongings(database),
        bulk=services.bulk,
        batches=services.batches,
        uploads=services.uploads,
        users=services.users,
        assets=services.assets,
        eraser=services.control.register.eraser,
        clock=services.clock,
        report=report,
    )
