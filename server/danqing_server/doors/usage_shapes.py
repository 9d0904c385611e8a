"""What is sent of usage and of the caller's own key."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, NotRequired, TypedDict

from danqing_server.http.shapes import Moment, said
from danqing_server.windows import Span

__all__ = ["OwnKeyShape", "SpendLimitShape", "UsageRowShape", "UsageShape"]


class UsageRowShape(TypedDict):
    """One sum; of the groups only those that were asked for. Amounts are decimal text in `currency`."""

    day: NotRequired[Annotated[str, said("of the time zone that was asked for", "2026-11-28")]]
    project: NotRequired[Annotated[str | None, said("null: made without authentication", "shop")]]
    key: NotRequired[Annotated[str | None, said("the id of the API key that it came with", "shop")]]
    user: NotRequired[Annotated[str, said("`user_id` of the tasks", "u-1")]]
    model: NotRequired[Annotated[str, said("as its provider calls it", "doubao-seedream-4-5-251128")]]
    provider: NotRequired[Annotated[str, said("who was paid", "volcengine")]]
    currency: Annotated[str | None, said("null: nobody named a price", "CNY")]
    completed: Annotated[int, said("tasks", 12)]
    failed: Annotated[int, said("tasks", 1)]
    cancelled: Annotated[int, said("tasks", 0)]
    open: Annotated[int, said("tasks that have not ended", 2)]
    pictures: Annotated[int, said("outputs that were paid for", 14)]
    settled: Annotated[str, said("what was paid", "2.80")]
    unknown: Annotated[str, said("what may have been paid, beside that", "0.20")]
    reserved: Annotated[str, said("what the open tasks may cost at the most", "0.40")]


class UsageShape(TypedDict):
    """What was spent from `since` until before `until`, by what was asked for; `totals` are of all pages."""

    since: Moment
    until: Moment
    tz: Annotated[str, said("whose days these are", "UTC")]
    group_by: Annotated[list[str], said("in order", ["day"])]
    rows: list[UsageRowShape]
    next_cursor: Annotated[str | None, said("pass as `cursor` for more rows; null when these are the last", None)]
    totals: Annotated[list[UsageRowShape], said("one for each currency")]


class SpendLimitShape(TypedDict):
    """One limit on money, and how much of it is left."""

    of: Annotated[str, said("whose spending it is compared with", "project", enum=["project", "key"])]
    window: Annotated[Span, said("how long it counts", "day")]
    currency: Annotated[str, said("ISO 4217", "CNY")]
    limit: Annotated[str, said("decimal text", "20.00")]
    used: Annotated[str, said("what is in the ledger, paid or in doubt", "3.20")]
    reserved: Annotated[str, said("what open tasks may cost at the most", "0.40")]
    remaining: Annotated[str, said("0.00 at the least", "16.40")]
    warning: Annotated[bool, said("whether four fifths are used or reserved", False)]
    resets_at: Moment


class OwnKeyShape(TypedDict):
    """The caller's own key. The members from `limit` to `usage_monthly` are of `currency`, as numbers to show.

    They are of the limit of which the least is left, or null without one; `limits` is exact.
    """

    key: Annotated[str, said("its id", "shop")]
    label: Annotated[str, said("its id", "shop")]
    project: Annotated[str, said("what it belongs to", "shop")]
    scopes: Annotated[list[str], said("what it may do", ["generate", "read"])]
    currency: Annotated[str | None, said("of these numbers", "CNY")]
    limit: Annotated[float | None, said("null: none", 20.0)]
    limit_remaining: Annotated[float | None, said("null: no limit", 16.4)]
    limit_reset: Annotated[str | None, said("`daily` or `monthly`; null: no limit", "daily")]
    usage: Annotated[float, said("of this key, this month", 3.2)]
    usage_daily: Annotated[float, said("of this key, today", 3.2)]
    usage_monthly: Annotated[float, said("of this key, this month", 3.2)]
    expires_at: Annotated[datetime | None, said("null: never", None)]
    limits: list[SpendLimitShape]
