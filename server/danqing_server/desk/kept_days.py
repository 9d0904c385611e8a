"""Days that are over, whose sums are kept in sheets: those of a time, and what of it is in none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TypeVar

import attrs

from danqing_server.clock import Clock
from danqing_server.store.sheets import DAY, HALF_HOUR, ProjectDay, SheetStore, midnight, parts
from danqing_server.store.sums import Span, Split

__all__ = ["KeptDays", "Parts", "at_once", "is_whole", "pieces_of"]

MOST_AT_ONCE = 7
"""Days that are counted in one go."""

PROJECTS_AT_ONCE = 50
"""Projects that are; a question for each would take longer than what it asks."""

RACES = 5
"""How often a sum of sheets is tried some of which were forgotten under it."""

T = TypeVar("T")


@attrs.frozen
class Parts:
    """Where the sums of a time are found: in sheets, and in the ledger, of which projects for which spans."""

    kept: Collection[ProjectDay]
    booked: Mapping[Span, Sequence[str | None]]


@attrs.frozen(eq=False)
class KeptDays:
    """The sheets of projects, made as they are asked for. Every method raises StoreUnavailable."""

    sheets: SheetStore
    clock: Clock

    async def read(
        self,
        begins: Mapping[str | None, datetime],
        split: Split,
        span: Span,
        sum_: Callable[[Parts], Awaitable[T]],
    ) -> T:
        """Return what *sum_* makes of *span*, told what it may take from sheets, and where it finds the rest.

        *begins* are the projects, each with a moment before which there is nothing of it.
        """
        for _ in range(RACES):
            kept = await self._prepare(begins, split, span)
            found = await sum_(Parts(kept, _booked(begins, span, kept)))
            if not kept or await self.sheets.kept(split, kept) == kept:  # none forgotten meanwhile
                return found
        return await sum_(Parts((), {span: [*begins]}))

    async def _prepare(
        self, begins: Mapping[str | None, datetime], split: Split, span: Span
    ) -> dict[ProjectDay, str]:
        """Return the days of *span* that have a sheet, with its version, once those have one that may."""
        now = self.clock.now()
        days = [day for day in _days_of(span) if self.sheets.may_keep(day, now)]
        wanted = [(whose, day) for day in days for whose, begin in begins.items() if begin.date() <= day]
        kept = await self.sheets.kept(split, wanted)
        missing = [each for each in wanted if each not in kept]
        for some in at_once([*begins]):
            for run in _runs(each for each in missing if each[0] in some):
                await self.sheets.make(split, run)
        return {**kept, **await self.sheets.kept(split, missing)} if missing else kept


def is_whole(moment: datetime) -> bool:
    """Tell whether a half hour begins at *moment*."""
    return (moment - midnight(moment.date())) % timedelta(minutes=HALF_HOUR) == timedelta(0)


def at_once(projects: Sequence[str | None]) -> Iterator[Sequence[str | None]]:
    """Yield *projects*, so many at a time as are counted in one go."""
    return parts(projects, PROJECTS_AT_ONCE)


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


def _runs(wanted: Iterable[ProjectDay]) -> Iterator[list[ProjectDay]]:
    """Yield what is *wanted*, by days in order, in runs of days that follow one another."""
    by_day: defaultdict[date, list[ProjectDay]] = defaultdict(list)
    for each in wanted:
        by_day[each[1]].append(each)
    run: list[date] = []
    for day in by_day:
        if run and (len(run) == MOST_AT_ONCE or day != run[-1] + DAY):
            yield [each for one in run for each in by_day[one]]
            run = []
        run.append(day)
    if run:
        yield [each for one in run for each in by_day[one]]


def _booked(
    begins: Mapping[str | None, datetime], span: Span, kept: Iterable[ProjectDay]
) -> Mapping[Span, Sequence[str | None]]:
    """Return what of *span* is in none of the sheets *kept*, and of which projects that is."""
    days: defaultdict[str | None, set[date]] = defaultdict(set)
    for whose, day in kept:
        days[whose].add(day)
    found: defaultdict[Span, list[str | None]] = defaultdict(list)
    for whose, begin in begins.items():
        for part in _without(Span(max(span.start, midnight(begin.date())), span.end), days[whose]):
            found[part].append(whose)
    return found


def _without(span: Span, days: Collection[date]) -> Iterator[Span]:
    """Yield the parts of *span* that are in none of *days*."""
    start = span.start
    for day in sorted(days):
        if midnight(day) > start:
            yield Span(start, midnight(day))
        start = max(start, midnight(day) + DAY)
    if start < span.end:
        yield Span(start, span.end)
