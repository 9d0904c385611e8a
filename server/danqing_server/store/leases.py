"""Who is alive: a document per worker process, renewed from a thread of its own.

A plugin that blocks the event loop must not lose its leases, so the beat does not depend on the loop. No clocks of
two machines are compared: whoever judges a worker dead has watched its beat stand still by its own clock.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import attrs
from pymongo import MongoClient
from pymongo.errors import DuplicateKeyError, PyMongoError

from danqing_server.clock import Clock
from danqing_server.ids import new_id
from danqing_server.log import get_logger
from danqing_server.loops.steps import step
from danqing_server.settings.server import Settings
from danqing_server.store.client import Database, client_options, translated
from danqing_server.store.processes import identity_of

__all__ = ["BEAT_S", "FRESH_S", "Lease", "WorkerStore"]

COLLECTION = "danqing_workers"
BEAT_S = 5.0
FRESH_S = 15.0
BEAT_TIMEOUT_MS = 4000
AGAIN_AFTER_S = 0.2
FIRST_LOOK_S, LONGEST_LOOK_S = 0.01, 0.1

log = get_logger(__name__)


@attrs.define(eq=False)
class Lease:
    """This process's right to carry out tasks, under one worker id, kept by a thread while it is entered.

    When the worker's document is found condemned or deleted, others take its tasks over: `lost` becomes true, the
    id is never used again, and *on_lost* is called once, in the thread.
    """

    settings: Settings
    clock: Clock
    on_lost: Callable[[], None]
    beat_s: float = BEAT_S
    fresh_s: float = FRESH_S
    worker: str = attrs.field(init=False)
    lost: bool = attrs.field(default=False, init=False)
    _renewed_at_s: float = attrs.field(default=float("-inf"), init=False)
    _stop: threading.Event = attrs.field(factory=threading.Event, init=False)
    _thread: threading.Thread | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.worker = f"w{new_id(self.clock.now_ms())}"

    @property
    def fresh(self) -> bool:
        """Whether the lease was renewed recently enough to start a paid call under it."""
        return not self.lost and self.unrenewed_s < self.fresh_s

    @property
    def unrenewed_s(self) -> float:
        """How long ago the last beat was sent that MongoDB acknowledged; infinite before there is one."""
        return self.clock.monotonic_s() - self._renewed_at_s

    async def until_fresh(self, within_s: float) -> None:
        """Return as soon as it is fresh, or when *within_s* seconds are over: MongoDB may be away for hours."""
        pause_s, deadline_s = FIRST_LOOK_S, self.clock.monotonic_s() + within_s
        while not self.fresh and (left_s := deadline_s - self.clock.monotonic_s()) > 0:
            await asyncio.sleep(min(pause_s, left_s))
            pause_s = min(2 * pause_s, LONGEST_LOOK_S)

    def start(self) -> None:
        """Begin to renew the lease; it is fresh once MongoDB has acknowledged the first beat."""
        self._thread = threading.Thread(target=self._beat_until_stopped, name="lease", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float | None = None) -> bool:
        """Stop renewing; False when a beat was still under way after *timeout_s* seconds (None waits for its end).

        The document stays for the janitor, or, once no beat can come any more, for `WorkerStore.remove`.
        """
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def _beat_until_stopped(self) -> None:
        options = {**client_options(BEAT_TIMEOUT_MS), "maxPoolSize": 1}
        with MongoClient[dict[str, Any]](self.settings.mongo_url, **options) as client:
            workers = client.get_default_database(self.settings.database)[COLLECTION]
            born = False
            while not self._stop.is_set():
                pause_s = AGAIN_AFTER_S  # each try waits for a server by itself
                asked_at_s = self.clock.monotonic_s()
                try:
                    # Only the first beat may create the document: a later one that finds it gone was judged dead.
                    mine = {"_id": self.worker, "condemned": None}
                    outcome = workers.update_one(mine, self._renewal(), upsert=not born)
                except DuplicateKeyError:  # its first beats were heard, though none was acknowledged
                    self._give_up()
                    return
                except PyMongoError as error:
                    log.warning("lease_not_renewed", worker=self.worker, reason=type(error).__name__)
                else:
                    if born and outcome.matched_count == 0:
                        self._give_up()
                        return
                    born, self._renewed_at_s, pause_s = True, asked_at_s, self.beat_s
                self._stop.wait(pause_s)

    def _renewal(self) -> Mapping[str, Any]:
        return {
            "$inc": {"beat": 1},
            "$set": {"seen_at": self.clock.now()},
            "$setOnInsert": {
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "process": identity_of(os.getpid()),
                "started_at": self.clock.now(),
            },
        }

    def _give_up(self) -> None:
        self.lost = True
        log.warning("lease_lost", worker=self.worker)
        self.on_lost()


@attrs.frozen(kw_only=True)
class WorkerBeat:
    """One worker as the database shows it; `beat` counts its renewals.

    `process` is what `identity_of` said of its process, None where it could not. A newer release may leave `host`
    and `pid` out.
    """

    id: str
    beat: int
    host: str
    pid: int
    seen_at: datetime
    process: str | None = None
    started_at: datetime | None = None


@attrs.define(eq=False)
class WorkerStore:
    """The documents of all workers. Every method raises StoreUnavailable when MongoDB does not answer."""

    database: Database

    async def beats(self) -> list[WorkerBeat]:
        """Return every worker's document."""
        with translated():
            found = await self.database[COLLECTION].find({}).to_list(None)
        return [
            WorkerBeat(
                id=document["_id"],
                beat=document["beat"],
                host=document.get("host", ""),
                pid=document.get("pid", 0),
                seen_at=document["seen_at"],
                process=document.get("process"),
                started_at=document.get("started_at"),
            )
            for document in found
        ]

    async def condemn(self, worker: str, beat: int) -> bool:
        """Let a worker renew no more whose last beat is still *beat*; False when it lives, or is forgotten."""
        with translated():
            wanted = {"_id": worker, "beat": beat}
            outcome = await self.database[COLLECTION].update_one(wanted, {"$set": {"condemned": True}})
        return bool(outcome.matched_count)

    @step("heal.remove_worker")
    async def remove(self, worker: str) -> None:
        """Delete a worker's document: it ended, or its tasks have been taken over."""
        with translated():
            await self.database[COLLECTION].delete_one({"_id": worker})
