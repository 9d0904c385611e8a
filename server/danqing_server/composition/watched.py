"""What counts in a process, for who wants metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from danqing_server.http.services import Services
from danqing_server.store.client import Database
from danqing_server.store.leases import WorkerStore

if TYPE_CHECKING:
    from danqing_server.telemetry.meters import Meters
    from danqing_server.telemetry.watching import Watched
from danqing_server.composition.workers import Workers

__all__ = ["make_watched"]


def make_watched(meters: Meters, services: Services, workers: Workers | None, database: Database) -> Watched:
    """Have *meters* count what happens in this process. Who wants no metrics loads nothing of them."""
    from danqing_server.telemetry.looking import Lookout
    from danqing_server.telemetry.pulse import Vitals
    from danqing_server.telemetry.watching import watch

    lookout = Lookout(
        standings=services.standings,
        workers=WorkerStore(database),
        assets=services.assets,
        headroom=services.headroom,
        directory=services.webhooks.directory,
        deliveries=services.webhooks.deliveries,
        registry=services.registry,
        clock=services.clock,
        checks=services.checks,
    )
    lanes = {} if workers is None else workers.pool.lanes
    vitals = Vitals(
        role=services.settings.role,
        running=lambda: {name: len(lane.running) for name, lane in lanes.items()},
        loops=lambda: services.condition.loops,
        lease_fresh=None if workers is None else lambda: workers.tools.lease.fresh,
    )
    return watch(meters, lookout, vitals, services.control.register.outlet, services.webhooks.sender)
