"""One process: opened, started, stopped and closed in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import attrs

from danqing_server.access.roster import REFRESH_EVERY_S
from danqing_server.assets.fetching import public_session
from danqing_server.assets.headroom import LOOK_EVERY_S as HEADROOM_EVERY_S
from danqing_server.assets.leftovers import EXPIRE_EVERY_S, expire_beside
from danqing_server.assets.opening import open_assets
from danqing_server.assets.results import ResultSessions, results_session
from danqing_server.clock import Clock, SteadyTime
from danqing_server.delivery.webhooks.directory import ANNOUNCED, LOOK_EVERY_S
from danqing_server.delivery.webhooks.management import open_webhooks
from danqing_server.desk.uploads import SWEEP_EVERY_S as UPLOADS_SWEEP_EVERY_S
from danqing_server.doors.ark.telling import ARK_FORM, ArkTeller
from danqing_server.doors.webhook_views import told_task
from danqing_server.errors import DanqingError
from danqing_server.http.services import Services
from danqing_server.life.erasing import ERASE_EVERY_S
from danqing_server.life.register import RETELL_EVERY_S
from danqing_server.loops.supervised import Supervised, every, once
from danqing_server.plugins.registry import Registry
from danqing_server.queue.connection import connect as connect_redis
from danqing_server.queue.entries import LaneTurned
from danqing_server.queue.gates import Gates
from danqing_server.queue.lanes import Queue
from danqing_server.settings.server import Settings
from danqing_server.store.client import connect
from danqing_server.store.sweeping import SweepStore
from danqing_server.store.tasks import TaskStore
from danqing_server.store.time import LISTEN_EVERY_S, listen
from danqing_server.worker.janitor import OVERDUE_EVERY_S, SWEEP_EVERY_S, WATCH_EVERY_S
from danqing_server.worker.keeping import LinkPatience
from danqing_server.worker.pauses import LOOK_EVERY_S as PAUSES_LOOK_EVERY_S
from danqing_server.worker.rerouting import DIVERT_EVERY_S
from danqing_server.worker.retention import LOOK_EVERY_S as RETENTION_EVERY_S

if TYPE_CHECKING:
    from danqing_server.telemetry.meters import Meters
    from danqing_server.telemetry.traces import Traces
    from danqing_server.telemetry.watching import Watched
from danqing_server.composition.reaching import look_for_redis, with_mongodb
from danqing_server.composition.services import make_services
from danqing_server.composition.upstream import open_session
from danqing_server.composition.watched import make_watched
from danqing_server.composition.workers import Workers, make_workers

__all__ = ["Process", "open_process"]


@attrs.define(kw_only=True, eq=False)
class Process:
    """One process: what its routes use, its workers if it has any, and the loops that look after both."""

    services: Services
    workers: Workers | None
    listen_to_time: Callable[[], Awaitable[None]]
    watched: Watched | None = None
    _loops: list[Supervised] = attrs.field(factory=list, init=False)

    def start(self) -> None:
        """Begin to work."""
        assets = self.services.assets
        self._loops = [
            Supervised("changes", self._hear_of_changes),
            Supervised("time", every(LISTEN_EVERY_S, self.listen_to_time)),
            Supervised("webhooks", every(LOOK_EVERY_S, self.services.webhooks.directory.refresh)),
            Supervised("sender", self.services.webhooks.sender.run),
            Supervised("headroom", every(HEADROOM_EVERY_S, self.services.headroom.look)),
            Supervised("uploads", every(UPLOADS_SWEEP_EVERY_S, self.services.uploads.sweep)),
            Supervised("leftovers", every(EXPIRE_EVERY_S, partial(expire_beside, assets.spool, assets.disk))),
            Supervised("pauses", every(PAUSES_LOOK_EVERY_S, self.services.pauses.refresh)),
            Supervised("batches", self.services.batches.feeder.run),
        ]
        roster = self.services.gatekeeper.roster
        if roster is not None:
            self._loops.append(Supervised("keys", every(REFRESH_EVERY_S, roster.refresh)))
        register = self.services.control.register
        self._loops.append(Supervised("deletions", every(ERASE_EVERY_S, register.go_on_deleting)))
        if register.outlet.may_be_heard:
            self._loops.append(Supervised("untold", every(RETELL_EVERY_S, register.tell_again)))
        if self.workers is not None:
            self.workers.start()
            janitor, opening = self.workers.janitor, self.workers.tools.guard.open_again
            self._loops.append(Supervised("limits", once(partial(opening, self.services.registry.providers))))
            self._loops.append(Supervised("watch", every(WATCH_EVERY_S, janitor.watch)))
            self._loops.append(Supervised("late", every(janitor.dead_after_s, janitor.fetch_late)))
            self._loops.append(Supervised("sweep", every(SWEEP_EVERY_S, janitor.sweep)))
            self._loops.append(Supervised("overdue", every(OVERDUE_EVERY_S, janitor.end_overdue)))
            if self.workers.retention is not None:
                looking = every(RETENTION_EVERY_S, self.workers.retention.look)
                self._loops.append(Supervised("retention", looking))
            self._loops.append(Supervised("divert", every(DIVERT_EVERY_S, self.workers.diverter.divert)))
        if self.watched is not None:
            self._loops.append(Supervised("pulse", self.watched.pulse.beat))
        self.services.condition.loops = tuple(self._loops)
        for loop in self._loops:
            loop.start()

    async def until_leased(self, patience_s: float) -> None:
        """Return when the workers' lease is good, or *patience_s* is over: it may be MongoDB that is not there."""
        if self.workers is not None:
            await self.workers.tools.lease.until_fresh(patience_s)

    async def stop(self, grace_s: float) -> None:
        """Take nothing new, and end in order."""
        self.services.draining = True
        await self.services.watchers.drain()
        await self.services.feeds.drain()
        for loop in self._loops:
            await loop.stop()
        await self.services.webhooks.sender.stop()
        if self.workers is not None:
            await self.workers.stop(grace_s)

    async def ping(self) -> None:
        """Raise unless every loop runs and the lease is good."""
        healthy = self.workers is None or self.workers.pool.healthy
        if not healthy or not all(loop.alive for loop in self._loops):
            raise DanqingError("a loop is down, or the lease could not be renewed")

    async def _hear_of_changes(self) -> None:
        async for told in self.services.queue.announcements():
            if isinstance(told, LaneTurned):
                await self._hear_of_lane(told.lane)
            elif told == ANNOUNCED:
                await self.services.webhooks.directory.refresh()
            else:
                self._hear_of_task(told)

    async def _hear_of_lane(self, turned: str | None) -> None:
        await self.services.pauses.refresh()
        for lane in self.services.registry.lanes if turned is None else (turned,):
            self.services.feeds.turn(lane)

    def _hear_of_task(self, task_id: str) -> None:
        self.services.control.recent.drop(task_id)
        self.services.watchers.onlookers.tell(task_id)
        if self.workers is not None:
            self.workers.pool.hear(task_id)


@asynccontextmanager
async def open_process(
    settings: Settings,
    registry: Registry,
    clock: Clock | None = None,
    link_patience: LinkPatience | None = None,
    meters: Meters | None = None,
    traces: Traces | None = None,
) -> AsyncIterator[Process]:
    """Open everything one process needs, and close it in reverse. Nothing works before `Process.start`.

    *clock* is for those who turn its hands; without it the time is MongoDB's. *meters* are to count what happens,
    *traces* to trace it.
    """
    time = SteadyTime()
    clock = clock or Clock(wall_s=time)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(connect(settings))
        redis = await stack.enter_async_context(
            connect_redis(settings.redis_url or "", settings.redis_prefix, clock)
        )
        session = await stack.enter_async_context(open_session())
        guarded = await stack.enter_async_context(public_session())
        results = ResultSessions(
            plain=session,
            guarded=await stack.enter_async_context(results_session()),
            providers=registry.providers,
            private_hosts=settings.private_results,
        )
        assets = await stack.enter_async_context(open_assets(settings, session, results=results))
        queue = Queue(redis)
        await look_for_redis(queue, settings)
        listening = partial(listen, database, time)
        store = TaskStore(database)
        webhooks = await stack.enter_async_context(
            open_webhooks(settings, database, queue, store, clock, told_task, {ARK_FORM: ArkTeller(registry)})
        )
        services = await make_services(
            settings, registry, clock, database, redis, queue, Gates(redis, queue), assets, store, webhooks
        )
        await services.headroom.look()
        roster = services.gatekeeper.roster
        refreshing = [] if roster is None else [roster.refresh]
        await with_mongodb(settings, listening, webhooks.directory.refresh, services.pauses.refresh, *refreshing)
        stack.push_async_callback(services.thumbnails.close)
        stack.push_async_callback(services.budgets.store.drain)
        stack.push_async_callback(services.control.register.outlet.untold.drain)
        stack.push_async_callback(services.control.register.outlet.drain)
        await registry.start()
        stack.push_async_callback(registry.stop)
        if traces is not None:
            services.submissions.carried = traces.carried
        workers = None
        if settings.runs_workers:
            if settings.routes:
                sweeps = SweepStore(database)
                await with_mongodb(settings, sweeps.ensure_route_index)
                stack.push_async_callback(sweeps.drain)
            workers = make_workers(services, database, session, guarded, link_patience or LinkPatience(), traces)
        watched = None if meters is None else make_watched(meters, services, workers, database)
        process = Process(services=services, workers=workers, listen_to_time=listening, watched=watched)
        services.checks["workers" if workers else "loops"] = process.ping
        yield process
        await services.submissions.drain()
        await services.control.drain()
        await services.task_list.drain()
        await services.pictures.store.drain()
        await services.visits.drain()
        await services.late_books.drain()
        await services.batches.drain()
        await services.batches.store.drain()
        await services.store.drain()
        if meters is not None:
            meters.flush()
