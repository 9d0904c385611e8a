"""Days that are over, whose sums are kept in sheets: those of a time, and what of it is in none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

import attrs

from danqing_server.clock import Clock
from danqing_server.store.sheets import DAY, HALF_HOUR, SheetStore, Span, Split

__all__ = ["KeptDays", "is_whole", "midnight", "pieces_of", "without"]

MOST_AT_ONCE = 7
"""Days that are counted in one go."""

RACES = 5
"""How often a sum of sheets is tried some of which were forgotten under it."""

T = TypeVar("T")


@attrs.frozen(eq=False)
class KeptDays:
    """The sheets of projects, made as they are asked for. Every method raises StoreUnavailable."""

    sheets: SheetStore
    clock: Clock

    async def read(
        self, project: str | None, split: Split, span: Span, sum_: Callable[[Collection[date]], Awaitable[T]]
    ) -> T:
        """Return what *sum_* makes of *span*, told the days that it may take from their sheets, and no others."""
        for _ in range(RACES):
            kept = await self._prepare(project, split, span)
            found = await sum_(kept)
            if not kept or await self.sheets.kept(project, split, kept) == kept:  # none forgotten meanwhile
                return found
        return await sum_(())

    async def _prepare(self, project: str | None, split: Split, span: Span) -> dict[date, str]:
        """Return the days of *span* that have a sheet, with its version, once those have one that may."""
        now = self.clock.now()
        days = [day for day in _days_of(span) if self.sheets.may_keep(day, now)]
        kept = await self.sheets.kept(project, split, days) if days else {}
        missing = [day for day in days if day not in kept]
        for run in _runs(missing):
            await self.sheets.make(project, split, run)
        return {**kept, **await self.sheets.kept(project, split, missing)} if missing else kept


def midnight(day: date) -> datetime:
    """Return when a day begins, by UTC."""
    return datetime.combine(day, time(), UTC)


def is_whole(moment: datetime) -> bool:
    """Tell whether a half hour begins at *moment*."""
    return (moment - midnight(moment.date())) % timedelta(minutes=HALF_HOUR) == timedelta(0)


def without(span: Span, days: Collection[date]) -> Iterator[Span]:
    """Yield the parts of *span* that are in none of *days*."""
    start = span.start
    for day in sorted(days):
        if midnight(day) > start:
            yield Span(start, midnight(day))
        start = max(start, midnight(day) + DAY)
    if start < span.end:
        yield Span(start, span.end)


def pieces_of(span: Span) -> Iterator[Span]:
    """Yield *span* cut, so that no question to the ledger takes long."""
    start = span.start
    while start < span.end:
        end = min(span.end, midnight(start.date()) + MOST_AT_ONCE * DAY)
        yield Span(start, end)
        start = end


def _days_of(span: Span) -> Iterator[date]:
    """Yield the days of which *span* has whole half hours, by UTC."""
    first, last = span.start.date(), (span.end - timedelta(microseconds=1)).date()
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        cut = (midnight(day) < span.start and not is_whole(span.start)) or (
            span.end < midnight(day) + DAY and not is_whole(span.end)
        )
        if not cut:
            yield day


def _runs(days: Iterable[date]) -> Iterator[list[date]]:
    """Yield *days*, which are in order, in runs that follow one another."""
    run: list[date] = []
    for day in days:
        if run and (len(run) == MOST_AT_ONCE or day != run[-1] + DAY):
            yield run
            run = []
        run.append(day)
    if run:
        yield run
