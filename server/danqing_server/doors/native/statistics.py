"""What was spent, step by step of a time: as JSON for a chart, as CSV for an accountant."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

import attrs
from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message
from danqing_server.access.caller import Caller
from danqing_server.desk.statistics import Group, Question
from danqing_server.doors.documentation import Answer, described, query
from danqing_server.doors.fields import Fields
from danqing_server.doors.filters import members_of_query, moment_of, until_of
from danqing_server.doors.native.usage import BACKWARDS, CSV, NO_ZONE, STILL_BOOKED
from danqing_server.doors.statistics_shapes import SeriesShape
from danqing_server.doors.statistics_views import csv_of_series, series_view
from danqing_server.errors import StoreUnavailable
from danqing_server.http.answers import success
from danqing_server.http.entry import admit
from danqing_server.http.messages import language_of
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get
from danqing_server.records.tenancy import Scope
from danqing_server.store.sums import Span, Step
from danqing_server.windows import Span as Window
from danqing_server.windows import window_of, zone_named

__all__ = ["routes"]

PARAMETERS = ("from", "to", "tz", "by", "group", "sandbox", "limit", "format")
MOST_STEPS = 1_500
"""A month of half hours, four years of days."""

MOST_NAMES = 200
USUAL_NAMES = 50
_LONGEST = {
    Step.HALF_HOUR: timedelta(minutes=30) * MOST_STEPS,
    Step.HOUR: timedelta(hours=1) * MOST_STEPS,
    Step.DAY: timedelta(days=1) * MOST_STEPS,
    Step.MONTH: timedelta(days=3660),
}

SUMMED = Message(key="series.summed", zh="获取统计成功", en="Statistics summed")
TOO_LONG = Message(
    key="too_many_steps",
    zh="按 `by` 的步长，从 `from` 起最多 {allowed} 天；请缩短时间或加大 `by`",
    en="may be at most {allowed} days after `from` with this `by`: choose less time, or longer steps",
)
OFF_THE_CALENDAR = Message(
    key="off_the_calendar", zh="必须在公元 2 年至 9998 年之间", en="must be within the years 2 to 9998"
)

routes = Blueprint("statistics", url_prefix="/api/v1/stats")


@attrs.frozen(kw_only=True)
class _Wanted:
    question: Question
    names: int
    as_csv: bool


@on_get(routes, "/series", needs=Scope.USAGE)
@described(
    "获取费用统计 · Sum up what was spent over time",
    {200: Answer(description="获取统计成功", shape=SeriesShape, tabular=True)},
    errors=(400,),
    parameters=[
        query("from", "counted since; this month, unless said", type="string", format="date-time"),
        query("to", "counted until before this time; now, unless said", type="string", format="date-time"),
        query("tz", "whose days are meant", type="string", minLength=1, maxLength=64),
        query("by", "how long a step is", type="string", enum=[each.value for each in Step], default="day"),
        query(
            "group", "what to split by; by nothing, unless said", type="string", enum=[each.value for each in Group]
        ),
        query(
            "sandbox",
            "`include`: also what simulators made",
            type="string",
            enum=["exclude", "include"],
            default="exclude",
        ),
        query(
            "limit",
            "how many names to tell apart",
            type="integer",
            minimum=1,
            maximum=MOST_NAMES,
            default=USUAL_NAMES,
        ),
        query("format", "`csv` is sent to who accepts text/csv, too", type="string", enum=["json", "csv"]),
    ],
)
async def sum_series(request: ApiRequest) -> HTTPResponse:
    """Sum up what the caller's project spent, step by step; for who oversees the server, what every project did.

    A task counts to the time when it was accepted, or last tried again. Of no price, the currency is null.
    """
    services, caller = admit(request)
    wanted = _read(request, caller, services.settings.budget_zone, services.clock.now())
    complete = await services.late_books.catch_up(caller.accounts, guarded=services.gatekeeper.guards)
    series = await services.statistics.answer(wanted.question)
    if wanted.as_csv:
        if not complete:  # a sheet has no place to say so
            raise StoreUnavailable(STILL_BOOKED())
        return HTTPResponse(
            csv_of_series(wanted.question, series), 200, _headers(wanted.question), f"{CSV}; charset=utf-8"
        )
    data = series_view(wanted.question, series, wanted.names, complete=complete)
    return success(data, SUMMED.to(language_of(request.headers)), headers={"vary": "accept"})


def _headers(question: Question) -> dict[str, str]:
    since, until = (
        moment.astimezone(question.zone).date()
        for moment in (question.span.start, question.span.end - timedelta(seconds=1))
    )
    return {
        "cache-control": "no-store",
        "vary": "accept",
        "content-disposition": f'attachment; filename="costs-{since}-{until}.csv"',
    }


def _read(request: ApiRequest, caller: Caller, zone: tzinfo, now: datetime) -> _Wanted:
    """Read the query. Raises InvalidSubmission."""
    fields = Fields(members=members_of_query(request))
    fields.check_known(PARAMETERS)
    zone = _zone(fields, zone)
    since = moment_of(fields, "from", zone) or window_of(Window.MONTH, now, zone).start
    until = until_of(fields, since, now, zone)
    step = Step(fields.choice("by", tuple(Step)) or Step.DAY)
    if until <= since:
        fields.report("to", BACKWARDS)
    elif until - since > _LONGEST[step]:
        fields.report("to", TOO_LONG, allowed=_LONGEST[step].days)
    elif since.year < 2 or until.year > 9998:  # some step would begin, or end, outside of the calendar
        fields.report("from", OFF_THE_CALENDAR)
    group = fields.choice("group", tuple(Group))
    simulated = fields.choice("sandbox", ("exclude", "include"))
    names = fields.whole_text("limit", 1, MOST_NAMES)
    wish = fields.choice("format", ("json", "csv"))
    fields.finish()
    question = Question(
        reach=caller.accounts,
        span=Span(since, until),
        step=step,
        zone=zone,
        group=None if group is None else Group(group),
        with_simulated=simulated == "include",
    )
    as_csv = wish == "csv" if wish else CSV in request.headers.get("accept", "")
    return _Wanted(question=question, names=USUAL_NAMES if names is None else names, as_csv=as_csv)


def _zone(fields: Fields, usual: tzinfo) -> tzinfo:
    named = fields.text("tz", 1, 64)
    try:
        return usual if named is None else zone_named(named)
    except ValueError:
        fields.report("tz", NO_ZONE)
        return usual
