"""What a task, or a batch, takes of each counter that limits it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from functools import partial

import attrs

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.desk.counting import Counter, Measure
from danqing_server.desk.refusals import refusal_of
from danqing_server.errors import Conflict
from danqing_server.records.tasks import Hold
from danqing_server.records.tenancy import Limits
from danqing_server.store.budgets import Committed, Pending
from danqing_server.windows import Span, window_of

__all__ = ["Demand", "Wish", "demands_of", "demands_of_lines", "spans_of", "with_room"]

ABOUT_TO_BE = Message(
    key="about_to_be_made", en="another request is about to make the same task", zh="另一个请求正在创建同一任务"
)

ABOUT_TO_RUN = Message(
    key="about_to_run_again",
    en="another request is about to have the same task run again",
    zh="另一个请求正在让同一任务重新运行",
)


@attrs.frozen(kw_only=True)
class Demand:
    """How much a task takes of one counter, of which there may be `most`."""

    counter: Counter
    amount: int
    most: int
    lines: int = 0
    each: int = 0


@attrs.frozen(kw_only=True, eq=False)
class Wish:
    """A hold for a task, and what it takes, wished for at *at*; *again*: the task is there, and is tried again."""

    task_id: str
    hold: Hold
    demands: Sequence[Demand]
    again: bool
    at: datetime

    def note_in(self, demand: Demand) -> Pending:
        """Return what stands in a counter until its task says so itself."""
        return Pending(
            task=self.task_id,
            amount=demand.amount,
            at=self.at,
            again=self.again,
            lines=demand.lines,
            each=demand.each,
        )


def demands_of(caller: Caller, hold: Hold, outputs: int, zone: tzinfo) -> Iterator[Demand]:
    """Yield what *hold*, of a task with so many *outputs*, takes of each limit of *caller*'s project and key."""
    for whose, limits in caller.limits:
        of = partial(Counter, project=caller.owner, key=caller.key if whose == "key" else None)
        yield from _limited(of, limits, hold, outputs, zone)


def _limited(
    of: Callable[..., Counter], limits: Limits, hold: Hold, outputs: int, zone: tzinfo
) -> Iterator[Demand]:
    for span, most_micro in spans_of(limits):
        window = window_of(span, hold.at, zone)
        for currency, amount_micro in hold.amounts_micro.items():
            if currency in most_micro:
                counter = of(measure=currency, window=window)
                yield Demand(counter=counter, amount=amount_micro, most=most_micro[currency])
    if limits.pictures_in_flight is not None:
        in_flight = of(measure=Measure.PICTURES)
        yield Demand(counter=in_flight, amount=max(1, outputs), most=limits.pictures_in_flight)
    if limits.waiting_tasks is not None:
        yield Demand(counter=of(measure=Measure.WAITING), amount=1, most=limits.waiting_tasks)


def spans_of(limits: Limits) -> tuple[tuple[Span, Mapping[str, int]], ...]:
    """Return what may be spent in each span, in millionths by currency."""
    return (Span.DAY, limits.spend_per_day_micro), (Span.MONTH, limits.spend_per_month_micro)


def demands_of_lines(caller: Caller, holds: Sequence[Hold], zone: tzinfo) -> list[Demand]:
    """Return what the lines of a batch take of each limit on money together; they may be of two days, or months.

    How many of its tasks are open at once is for its lanes to say.
    """
    found: dict[str, Demand] = {}
    for of_day in _by_day(holds, zone):
        together = attrs.evolve(of_day[0], amounts_micro=_summed(of_day))
        for demand in demands_of(caller, together, 0, zone):
            counter, before = demand.counter, found.get(demand.counter.id)
            if counter.window is not None:
                found[counter.id] = attrs.evolve(
                    demand,
                    amount=demand.amount + (0 if before is None else before.amount),
                    lines=len(holds),
                    each=_dearest_of(holds, counter.measure),
                )
    return list(found.values())


def _by_day(holds: Sequence[Hold], zone: tzinfo) -> list[list[Hold]]:
    """Return *holds*, which are in the order of their times, day by day."""
    day, found = None, list[list[Hold]]()
    for hold in holds:
        if day is None or not day.holds(hold.at):
            day = window_of(Span.DAY, hold.at, zone)
            found.append([])
        found[-1].append(hold)
    return found


def _summed(holds: Sequence[Hold]) -> dict[str, int]:
    amounts: dict[str, int] = {}
    for hold in holds:
        for currency, micro in hold.amounts_micro.items():
            amounts[currency] = amounts.get(currency, 0) + micro
    return amounts


def _dearest_of(holds: Sequence[Hold], currency: str) -> int:
    """Return the most that one of *holds* sets aside in *currency*."""
    return max((hold.amounts_micro.get(currency, 0) for hold in holds), default=0)


def with_room(
    members: Sequence[tuple[Wish, Demand]], counted: Committed, refused: dict[Wish, Exception]
) -> list[tuple[Wish, Demand]]:
    """Return those there is room for beside what is *counted*, and note in *refused* why not for the others.

    One for whose task others have set aside meanwhile is refused as a Conflict: it is theirs that takes the room.
    """
    fitting, total, taken = [], counted.total, {note.task for note in counted.pending.values()}
    for wish, demand in members:
        if total + demand.amount <= demand.most:
            total += demand.amount
            taken.add(wish.task_id)
            fitting.append((wish, demand))
        elif wish.task_id in taken:
            refused[wish] = Conflict(ABOUT_TO_RUN() if wish.again else ABOUT_TO_BE(), code="task_busy")
        else:
            refused[wish] = refusal_of(demand.counter, demand.amount, demand.most, counted)
    return fitting
