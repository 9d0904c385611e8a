"""How much may wait: beyond it new submissions are refused, with the time after which there may be room."""

from __future__ import annotations

import attrs

from danqing_plugins import Message
from danqing_server.desk.forecast import Forecast
from danqing_server.errors import Overloaded
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
DELAYED_FULL = Message(
    key="delayed_full",
    en="{waiting} tasks of this API key wait for their time, at most {most} may",
    zh="该 API 密钥已有 {waiting} 个定时任务在等待，最多允许 {most} 个，请稍后重试",
)
_User = tuple[str, str | None, str]
"""Lane, owner, user: two owners' users of one name are two."""


@attrs.define(eq=False)
class QueueLimits:
    """The bounds of a lane and of what one owner's user has waiting in it.

    The lane's depth is at most two seconds old and a user is looked at only when the last push found it at its
    bound, so that a submission costs no round trip more; the bounds may be passed by what arrives meanwhile.
    """

    queue: Queue
    forecast: Forecast
    most_in_lane: int
    most_of_user: int
    _crowded: dict[_User, None] = attrs.field(factory=dict, init=False)

    async def check(self, lane: str, owner: str | None, user_id: str, *, delayed: bool = False) -> None:
        """Raise Overloaded when no more may wait, QueueUnavailable when Redis is away: it could not be queued.

        What is due later than in ten minutes is no part of a lane's bound: a *delayed* task is held against its
        owner's delayed ones, of which there may be as many.
        """
        view = await self.forecast.lane(lane)
        waiting = view.depth.queued + view.depth.due_soon
        if waiting >= self.most_in_lane:
            retry_after_s = _retry_after_s(view.drained_in_s(1 + waiting - self.most_in_lane))
            message = LANE_FULL(waiting=waiting, lane=lane, most=self.most_in_lane)
            raise Overloaded(message, retry_after_s=retry_after_s, server_wide=True)
        if delayed:
            await self._check_delayed(lane, owner)
        if (lane, owner, user_id) in self._crowded:
            await self._check_user((lane, owner, user_id), view.throughput.per_s)

    def note(self, lane: str, owner: str | None, user_id: str, waiting: int) -> None:
        """Remember how many of a user's tasks waited after a push."""
        if waiting >= self.most_of_user:
            if len(self._crowded) >= MOST_CROWDED:
                self._crowded.pop(next(iter(self._crowded)))
            self._crowded[lane, owner, user_id] = None

    async def _check_delayed(self, lane: str, owner: str | None) -> None:
        waiting = await self.queue.delayed_of(lane, owner)
        if waiting >= self.most_in_lane:
            message = DELAYED_FULL(waiting=waiting, most=self.most_in_lane)
            raise Overloaded(message, retry_after_s=LONGEST_RETRY_AFTER_S)

    async def _check_user(self, user: _User, per_s: float | None) -> None:
        waiting = await self.queue.waiting_of(*user)
        if waiting < self.most_of_user:
            self._crowded.pop(user, None)
            return
        excess = 1 + waiting - self.most_of_user
        message = USER_FULL(waiting=waiting, most=self.most_of_user)
        raise Overloaded(message, retry_after_s=_retry_after_s(excess / per_s if per_s else None))


def _retry_after_s(seconds: float | None) -> int:
    if seconds is None:
        return UNKNOWN_RETRY_AFTER_S
    return max(1, min(LONGEST_RETRY_AFTER_S, round(seconds)))
