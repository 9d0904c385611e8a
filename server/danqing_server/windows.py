"""The days and months that money is counted by, in the time zone of the operator's choice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs

__all__ = ["Span", "Window", "window_of", "zone_named"]


class Span(StrEnum):
    """How long a window is."""

    DAY = "day"
    MONTH = "month"


@attrs.frozen(kw_only=True)
class Window:
    """One day or month: from `start` until before `end`. `name` is `2026-11-28` or `2026-11`."""

    span: Span
    name: str
    start: datetime
    end: datetime

    def holds(self, moment: datetime) -> bool:
        """Tell whether *moment* counts to it."""
        return self.start <= moment < self.end


def window_of(span: Span, moment: datetime, zone: tzinfo = UTC) -> Window:
    """Return the day or month of *moment* in *zone*."""
    local = moment.astimezone(zone)
    start = datetime(local.year, local.month, local.day if span is Span.DAY else 1, tzinfo=zone)
    end = start + timedelta(days=1 if span is Span.DAY else 32)  # by the calendar: a day may have 23 hours
    if span is Span.MONTH:
        end = end.replace(day=1)
    name = f"{start:%Y-%m-%d}" if span is Span.DAY else f"{start:%Y-%m}"
    return Window(span=span, name=name, start=start.astimezone(UTC), end=end.astimezone(UTC))


def zone_named(name: str) -> tzinfo:
    """Return a time zone by its name in the tz database. Raises ValueError when there is none."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"no time zone is called {name!r}") from error
