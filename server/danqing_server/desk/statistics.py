"""What was spent, and how tasks ended, step by step of a time: out of kept sheets as far as there are any.

What is asked for of a day that is over is kept, so that a year is summed as fast as a week; what is younger comes
from the ledger itself. Either way it is what the ledger says.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

import attrs

from danqing_server.desk.kept_days import KeptDays, Parts, at_once, is_whole, pieces_of
from danqing_server.store.reach import Reach
from danqing_server.store.sheets import SheetStore, midnight
from danqing_server.store.sums import Named, Span, Split, Step, Steps, StepSum
from danqing_server.store.usage import UsageRow, UsageStore
from danqing_server.windows import Span as WindowSpan
from danqing_server.windows import Window, window_of

__all__ = ["Cell", "Group", "Question", "Series", "Statistics", "starts_of"]


class Group(StrEnum):
    """What sums can be split by, beside the time."""

    MODEL = "model"
    PROVIDER = "provider"
    KEY = "key"
    USER = "user"
    PROJECT = "project"


@attrs.frozen(kw_only=True)
class Question:
    """What is asked for: whose, of which time, by which steps of which zone, split by what (None: by nothing)."""

    reach: Reach
    span: Span
    step: Step
    zone: tzinfo
    group: Group | None = None
    with_simulated: bool = False


@attrs.frozen(kw_only=True)
class Cell:
    """One sum: of a step, a name and a currency; `sums` are those of `StepSum`."""

    start: datetime
    name: str | None
    currency: str | None
    sums: Mapping[str, int]


@attrs.frozen(kw_only=True)
class Series:
    """The answer: where the steps begin, what stands in them, and what open tasks may still cost."""

    starts: Sequence[datetime]
    cells: Sequence[Cell]
    open: Sequence[UsageRow]


@attrs.define(eq=False)
class Statistics:
    """Sums over time. *simulated* are the providers that nobody pays. Raises StoreUnavailable."""

    days: KeptDays
    usage: UsageStore
    simulated: Collection[str]

    @property
    def sheets(self) -> SheetStore:
        """The sheets, and the ledger behind them."""
        return self.days.sheets

    async def answer(self, question: Question) -> Series:
        """Return what is asked for; each currency for itself."""
        starts = starts_of(question.span, question.step, question.zone)
        return Series(
            starts=starts,
            cells=await self._cells(question, starts),
            open=[row for row in await self._open(question) if self._is_wanted(row.values[0], None, question)],
        )

    async def paid_by(self, project: str | None, key: str, window: Window, zone: tzinfo) -> Mapping[str, int]:
        """Return what a key of a project paid, or may have paid, within *window*, in millionths, by currency.

        What a simulator made counts, as it does against limits.
        """
        question = Question(
            reach=Reach.of(project),
            span=Span(window.start, window.end),
            step=Step.MONTH,
            zone=zone,
            group=Group.KEY,
            with_simulated=True,
        )
        cells = await self._cells(question, starts_of(question.span, question.step, zone))
        return {
            cell.currency: cell.sums.get("settled_micro", 0) + cell.sums.get("unknown_micro", 0)
            for cell in cells
            if cell.name == key and cell.currency is not None
        }

    async def _cells(self, question: Question, starts: Sequence[datetime]) -> list[Cell]:
        owners = question.reach.owners
        cells: defaultdict[tuple[datetime, str | None, str | None], defaultdict[str, int]]
        cells = defaultdict(lambda: defaultdict(int))
        for each in await self._sums(await self.sheets.projects() if owners is None else owners, question, starts):
            if self._is_wanted(each.provider, each.simulated, question):
                start = _nearest(starts, each.start, question.step)
                _add(cells[start, each.name, each.currency], each.sums)
        made = [Cell(start=key[0], name=key[1], currency=key[2], sums=dict(sums)) for key, sums in cells.items()]
        return sorted((cell for cell in made if any(cell.sums.values())), key=_order)

    async def _open(self, question: Question) -> Sequence[UsageRow]:
        return await self.usage.sum_open(question.reach, question.span.start, question.span.end)

    def _is_wanted(self, provider: str | None, simulated: bool | None, question: Question) -> bool:
        return question.with_simulated or not (provider in self.simulated if simulated is None else simulated)

    async def _sums(
        self, projects: Sequence[str | None], question: Question, starts: Sequence[datetime]
    ) -> list[StepSum]:
        begins = await self.sheets.begins(projects)
        start = midnight(min(begins.values()).date()) if begins else question.span.end
        span = Span(max(question.span.start, start), question.span.end)
        if span.start >= span.end:
            return []
        split = _SPLITS[question.group]
        steps = Steps(step=question.step, zone=question.zone, named=_NAMED.get(question.group, Named.SPLIT))

        async def sum_(parts: Parts) -> list[StepSum]:
            found = await self.sheets.sum_kept(split, parts.kept, span, steps) if parts.kept else []
            for part, whose in parts.booked.items():
                for piece in pieces_of(part):
                    for some in at_once(whose):
                        found += await self.sheets.sum_booked(some, split, [piece], steps)
            return found

        if split is not Split.USER and all(map(is_whole, starts)):
            return await self.days.read(begins, split, span, sum_)
        return await sum_(Parts((), {span: [*begins]}))


_SPLITS: Mapping[Group | None, Split] = {
    None: Split.PROVIDER,
    Group.PROJECT: Split.PROVIDER,
    Group.PROVIDER: Split.PROVIDER,
    Group.MODEL: Split.MODEL,
    Group.KEY: Split.KEY,
    Group.USER: Split.USER,
}


_NAMED: Mapping[Group | None, Named | None] = {None: None, Group.PROJECT: Named.PROJECT}


def starts_of(span: Span, step: Step, zone: tzinfo) -> list[datetime]:
    """Return where the steps of *zone* begin that *span* touches."""
    return list(_starts(span, _STEPS[step], zone))


_Around = Callable[[datetime, tzinfo], tuple[datetime, datetime]]
"""Returns when the step of a moment begins, and when the next one does."""


def _starts(span: Span, around: _Around, zone: tzinfo) -> Iterator[datetime]:
    at = span.start
    while at < span.end:
        start, at = around(at, zone)
        yield start


def _of_calendar(span: WindowSpan) -> _Around:
    def found(at: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
        one = window_of(span, at, zone)
        return one.start, one.end

    return found


def _of_clock(minutes: int) -> _Around:
    def found(at: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
        local = at.astimezone(zone)
        past = timedelta(minutes=local.minute % minutes, seconds=local.second, microseconds=local.microsecond)
        return at - past, at - past + timedelta(minutes=minutes)

    return found


_STEPS = {
    Step.HALF_HOUR: _of_clock(30),
    Step.HOUR: _of_clock(60),
    Step.DAY: _of_calendar(WindowSpan.DAY),
    Step.MONTH: _of_calendar(WindowSpan.MONTH),
}
_HALF = {
    Step.HALF_HOUR: timedelta(minutes=15),
    Step.HOUR: timedelta(minutes=30),
    Step.DAY: timedelta(hours=12),
    Step.MONTH: timedelta(days=14),
}


def _nearest(starts: Sequence[datetime], start: datetime, step: Step) -> datetime:
    """Return the step that begins at *start*: where clocks change, MongoDB sees it begin at another minute."""
    return starts[max(0, bisect_right(starts, start + _HALF[step]) - 1)]


def _add(sums: defaultdict[str, int], more: Mapping[str, int]) -> None:
    for name, amount in more.items():
        sums[name] += amount


def _order(cell: Cell) -> tuple[datetime, str, str]:
    return cell.start, cell.name or "", cell.currency or ""
