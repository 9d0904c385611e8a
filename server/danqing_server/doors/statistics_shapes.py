"""What is sent of statistics."""

from __future__ import annotations

from typing import Annotated, TypedDict

from danqing_server.desk.statistics import Group
from danqing_server.http.shapes import Moment, said
from danqing_server.store.sums import Step

__all__ = ["OpenCostShape", "SeriesCellShape", "SeriesGroupShape", "SeriesShape", "SeriesStepShape", "SpentShape"]


class SpentShape(TypedDict):
    """One sum, in one currency. Amounts are decimal text; tasks and pictures as each stands now."""

    currency: Annotated[str | None, said("null: nobody named a price", "CNY")]
    completed: Annotated[int, said("tasks", 12)]
    failed: Annotated[int, said("tasks", 1)]
    cancelled: Annotated[int, said("tasks", 0)]
    pictures: Annotated[int, said("outputs that were paid for", 14)]
    settled: Annotated[str, said("what was paid", "2.80")]
    unknown: Annotated[str, said("what may have been paid, beside that", "0.20")]
    in_doubt: Annotated[int, said("tasks of which it is not known what was paid", 1)]
    lost: Annotated[str, said("what of `settled` went into tasks that failed or were cancelled", "0.20")]


class SeriesStepShape(SpentShape):
    """What counts to one step of time; steps with nothing in them are left out."""

    start: Moment


class SeriesGroupShape(SpentShape):
    """What has one name, over all of the time."""

    name: Annotated[str | None, said("null: made without, or the rest", "doubao-seedream-4-5-251128")]
    others: Annotated[int, said("0; of the rest: how many names are summed up in it", 0)]


class SeriesCellShape(SeriesGroupShape):
    """What has one name, and counts to one step of time."""

    start: Moment


class OpenCostShape(TypedDict):
    """What tasks that have not ended may cost."""

    currency: Annotated[str | None, said("null: nobody named a price", "CNY")]
    tasks: Annotated[int, said("", 2)]
    reserved: Annotated[str, said("at the most", "0.40")]


class SeriesShape(TypedDict):
    """What was spent from `since` until before `until`, step by step; each currency for itself.

    The sums of `steps`, of `groups` and of `cells` are `totals`.
    """

    since: Moment
    until: Moment
    tz: Annotated[str, said("whose days these are", "Asia/Shanghai")]
    by: Annotated[Step, said("how long a step is", "day")]
    group: Annotated[Group | None, said("what it is split by; null: by nothing", "model")]
    sandbox: Annotated[bool, said("whether what simulators made is in the sums", False)]
    complete: Annotated[bool, said("false: older tasks are still being booked; ask again", True)]
    starts: Annotated[list[Moment], said("where each step begins, with or without anything in it")]
    steps: list[SeriesStepShape]
    groups: Annotated[list[SeriesGroupShape], said("most money first; empty without `group`")]
    cells: Annotated[list[SeriesCellShape], said("empty without `group`")]
    totals: Annotated[list[SpentShape], said("one for each currency")]
    open: Annotated[list[OpenCostShape], said("one for each currency")]
