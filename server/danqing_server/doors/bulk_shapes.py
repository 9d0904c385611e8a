"""What is sent and taken where many tasks are changed at once, and where one is checked before it is bought."""

from __future__ import annotations

import re
from typing import Annotated, NotRequired, TypedDict

from danqing_plugins import OutputKind
from danqing_server.doors.usage_shapes import SpendLimitShape
from danqing_server.http.problem_shapes import DetailShape
from danqing_server.http.shapes import Moment, closed, said
from danqing_server.records.tasks import JsonObject, Priority

__all__ = [
    "BulkOutcomeShape",
    "BulkRequest",
    "BulkShape",
    "CheckShape",
    "CheckedLaneShape",
    "EstimateShape",
    "ExpectShape",
    "LimitShape",
    "MoneyShape",
    "PreparedShape",
    "PrioritiesRequest",
    "PriorityRequest",
]

MOST_AT_ONCE = 500
AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
CURRENCY = re.compile(r"[A-Z]{3}")
_ID = "volcengine_img_019ab3f2c1d4k7m2p9qxw4et6bz3"


class MoneyShape(TypedDict):
    """An amount of money."""

    amount: Annotated[str, said("decimal", "0.40", pattern=AMOUNT.pattern)]
    currency: Annotated[str, said("ISO 4217", "CNY", pattern=CURRENCY.pattern)]


@closed
class ExpectShape(TypedDict):
    """What a dry run told, to be sent back as it is: nothing is done that it did not tell of."""

    possible: NotRequired[
        Annotated[int, said("tasks; without it their number is not compared", 1, minimum=0, maximum=10_000)]
    ]
    at_most: NotRequired[
        Annotated[list[MoneyShape], said("what retries cost at the most; belongs to `possible`", maxItems=20)]
    ]
    as_of: Annotated[Moment, said("when it looked; what came or changed later is left alone")]


@closed
class BulkRequest(TypedDict):
    """Which tasks are meant: `ids`, or a `filter`."""

    ids: NotRequired[
        Annotated[list[str] | None, said("of the tasks that are meant", [_ID], minItems=1, maxItems=MOST_AT_ONCE)]
    ]
    filter: NotRequired[
        Annotated[
            JsonObject | None,
            said(
                "as in the query of /api/v1/tasks; at least one member; without `status`, those the action fits",
                {"user_id": "user_123"},
                minProperties=1,
            ),
        ]
    ]
    dry_run: NotRequired[Annotated[bool | None, said("change nothing, and say what would be done")]]
    limit: NotRequired[
        Annotated[int | None, said("tasks of a filter at once", 200, minimum=1, maximum=MOST_AT_ONCE)]
    ]
    cursor: NotRequired[Annotated[str | None, said("next_cursor of the answer before, to go on")]]
    expect: NotRequired[
        Annotated[
            ExpectShape | None,
            said("of a dry run: refused with 409 when another number of tasks, or more money, is meant by now"),
        ]
    ]
    include_unknown: NotRequired[
        Annotated[bool | None, said("retry also what may have been paid for already: it may be paid for again")]
    ]


@closed
class PrioritiesRequest(BulkRequest):
    """Which tasks are meant, and whose turn they take."""

    priority: Annotated[Priority, said("whose turn comes first", "high")]


@closed
class PriorityRequest(TypedDict):
    """What is changed of a task that waits."""

    priority: Annotated[Priority, said("whose turn comes first", "high")]


class BulkOutcomeShape(TypedDict):
    """What became of one task."""

    id: Annotated[str, said("as it was asked for, or found", _ID)]
    done: Annotated[bool, said("whether it was done", True)]
    code: Annotated[str | None, said("why not", None)]
    message: Annotated[str | None, said("why not, in words", None)]
    retryable: Annotated[bool, said("it may be possible in a moment", False)]


class BulkShape(TypedDict):
    """What was done to many tasks, or would be."""

    dry_run: Annotated[bool, said("whether nothing was changed", False)]
    matched: Annotated[int, said("tasks that were looked at", 1)]
    possible: Annotated[int, said("of them can be, or were, changed so", 1)]
    results: Annotated[list[BulkOutcomeShape], said("one for each, in order; empty of a dry run")]
    next_cursor: Annotated[str | None, said("pass as `cursor` to go on; null when all are done", None)]
    left: NotRequired[Annotated[list[str], said("of `ids`: those that there was no time for; send them again")]]
    amounts: NotRequired[
        Annotated[list[MoneyShape], said("of a dry run: what retries cost when every call goes well")]
    ]
    at_most: NotRequired[
        Annotated[
            list[MoneyShape],
            said("of a dry run: also when broken calls are paid and made again, at the dearest target"),
        ]
    ]
    unknown: NotRequired[
        Annotated[int, said("of a dry run: those that may have been paid for already; see include_unknown")]
    ]
    expect: NotRequired[Annotated[ExpectShape, said("of a dry run: to be sent with the request that does it")]]
    complete: NotRequired[Annotated[bool, said("of a dry run: whether that is all, or the newest `matched`")]]


class EstimateShape(TypedDict):
    """What it costs."""

    amount: Annotated[str, said("decimal", "0.20")]
    at_most: Annotated[str, said("decimal: also when a broken call is paid and made again", "0.40")]
    currency: Annotated[str, said("ISO 4217", "CNY")]


class PreparedShape(TypedDict):
    """What the provider would be asked for."""

    provider: Annotated[str, said("who would carry it out", "volcengine")]
    model: Annotated[str, said("the model's own id", "doubao-seedream-4-0-250828")]
    type: Annotated[str, said("a task type of the provider", "image")]
    kind: Annotated[OutputKind, said("what its outputs are", "image")]
    route: Annotated[str | None, said("the route that it is sent to", None)]
    input: Annotated[JsonObject, said("as it was prepared, without references", {"prompt": "水墨山谷"})]
    references: Annotated[int, said("pictures it refers to", 0)]


class CheckedLaneShape(TypedDict):
    """Where it would wait."""

    name: Annotated[str, said("the lane", "volcengine")]
    accepting: Annotated[bool, said("whether the lane gives tasks out", True)]
    reason: Annotated[str | None, said("what keeps it shut", None)]
    waiting: Annotated[int, said("tasks that wait there", 3)]
    start_at: Annotated[Moment | None, said("when it may begin; null when nothing tells")]


class LimitShape(TypedDict):
    """A limit that would refuse it at this moment."""

    code: Annotated[str, said("stable", "too_many_tasks")]
    message: Annotated[str, said("which limit, and how far it is used", "等待中的任务已达到上限")]
    retry_after_s: Annotated[int, said("seconds", 30)]
    budget: NotRequired[Annotated[SpendLimitShape, said("of a limit on money: how it stands")]]


class CheckShape(TypedDict):
    """What would become of a submission; nothing was kept, queued or bought."""

    acceptable: Annotated[bool, said("whether it would be taken in now", True)]
    problems: Annotated[list[DetailShape], said("everything that is wrong with it", [])]
    limits: Annotated[list[LimitShape], said("what would refuse it now", [])]
    notes: Annotated[list[str], said("what would be changed", [])]
    prepared: Annotated[PreparedShape | None, said("null when it is wrong")]
    outputs: Annotated[int, said("that would be made", 1)]
    calls: Annotated[int, said("paid calls it takes", 1)]
    estimate: Annotated[EstimateShape | None, said("null when the provider names no price")]
    lane: Annotated[CheckedLaneShape | None, said("null when it is wrong")]
