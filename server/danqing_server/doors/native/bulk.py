"""Many tasks cancelled, retried, deleted or given another turn in one request."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime

import attrs
from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message, in_language
from danqing_server.desk.bulk import MOST_PREVIEWED, STATUSES, Act, Deed, Expected, Outcome, Preview
from danqing_server.doors.bulk_shapes import (
    AMOUNT,
    CURRENCY,
    MOST_AT_ONCE,
    BulkOutcomeShape,
    BulkRequest,
    BulkShape,
    ExpectShape,
    PrioritiesRequest,
)
from danqing_server.doors.costs import micro_of, money_views
from danqing_server.doors.documentation import KEY_HEADER, Answer, described
from danqing_server.doors.fields import Fields
from danqing_server.doors.filters import FILTERS, cursor_of, moment_of, read_cursor, read_filter
from danqing_server.doors.idempotency import name_of_sent_key
from danqing_server.http.answers import success
from danqing_server.http.entry import Admitted, admit_change
from danqing_server.http.messages import CONFLICTS, language_of
from danqing_server.http.receiving import ReceivedObject
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_post
from danqing_server.records.tasks import JsonObject, Priority
from danqing_server.records.tenancy import Scope
from danqing_server.store.listing import TaskFilter
from danqing_server.store.newest import Place

__all__ = ["routes"]

DEFAULT_AT_ONCE = 200
LONGEST_ID = 200
PRIORITIES = tuple(each.value for each in Priority)

CARRIED_OUT = Message(key="bulk.carried_out", zh="批量操作完成", en="Carried out")
ONE_OF_BOTH = Message(
    key="ids_or_filter", zh="请提供 ids 或 filter 之一，且只提供一个", en="give either ids or a filter"
)
NOT_IDS = Message(
    key="not_ids", zh="必须是 1 到 {most} 个任务 ID 的列表", en="must be a list of 1 to {most} task ids"
)
EMPTY_FILTER = Message(
    key="empty_filter", zh="至少需要一个条件", en="needs at least one condition: all tasks are never meant"
)
NO_MONEY = Message(
    key="no_money",
    zh="必须是 amount 与 currency 的列表，请原样发回预演的答复",
    en="must be a list of amount and currency: send back what the dry run said",
)
NO_RETRY = Message(key="only_of_retry", zh="仅适用于 retry", en="belongs to retry alone")

routes = Blueprint("bulk", url_prefix="/api/v1/tasks")


@attrs.frozen(kw_only=True)
class _Wish:
    """Which tasks are meant: *ids*, or what *wanted* finds behind *after*; *expected* None: whatever is found."""

    deed: Deed
    ids: tuple[str, ...]
    wanted: TaskFilter | None
    after: Place | None
    limit: int
    dry_run: bool
    expected: Expected | None


@on_post(routes, "/cancel", needs=Scope.GENERATE)
@described(
    "批量取消 · Cancel many tasks",
    {200: Answer(description="批量操作完成", shape=BulkShape)},
    errors=(400, 409, 413),
    body=BulkRequest,
)
async def cancel_tasks(request: ApiRequest) -> HTTPResponse:
    """Cancel the tasks that are meant; each for itself."""
    return await _carry_out(request, Act.CANCEL)


@on_post(routes, "/retry", needs=Scope.GENERATE)
@described(
    "批量重试 · Retry many tasks",
    {200: Answer(description="批量操作完成", shape=BulkShape)},
    errors=(400, 409, 413),
    body=BulkRequest,
    parameters=[KEY_HEADER],
)
async def retry_tasks(request: ApiRequest) -> HTTPResponse:
    """Queue the tasks that are meant again; each for itself, and none that may be paid for already unless asked.

    Repeated with the same Idempotency-Key it tries none a second time.
    """
    return await _carry_out(request, Act.RETRY)


@on_post(routes, "/delete", needs=Scope.GENERATE)
@described(
    "批量删除 · Delete many tasks",
    {200: Answer(description="批量操作完成", shape=BulkShape)},
    errors=(400, 409, 413),
    body=BulkRequest,
)
async def delete_tasks(request: ApiRequest) -> HTTPResponse:
    """Delete the tasks that are meant, and their files; each for itself."""
    return await _carry_out(request, Act.DELETE)


@on_post(routes, "/priority", needs=Scope.GENERATE)
@described(
    "批量调整优先级 · Give many tasks another turn",
    {200: Answer(description="批量操作完成", shape=BulkShape)},
    errors=(400, 409, 413),
    body=PrioritiesRequest,
)
async def prioritise_tasks(request: ApiRequest) -> HTTPResponse:
    """Give the waiting tasks that are meant another priority; each for itself."""
    return await _carry_out(request, Act.PRIORITISE)


async def _carry_out(request: ApiRequest, act: Act) -> HTTPResponse:
    admitted = admit_change(request)
    language = language_of(request.headers)
    async with ReceivedObject(request) as body:
        wish = _read(body, act, admitted.services.registry.simulated)
    if act is Act.RETRY:
        key = name_of_sent_key(request, admitted.caller)
        wish = attrs.evolve(wish, deed=attrs.evolve(wish.deed, repeat_key=key))
    if wish.dry_run:
        shown = _previewed(await _preview(admitted, wish))
    else:
        if wish.expected is not None and wish.after is None:
            (await _preview(admitted, wish)).check(wish.expected)
        shown = await _changed(admitted, wish, language)
    return success(shown, CARRIED_OUT.to(language))


async def _preview(admitted: Admitted, wish: _Wish) -> Preview:
    bulk, caller = admitted.services.bulk, admitted.caller
    if wish.wanted is None:
        return await bulk.preview(wish.deed, wish.ids, caller)
    return await bulk.preview_matching(wish.deed, wish.wanted, caller)


async def _changed(admitted: Admitted, wish: _Wish, language: str) -> BulkShape:
    services, caller = admitted
    ids, next_, places = wish.ids, None, {}
    if wish.wanted is not None:
        found = await services.task_list.find(wish.wanted, caller.reach, limit=wish.limit, after=wish.after)
        ids, next_ = tuple(task.id for task in found.tasks), found.next
        places = {task.id: (task.created_at, task.id) for task in found.tasks}
    outcomes = await services.bulk.carry_out(wish.deed, ids, caller)
    left = ids[len(outcomes) :]
    if left and wish.wanted is not None:
        next_ = places[outcomes[-1].id] if outcomes else wish.after
    shown: BulkShape = {
        "dry_run": False,
        "matched": len(ids),
        "possible": sum(outcome.done for outcome in outcomes),
        "results": [_outcome(outcome, language) for outcome in outcomes],
        "next_cursor": cursor_of(next_),
    }
    if left and wish.wanted is None:
        shown["left"] = list(left)
    return shown


def _read(body: JsonObject, act: Act, simulated: Collection[str]) -> _Wish:
    fields = Fields(members=body)
    own = ("priority",) if act is Act.PRIORITISE else ()
    fields.check_known(("ids", "filter", "dry_run", "limit", "cursor", "expect", "include_unknown", *own))
    given = [name for name in ("ids", "filter") if body.get(name) is not None]
    if len(given) != 1:
        fields.report(given[-1] if given else "ids", ONE_OF_BOTH)
    ids, wanted = _ids(fields), _wanted(fields, act, simulated)
    after = read_cursor(fields)
    limit = fields.whole("limit", 1, MOST_AT_ONCE) or DEFAULT_AT_ONCE
    dry_run, include_unknown = fields.boolean("dry_run"), fields.boolean("include_unknown")
    priority = fields.choice("priority", PRIORITIES) if fields.given("priority", required=bool(own)) else None
    expected, as_of = _expected(fields)
    if include_unknown and act is not Act.RETRY:
        fields.report("include_unknown", NO_RETRY)
    fields.finish()
    deed = Deed(
        act=act,
        include_unknown=bool(include_unknown),
        priority=None if priority is None else Priority(priority),
        as_of=as_of,
    )
    return _Wish(
        deed=deed,
        ids=ids,
        wanted=wanted,
        after=after,
        limit=limit,
        dry_run=bool(dry_run),
        expected=expected,
    )


def _expected(fields: Fields) -> tuple[Expected | None, datetime | None]:
    """Return what a dry run told, and when it looked."""
    if fields.given("expect") is None:
        return None, None
    inner = Fields(members=fields.json_object("expect"), prefix="expect.")
    inner.check_known(("possible", "at_most", "as_of"))
    inner.given("as_of", required=True)
    inner.given("possible", required="at_most" in inner.members)
    possible, as_of = inner.whole("possible", 0, MOST_PREVIEWED), moment_of(inner, "as_of")
    at_most = _micro(inner)
    fields.problems += inner.problems
    return None if possible is None else Expected(possible=possible, at_most_micro=at_most), as_of


def _micro(fields: Fields) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in fields.json_list("at_most"):
        money = each if isinstance(each, dict) else {}
        amount, currency = _matching(AMOUNT, money.get("amount")), _matching(CURRENCY, money.get("currency"))
        if not amount or not currency:
            fields.report("at_most", NO_MONEY)
            return {}
        found[currency] = found.get(currency, 0) + micro_of(amount)
    return found


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _ids(fields: Fields) -> tuple[str, ...]:
    given = fields.given("ids")
    if given is None:
        return ()
    if not isinstance(given, list) or not 0 < len(given) <= MOST_AT_ONCE:
        fields.report("ids", NOT_IDS, most=MOST_AT_ONCE)
        return ()
    sound = fields.are_sound("ids", given, _is_id, NOT_IDS, most=MOST_AT_ONCE)
    return tuple(dict.fromkeys(given)) if sound else ()


def _is_id(given: object) -> bool:
    return isinstance(given, str) and 0 < len(given) <= LONGEST_ID


def _wanted(fields: Fields, act: Act, simulated: Collection[str]) -> TaskFilter | None:
    if fields.given("filter") is None:
        return None
    inner = Fields(members=fields.json_object("filter"), prefix="filter.")
    inner.check_known(FILTERS)
    wanted = read_filter(inner, simulated)
    fields.problems += inner.problems
    if not inner.problems and wanted == TaskFilter():
        fields.report("filter", EMPTY_FILTER)
    if wanted.statuses or wanted.partial:
        return wanted
    return attrs.evolve(wanted, statuses=STATUSES[act])


def _previewed(preview: Preview) -> BulkShape:
    at_most = money_views(preview.at_most_micro)
    expect: ExpectShape = {"as_of": preview.as_of}
    if not preview.is_cut:  # how far another look came would be another number
        expect = {"possible": preview.possible, "at_most": at_most, **expect}
    return {
        "dry_run": True,
        "matched": preview.matched,
        "possible": preview.possible,
        "results": [],
        "next_cursor": None,
        "amounts": money_views(preview.micro),
        "at_most": at_most,
        "unknown": preview.unknown,
        "complete": preview.is_complete,
        "expect": expect,
    }


def _outcome(outcome: Outcome, language: str) -> BulkOutcomeShape:
    message = None if outcome.message is None else in_language(outcome.message, language)
    if outcome.code is not None and outcome.code in CONFLICTS:
        message = CONFLICTS[outcome.code].to(language)
    return {
        "id": outcome.id,
        "done": outcome.done,
        "code": outcome.code,
        "message": message,
        "retryable": outcome.retryable,
    }
