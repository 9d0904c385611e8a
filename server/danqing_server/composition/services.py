"""What the routes of a process use."""

from __future__ import annotations

from functools import partial

from danqing_server.access.administration import Administration
from danqing_server.access.event_tokens import EventTokens
from danqing_server.access.gatekeeper import Gatekeeper
from danqing_server.access.keys import KeyRing
from danqing_server.access.roles import Roles
from danqing_server.access.roster import Roster
from danqing_server.access.sessions import Sessions
from danqing_server.assets.folder import local_folder
from danqing_server.assets.headroom import Headroom
from danqing_server.assets.storage import Assets
from danqing_server.assets.thumbnailing import Thumbnails
from danqing_server.clock import Clock
from danqing_server.composition.reaching import with_mongodb
from danqing_server.delivery.feeds import Feeds
from danqing_server.delivery.watchers import Watchers
from danqing_server.delivery.webhooks.events import BUDGET_WARNING
from danqing_server.delivery.webhooks.keeper import Announce
from danqing_server.delivery.webhooks.management import Webhooks
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
from danqing_server.desk.kept_days import KeptDays
from danqing_server.desk.lane_control import LaneControl
from danqing_server.desk.late_books import LateBooks
from danqing_server.desk.limit_states import BudgetWarning
from danqing_server.desk.limits import QueueLimits
from danqing_server.desk.pictures import Pictures
from danqing_server.desk.quoting import Quotes
from danqing_server.desk.recent import RecentTasks
from danqing_server.desk.repeats import Repeats
from danqing_server.desk.routing import Routing
from danqing_server.desk.standing import Standings
from danqing_server.desk.statistics import Statistics
from danqing_server.desk.uploads import Uploads
from danqing_server.desk.visits import Visits
from danqing_server.doors.costs import price_text
from danqing_server.http.replay import Replays
from danqing_server.http.services import HealthCheck, Services
from danqing_server.life.billing import billed_of
from danqing_server.life.bookkeeper import Bookkeeper
from danqing_server.life.erasing import Eraser
from danqing_server.life.outlet import Outlet
from danqing_server.life.register import Register
from danqing_server.loops.spared import Spared
from danqing_server.plugins.registry import Registry
from danqing_server.queue.connection import RedisConnection
from danqing_server.queue.gates import Gates
from danqing_server.queue.lanes import Queue
from danqing_server.queue.requests import RequestCounter
from danqing_server.settings.server import Settings
from danqing_server.store.api_keys import ApiKeyStore
from danqing_server.store.audit import AuditStore
from danqing_server.store.batches import BatchStore
from danqing_server.store.budgets import BudgetStore
from danqing_server.store.changed import ChangedStore
from danqing_server.store.client import Database
from danqing_server.store.deletions import DeletionStore
from danqing_server.store.keys import KeyStore
from danqing_server.store.lanes import LaneStore
from danqing_server.store.leases import WorkerStore
from danqing_server.store.ledger import LedgerStore
from danqing_server.store.listing import TaskList
from danqing_server.store.paging import FilmPages
from danqing_server.store.pictures import PictureStore
from danqing_server.store.projects import ProjectStore
from danqing_server.store.restoring import RestoreStore
from danqing_server.store.secrets import SecretStore
from danqing_server.store.sessions import SessionStore
from danqing_server.store.sheets import SheetStore
from danqing_server.store.sweeping import SweepStore
from danqing_server.store.tasks import TaskStore
from danqing_server.store.unbooked import UnbookedStore
from danqing_server.store.untold import Untold
from danqing_server.store.uploads import UploadStore
from danqing_server.store.usage import UsageStore
from danqing_server.store.users import UserStore
from danqing_server.store.visits import VisitStore
from danqing_server.store.watching import WatchStore
from danqing_server.worker.pauses import Pauses

__all__ = ["make_services"]

MEGABYTE = 1024 * 1024
STORAGE_ASKED_EVERY_S = 2.0
"""By `/health`, which anybody may ask: each time it writes, and a bucket bills writes."""


async def make_services(
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
    await with_mongodb(settings, whole, *(each.ensure_indexes for each in indexed))
    forecast = Forecast(queue, gates, clock, registry.providers)
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
    simulated = frozenset(registry.simulated)
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
    watched = WatchStore(database)
    watchers = Watchers(watched, control.find, register.outlet.onlookers, settings.max_waiting_calls)
    intake = Intake(store, queue, register, clock, limits)
    task_list, batches, requests = TaskList(database, billed_of), BatchStore(database), RequestCounter(redis)
    usage, films = UsageStore(database), FilmPages(database, task_list.indexes)
    pictures = PictureStore(database, task_list)
    repeats = Repeats(store, keys, register, clock, intake, budgets)
    submissions = Submissions(
        store, keys, repeats, assets, clock, checker, routing, limits, intake, budgets, webhooks, headroom
    )
    feeder = Feeder(batches, store, queue, register, control, limits, assets, clock)
    feeds = Feeds(ChangedStore(database), watched, clock, watchers)
    pauses.listeners.append(feeds.turn)
    storage = Spared(assets.ping, clock, STORAGE_ASKED_EVERY_S)
    checks: dict[str, HealthCheck] = {"mongodb": store.ping, "redis": queue.ping, "storage": storage}
    return Services(
        settings=settings,
        gatekeeper=gatekeeper,
        administration=administration,
        store=store,
        task_list=task_list,
        films=films,
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
        statistics=Statistics(KeptDays(sheets, clock), usage, simulated),
        late_books=LateBooks(UnbookedStore(database), bookkeeper, clock),
        watchers=watchers,
        visits=Visits(VisitStore(database), clock),
        feeds=feeds,
        event_tokens=EventTokens(SecretStore(database), clock, gatekeeper),
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
