"""What is the same for all processes, looked up when somebody scrapes: lanes, leases, storage, webhooks, health.

What does not answer in time is left out, and `part_up` says so: a gauge that stands still would be worse.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import platform
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import attrs

from danqing_server.access.caller import Caller
from danqing_server.assets.headroom import Headroom
from danqing_server.assets.places import Space
from danqing_server.assets.storage import Assets
from danqing_server.clock import Clock
from danqing_server.delivery.webhooks.directory import Directory
from danqing_server.desk.standing import LaneStanding, Standings
from danqing_server.errors import DanqingError
from danqing_server.plugins.registry import Registry
from danqing_server.store.deliveries import DeliveryStore
from danqing_server.store.leases import WorkerStore
from danqing_server.telemetry.families import named
from danqing_server.telemetry.meters import Sample

__all__ = ["Lookout"]

T = TypeVar("T")
LOOK_S = 3.0
STATES = ("open", "closed", "half_open", "held", "paused")

Check = Callable[[], Awaitable[None]]


@attrs.frozen(kw_only=True, eq=False)
class Lookout:
    """Looks at what all processes share. `checks` are those of `/health`."""

    standings: Standings
    workers: WorkerStore
    assets: Assets
    headroom: Headroom
    directory: Directory
    deliveries: DeliveryStore
    registry: Registry
    clock: Clock
    checks: Mapping[str, Check]

    async def look(self) -> list[Sample]:
        """Ask everything at once; never raises for what does not answer."""
        found = await asyncio.gather(
            _or_nothing(self._parts()),
            _or_nothing(self._lanes()),
            _or_nothing(self._leases()),
            _or_nothing(self._storage()),
            _or_nothing(self._webhooks()),
        )
        return [_of_build(), *(sample for samples in found for sample in samples)]

    async def _parts(self) -> Iterable[Sample]:
        works = await asyncio.gather(*(_works(check) for check in self.checks.values()))
        return [_sample("part_up", name, value=up) for name, up in zip(self.checks, works, strict=True)]

    async def _lanes(self) -> Iterable[Sample]:
        standings = await self.standings.of(Caller.local(), sorted(self.registry.lanes))
        return [sample for standing in standings for sample in self._lane(standing)]

    def _lane(self, standing: LaneStanding) -> Iterable[Sample]:
        lane, depth = standing.name, standing.view.depth
        yield _sample("lane_waiting", lane, value=depth.queued)
        yield _sample("lane_delayed", lane, value=depth.delayed)
        yield _sample("lane_held", lane, value=depth.held)
        oldest_at = standing.oldest_at
        age_s = 0.0 if oldest_at is None else (self.clock.now() - oldest_at).total_seconds()
        yield _sample("lane_oldest_seconds", lane, value=max(0.0, age_s))
        for state in STATES:
            yield _sample("lane_state", lane, state, value=state == standing.state)

    async def _leases(self) -> Iterable[Sample]:
        beats = await self.workers.beats()
        now = self.clock.now()
        oldest_s = max(((now - beat.seen_at).total_seconds() for beat in beats), default=0.0)
        return [_sample("workers", value=len(beats)), _sample("lease_age_seconds", value=max(0.0, oldest_s))]

    async def _storage(self) -> Iterable[Sample]:
        spaces = {"pictures": await self.assets.space(), "data": await self.headroom.beside()}
        return [sample for disk, space in spaces.items() if space is not None for sample in self._room(disk, space)]

    def _room(self, disk: str, space: Space) -> Iterable[Sample]:
        yield _sample("storage_free_bytes", disk, value=space.free)
        yield _sample("storage_total_bytes", disk, value=space.total)
        yield _sample("storage_reserve_bytes", disk, value=self.headroom.reserve_of(space))

    async def _webhooks(self) -> Iterable[Sample]:
        if not self.directory.in_use.is_set():
            return ()
        now = self.clock.now()
        backlog = await self.deliveries.backlog()
        due_s = 0.0 if backlog.first_due_at is None else (now - backlog.first_due_at).total_seconds()
        return [
            _sample("webhooks_pending", value=backlog.count),
            _sample("webhooks_oldest_seconds", value=max(0.0, due_s)),
        ]


async def _or_nothing(looked: Awaitable[Iterable[Sample]]) -> Sequence[Sample]:
    try:
        async with asyncio.timeout(LOOK_S):
            return list(await looked)
    except (DanqingError, TimeoutError):
        return ()


async def _works(check: Check) -> bool:
    try:
        async with asyncio.timeout(LOOK_S / 2):
            await check()
    except Exception:  # noqa: BLE001 — a check is someone else's code; `/health` logs what it says
        return False
    return True


def _of_build() -> Sample:
    return _sample("build_info", importlib.metadata.version("danqing"), platform.python_version(), value=1)


def _sample(name: str, *labels: str, value: float) -> Sample:
    return Sample(named(name), labels, float(value))
