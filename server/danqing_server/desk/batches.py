"""Batches: many submissions in one request, taken in together, made into tasks one slice after another."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import attrs

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.desk.admission import Submissions
from danqing_server.desk.feeding import Feeder
from danqing_server.desk.request import Repeat
from danqing_server.desk.staging import PREFIX, Staging, reused
from danqing_server.desk.voids import until_known, when_possible
from danqing_server.errors import Conflict, NotFound, Overloaded, QueueUnavailable
from danqing_server.ids import new_id
from danqing_server.log import get_logger
from danqing_server.loops.shared import CarriedThrough
from danqing_server.queue.owed import OwedVoids
from danqing_server.records.batches import Batch, Mode
from danqing_server.store.batches import BatchStore
from danqing_server.store.reach import Reach

__all__ = ["Batches"]

MOST_OPEN = 100
RETRY_AFTER_S = 30

TOO_MANY_OPEN = Message(
    key="batches_full",
    en="{open} batches of this project are still being made into tasks, at most {most} may",
    zh="该项目已有 {open} 个批次正在创建任务，最多允许 {most} 个，请稍后重试",
)
BATCH_OVER = Message(
    key="batch_over_already", en="the batch is {status} already", zh="批次已处于 {status} 状态，无法取消"
)

log = get_logger(__name__)


@attrs.define(eq=False)
class Batches:
    """Takes batches in, and finds and cancels them. Made once per process."""

    store: BatchStore
    submissions: Submissions
    clock: Clock
    feeder: Feeder
    _voids: CarriedThrough = attrs.field(factory=CarriedThrough, init=False)
    _owed: OwedVoids = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._owed = OwedVoids(self.feeder.queue.connection)

    async def begin(self, caller: Caller, mode: Mode, repeat: Repeat | None) -> Staging:
        """Begin to take a batch in; *repeat* names its key, of a request that is still to be read.

        Raises:
            Overloaded: too many of the caller's batches are still being made into tasks.
            KeyReused: its key was used for something that is no batch.
        """
        await self.store.prepare()
        batch_id, known = f"{PREFIX}{new_id(self.clock.now_ms())}", None
        if repeat is not None:
            record = await self.submissions.keys.claim(repeat.key, repeat.fingerprint, batch_id)
            if not record.answers(repeat.fingerprint, None):
                raise reused()
            batch_id, known = record.task_id, await self.store.find(record.task_id, Reach.of(caller.owner))
        if known is None:
            await self._require_room(caller)
        void = self._void if repeat is None else None
        begin = self.feeder.begin
        return Staging(self.store, self.submissions, self.clock, caller, mode, batch_id, begin, known, void)

    async def drain(self) -> None:
        """Wait for voids that are still owed."""
        await self._voids.drain()

    async def find(self, batch_id: str, caller: Caller) -> Batch:
        """Return a batch. Raises NotFound."""
        found = await self.store.find(batch_id, caller.reach)
        if found is None:
            raise NotFound("batch", batch_id)
        return found

    async def cancel(self, batch_id: str, caller: Caller) -> Batch:
        """Make no more tasks of a batch, and cancel those that are not finished.

        Raises:
            NotFound: there is none.
            Conflict: it is cancelled already.
        """
        batch = await self.find(batch_id, caller)
        if not await self.store.cancel(batch_id, self.clock.now()):
            raise Conflict(BATCH_OVER(status=batch.status), code="batch_over")
        self.feeder.wake()
        return await self.find(batch_id, caller)

    async def _void(self, batch: Batch) -> None:
        """Have a batch make no tasks whose client is about to be told that it will not run.

        That is done as soon as MongoDB answers, and noted meanwhile; while neither is so this waits, for a moment.
        """
        voiding = self._voids.begin(self._void_when_possible(batch))
        await until_known(voiding, partial(self._note_owed, batch), self.clock)

    async def _void_when_possible(self, batch: Batch) -> None:
        if not await when_possible(partial(self._bury, batch)):
            log.error("batch_not_voided", batch_id=batch.id)
            return
        log.warning("batch_not_acknowledged", batch_id=batch.id)
        with suppress(QueueUnavailable):
            await self._owed.settle([(batch.id, batch.token)])

    async def _note_owed(self, batch: Batch) -> bool:
        """Note for other processes, should this one not live to see to it, that *batch* will not run."""
        try:
            await self._owed.note([(batch.id, batch.token)])
        except QueueUnavailable:
            return False
        return True

    async def _bury(self, batch: Batch) -> bool:
        """Take its id first, so that an insert still under way finds it so."""
        if not await self.store.bury(batch):
            await self.store.cancel(batch.id, self.clock.now())
            self.feeder.wake()
        return True

    async def _require_room(self, caller: Caller) -> None:
        open_ = await self.store.count_open(caller.owner)
        if open_ >= MOST_OPEN:
            raise Overloaded(TOO_MANY_OPEN(open=open_, most=MOST_OPEN), retry_after_s=RETRY_AFTER_S)
