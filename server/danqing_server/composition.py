"""The composition root: every resource of a process is made here, passed on, and closed in order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import attrs

from danqing_server.api.services import HealthCheck, Services
from danqing_server.assets.fetching import public_session
from danqing_server.assets.storage import open_assets
from danqing_server.clock import Clock
from danqing_server.control import Control
from danqing_server.errors import DanqingError, ServiceUnavailable
from danqing_server.forecast import Forecast
from danqing_server.janitor import SWEEP_EVERY_S, WATCH_EVERY_S, Janitor
from danqing_server.log import get_logger
from danqing_server.pool import Pool, Supervised
from danqing_server.queue.connection import connect as connect_redis
from danqing_server.queue.gates import Gates
from danqing_server.queue.lanes import Queue
from danqing_server.registry import Registry
from danqing_server.retry import Policy
from danqing_server.settings import Settings
from danqing_server.store.client import connect
from danqing_server.store.keys import KeyStore
from danqing_server.store.leases import Lease, WorkerStore
from danqing_server.store.spending import SpendStore
from danqing_server.store.tasks import TaskStore
from danqing_server.store.users import UserStore
from danqing_server.submission.admission import Submissions
from danqing_server.submission.checking import Checker
from danqing_server.submission.limits import QueueLimits
from danqing_server.worker.spending import SpendGuard
from danqing_server.worker.tools import Tools

__all__ = ["Workers", "open_process"]

UPSTREAM_CONNECTIONS = 0  # aiohttp's "no limit": each lane's concurrency bounds its calls
DNS_CACHE_S = 300
FIRST_PAUSE_S = 0.5

log = get_logger(__name__)


@attrs.define(kw_only=True, eq=False)
class Workers:
    """The side of a process that carries out tasks; absent in the role `api`."""

    tools: Tools
    pool: Pool
    janitor: Janitor
    _loops: list[Supervised] = attrs.field(factory=list, init=False)

    def start(self) -> None:
        """Begin to renew the lease, to take tasks and to look after those of others."""
        self.tools.lease.start()
        self.pool.start()
        self._loops = [
            Supervised("watch", self._every(WATCH_EVERY_S, self.janitor.watch)),
            Supervised("sweep", self._every(SWEEP_EVERY_S, self.janitor.sweep)),
        ]
        for loop in self._loops:
            loop.start()

    async def stop(self, grace_s: float) -> None:
        """Finish or give back what runs, then let the lease go."""
        for loop in self._loops:
            await loop.stop()
        await self.pool.stop(grace_s)
        await asyncio.to_thread(self.tools.lease.stop)
        try:
            await self.janitor.workers.remove(self.tools.lease.worker)
        except ServiceUnavailable as error:
            log.warning("worker_not_signed_off", reason=str(error))

    async def check(self) -> None:
        """Raise unless every loop runs and the lease is good."""
        dead = [loop.name for loop in self._loops if not loop.alive]
        if dead or not self.pool.healthy:
            raise DanqingError("a worker loop is down, or the lease could not be renewed")

    @staticmethod
    def _every(pause_s: float, step: Any) -> Any:
        async def loop() -> None:
            while True:
                await asyncio.sleep(pause_s)
                await step()

        return loop


@asynccontextmanager
async def open_process(
    settings: Settings, registry: Registry, clock: Clock | None = None
) -> AsyncIterator[tuple[Services, Workers | None]]:
    """Open everything one process needs, and close it in reverse; yield what routes use, and the workers."""
    clock = clock or Clock()
    async with AsyncExitStack() as stack:
        client, database = connect(settings)
        stack.callback(client.close)
        store, users, worker_store = TaskStore(database), UserStore(database), WorkerStore(database)
        keys = KeyStore(database, clock, settings.idempotency_kept_s)
        redis = await stack.enter_async_context(
            connect_redis(settings.redis_url or "", settings.redis_prefix, clock)
        )
        queue = Queue(redis)
        gates = Gates(redis, queue)
        session = await stack.enter_async_context(_provider_session())
        guarded = await stack.enter_async_context(public_session())
        assets = await stack.enter_async_context(open_assets(settings, session))
        await _prepare_database(store, users, keys)
        await registry.start()
        stack.push_async_callback(registry.stop)
        checker = Checker(
            assets,
            registry,
            settings.default_provider,
            settings.max_picture_bytes,
            settings.max_picture_pixels,
        )
        forecast = Forecast(queue, gates, clock)
        limits = QueueLimits(queue, forecast, settings.max_queued, settings.max_queued_per_user)
        submissions = Submissions(store, keys, queue, assets, registry, clock, checker, limits)
        checks: dict[str, HealthCheck] = {"mongodb": store.ping, "redis": queue.ping, "storage": assets.check}
        workers = None
        if settings.runs_workers:
            tools = Tools(
                store=store,
                queue=queue,
                gates=gates,
                guard=SpendGuard(SpendStore(database), gates, settings.daily_spend_limits_micro),
                assets=assets,
                registry=registry,
                lease=Lease(settings, clock, on_lost=_end_process),
                session=session,
                public_session=guarded,
                clock=clock,
                policy=Policy(max_attempts=settings.max_attempts, on_ambiguous=settings.on_ambiguous),
                call_timeout_s=settings.call_timeout_s,
                task_timeout_s=settings.task_timeout_s,
                max_picture_bytes=settings.max_picture_bytes,
            )
            workers = Workers(
                tools=tools,
                pool=Pool.with_lanes(tools, settings.concurrency),
                janitor=Janitor(tools, worker_store),
            )
            checks["workers"] = workers.check
        services = Services(
            settings=settings,
            store=store,
            users=users,
            queue=queue,
            gates=gates,
            forecast=forecast,
            assets=assets,
            registry=registry,
            submissions=submissions,
            control=Control(store, queue, assets, registry, clock),
            clock=clock,
            checks=checks,
        )
        yield services, workers
        await submissions.drain()
        await store.drain()


def _provider_session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=UPSTREAM_CONNECTIONS, ttl_dns_cache=DNS_CACHE_S)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        trust_env=False,
    )


async def _prepare_database(*stores: TaskStore | UserStore | KeyStore) -> None:
    """Create the indexes, waiting for a MongoDB that is not there yet."""
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            for store in stores:
                await store.ensure_indexes()
        except ServiceUnavailable as error:
            log.warning("waiting_for_mongodb", reason=str(error))
            await asyncio.sleep(pause_s)
            pause_s = min(5.0, pause_s * 2)
        else:
            return


def _end_process() -> None:
    """The lease is lost: others carry on this process's tasks, so it ends at once and is started anew."""
    os._exit(1)
