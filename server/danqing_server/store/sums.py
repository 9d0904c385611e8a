"""What rows of sums are made of a ledger's postings, and what sums are made of rows.

Source for aggregation stages: MongoDB manual 6.0, read 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Any

import attrs

from danqing_plugins.billing import Billed
from danqing_server.records.accounts import COSTS
from danqing_server.records.tasks import FINISHED, Status
from danqing_server.store.zones import timezone_of

__all__ = [
    "PLACE",
    "SUMS",
    "Named",
    "Span",
    "Split",
    "Step",
    "StepSum",
    "Steps",
    "counted",
    "step_sum",
    "summed",
]

SUMS = ("completed", "failed", "cancelled", "pictures", "settled_micro", "unknown_micro", "lost_micro", "doubts")


class Split(StrEnum):
    """By whose names sums are split. Each has sheets of its own, so that none holds what all of them make together.

    Of users there are too many for sheets to be shorter than the ledger: they have none.
    """

    MODEL = "model"
    PROVIDER = "provider"
    KEY = "key"
    USER = "user"


_NAMES: Mapping[Split, str] = {
    Split.MODEL: "$lines.model",
    Split.PROVIDER: "$lines.provider",
    Split.KEY: "$key",
    Split.USER: "$user",
}
_ALWAYS = {"provider": "$lines.provider", "currency": "$lines.currency", "simulated": "$lines.simulated"}
PLACE = ("project", "at", "name", *_ALWAYS)


class Step(StrEnum):
    """How long the steps are by which sums are told."""

    HALF_HOUR = "half_hour"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class Named(StrEnum):
    """Whose names are told apart, as the field of a row."""

    SPLIT = "name"
    PROJECT = "project"


@attrs.frozen
class Span:
    """From `start` until before `end`."""

    start: datetime
    end: datetime

    @property
    def filter(self) -> Mapping[str, datetime]:
        """The condition of a query."""
        return {"$gte": self.start, "$lt": self.end}


@attrs.frozen(kw_only=True)
class Steps:
    """By what sums are told: steps of a zone, and each of some names for itself; None: all together."""

    step: Step
    zone: tzinfo
    named: Named | None


@attrs.frozen(kw_only=True)
class StepSum:
    """One sum: of what counts to the step that begins at `start`, of one `name`, provider and currency.

    `simulated` None: the ledger does not say. `sums` are the members of `SUMS`, those that are 0 left out:
    tasks by how they ended, pictures that were paid for, money in millionths. `settled_micro` was paid,
    `unknown_micro` may have been, in `doubts` tasks; `lost_micro` is what of the former went into tasks that
    failed or were cancelled, wherever they did and in whichever round.
    """

    start: datetime
    name: str | None
    provider: str
    currency: str | None
    simulated: bool | None
    sums: Mapping[str, int]


def counted(
    projects: Sequence[str | None], spans: Sequence[Span], split: Split, minutes: int
) -> list[dict[str, Any]]:
    """Return what makes rows of projects' postings: task by task first, since some sums are of whole tasks.

    What was paid for a task whose end is not said in the same place has a row of its own, which names its `task`:
    whether it is lost is said elsewhere.
    """
    at = {"$dateTrunc": {"date": "$lines.at", "unit": "minute", "binSize": minutes}}
    dimensions: dict[str, Any] = {"project": "$project", "at": at, "name": _NAMES[split], **_ALWAYS}
    whose = {"$in": [*projects]}
    costs = {"$in": [kind.value for kind in COSTS]}
    ends = {
        status.value: {"$sum": {"$cond": [{"$eq": ["$lines.status", status.value]}, "$lines.tasks", 0]}}
        for status in FINISHED
    }
    return [
        {"$match": {"project": whose, "$or": [{"lines": {"$elemMatch": {"at": each.filter}}} for each in spans]}},
        {"$unwind": "$lines"},
        {"$match": {"lines.kind": costs, "$or": [{"lines.at": each.filter} for each in spans]}},
        {
            "$group": {
                "_id": {"task": "$task", **dimensions},
                **ends,
                "pictures": {"$sum": _if_billed(Billed.YES, "$lines.pictures")},
                "settled_micro": {"$sum": _if_billed(Billed.YES, "$lines.amount_micro")},
                "unknown_micro": {"$sum": _if_billed(Billed.UNKNOWN, "$lines.amount_micro")},
                "in_doubt": {"$sum": _if_billed(Billed.UNKNOWN, "$lines.pictures")},
            }
        },
        {
            "$group": {
                "_id": {**{name: f"$_id.{name}" for name in dimensions}, "task": _ENDED_ELSEWHERE},
                **{name: {"$sum": f"${name}"} for name in _PLAIN},
                "lost_micro": {"$sum": {"$cond": [_LOST, "$settled_micro", 0]}},
                "doubts": {"$sum": {"$cond": [_IN_DOUBT, 1, 0]}},
            }
        },
        {"$replaceWith": {"$mergeObjects": ["$_id", "$$ROOT"]}},
        {"$unset": "_id"},
    ]


_PLAIN = SUMS[:-2]
_LOST = {"$gt": [{"$add": [f"${Status.FAILED}", f"${Status.CANCELLED}"]}, 0]}
_HAS_ENDED = {"$ne": [{"$add": [f"${status}" for status in FINISHED]}, 0]}
_ENDED_ELSEWHERE = {"$cond": [{"$or": [_HAS_ENDED, {"$eq": ["$settled_micro", 0]}]}, "$$REMOVE", "$_id.task"]}
_IN_DOUBT = {"$gt": [{"$max": ["$unknown_micro", "$in_doubt"]}, 0]}


def _if_billed(billed: Billed, amount: str) -> dict[str, Any]:
    return {"$cond": [{"$eq": ["$lines.billed", billed.value]}, amount, 0]}


def summed(by: Steps, span: Span) -> list[dict[str, Any]]:
    """Return what sums rows of *span* up."""
    timezone = timezone_of("$at", by.zone, span.start, span.end)
    trunc: dict[str, Any] = {"date": "$at", "timezone": timezone, "unit": by.step.value}
    if by.step is Step.HALF_HOUR:
        trunc |= {"unit": "minute", "binSize": 30}
    group = {"start": {"$dateTrunc": trunc}, **{each: f"${each}" for each in (*_ALWAYS, "task")}}
    if by.named is not None:
        group["name"] = f"${by.named}"
    return [{"$group": {"_id": group, **{each: {"$sum": f"${each}"} for each in SUMS}}}]


def step_sum(document: Mapping[str, Any]) -> StepSum:
    group = document["_id"]
    return StepSum(
        start=group["start"],
        name=group.get("name"),
        provider=group["provider"],
        currency=group.get("currency"),
        simulated=group.get("simulated"),
        sums={each: document[each] for each in SUMS if document[each]},
    )
