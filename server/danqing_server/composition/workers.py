"""What carries tasks out in a process."""

from __future__ import annotations

import asyncio
import os

import aiohttp
import attrs

from danqing_server.errors import ServiceUnavailable
from danqing_server.http.services import Services
from danqing_server.life.decision import Policy
from danqing_server.log import get_logger
from danqing_server.store.client import Database
from danqing_server.store.leases import Lease, WorkerStore
from danqing_server.store.old_tasks import OldTasks
from danqing_server.store.spending import SpendStore
from danqing_server.store.sweeping import SweepStore
from danqing_server.worker.insisting import Insisting
from danqing_server.worker.janitor import Janitor
from danqing_server.worker.keeping import LinkPatience
from danqing_server.worker.pool import Pool
from danqing_server.worker.rerouting import Diverter
from danqing_server.worker.retention import Retention
from danqing_server.worker.spending import SpendGuard
from danqing_server.worker.tools import Tools, Tracing

__all__ = ["MOST_FETCHING_GRACE_S", "Workers", "make_workers"]

MOST_FETCHING_GRACE_S = 900.0
LEASE_STOP_S = 0.5

log = get_logger(__name__)


@attrs.define(kw_only=True, eq=False)
class Workers:
    """The side of a process that carries out tasks; absent in the role `api`."""

    tools: Tools
    pool: Pool
    janitor: Janitor
    diverter: Diverter
    retention: Retention | None = None

    def start(self) -> None:
        """Begin to renew the lease and to take tasks."""
        self.tools.lease.start()
        self.pool.start()

    async def stop(self, grace_s: float) -> None:
        """Finish or give back what runs, then let the lease go."""
        all_given_back = await self.pool.stop(grace_s)
        beats_no_more = await asyncio.to_thread(self.tools.lease.stop, LEASE_STOP_S if all_given_back else 0)
        if not (all_given_back and beats_no_more):
            return  # to the others it is a dead worker: they give back what it held
        try:
            await self.janitor.workers.remove(self.tools.lease.worker)
        except ServiceUnavailable as error:
            log.warning("worker_not_signed_off", reason=str(error))


def make_workers(
    services: Services,
    database: Database,
    session: aiohttp.ClientSession,
    guarded: aiohttp.ClientSession,
    link_patience: LinkPatience,
    tracing: Tracing | None,
) -> Workers:
    settings, clock, gates = services.settings, services.clock, services.gates
    tools = Tools(
        store=services.store,
        sweeps=SweepStore(database),
        queue=services.queue,
        gates=gates,
        pauses=services.pauses,
        guard=SpendGuard(
            SpendStore(database), gates, clock, settings.daily_spend_limits_micro, services.registry.lanes_of
        ),
        assets=services.assets,
        headroom=services.headroom,
        registry=services.registry,
        register=services.control.register,
        lease=Lease(settings, clock, on_lost=_end_process),
        tracing=tracing,
        session=session,
        public_session=guarded,
        clock=clock,
        policy=Policy(
            max_attempts=settings.max_attempts,
            on_ambiguous=settings.on_ambiguous,
            fetching_grace_s=min(settings.task_timeout_s, MOST_FETCHING_GRACE_S),
        ),
        task_timeout_s=settings.task_timeout_s,
        max_picture_bytes=settings.max_picture_bytes,
        insisting=Insisting(clock),
        link_patience=link_patience,
    )
    pool = Pool.with_lanes(tools, settings.concurrency)
    services.submissions.intake.workers = pool
    named = {target.provider for route in settings.routes for target in route.targets}
    return Workers(
        tools=tools,
        pool=pool,
        janitor=Janitor(tools, WorkerStore(database)),
        diverter=Diverter(tools, named),
        retention=_retention(services, tools, database) if settings.retention else None,
    )


def _retention(services: Services, tools: Tools, database: Database) -> Retention:
    return Retention(
        rules=services.settings.retention,
        old=OldTasks(database, services.task_list),
        register=tools.register,
        queue=tools.queue,
        assets=tools.assets,
        clock=tools.clock,
        worker=tools.lease.worker,
    )


def _end_process() -> None:
    """The lease is lost: others carry on this process's tasks, so it ends at once and is started anew."""
    os._exit(1)
