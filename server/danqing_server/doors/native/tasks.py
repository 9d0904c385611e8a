"""Tasks of every type: submit, look at, list, cancel, try again, delete."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs
from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message, Problem
from danqing_server.codec.bodies import shorten
from danqing_server.desk.overview import explanation_for
from danqing_server.desk.recent import Recent
from danqing_server.doors.bodies import task_meaning, task_submission
from danqing_server.doors.body_shapes import TaskRequest
from danqing_server.doors.bulk_shapes import PriorityRequest
from danqing_server.doors.documentation import KEY_HEADER, Answer, described, query
from danqing_server.doors.fields import Fields
from danqing_server.doors.filters import CURSOR, cursor_of, read_cursor
from danqing_server.doors.idempotency import REPLAYED, created_headers, name_of_sent_key, submit_once
from danqing_server.doors.server_shapes import DeletedShape
from danqing_server.doors.task_shapes import ExplanationShape, TaskListShape, TaskShape
from danqing_server.doors.views import Viewer, explanation_view
from danqing_server.doors.waits import latest
from danqing_server.errors import InvalidSubmission, NotFound
from danqing_server.http.answers import prepared_answer, prepared_once, success, success_body
from danqing_server.http.entry import Admitted, admit, admit_change
from danqing_server.http.links import base_url
from danqing_server.http.messages import language_of
from danqing_server.http.preferences import PREFER, Preferences, preferences_of
from danqing_server.http.receiving import ReceivedObject, discard_body
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_delete, on_get, on_patch, on_post
from danqing_server.records.tasks import FINISHED, Priority, Task
from danqing_server.records.tenancy import Scope
from danqing_server.store.watching import version_of

__all__ = ["routes"]

MOST_LISTED = 100
DEFAULT_LISTED = 20
PRIORITIES = tuple(each.value for each in Priority)
LARGEST_OFFSET = 10_000  # what is skipped is read; the cursor goes on from there

CREATED = Message(key="task.created", zh="任务创建成功", en="Task created")
FOUND = Message(key="task.found", zh="获取任务成功", en="Task found")
LISTED = Message(key="task.listed", zh="获取任务列表成功", en="Tasks listed")
CANCELLED = Message(key="task.cancelled", zh="任务已取消", en="Task cancelled")
RETRIED = Message(key="task.retried", zh="任务已重新排队", en="Task queued again")
EXPLAINED = Message(key="task.explained", zh="任务说明", en="Task explained")
PRIORITISED = Message(key="task.prioritised", zh="优先级已调整", en="Priority changed")
DELETED = Message(key="task.deleted", zh="任务已删除", en="Task deleted")
NOT_IN_RANGE = Message(
    key="not_whole_in_page",
    zh="必须是 {low} 到 {high} 之间的整数",
    en="must be a whole number between {low} and {high}",
)

IF_NONE_MATCH: Mapping[str, Any] = {
    "name": "If-None-Match",
    "location": "header",
    "description": "with `Prefer: wait`: the ETag of the answer before; what changed since is answered at once",
    "schema": {"type": "string"},
}

routes = Blueprint("tasks", url_prefix="/api/v1")


@attrs.frozen(kw_only=True)
class _Page:
    limit: int
    offset: int
    before: tuple[datetime, str] | None


@on_post(routes, "/ai/tasks", needs=Scope.GENERATE)
@described(
    "提交任意类型的任务 · Submit a task of any type",
    {
        201: Answer(description="任务创建成功", shape=TaskShape),
        202: Answer(description="任务创建成功，尚未完成（Prefer: respond-async）", shape=TaskShape),
    },
    errors=(400, 413, 422, 429),
    body=TaskRequest,
    parameters=[KEY_HEADER, PREFER],
)
async def create_task(request: ApiRequest) -> HTTPResponse:
    """Submit a task of any type to any provider; `Prefer: wait=n` waits a while for its end."""
    admitted = admit_change(request)
    services, caller = admitted
    language = language_of(request.headers)
    async with ReceivedObject(request) as body:
        meant = task_meaning(body)
        parameters = services.submissions.checker.parameters
        base = base_url(request) if "webhook" in meant else ""
        submission = task_submission(meant, caller, services.settings.max_delay_s, parameters, base=base)
        accepted = await submit_once(request, services, submission, body, meant)
    preferences, status, headers = preferences_of(request), 201, created_headers(request, accepted)
    task = accepted.task
    if preferences is not None:
        task = await latest(services, task, caller, preferences.left_s(request))
        unfinished = task.status not in FINISHED
        status = 202 if unfinished and preferences.respond_async else 201
        headers |= preferences.headers(answers_async=status == 202, unfinished=unfinished)
    viewer = Viewer(base_url(request), services.registry, language)
    return success(viewer.task(task), CREATED.to(language), status, headers)


@on_get(routes, "/ai/tasks/<task_id>", needs=Scope.READ)
@described(
    "获取任务（同 /tasks） · Show a task", {200: Answer(description="获取任务成功", shape=TaskShape)}, errors=(404,)
)
async def get_ai_task(request: ApiRequest, task_id: str) -> HTTPResponse:
    """Show a task, under the old server's second path."""
    services, caller = admit(request)
    return prepared_answer(*await _shown(request, await services.control.find(task_id, caller)))


@on_get(routes, "/tasks/<task_id>", needs=Scope.READ)
@described(
    "获取任务 · Show a task",
    {
        200: Answer(description="获取任务成功", shape=TaskShape),
        304: Answer(description="没有变化（Prefer: wait 与 If-None-Match）", shape=None, empty=True),
    },
    errors=(404,),
    parameters=[PREFER, IF_NONE_MATCH],
)
async def get_task(request: ApiRequest, task_id: str) -> HTTPResponse:
    """Show a task; `Prefer: wait=n` waits a while for it to be another than now, or than `If-None-Match` says."""
    services, caller = admit(request)
    preferences = preferences_of(request)
    try:
        if preferences is not None and preferences.wait_s is not None:
            return await _changed(request, task_id, preferences)
        task = await services.control.find(task_id, caller)
    except NotFound:
        task = await services.inspection.open(task_id, caller)
    return prepared_answer(*await _shown(request, task))


async def _changed(request: ApiRequest, task_id: str, preferences: Preferences) -> HTTPResponse:
    """Answer a long poll."""
    services, caller = admit(request)
    known = request.headers.get("if-none-match", "").removeprefix("W/").strip('"')
    task = await services.watchers.changed(task_id, caller, known or None, preferences.left_s(request))
    headers = preferences.headers(unfinished=task is None)
    if task is None and known:
        return HTTPResponse(status=304, headers={**headers, "etag": f'W/"{known}"'})
    if task is None:
        task = await services.control.find(task_id, caller)
    body, _ = await _shown(request, task)
    return prepared_once(body, {**headers, "etag": f'W/"{version_of(task)}"'})


async def _shown(request: ApiRequest, task: Task) -> tuple[bytes, Recent | None]:
    """Return a task as JSON, and what holds that for who asks the same."""
    services = admit(request).services
    base, language = base_url(request), language_of(request.headers)
    if task.status not in FINISHED:
        progress = await services.forecast.progress(task)
        if progress != task.progress:
            task = task.changed(progress=progress)

    def make() -> bytes:
        return success_body(Viewer(base, services.registry, language).task(task), FOUND.to(language))

    return services.control.answer(task, ("task", base, language), make)


@on_get(routes, "/tasks/<task_id>/explain", needs=Scope.READ)
@described(
    "为什么还没完成 · Why a task is not done",
    {200: Answer(description="任务说明", shape=ExplanationShape)},
    errors=(404,),
)
async def explain_task(request: ApiRequest, task_id: str) -> HTTPResponse:
    """Say what a task waits for, where it stands, what was tried, and when it may be done; to operators of any."""
    services, caller = admit(request)
    try:
        task = await services.control.find(task_id, caller)
    except NotFound:
        task = await services.inspection.open(task_id, caller)
    explanation = explanation_for(caller, await services.forecast.explain(task))
    language = language_of(request.headers)
    return success(explanation_view(explanation, language), EXPLAINED.to(language))


@on_get(routes, "/tasks/user/<user_id>", needs=Scope.READ)
@described(
    "获取用户的任务列表 · List a user's tasks",
    {200: Answer(description="获取任务列表成功", shape=TaskListShape)},
    errors=(400,),
    parameters=[
        query("limit", "tasks per page", type="integer", minimum=1, maximum=MOST_LISTED, default=DEFAULT_LISTED),
        query(
            "offset",
            "tasks to skip; beyond it goes the cursor",
            type="integer",
            minimum=0,
            maximum=LARGEST_OFFSET,
            default=0,
        ),
        query("cursor", "next_cursor of the page before", type="string", pattern=f"^({CURSOR.pattern})?$"),
    ],
)
async def list_tasks(request: ApiRequest, user_id: str) -> HTTPResponse:
    """List a user's tasks, newest first."""
    admitted = admit(request)
    services, caller = admitted
    language = language_of(request.headers)
    page = _read_page({name: request.args.get(name) for name in request.args})
    found = await services.store.list_for_user(
        user_id, caller.reach, limit=page.limit + 1, offset=page.offset, before=page.before
    )
    shown = found[: page.limit]
    viewer = _viewer(request, admitted)
    data: TaskListShape = {
        "tasks": [viewer.task(task) for task in shown],
        "limit": page.limit,
        "offset": page.offset,
        "count": len(shown),
        "total": await services.store.count_for_user(user_id, caller.reach),
        "next_cursor": cursor_of((shown[-1].created_at, shown[-1].id)) if len(found) > page.limit else None,
    }
    return success(data, LISTED.to(language))


@on_post(routes, "/tasks/<task_id>/cancel", needs=Scope.GENERATE)
@described("取消任务 · Cancel a task", {200: Answer(description="任务已取消", shape=TaskShape)}, errors=(404, 409))
async def cancel_task(request: ApiRequest, task_id: str) -> HTTPResponse:
    """Cancel a task that is not finished."""
    admitted = admit_change(request)
    await discard_body(request)
    task = await admitted.services.control.cancel(task_id, admitted.caller)
    return _one(request, admitted, task, CANCELLED)


@on_post(routes, "/tasks/<task_id>/retry", needs=Scope.GENERATE)
@described(
    "重试任务 · Try a task again",
    {200: Answer(description="任务已重新排队", shape=TaskShape)},
    errors=(400, 404, 409),
    parameters=[KEY_HEADER],
)
async def retry_task(request: ApiRequest, task_id: str) -> HTTPResponse:
    """Queue a task again that failed, was cancelled or lacks outputs; what it has is not bought again."""
    admitted = admit_change(request)
    await discard_body(request)
    key = name_of_sent_key(request, admitted.caller)
    task, is_repeat = await admitted.services.control.retry(task_id, admitted.caller, repeat_key=key)
    return _one(request, admitted, task, RETRIED, REPLAYED if is_repeat else None)


@on_patch(routes, "/tasks/<task_id>", needs=Scope.GENERATE)
@described(
    "调整等待中任务的优先级 · Give a waiting task another turn",
    {200: Answer(description="优先级已调整", shape=TaskShape)},
    errors=(400, 404, 409, 413),
    body=PriorityRequest,
)
async def prioritise_task(request: ApiRequest, task_id: str) -> HTTPResponse:
    """Give a task that waits another priority; it goes to the end of its user's line there."""
    admitted = admit_change(request)
    async with ReceivedObject(request) as body:
        fields = Fields(members=body)
        fields.check_known(("priority",))
        fields.given("priority", required=True)
        chosen = fields.choice("priority", PRIORITIES)
        fields.finish()
    assert chosen is not None
    task = await admitted.services.control.prioritise(task_id, Priority(chosen), admitted.caller)
    return _one(request, admitted, task, PRIORITISED)


@on_delete(routes, "/tasks/<task_id>", needs=Scope.GENERATE)
@described(
    "删除任务 · Delete a task", {200: Answer(description="任务已删除", shape=DeletedShape)}, errors=(404, 409)
)
async def delete_task(request: ApiRequest, task_id: str) -> HTTPResponse:
    """Delete a task and its pictures."""
    services, caller = admit_change(request)
    await discard_body(request)
    await services.control.delete(task_id, caller)
    deleted: DeletedShape = {"id": task_id}
    return success(deleted, DELETED.to(language_of(request.headers)))


def _viewer(request: ApiRequest, admitted: Admitted) -> Viewer:
    return Viewer(base_url(request), admitted.services.registry, language_of(request.headers))


def _one(
    request: ApiRequest,
    admitted: Admitted,
    task: Task,
    message: Message,
    headers: Mapping[str, str] | None = None,
) -> HTTPResponse:
    shown = _viewer(request, admitted).task(task)
    return success(shown, message.to(language_of(request.headers)), 200, headers)


def _read_page(query: Mapping[str, str | None]) -> _Page:
    """Read `limit`, `offset` and `cursor`; others are ignored. Raises InvalidSubmission."""
    problems: list[Problem] = []

    def whole(name: str, default: int, low: int, high: int) -> int:
        raw = query.get(name)
        if raw is None:
            return default
        if re.fullmatch(r"[0-9]{1,10}", raw) and low <= int(raw) <= high:
            return int(raw)
        message = NOT_IN_RANGE(low=low, high=high)
        problems.append(Problem(field=name, message=message, value=shorten(raw)))
        return default

    limit = whole("limit", DEFAULT_LISTED, 1, MOST_LISTED)
    offset = whole("offset", 0, 0, LARGEST_OFFSET)
    fields = Fields(members=query, problems=problems)
    before = read_cursor(fields)
    if problems:
        raise InvalidSubmission(problems)
    return _Page(limit=limit, offset=offset, before=before)
