"""What was spent: by whatever it is to be split by, as JSON or CSV; and what the caller's own key has left."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, tzinfo

import attrs
import orjson
from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message
from danqing_server.codec.bodies import dump_json
from danqing_server.codec.url64 import from_url64, to_url64
from danqing_server.doors.documentation import Answer, described, query
from danqing_server.doors.fields import Fields
from danqing_server.doors.filters import NO_CURSOR, members_of_query, moment_of, until_of
from danqing_server.doors.usage_shapes import OwnKeyShape, UsageShape
from danqing_server.doors.usage_views import csv_of, own_key_view, row_view, totals_of
from danqing_server.errors import StoreUnavailable
from danqing_server.http.answers import success
from danqing_server.http.entry import admit
from danqing_server.http.messages import language_of
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get
from danqing_server.records.tenancy import Scope
from danqing_server.store.usage import Dimension, Place, rows_after
from danqing_server.windows import Span, window_of, zone_named

__all__ = ["routes"]

CSV = "text/csv"
PARAMETERS = ("from", "to", "tz", "group_by", "format", "limit", "cursor")
MOST_ROWS = 10_000
USUAL_ROWS = 1_000
LONGEST_CURSOR = 4_096
NAMES = tuple(each.value for each in Dimension)

SUMMED = Message(key="usage.summed", zh="获取用量成功", en="Usage summed")
FOUND = Message(key="own_key.found", zh="获取当前密钥成功", en="Key found")
NO_ZONE = Message(
    key="no_time_zone",
    zh="不是已知的时区，例如 UTC 或 Asia/Shanghai",
    en="is no time zone: use a name such as UTC or Asia/Shanghai",
)
NO_GROUPS = Message(
    key="no_groups",
    zh="只能是以下一个或多个，用逗号分隔：{allowed}",
    en="must be one or more of these, with commas: {allowed}",
)
STILL_BOOKED = Message(
    key="still_booked",
    zh="较早的任务仍在入账，合计尚不完整，请稍后再试",
    en="older tasks are still being booked, and the sums would lack them: ask again later",
)
BACKWARDS = Message(key="ends_before_it_begins", zh="必须晚于 `from`", en="must be later than `from`")

routes = Blueprint("usage", url_prefix="/api/v1")


@attrs.frozen(kw_only=True)
class _Wanted:
    """What is asked for."""

    since: datetime
    until: datetime
    zone: tzinfo
    by: tuple[Dimension, ...]
    as_csv: bool
    limit: int
    after: Place | None


@on_get(routes, "/usage", needs=Scope.USAGE)
@described(
    "获取用量 · Sum up usage",
    {200: Answer(description="获取用量成功", shape=UsageShape, tabular=True)},
    errors=(400,),
    parameters=[
        query("from", "counted since; this month, unless said", type="string", format="date-time"),
        query("to", "counted until before this time; now, unless said", type="string", format="date-time"),
        query("tz", "whose days are meant", type="string", minLength=1, maxLength=64),
        query(
            "group_by",
            "what to split by, one or more, with commas",
            type="string",
            pattern=f"^({'|'.join(NAMES)})(,({'|'.join(NAMES)}))*$",
            default="day",
        ),
        query("format", "`csv` is sent to who accepts text/csv, too", type="string", enum=["json", "csv"]),
        query("limit", "rows a page, in JSON", type="integer", minimum=1, maximum=MOST_ROWS, default=USUAL_ROWS),
        query("cursor", "next_cursor of the page before", type="string", minLength=1, maxLength=LONGEST_CURSOR),
    ],
)
async def sum_usage(request: ApiRequest) -> HTTPResponse:
    """Sum up what the caller's project spent, or, for an administrator, what every project did.

    A task counts to the time when it was accepted, or last tried again.
    """
    services, caller = admit(request)
    wanted = _read(request, services.settings.budget_zone, services.clock.now())
    if not await services.late_books.catch_up(caller.accounts, guarded=services.gatekeeper.guards):
        raise StoreUnavailable(STILL_BOOKED())
    rows = await services.usage.sum(caller.accounts, wanted.since, wanted.until, wanted.by, wanted.zone)
    if wanted.as_csv:
        sheet = await asyncio.to_thread(csv_of, wanted.by, rows)
        return HTTPResponse(sheet, 200, _CSV_HEADERS, f"{CSV}; charset=utf-8")
    shown, next_ = rows_after(wanted.after, rows, wanted.limit)
    data: UsageShape = {
        "since": wanted.since,
        "until": wanted.until,
        "tz": str(wanted.zone),
        "group_by": [each.value for each in wanted.by],
        "rows": [row_view(wanted.by, row) for row in shown],
        "next_cursor": None if next_ is None else _cursor_of(next_),
        "totals": [row_view((), row) for row in await asyncio.to_thread(totals_of, rows)],
    }
    return success(data, SUMMED.to(language_of(request.headers)), headers={"vary": "accept"})


_CSV_HEADERS = {
    "cache-control": "no-store",
    "vary": "accept",
    "content-disposition": 'attachment; filename="usage.csv"',
}


@on_get(routes, "/key", needs=Scope.READ)
@described(
    "获取当前密钥 · Show the caller's own key", {200: Answer(description="获取当前密钥成功", shape=OwnKeyShape)}
)
async def show_own_key(request: ApiRequest) -> HTTPResponse:
    """Show what the key that asks may do, what it spent and what it has left."""
    services, caller = admit(request)
    zone, now = services.settings.budget_zone, services.clock.now()
    states = await services.budgets.states(caller)
    today, this_month = [
        await services.statistics.paid_by(caller.owner, caller.key, window_of(span, now, zone), zone)
        for span in (Span.DAY, Span.MONTH)
    ]
    data = own_key_view(caller, states, today, this_month)
    return success(data, FOUND.to(language_of(request.headers)))


def _read(request: ApiRequest, zone: tzinfo, now: datetime) -> _Wanted:
    """Read the query. Raises InvalidSubmission."""
    fields = Fields(members=members_of_query(request))
    fields.check_known(PARAMETERS)
    named = fields.text("tz", 1, 64)
    try:
        zone = zone if named is None else zone_named(named)
    except ValueError:
        fields.report("tz", NO_ZONE)
    since = moment_of(fields, "from", zone) or window_of(Span.MONTH, now, zone).start
    until = until_of(fields, since, now, zone)
    if until <= since:
        fields.report("to", BACKWARDS)
    by = _dimensions(fields)
    wish = fields.choice("format", ("json", "csv"))
    limit, after = fields.whole_text("limit", 1, MOST_ROWS) or USUAL_ROWS, _place(fields, len(by) + 1)
    fields.finish()
    as_csv = wish == "csv" if wish else CSV in request.headers.get("accept", "")
    return _Wanted(since=since, until=until, zone=zone, by=by, as_csv=as_csv, limit=limit, after=after)


def _cursor_of(place: Place) -> str:
    """Return what a client sends to go on at *place*."""
    return to_url64(dump_json(place))


def _place(fields: Fields, size: int) -> Place | None:
    """Return where to go on, with *size* values; one that is none of ours is reported."""
    cursor = fields.text("cursor", 1, LONGEST_CURSOR)
    if cursor is None:
        return None
    try:
        found = orjson.loads(from_url64(cursor))
    except ValueError:
        found = None
    if isinstance(found, list) and len(found) == size and all(isinstance(each, str | None) for each in found):
        return tuple(found)
    fields.report("cursor", NO_CURSOR)
    return None


def _dimensions(fields: Fields) -> tuple[Dimension, ...]:
    words: Sequence[str] = (fields.text("group_by", 1, 100) or Dimension.DAY.value).split(",")
    if not fields.are_among("group_by", words, NAMES, NO_GROUPS):
        return ()
    return tuple(Dimension(word) for word in dict.fromkeys(words))
