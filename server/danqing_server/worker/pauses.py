"""Which lanes people paused, as this process knows it from MongoDB: what it believes although Redis forgot.

A pause goes this way: MongoDB, then Redis, whose scripts give nothing out from then on, then a word to every
process. Whoever dies on the way leaves a record that any process finds within `LOOK_EVERY_S` and carries on.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from danqing_server.clock import Clock, to_ms
from danqing_server.errors import QueueUnavailable
from danqing_server.log import get_logger
from danqing_server.queue.gates import Gates
from danqing_server.records.lanes import LaneRecord
from danqing_server.store.lanes import LaneStore

__all__ = ["LOOK_EVERY_S", "Pauses"]

LOOK_EVERY_S = 2.0

log = get_logger(__name__)


@attrs.define(eq=False)
class Pauses:
    """The records of the lanes; one per process. `listeners` are told of each lane that somebody acted on."""

    store: LaneStore
    gates: Gates
    clock: Clock
    listeners: list[Callable[[str], None]] = attrs.field(factory=list)
    _records: dict[str, LaneRecord] = attrs.field(factory=dict, init=False)

    def halts(self, lane: str) -> bool:
        """Tell whether a person wishes that nothing of *lane* begins."""
        record = self._records.get(lane)
        return record is not None and record.pause_at(self.clock.now()) is not None

    async def refresh(self) -> None:
        """Look at MongoDB, and see to it that Redis says the same. Raises StoreUnavailable."""
        for record in await self.store.all():
            await self.note(record)

    async def note(self, record: LaneRecord) -> None:
        """Go by *record* from now on, unless a newer one is known; a Redis that is away is told later."""
        known = self._records.get(record.id)
        if known is not None and known.revision > record.revision:
            return
        self._records[record.id] = record
        is_news = known is None or known.revision < record.revision
        if is_news:
            for tell in self.listeners:
                tell(record.id)
        pause = record.pause_at(self.clock.now())
        try:  # again and again: Redis may have forgotten a pause, and may remember one that has ended
            if pause is None:
                await self.gates.end_pause(record.id, record.revision)
            else:
                until_ms = None if pause.until is None else to_ms(pause.until)
                await self.gates.pause(record.id, record.revision, until_ms)
        except QueueUnavailable as error:
            if is_news or pause is not None:
                log.warning("pause_not_told", lane=record.id, reason=str(error))
