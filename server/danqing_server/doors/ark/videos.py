"""`/contents/generations/tasks`: videos, ordered and asked for.

Sources: volcengine.com/docs/82379/1520757 (create), 1521309 (get), 1521675 (list) and 1521720 (delete), read
2026-11-28.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs
from sanic import HTTPResponse

from danqing_plugins import Message, OutputKind, Problem
from danqing_server.access.caller import Caller
from danqing_server.codec.bodies import require_storable, shorten, without_nulls
from danqing_server.desk.request import Submission
from danqing_server.doors.ark.addressing import offers_of
from danqing_server.doors.ark.echoing import blueprint
from danqing_server.doors.ark.failing import EXPIRED
from danqing_server.doors.ark.showing import EXPIRED_WORD, STATUSES, ArkViewer
from danqing_server.doors.ark.video_bodies import video_submission
from danqing_server.doors.ark_shapes import (
    MOST_LISTED,
    ArkDeletedShape,
    ArkErrorShape,
    ArkTaskIdShape,
    ArkTaskListShape,
    ArkTaskRequest,
    ArkTaskShape,
)
from danqing_server.doors.documentation import KEY_HEADER, Answer, described, query
from danqing_server.doors.foreign import ReceivedForeign
from danqing_server.doors.idempotency import submit_once
from danqing_server.errors import Conflict, InvalidSubmission, NotFound
from danqing_server.http.answers import json_answer
from danqing_server.http.entry import Admitted, admit, admit_change
from danqing_server.http.links import base_url
from danqing_server.http.receiving import discard_body
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_delete, on_get, on_post
from danqing_server.http.services import Services
from danqing_server.records.tasks import WAITING, Status, Task
from danqing_server.records.tenancy import Scope
from danqing_server.store.paging import FilmQuery

__all__ = ["routes"]

DEFAULT_LISTED = 20
LARGEST_PAGE = 500
MOST_IDS = 500
PATH = "/contents/generations/tasks"

RUNNING = Message(
    key="ark.running",
    en="Cannot delete task `{id}` because it is currently running.",
    zh="任务 `{id}` 正在运行，无法删除。",
)
CANCELLED = Message(key="ark.cancelled", en="a cancelled task cannot be deleted", zh="已取消的任务无法删除")
NOT_A_PAGE = Message(
    key="ark.not_a_page",
    en="must be a whole number between 1 and {most}",
    zh="必须是 1 到 {most} 之间的整数",
)
NO_STATUS = Message(key="ark.no_status", en="must be one of: {allowed}", zh="必须是以下之一：{allowed}")

routes = blueprint("ark_videos")


@on_post(routes, PATH, needs=Scope.GENERATE)
@described(
    "提交视频任务（方舟格式） · Submit a video task, in Ark's words",
    {200: Answer(description="任务已创建 · created", shape=ArkTaskIdShape, enveloped=False)},
    errors=(400, 413, 422, 429),
    refused_as=ArkErrorShape,
    body=ArkTaskRequest,
    parameters=[KEY_HEADER],
)
async def create_ark_task(request: ApiRequest) -> HTTPResponse:
    """Submit a video task. Its id is good in every door."""
    services, caller = admit_change(request)
    async with ReceivedForeign(request) as body:
        meant = without_nulls(body)
        submission, content = video_submission(meant, caller, services.submissions.checker, base_url(request))
        submission = await _of_own_draft(services, submission, caller)
        try:
            require_storable(submission.input)
            accepted = await submit_once(request, services, submission, body, meant)
        except InvalidSubmission as error:
            raise content.as_sent(error) from error
    shown: ArkTaskIdShape = {"id": accepted.task.id}
    return json_answer(shown)


@on_get(routes, f"{PATH}/<task_id>", needs=Scope.READ)
@described(
    "查询视频任务（方舟格式） · Show a video task, in Ark's words",
    {200: Answer(description="任务 · the task", shape=ArkTaskShape, enveloped=False)},
    errors=(404,),
    refused_as=ArkErrorShape,
)
async def get_ark_task(request: ApiRequest, task_id: str) -> HTTPResponse:
    """Show a video task, whichever door it came through."""
    admitted = admit(request)
    task = await _find(admitted, task_id)
    return json_answer(_viewer(request, admitted.services).video(task))


@on_get(routes, PATH, needs=Scope.READ)
@described(
    "视频任务列表（方舟格式） · List video tasks, in Ark's words",
    {200: Answer(description="任务列表 · the tasks", shape=ArkTaskListShape, enveloped=False)},
    errors=(400,),
    refused_as=ArkErrorShape,
    parameters=[
        query("page_num", "from 1", type="integer", minimum=1, maximum=LARGEST_PAGE, default=1),
        query("page_size", "tasks a page", type="integer", minimum=1, maximum=MOST_LISTED, default=DEFAULT_LISTED),
        query("filter.status", "where they stand", type="string"),
        query("filter.model", "a model or an alias", type="string"),
        query("filter.service_tier", "default or flex", type="string"),
        query("filter.task_ids", "an id; once for each", type="array", items={"type": "string"}),
    ],
)
async def list_ark_tasks(request: ApiRequest) -> HTTPResponse:
    """List video tasks, newest first, whichever door they came through."""
    services, caller = admit(request)
    given: Mapping[str, Sequence[str]] = request.get_args(keep_blank_values=True)
    number, size = _read_pages(given)
    wanted = _query(services, caller, given)
    found, total = await services.films.page(wanted, skip=(number - 1) * size, limit=size)
    viewer = _viewer(request, services)
    shown: ArkTaskListShape = {"items": [viewer.video(task) for task in found], "total": total}
    return json_answer(shown)


@on_delete(routes, f"{PATH}/<task_id>", needs=Scope.GENERATE)
@described(
    "取消或删除视频任务（方舟格式） · Cancel or delete a video task, in Ark's words",
    {200: Answer(description="已取消或删除 · cancelled, or gone", shape=ArkDeletedShape, enveloped=False)},
    errors=(400, 404, 409),
    refused_as=ArkErrorShape,
)
async def delete_ark_task(request: ApiRequest, task_id: str) -> HTTPResponse:
    """Cancel a task that waits, or delete one that ended; one that runs is left alone."""
    admitted = admit_change(request)
    await discard_body(request)
    task = await _find(admitted, task_id)
    if task.status is Status.PROCESSING:
        raise Conflict(RUNNING(id=shorten(task_id)), code="task_processing")
    if task.status is Status.CANCELLED:
        raise InvalidSubmission([Problem(field="id", message=CANCELLED())])
    if task.status in WAITING:
        await admitted.services.control.cancel(task_id, admitted.caller)
    else:
        await admitted.services.control.delete(task_id, admitted.caller)
    return json_answer({})


async def _find(admitted: Admitted, task_id: str) -> Task:
    """Return a video's task. Raises NotFound for what makes something else, too: Ark has other places for it."""
    task = await admitted.services.control.find(task_id, admitted.caller)
    if task.kind is not OutputKind.VIDEO:
        raise NotFound("task", task_id)
    return task


async def _of_own_draft(services: Services, submission: Submission, caller: Caller) -> Submission:
    """Return *submission* with the service's id of a draft that was made here, and is named by ours."""
    id_ = submission.input.get("draft_task")
    if not isinstance(id_, str):
        return submission
    try:
        draft = await services.control.find(id_, caller)
    except NotFound:
        return submission
    theirs = draft.result.get("draft_task", id_)
    return attrs.evolve(submission, input={**submission.input, "draft_task": theirs})


def _viewer(request: ApiRequest, services: Services) -> ArkViewer:
    return ArkViewer(base_url(request), services.registry)


def _read_pages(given: Mapping[str, Sequence[str]]) -> tuple[int, int]:
    """Return the page's number and size. Raises InvalidSubmission."""
    problems: list[Problem] = []

    def whole(name: str, default: int, most: int) -> int:
        raw = given[name][0] if name in given else str(default)
        if raw.isascii() and raw.isdigit() and len(raw) < 6 and 1 <= int(raw) <= most:
            return int(raw)
        problems.append(Problem(field=name, message=NOT_A_PAGE(most=most), value=shorten(raw)))
        return default

    pages = whole("page_num", 1, LARGEST_PAGE), whole("page_size", DEFAULT_LISTED, MOST_LISTED)
    if problems:
        raise InvalidSubmission(problems)
    return pages


def _query(services: Services, caller: Caller, given: Mapping[str, Sequence[str]]) -> FilmQuery:
    """Return which tasks the filters mean. Raises InvalidSubmission."""
    offers = list(offers_of(services.submissions.checker, OutputKind.VIDEO))
    model = given["filter.model"][0] if "filter.model" in given else None
    tier = given["filter.service_tier"][0] if "filter.service_tier" in given else None
    status = given["filter.status"][0] if "filter.status" in given else None
    return FilmQuery(
        reach=caller.reach,
        ids=given["filter.task_ids"][:MOST_IDS] if "filter.task_ids" in given else None,
        statuses=None if status is None else _statuses(status),
        fault=EXPIRED if status == EXPIRED_WORD else None,
        other_fault=EXPIRED if status == STATUSES[Status.FAILED] else None,
        models=None if model is None else [model, *(each.id for _, each in offers if model in each.aliases)],
        input={} if tier is None else {"service_tier": tier},
        usual={"service_tier": "default"},
    )


def _statuses(word: str) -> Sequence[Status]:
    known = {*STATUSES.values(), EXPIRED_WORD}
    if word not in known:
        message = NO_STATUS(allowed=", ".join(sorted(known)))
        raise InvalidSubmission([Problem(field="filter.status", message=message, value=shorten(word))])
    return list(_meant(word))


def _meant(word: str) -> Iterator[Status]:
    if word == EXPIRED_WORD:
        yield Status.FAILED
    yield from (status for status, shown in STATUSES.items() if shown == word)
