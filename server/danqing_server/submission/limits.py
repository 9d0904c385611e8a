"""How much may wait: beyond it new submissions are refused, with the time after which there may be room."""

from __future__ import annotations

import attrs

from danqing_plugins import Message
from danqing_server.errors import Overloaded
from danqing_server.forecast import Forecast
from danqing_server.queue.lanes import Queue

__all__ = ["QueueLimits"]

LONGEST_RETRY_AFTER_S = 600
UNKNOWN_RETRY_AFTER_S = 30
MOST_CROWDED = 10_000

LANE_FULL = Message(
    key="lane_full",
    en="{waiting} tasks of {lane} are waiting, at most {most} may",
    zh="{lane} 已有 {waiting} 个任务在等待，最多允许 {most} 个，请稍后重试",
)
USER_FULL = Message(
    key="user_full",
    en="{waiting} tasks of this user are waiting, at most {most} may",
    zh="该用户已有 {waiting} 个任务在等待，最多允许 {most} 个，请稍后重试",
)


@attrs.define(eq=False)
class QueueLimits:
    """The bounds of a lane and of a user's line in it.

    The lane's depth is at most two seconds old and a user is looked at only when the last push found the line
    full, so that a submission costs no round trip more; the bounds may be passed by what arrives meanwhile.
    """

    queue: Queue
    forecast: Forecast
    most_in_lane: int
    most_of_user: int
    _crowded: dict[tuple[str, str], None] = attrs.field(factory=dict, init=False)

    async def check(self, lane: str, user_id: str) -> None:
        """Raise Overloaded when no more may wait, QueueUnavailable when Redis is away: it could not be queued."""
        view = await self.forecast.lane(lane)
        waiting = view.depth.queued + view.depth.delayed
        if waiting >= self.most_in_lane:
            retry_after_s = _retry_after_s(view.drained_in_s(1 + waiting - self.most_in_lane))
            message = LANE_FULL(waiting=waiting, lane=lane, most=self.most_in_lane)
            raise Overloaded(message, retry_after_s=retry_after_s, server_wide=True)
        if (lane, user_id) in self._crowded:
            await self._check_user(lane, user_id, view.pace.per_s)

    def note(self, lane: str, user_id: str, waiting: int) -> None:
        """Remember how long a user's line was after a push."""
        if waiting >= self.most_of_user:
            if len(self._crowded) >= MOST_CROWDED:
                self._crowded.pop(next(iter(self._crowded)))
            self._crowded[lane, user_id] = None

    async def _check_user(self, lane: str, user_id: str, per_s: float | None) -> None:
        waiting = await self.queue.waiting_of(lane, user_id)
        if waiting < self.most_of_user:
            self._crowded.pop((lane, user_id), None)
            return
        excess = 1 + waiting - self.most_of_user
        message = USER_FULL(waiting=waiting, most=self.most_of_user)
        raise Overloaded(message, retry_after_s=_retry_after_s(excess / per_s if per_s else None))


def _retry_after_s(seconds: float | None) -> int:
    if seconds is None:
        return UNKNOWN_RETRY_AFTER_S
    return max(1, min(LONGEST_RETRY_AFTER_S, round(seconds)))
