"""What people may do with a lane: pause it, let it go on, have one task try.

Each act goes this way: the audit log, MongoDB, Redis, a word to every process. A pause is another fact than a hold
or the breaker: it ends when a person says so, or at the time one said.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from danqing_plugins import Message, Problem
from danqing_server.access.administration import Administration
from danqing_server.access.caller import Caller
from danqing_server.clock import Clock
from danqing_server.errors import Conflict, InvalidSubmission, NotFound
from danqing_server.log import get_logger
from danqing_server.plugins.registry import Registry
from danqing_server.queue.gates import Gates
from danqing_server.records.lanes import LaneAct, LaneActKind, Pause
from danqing_server.store.lanes import LaneStore
from danqing_server.worker.pauses import Pauses

__all__ = ["LONGEST_PAUSE", "LaneControl"]

LONGEST_PAUSE = timedelta(days=3660)
"""Of one with an end: what is told of the lane adds to that, which the calendar's last day leaves no room for."""

IN_THE_PAST = Message(key="until_in_the_past", en="must be in the future", zh="必须是将来的时间")
TOO_LATE = Message(
    key="until_too_late",
    en="may be {most} days from now at most; without it the pause lasts until somebody resumes the lane",
    zh="最多为 {most} 天之后；不填则一直暂停，直到有人恢复",
)
CHANGED = Message(
    key="lane_changed_meanwhile",
    en="somebody else paused or resumed the lane meanwhile; look at it again",
    zh="该通道刚刚被其他人暂停或恢复，请重新查看",
)
IS_PAUSED = Message(
    key="lane_is_paused", en="a person paused the lane; resume it first", zh="该通道已被人工暂停，请先恢复"
)
NOTHING_TO_TRY = Message(
    key="lane_is_open",
    en="the lane's breaker is closed: there is nothing to try",
    zh="该通道未被熔断，无需试探",
)

log = get_logger(__name__)


@attrs.define(eq=False)
class LaneControl:
    """Carries out what people ask. Each method raises NotFound for an unknown lane, and ServiceUnavailable."""

    store: LaneStore
    gates: Gates
    pauses: Pauses
    administration: Administration
    registry: Registry
    clock: Clock

    async def pause(
        self, lane: str, caller: Caller, reason: str, until: datetime | None, revision: int | None = None
    ) -> None:
        """Let nothing of *lane* begin until then, or until it is resumed; what runs ends.

        A pause before is replaced.

        Raises:
            InvalidSubmission: *until* has passed, or is too far away.
            Conflict: somebody acted since *revision*.
        """
        self._check(lane)
        now = self.clock.now()
        if until is not None and until <= now:
            raise InvalidSubmission([Problem(field="until", message=IN_THE_PAST(), value=until.isoformat())])
        if until is not None and until - now > LONGEST_PAUSE:
            message = TOO_LATE(most=LONGEST_PAUSE.days)
            raise InvalidSubmission([Problem(field="until", message=message, value=until.isoformat())])
        by = await self.administration.name_of(caller)
        await self.administration.note(
            caller.key, "lane.paused", lane, {"reason": reason, "until": until, "by": by}
        )
        pause = Pause(by=by, key=caller.key, at=now, reason=reason, until=until)
        act = LaneAct(at=now, kind=LaneActKind.PAUSED, by=by, reason=reason, until=until)
        await self._carry_out(lane, act, pause, revision)

    async def resume(
        self, lane: str, caller: Caller, reason: str | None, *, opens: bool, revision: int | None = None
    ) -> None:
        """End the pause of *lane*, if there is one; *opens*: what else shuts it is forgotten as well.

        Raises:
            Conflict: somebody acted since *revision*.
        """
        self._check(lane)
        now, record = self.clock.now(), await self.store.find(lane)
        is_paused = record is not None and record.pause is not None
        if is_paused or opens:
            by = await self.administration.name_of(caller)
            kind = LaneActKind.OPENED if opens else LaneActKind.RESUMED
            await self.administration.note(caller.key, f"lane.{kind.value}", lane, {"reason": reason, "by": by})
            await self._carry_out(lane, LaneAct(at=now, kind=kind, by=by, reason=reason), None, revision)
        if opens:
            await self.gates.open(lane)

    async def probe(self, lane: str, caller: Caller, reason: str | None) -> None:
        """Have one task try at once whether the service of *lane* is back.

        Raises:
            Conflict: a person paused it, or its breaker is closed.
        """
        self._check(lane)
        record, now = await self.store.find(lane), self.clock.now()
        if record is not None and record.pause_at(now) is not None:
            raise Conflict(IS_PAUSED(), code="lane_paused")
        if (await self.gates.look(lane)).state == "closed":
            raise Conflict(NOTHING_TO_TRY(), code="lane_open")
        by = await self.administration.name_of(caller)
        await self.administration.note(caller.key, "lane.probed", lane, {"reason": reason, "by": by})
        act = LaneAct(at=now, kind=LaneActKind.PROBED, by=by, reason=reason)
        await self._carry_out(lane, act, None, 0 if record is None else record.revision)  # who paused it since wins
        await self.gates.probe(lane)

    def _check(self, lane: str) -> None:
        if lane not in self.registry.lanes:
            raise NotFound("lane", lane)

    async def _carry_out(self, lane: str, act: LaneAct, pause: Pause | None, revision: int | None) -> None:
        record = await self.store.record(lane, act, pause=pause, revision=revision)
        if record is None:
            raise Conflict(CHANGED(), code="lane_changed")
        log.warning("lane_act", lane=lane, act=act.kind.value, revision=record.revision)
        await self.pauses.note(record)
