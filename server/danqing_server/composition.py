"""The composition root: every resource of a process is made here, passed on, and closed in order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
import attrs

from danqing_server.access.administration import Administration
from danqing_server.access.event_tokens import EventTokens
from danqing_server.access.gatekeeper import Gatekeeper
from danqing_server.access.keys import KeyRing
from danqing_server.access.roles import Roles
from danqing_server.access.roster import REFRESH_EVERY_S, Roster
from danqing_server.access.sessions import Sessions
from danqing_server.assets.fetching import public_session
from danqing_server.assets.headroom import LOOK_EVERY_S as HEADROOM_EVERY_S
from danqing_server.assets.headroom import Headroom
from danqing_server.assets.places import local_folder
from danqing_server.assets.results import ResultSessions, results_session
from danqing_server.assets.storage import Assets, open_assets
from danqing_server.assets.thumbnailing import Thumbnails
from danqing_server.clock import Clock, SteadyTime
from danqing_server.codec import dump_json
from danqing_server.delivery.feeds import Feeds
from danqing_server.delivery.watchers import Watchers
from danqing_server.delivery.webhooks.directory import ANNOUNCED, LOOK_EVERY_S
from danqing_server.delivery.webhooks.events import BUDGET_WARNING
from danqing_server.delivery.webhooks.keeper import Announce
from danqing_server.delivery.webhooks.management import Webhooks, open_webhooks
from danqing_server.desk.admission import Submissions
from danqing_server.desk.batches import Batches
from danqing_server.desk.budgets import Budgets
from danqing_server.desk.bulk import Bulk
from danqing_server.desk.checking import Checker
from danqing_server.desk.condition import Condition
from danqing_server.desk.control import Control
from danqing_server.desk.counting import Counting
from danqing_server.desk.feeding import Feeder
from danqing_server.desk.forecast import Forecast
from danqing_server.desk.inspection import Inspection
from danqing_server.desk.intake import Intake
from danqing_server.desk.lane_control import LaneControl
from danqing_server.desk.late_books import LateBooks
from danqing_server.desk.limit_states import BudgetWarning
from danqing_server.desk.limits import QueueLimits
from danqing_server.desk.pictures import Pictures
from danqing_server.desk.quoting import Quotes
from danqing_server.desk.recent import RecentTasks
from danqing_server.desk.routing import Routing
from danqing_server.desk.standing import Standings
from danqing_server.desk.statistics import Statistics
from danqing_server.desk.uploads import SWEEP_EVERY_S as UPLOADS_SWEEP_EVERY_S
from danqing_server.desk.uploads import Uploads
from danqing_server.desk.visits import Visits
from danqing_server.doors.costs import price_text
from danqing_server.doors.webhook_views import told_task
from danqing_server.errors import DanqingError, ServiceUnavailable
from danqing_server.http.replay import Replays
from danqing_server.http.services import HealthCheck, Services
from danqing_server.life.billing import billed_of
from danqing_server.life.bookkeeper import Bookkeeper
from danqing_server.life.decision import Policy
from danqing_server.life.erasing import ERASE_EVERY_S, Eraser
from danqing_server.life.outlet import Outlet
from danqing_server.life.register import RETELL_EVERY_S, Register
from danqing_server.log import get_logger
from danqing_server.loops.supervised import Supervised, every
from danqing_server.queue.connection import RedisConnection
from danqing_server.queue.connection import connect as connect_redis
from danqing_server.queue.entries import LaneTurned
from danqing_server.queue.gates import Gates
from danqing_server.queue.lanes import Queue
from danqing_server.queue.requests import RequestCounter
from danqing_server.registry import Registry
from danqing_server.settings.addresses import place_of
from danqing_server.settings.server import Settings
from danqing_server.store.api_keys import ApiKeyStore
from danqing_server.store.audit import AuditStore
from danqing_server.store.batches import BatchStore
from danqing_server.store.budgets import BudgetStore
from danqing_server.store.changed import ChangedStore
from danqing_server.store.client import Database, connect
from danqing_server.store.deletions import DeletionStore
from danqing_server.store.keys import KeyStore
from danqing_server.store.lanes import LaneStore
from danqing_server.store.leases import Lease, WorkerStore
from danqing_server.store.ledger import LedgerStore
from danqing_server.store.listing import TaskList
from danqing_server.store.old_tasks import OldTasks
from danqing_server.store.pictures import PictureStore
from danqing_server.store.projects import ProjectStore
from danqing_server.store.restoring import RestoreStore
from danqing_server.store.secrets import SecretStore
from danqing_server.store.sessions import SessionStore
from danqing_server.store.sheets import SheetStore
from danqing_server.store.spending import SpendStore
from danqing_server.store.sweeping import SweepStore
from danqing_server.store.tasks import TaskStore
from danqing_server.store.time import LISTEN_EVERY_S, listen
from danqing_server.store.unbooked import UnbookedStore
from danqing_server.store.untold import Untold
from danqing_server.store.uploads import UploadStore
from danqing_server.store.usage import UsageStore
from danqing_server.store.users import UserStore
from danqing_server.store.visits import VisitStore
from danqing_server.store.watching import WatchStore
from danqing_server.worker.insisting import Insisting
from danqing_server.worker.janitor import OVERDUE_EVERY_S, SWEEP_EVERY_S, WATCH_EVERY_S, Janitor
from danqing_server.worker.keeping import LinkPatience
from danqing_server.worker.pauses import LOOK_EVERY_S as PAUSES_LOOK_EVERY_S
from danqing_server.worker.pauses import Pauses
from danqing_server.worker.pool import Pool
from danqing_server.worker.rerouting import DIVERT_EVERY_S, Diverter
from danqing_server.worker.retention import LOOK_EVERY_S as RETENTION_EVERY_S
from danqing_server.worker.retention import Retention
from danqing_server.worker.spending import SpendGuard
from danqing_server.worker.tools import Tools, Tracing

if TYPE_CHECKING:
    from danqing_server.telemetry.meters import Meters
    from danqing_server.telemetry.traces import Traces
    from danqing_server.telemetry.watching import Watched

__all__ = ["Process", "Workers", "open_process"]

UPSTREAM_CONNECTIONS = 0  # aiohttp's "no limit": each lane's concurrency bounds its calls
DNS_CACHE_S = 300
MOST_FETCHING_GRACE_S = 900.0
FIRST_PAUSE_S = 0.5
MEGABYTE = 1024 * 1024
LEASE_LOOK_S = 0.01
LEASE_STOP_S = 0.5

log = get_logger(__name__)


@attrs.define(kw_only=True, eq=False)
class Workers:
    """The side of a process that carries out tasks; absent in the role `api`."""

    tools: Tools
    pool: Pool
    janitor: Janitor
    diverter: Diverter | None = None
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
        self._loops = [
            Supervised("changes", self._hear_of_changes),
            Supervised("time", every(LISTEN_EVERY_S, self.listen_to_time)),
            Supervised("webhooks", every(LOOK_EVERY_S, self.services.webhooks.directory.refresh)),
            Supervised("sender", self.services.webhooks.sender.run),
            Supervised("headroom", every(HEADROOM_EVERY_S, self.services.headroom.look)),
            Supervised("uploads", every(UPLOADS_SWEEP_EVERY_S, self.services.uploads.sweep)),
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
            janitor = self.workers.janitor
            self._loops.append(Supervised("watch", every(WATCH_EVERY_S, janitor.watch)))
            self._loops.append(Supervised("sweep", every(SWEEP_EVERY_S, janitor.sweep)))
            self._loops.append(Supervised("overdue", every(OVERDUE_EVERY_S, janitor.end_overdue)))
            if self.workers.retention is not None:
                looking = every(RETENTION_EVERY_S, self.workers.retention.look)
                self._loops.append(Supervised("retention", looking))
            if self.workers.diverter is not None:
                self._loops.append(Supervised("divert", every(DIVERT_EVERY_S, self.workers.diverter.divert)))
        if self.watched is not None:
            self._loops.append(Supervised("pulse", self.watched.pulse.beat))
        self.services.condition.loops = tuple(self._loops)
        for loop in self._loops:
            loop.start()

    async def until_leased(self, patience_s: float) -> None:
        """Return when the workers' lease is good, or *patience_s* is over: it may be MongoDB that is not there."""
        deadline_s = self.services.clock.monotonic_s() + patience_s
        while self.workers is not None and not self.workers.tools.lease.fresh:
            if self.services.clock.monotonic_s() > deadline_s:
                return
            await asyncio.sleep(LEASE_LOOK_S)

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
            self.workers.pool.cancel(task_id)


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
        session = await stack.enter_async_context(_provider_session())
        guarded = await stack.enter_async_context(public_session())
        results = ResultSessions(
            plain=session,
            guarded=await stack.enter_async_context(results_session()),
            providers=registry.providers,
            private_hosts=settings.private_results,
        )
        assets = await stack.enter_async_context(open_assets(settings, session, results=results))
        queue = Queue(redis)
        await _look_for_redis(queue, settings)
        listening = partial(listen, database, time)
        store = TaskStore(database)
        webhooks = await stack.enter_async_context(
            open_webhooks(settings, database, queue, store, clock, told_task)
        )
        services = await _services(
            settings, registry, clock, database, redis, queue, Gates(redis, queue), assets, store, webhooks
        )
        await services.headroom.look()
        roster = services.gatekeeper.roster
        refreshing = [] if roster is None else [roster.refresh]
        await _with_mongodb(settings, listening, webhooks.directory.refresh, services.pauses.refresh, *refreshing)
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
                await _with_mongodb(settings, sweeps.ensure_route_index)
                stack.push_async_callback(sweeps.drain)
            workers = _workers(services, database, session, guarded, link_patience or LinkPatience(), traces)
        watched = None if meters is None else _watched(meters, services, workers, database)
        process = Process(services=services, workers=workers, listen_to_time=listening, watched=watched)
        services.checks["workers" if workers else "loops"] = process.ping
        yield process
        await services.submissions.drain()
        await services.task_list.drain()
        await services.pictures.store.drain()
        await services.visits.drain()
        await services.batches.store.drain()
        await services.store.drain()
        if meters is not None:
            meters.flush()


async def _services(
    settings: Settings,
    registry: Registry,
    clock: Clock,
    database: Database,
    redis: RedisConnection,
    queue: Queue,
    gates: Gates,
    assets: Assets,
    store: TaskStore,
    webhooks: Webhooks,
) -> Services:
    users = UserStore(database)
    keys = KeyStore(database, clock, settings.idempotency_kept_s)
    untold = Untold(database)
    indexed = (store, users, keys, untold) if registry.has_listeners else (store, users, keys)
    whole = RestoreStore(database).require_whole
    await _with_mongodb(settings, whole, *(each.ensure_indexes for each in indexed))
    forecast = Forecast(queue, gates, clock)
    limits = QueueLimits(queue, forecast, settings.max_queued, settings.max_queued_per_user)
    routes = {route.model: route for route in settings.routes}
    headroom = _headroom(settings, assets)
    uploads = Uploads(
        store=UploadStore(database),
        assets=assets,
        clock=clock,
        headroom=headroom,
        kept_s=settings.uploads_kept_s,
        most=settings.max_uploads,
    )
    checker = Checker(
        assets,
        registry,
        registry.default_provider,
        settings.max_picture_bytes,
        settings.max_picture_pixels,
        uploads,
        routes,
    )
    routing = Routing(routes, checker, forecast, clock)
    recent = RecentTasks(clock.monotonic_s)
    gatekeeper = _gatekeeper(settings, database, clock)
    administration = Administration(ProjectStore(database), ApiKeyStore(database), AuditStore(database), clock)
    holds = BudgetStore(database)
    sheets, ledger = SheetStore(database), LedgerStore(database)
    simulated = frozenset(name for name, info in registry.providers.items() if info.sandbox)
    bookkeeper = Bookkeeper(
        store, ledger, holds, clock, sheets, simulated=simulated, books_all=settings.ledger == "all"
    )
    pauses = Pauses(LaneStore(database), gates, clock)
    budgets = Budgets(
        holds,
        Counting(holds, bookkeeper, clock),
        clock,
        settings.budget_zone,
        partial(_warn, webhooks.outbox.announce),
    )
    knows_no_keys = not settings.serves_api  # it has to take each task as it comes
    books = bookkeeper.subscriber(lambda: bookkeeper.books_all or gatekeeper.guards or knows_no_keys)
    eraser = Eraser(
        deletions=DeletionStore(database, clock, settings.idempotency_kept_s),
        store=store,
        assets=assets,
        keys=keys,
        deliveries=webhooks.deliveries,
        ledger=bookkeeper.ledger,
        clock=clock,
        books_forget=settings.ledger_forgets,
    )
    outlet = Outlet(registry, untold, clock, [webhooks.subscriber, books])
    register = Register(store, queue, outlet, eraser)
    control = Control(store, register, clock, recent, budgets)
    watchers = Watchers(WatchStore(database), control.find, register.outlet.onlookers, settings.max_waiting_calls)
    intake = Intake(store, queue, register, clock, limits)
    task_list, batches, requests = TaskList(database, billed_of), BatchStore(database), RequestCounter(redis)
    usage = UsageStore(database)
    pictures = PictureStore(database, task_list)
    submissions = Submissions(
        store, keys, register, assets, clock, checker, routing, limits, intake, budgets, webhooks, headroom
    )
    feeder = Feeder(batches, store, queue, register, control, limits, assets, clock)
    feeds = Feeds(ChangedStore(database), clock, watchers)
    pauses.listeners.append(feeds.turn)
    checks: dict[str, HealthCheck] = {"mongodb": store.ping, "redis": queue.ping, "storage": assets.ping}
    return Services(
        settings=settings,
        gatekeeper=gatekeeper,
        administration=administration,
        store=store,
        task_list=task_list,
        users=users,
        uploads=uploads,
        queue=queue,
        requests=requests,
        gates=gates,
        inspection=Inspection(store, administration, clock),
        sessions=Sessions(SessionStore(database), gatekeeper, requests, clock),
        pauses=pauses,
        forecast=forecast,
        standings=Standings(forecast, store, SweepStore(database), pauses.store, clock),
        lane_control=LaneControl(pauses.store, gates, pauses, administration, registry, clock),
        assets=assets,
        headroom=headroom,
        thumbnails=Thumbnails(assets, pictures.note_colour),
        registry=registry,
        submissions=submissions,
        control=control,
        pictures=Pictures(pictures, assets, control, clock),
        batches=Batches(batches, submissions, clock, feeder),
        bulk=Bulk(control, task_list, clock, settings.on_ambiguous),
        quotes=Quotes(submissions, forecast, clock, settings.on_ambiguous),
        budgets=budgets,
        usage=usage,
        statistics=Statistics(sheets, usage, clock, simulated),
        late_books=LateBooks(UnbookedStore(database), bookkeeper, clock),
        watchers=watchers,
        visits=Visits(VisitStore(database), clock),
        feeds=feeds,
        event_tokens=EventTokens(SecretStore(database), clock, gatekeeper.roster),
        replays=Replays(recent),
        webhooks=webhooks,
        condition=Condition(store, queue, assets, WorkerStore(database), clock),
        clock=clock,
        checks=checks,
    )


async def _warn(announce: Announce, warning: BudgetWarning) -> None:
    """Tell a project's webhooks that most of what it may spend is gone. Raises StoreUnavailable."""
    data = {
        "project": warning.project,
        "key": warning.key,
        "window": warning.window,
        "currency": warning.currency,
        "limit": price_text(warning.limit_micro),
        "committed": price_text(warning.committed_micro),
    }
    await announce(warning.project, BUDGET_WARNING, f"{BUDGET_WARNING}/{warning.id}", warning.at, data)


def _headroom(settings: Settings, assets: Assets) -> Headroom:
    reserve = settings.disk_reserve_mb
    return Headroom(
        pictures=local_folder(settings.assets_url, settings.data_dir),
        data=settings.data_dir,
        reserve_bytes=None if reserve is None else reserve * MEGABYTE,
        disk=assets.disk,
    )


def _gatekeeper(settings: Settings, database: Database, clock: Clock) -> Gatekeeper:
    named = sorted({key.owner for key in settings.api_keys})
    roles, stores = Roles.of(settings), (ApiKeyStore(database), ProjectStore(database))
    roster = Roster(*stores, clock, named, roles) if settings.serves_api else None
    ring = KeyRing.holding(settings.api_keys, settings.admin_key, roles)
    return Gatekeeper(ring, roster, settings.asks_for_keys)


def _workers(
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
        diverter=Diverter(tools, named) if named else None,
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


def _watched(meters: Meters, services: Services, workers: Workers | None, database: Database) -> Watched:
    """Have *meters* count what happens in this process. Who wants no metrics loads nothing of them."""
    from danqing_server.telemetry.looking import Lookout
    from danqing_server.telemetry.pulse import Vitals
    from danqing_server.telemetry.watching import watch

    lookout = Lookout(
        standings=services.standings,
        workers=WorkerStore(database),
        assets=services.assets,
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


def _provider_session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=UPSTREAM_CONNECTIONS, ttl_dns_cache=DNS_CACHE_S)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        json_serialize=_json_text,
        timeout=aiohttp.ClientTimeout(total=None),
        trust_env=False,
    )


def _json_text(value: object) -> str:
    return dump_json(value).decode()


async def _look_for_redis(queue: Queue, settings: Settings) -> None:
    """Say so when Redis is not there yet. Nothing waits for it here: `/health` does."""
    try:
        await queue.ping()
    except ServiceUnavailable as error:
        log.warning("waiting_for_redis", address=place_of(settings.redis_url or ""), reason=str(error))


async def _with_mongodb(settings: Settings, *steps: Callable[[], Awaitable[None]]) -> None:
    """Take *steps*, waiting for a MongoDB that is not there yet, or goes away meanwhile; each may be repeated."""
    address = place_of(settings.mongo_url or "")
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            for step in steps:
                await step()
        except ServiceUnavailable as error:
            log.warning("waiting_for_mongodb", address=address, reason=str(error))
            await asyncio.sleep(pause_s)
            pause_s = min(5.0, pause_s * 2)
        else:
            return


def _end_process() -> None:
    """The lease is lost: others carry on this process's tasks, so it ends at once and is started anew."""
    os._exit(1)
