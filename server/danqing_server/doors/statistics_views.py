"""Statistics, as they are shown: sums by step, by name and by both, and a sheet for an accountant."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TypeVar

from danqing_server.desk.statistics import Cell, Question, Series
from danqing_server.doors.costs import price_text
from danqing_server.doors.statistics_shapes import OpenCostShape, SeriesGroupShape, SeriesShape, SpentShape
from danqing_server.doors.usage_views import guarded, signed_text
from danqing_server.store.sums import SUMS, Step

__all__ = ["csv_of_series", "series_view"]

Place = TypeVar("Place")
Label = tuple[str | None, int]
"""A name, and 0; or None, and how many names are summed up under it."""

_COLUMNS = ("completed", "failed", "cancelled", "pictures", "settled", "unknown", "in_doubt", "lost")
_DATES = {
    Step.HALF_HOUR: "%Y-%m-%d %H:%M",
    Step.HOUR: "%Y-%m-%d %H:%M",
    Step.DAY: "%Y-%m-%d",
    Step.MONTH: "%Y-%m",
}


def series_view(question: Question, series: Series, most_names: int, *, complete: bool) -> SeriesShape:
    """Return statistics as they are sent, with the *most_names* that cost most; the others are summed up."""
    labels = {} if question.group is None else _labels(series.cells, most_names)
    named = [cell for cell in series.cells if cell.name in labels]
    return {
        "since": question.span.start,
        "until": question.span.end,
        "tz": str(question.zone),
        "by": question.step,
        "group": question.group,
        "sandbox": question.with_simulated,
        "complete": complete,
        "starts": list(series.starts),
        "steps": [
            {"start": start, **_spent(currency, sums)}
            for (start, currency), sums in _summed(series.cells, lambda cell: (cell.start, cell.currency))
        ],
        "groups": _groups(named, labels),
        "cells": [
            {"start": start, "name": label[0], "others": label[1], **_spent(currency, sums)}
            for (start, label, currency), sums in _summed(
                named, lambda cell: (cell.start, labels[cell.name], cell.currency)
            )
        ],
        "totals": _totals(series.cells),
        "open": _open(series),
    }


def csv_of_series(question: Question, series: Series) -> str:
    """Return statistics as CSV (RFC 4180), the same numbers as the JSON, of every name; the last rows are the sums.

    Text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    group = [] if question.group is None else [question.group.value]
    writer.writerow([question.step.value, *group, "currency", *_COLUMNS])
    for cell in series.cells:
        name = [guarded(cell.name)] if group else []
        writer.writerow(
            [_date(cell.start, question.step, question.zone), *name, *_fields(_spent(cell.currency, cell.sums))]
        )
    for total in _totals(series.cells):
        writer.writerow(["total", *("" for _ in group), *_fields(total)])
    return text.getvalue()


def _labels(cells: Sequence[Cell], most_names: int) -> dict[str | None, Label]:
    """Return what each name is shown as, those that cost most first."""
    wholes = {currency: _money(sums) for currency, sums in _summed(cells, lambda cell: cell.currency)}
    weights: defaultdict[str | None, tuple[float, int]] = defaultdict(lambda: (0.0, 0))
    for (name, currency), sums in _summed(cells, lambda cell: (cell.name, cell.currency)):
        share, tasks = weights[name]
        weights[name] = max(share, _money(sums) / max(1, wholes[currency])), tasks + sums["completed"]
    names = sorted(weights, key=lambda name: (*(-each for each in weights[name]), name or ""))
    rest = names[most_names:]
    return {**{name: (name, 0) for name in names[:most_names]}, **dict.fromkeys(rest, (None, len(rest)))}


def _groups(cells: Sequence[Cell], labels: Mapping[str | None, Label]) -> list[SeriesGroupShape]:
    order = {label: place for place, label in enumerate(dict.fromkeys(labels.values()))}
    found = _summed(cells, lambda cell: (labels[cell.name], cell.currency))
    return [
        {"name": label[0], "others": label[1], **_spent(currency, sums)}
        for (label, currency), sums in sorted(found, key=lambda each: (order[each[0][0]], each[0][1] or ""))
    ]


def _totals(cells: Sequence[Cell]) -> list[SpentShape]:
    found = sorted(_summed(cells, lambda cell: cell.currency), key=lambda each: each[0] or "")
    return [_spent(currency, sums) for currency, sums in found]


def _open(series: Series) -> list[OpenCostShape]:
    found: defaultdict[str | None, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in series.open:
        tasks, reserved = found[row.currency]
        found[row.currency] = tasks + row.open, reserved + row.reserved_micro
    return [
        {"currency": currency, "tasks": tasks, "reserved": price_text(reserved)}
        for currency, (tasks, reserved) in found.items()
    ]


def _summed(cells: Iterable[Cell], place_of: Callable[[Cell], Place]) -> list[tuple[Place, Mapping[str, int]]]:
    found: dict[Place, dict[str, int]] = {}
    for cell in cells:
        sums = found.setdefault(place_of(cell), dict.fromkeys(SUMS, 0))
        for name, amount in cell.sums.items():
            sums[name] += amount
    return list(found.items())


def _money(sums: Mapping[str, int]) -> int:
    return sums["settled_micro"] + sums["unknown_micro"]


def _spent(currency: str | None, sums: Mapping[str, int]) -> SpentShape:
    return {
        "currency": currency,
        "completed": sums.get("completed", 0),
        "failed": sums.get("failed", 0),
        "cancelled": sums.get("cancelled", 0),
        "pictures": sums.get("pictures", 0),
        "settled": signed_text(sums.get("settled_micro", 0)),
        "unknown": signed_text(sums.get("unknown_micro", 0)),
        "in_doubt": sums.get("doubts", 0),
        "lost": signed_text(sums.get("lost_micro", 0)),
    }


def _fields(spent: SpentShape) -> list[object]:
    return [guarded(spent["currency"]), *(spent[name] for name in _COLUMNS)]  # type: ignore[literal-required]  # of its members


def _date(start: datetime, step: Step, zone: tzinfo) -> str:
    return start.astimezone(zone).strftime(_DATES[step])
