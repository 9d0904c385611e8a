"""When a delivery is tried again. Pure.

Source: the example schedule of Standard Webhooks' specification (section on deliverability), read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

__all__ = ["SCHEDULE_S", "due_in"]

HOUR_S = 3600.0
SCHEDULE_S: Sequence[float] = (
    0.0,
    5.0,
    5 * 60.0,
    30 * 60.0,
    2 * HOUR_S,
    5 * HOUR_S,
    10 * HOUR_S,
    14 * HOUR_S,
    20 * HOUR_S,
    24 * HOUR_S,
)
"""Seconds from one try to the next: 75 hours and 35 minutes in all."""

JITTER = 0.1
LONGEST_WISH_S = 24 * HOUR_S


def due_in(
    tries: int, chance: float, wish_s: float | None = None, schedule_s: Sequence[float] = SCHEDULE_S
) -> timedelta | None:
    """Return after which time the next try is due, *tries* having been made; None when there is none.

    *chance*, 0 to 1, spreads those that failed together. *wish_s* is what the receiver asked for (`Retry-After`),
    kept up to a day: a try is never sooner.
    """
    if tries >= len(schedule_s):
        return None
    planned_s = schedule_s[tries] * (1 + JITTER * (2 * chance - 1))
    return timedelta(seconds=max(planned_s, min(wish_s or 0.0, LONGEST_WISH_S)))
