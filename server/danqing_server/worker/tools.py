"""What carrying out tasks needs; made in the composition root, the same for every task of a process."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

import aiohttp
import attrs

from danqing_server.assets.headroom import Headroom
from danqing_server.assets.storage import Assets
from danqing_server.clock import Clock
from danqing_server.life.decision import Policy
from danqing_server.life.register import Register
from danqing_server.plugins.registry import Registry
from danqing_server.queue.gates import Gates
from danqing_server.queue.lanes import Queue
from danqing_server.records.tasks import Task
from danqing_server.store.leases import Lease
from danqing_server.store.sweeping import SweepStore
from danqing_server.store.tasks import TaskStore
from danqing_server.worker.insisting import Insisting
from danqing_server.worker.keeping import LinkPatience
from danqing_server.worker.pauses import Pauses
from danqing_server.worker.spending import SpendGuard

__all__ = ["Tools", "Tracing"]


class Tracing(Protocol):
    """Traces attempts."""

    def attempt(self, task: Task) -> AbstractContextManager[None]:
        """Trace what the block does, in this coroutine and those it begins."""


@attrs.frozen(kw_only=True, eq=False)
class Tools:
    """The process's resources, open for as long as it carries out tasks.

    `session` is for providers, `public_session` reaches public addresses only: for URLs that users gave.
    `tracing` None: nothing is traced.
    """

    store: TaskStore
    sweeps: SweepStore
    queue: Queue
    gates: Gates
    pauses: Pauses
    guard: SpendGuard
    assets: Assets
    headroom: Headroom
    registry: Registry
    register: Register
    lease: Lease
    tracing: Tracing | None
    session: aiohttp.ClientSession
    public_session: aiohttp.ClientSession
    clock: Clock
    policy: Policy
    task_timeout_s: float
    max_picture_bytes: int
    insisting: Insisting
    link_patience: LinkPatience
