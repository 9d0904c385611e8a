"""Batches: many tasks in one request, how far they are, what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message, in_language
from danqing_server.codec.bodies import without_nulls
from danqing_server.desk.staging import Staging
from danqing_server.doors.batch_bodies import LineReader
from danqing_server.doors.batch_results import files_of, result_lines
from danqing_server.doors.batch_shapes import BatchListShape, BatchRequest, BatchShape
from danqing_server.doors.batch_views import batch_view
from danqing_server.doors.documentation import KEY_HEADER, Answer, described, query
from danqing_server.doors.fields import Fields
from danqing_server.doors.filters import CURSOR, cursor_of, members_of_query, read_cursor
from danqing_server.doors.idempotency import HEADER, REPLAYED, fingerprint_of, repeat_of
from danqing_server.doors.sending import send_made
from danqing_server.doors.views import Viewer
from danqing_server.http.answers import success
from danqing_server.http.downloads import Downloads
from danqing_server.http.entry import Admitted, admit, admit_change
from danqing_server.http.links import base_url, location_of
from danqing_server.http.messages import language_of
from danqing_server.http.receiving import ReceivedObject, discard_body, holding_of, receive_body
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get, on_post
from danqing_server.http.zips import zipped
from danqing_server.records.batches import Batch, Mode
from danqing_server.records.tasks import JsonObject
from danqing_server.records.tenancy import Scope

__all__ = ["routes"]

ROUTE = "/api/v1/batches"
MOST_VALUES = 400_000
MOST_LISTED = 100
DEFAULT_LISTED = 20
MODES = tuple(mode.value for mode in Mode)
QUERY_DEFAULTS = ("user_id", "model", "type", "provider", "priority", "on_ambiguous", "size")
LINES = ("ndjson", "jsonl", "json-lines", "jsonlines")

CREATED = Message(key="batch.created", zh="批次创建成功", en="Batch created")
FOUND = Message(key="batch.found", zh="获取批次成功", en="Batch found")
LISTED = Message(key="batch.listed", zh="获取批次列表成功", en="Batches listed")
CANCELLED = Message(key="batch.cancelled", zh="批次正在取消", en="Batch is being cancelled")

routes = Blueprint("batches", url_prefix="/api/v1")


@on_post(routes, "/batches", needs=Scope.GENERATE)
@described(
    "提交一批任务 · Submit many tasks",
    {201: Answer(description="批次创建成功", shape=BatchShape)},
    errors=(400, 413, 422, 429),
    body=BatchRequest,
    parameters=[KEY_HEADER],
)
async def create_batch(request: ApiRequest) -> HTTPResponse:
    """Submit up to 10,000 tasks: as a list in JSON, or as JSON lines, one task each."""
    admitted = admit_change(request)
    made_of_lines = any(word in (request.headers.get("content-type") or "").lower() for word in LINES)
    batch, new = await (_of_lines if made_of_lines else _of_list)(request, admitted)
    headers = {"location": location_of(request, f"{ROUTE}/{batch.id}")}
    # Of a new one nothing is asked any more: were that not answered, it would run after a 503.
    shown = _view(request, batch, {}) if new else await _shown(request, admitted, batch)
    if not new:
        headers |= REPLAYED
    return success(shown, CREATED.to(language_of(request.headers)), 201, headers)


@on_get(routes, "/batches", needs=Scope.READ)
@described(
    "列出批次 · List batches",
    {200: Answer(description="获取批次列表成功", shape=BatchListShape)},
    errors=(400,),
    parameters=[
        query("limit", "batches per page", type="integer", minimum=1, maximum=MOST_LISTED, default=DEFAULT_LISTED),
        query("cursor", "next_cursor of the page before", type="string", pattern=f"^({CURSOR.pattern})$"),
    ],
)
async def list_batches(request: ApiRequest) -> HTTPResponse:
    """List the batches that the caller sees, newest first."""
    services, caller = admit(request)
    fields = Fields(members=members_of_query(request))
    fields.check_known(("limit", "cursor"))
    limit, after = fields.whole_text("limit", 1, MOST_LISTED) or DEFAULT_LISTED, read_cursor(fields)
    fields.finish()
    store = services.batches.store
    page, next_ = await store.find_many(caller.reach, limit=limit, after=after)
    counts = await store.count_by_status([batch.id for batch in page])
    data: BatchListShape = {
        "batches": [batch_view(batch, counts[batch.id], base_url(request)) for batch in page],
        "count": len(page),
        "next_cursor": cursor_of(next_),
    }
    return success(data, LISTED.to(language_of(request.headers)))


@on_get(routes, "/batches/<batch_id>", needs=Scope.READ)
@described("获取批次 · Show a batch", {200: Answer(description="获取批次成功", shape=BatchShape)}, errors=(404,))
async def get_batch(request: ApiRequest, batch_id: str) -> HTTPResponse:
    """Say how far a batch is, and what was wrong with its lines."""
    admitted = admit(request)
    batch = await admitted.services.batches.find(batch_id, admitted.caller)
    return success(await _shown(request, admitted, batch), FOUND.to(language_of(request.headers)))


@on_post(routes, "/batches/<batch_id>/cancel", needs=Scope.GENERATE)
@described(
    "取消批次 · Cancel a batch", {200: Answer(description="批次正在取消", shape=BatchShape)}, errors=(404, 409)
)
async def cancel_batch(request: ApiRequest, batch_id: str) -> HTTPResponse:
    """Make no more tasks of a batch, and cancel those that are not finished."""
    admitted = admit_change(request)
    await discard_body(request)
    batch = await admitted.services.batches.cancel(batch_id, admitted.caller)
    return success(await _shown(request, admitted, batch), CANCELLED.to(language_of(request.headers)))


@on_get(routes, "/batches/<batch_id>/results", needs=Scope.READ)
@described(
    "批次的全部结果 · All results of a batch",
    {200: Answer(description="JSON lines", shape=None, media_type="application/x-ndjson")},
    errors=(404,),
)
async def get_results(request: ApiRequest, batch_id: str) -> HTTPResponse | None:
    """Send one line of JSON for each line of a batch, in order: `line`, `custom_id`, and `task` or `problems`."""
    services, caller = admit(request)
    batch = await services.batches.find(batch_id, caller)
    viewer = Viewer(base_url(request), services.registry, language_of(request.headers))
    lines = result_lines(batch, services.batches.store, viewer)
    return await send_made(request, lines, "application/x-ndjson", {})


@on_get(routes, "/batches/<batch_id>/files", needs=Scope.READ)
@described(
    "批次的全部文件 · All files of a batch",
    {200: Answer(description="ZIP", shape=None, media_type="application/zip")},
    errors=(404,),
)
async def get_files(request: ApiRequest, batch_id: str) -> HTTPResponse | None:
    """Send a ZIP of what a batch made so far, in the order of its lines, with a list of it (`results.jsonl`)."""
    services, caller = admit(request)
    batch = await services.batches.find(batch_id, caller)
    viewer = Viewer(base_url(request), services.registry, language_of(request.headers))
    downloads: Downloads = request.app.ctx.downloads
    archive = zipped(files_of(batch, services.batches.store, services.assets, viewer, downloads.window_bytes))
    return await send_made(
        request, archive, "application/zip", {"content-disposition": f'attachment; filename="{batch.id}.zip"'}
    )


async def _of_list(request: ApiRequest, admitted: Admitted) -> tuple[Batch, bool]:
    async with ReceivedObject(request, MOST_VALUES) as body:
        fields = Fields(members=body)
        fields.check_known(("tasks", "mode", "defaults"))
        tasks, defaults = fields.json_list("tasks", required=True), fields.json_object("defaults")
        mode = _mode(fields)
        fields.finish()
        staging = await _begin(request, admitted, mode)
        reader = _reader(staging, admitted, defaults, base_url(request))
        for number, value in enumerate(tasks):
            await reader.take_value(number + 1, value)
        meant = without_nulls(body)
        sent = () if meant is body else (fingerprint_of(ROUTE, body),)  # by which releases before this one know it
        return await staging.commit(fingerprint_of(ROUTE, meant), *sent)


async def _of_lines(request: ApiRequest, admitted: Admitted) -> tuple[Batch, bool]:
    fields = Fields(members=members_of_query(request))
    fields.check_known(("mode", *QUERY_DEFAULTS))
    mode = _mode(fields)
    fields.finish()
    defaults = {name: value for name, value in fields.members.items() if name != "mode"}
    staging = await _begin(request, admitted, mode)
    reader = _reader(staging, admitted, defaults, base_url(request))
    hashed, rest, number = sha256(fingerprint_of(ROUTE, fields.members).encode()), bytearray(), 0
    holding = holding_of(request)

    async def take(piece: bytes) -> None:
        nonlocal number
        hashed.update(piece)
        holding.add(len(piece))
        rest.extend(piece)
        if b"\n" not in piece:
            return
        *lines, last = bytes(rest).split(b"\n")
        for text in lines:
            number += 1
            if text.strip():
                await reader.take_text(number, text)
        rest[:] = last
        holding.drop(holding.size_bytes - len(last))

    try:
        await receive_body(request, take)
        if rest.strip():
            await reader.take_text(number + 1, bytes(rest))
        return await staging.commit(hashed.hexdigest())
    finally:
        holding.release()


async def _begin(request: ApiRequest, admitted: Admitted, mode: Mode) -> Staging:
    key = request.headers.get(HEADER)
    repeat = repeat_of(key, ROUTE, {}, admitted.caller, 0)  # what was asked is known once all of it is read
    return await admitted.services.batches.begin(admitted.caller, mode, repeat)


def _reader(staging: Staging, admitted: Admitted, defaults: JsonObject, base: str) -> LineReader:
    services, caller = admitted
    parameters = services.submissions.checker.parameters
    return LineReader(staging, caller, defaults, services.settings.max_delay_s, parameters, base)


def _mode(fields: Fields) -> Mode:
    return Mode(fields.choice("mode", MODES) or Mode.ALL_OR_NOTHING)


async def _shown(request: ApiRequest, admitted: Admitted, batch: Batch) -> BatchShape:
    counts = await admitted.services.batches.store.count_by_status([batch.id])
    return _view(request, batch, counts[batch.id])


def _view(request: ApiRequest, batch: Batch, counts: Mapping[str, int]) -> BatchShape:
    shown = batch_view(batch, counts, base_url(request))
    language = language_of(request.headers)
    shown["problems"] = [
        {
            "line": each.line,
            "custom_id": each.custom_id,
            "field": each.field,
            "message": in_language(each.message, language),
            "code": each.code,
            "value": each.value,
        }
        for each in batch.problems
    ]
    return shown
