"""The old server's two routes for pictures: ask for one, and look whether it is there."""

from __future__ import annotations

from typing import cast

from sanic import Blueprint, HTTPResponse

from danqing_plugins import Message
from danqing_server.doors.bodies import image_meaning, image_submission
from danqing_server.doors.body_shapes import ImageTaskRequest
from danqing_server.doors.documentation import KEY_HEADER, Answer, described
from danqing_server.doors.idempotency import created_headers, submit_once
from danqing_server.doors.task_shapes import ImageResultShape, ImageTaskCreatedShape
from danqing_server.doors.views import Viewer, error_view
from danqing_server.http.answers import json_answer, prepared_answer, success, success_body
from danqing_server.http.entry import admit, admit_change
from danqing_server.http.links import base_url
from danqing_server.http.messages import language_of
from danqing_server.http.receiving import ReceivedObject
from danqing_server.http.requests import ApiRequest
from danqing_server.http.routing import on_get, on_post
from danqing_server.records.tasks import FINISHED, Status, Task
from danqing_server.records.tenancy import Scope

__all__ = ["routes"]

CREATED = Message(key="image_task.created", zh="图像生成任务创建成功", en="Image task created")
ACCEPTED = Message(
    key="image_task.accepted", zh="任务已创建，正在处理中", en="The task was created and is under way"
)
PROCESSING = Message(
    key="image_task.processing", zh="任务处理中，请稍后查询", en="The task is under way; ask again later"
)
COMPLETED = Message(key="image_task.completed", zh="任务已完成", en="The task is completed")
FAILED = Message(key="image_task.failed", zh="任务失败", en="The task failed")
CANCELLED = Message(key="image_task.cancelled", zh="任务已取消", en="The task was cancelled")

routes = Blueprint("images", url_prefix="/api/v1/ai/image")


@on_post(routes, "/task", needs=Scope.GENERATE)
@described(
    "提交图像任务 · Submit an image task",
    {201: Answer(description="图像生成任务创建成功", shape=ImageTaskCreatedShape)},
    errors=(400, 413, 422, 429),
    body=ImageTaskRequest,
    parameters=[KEY_HEADER],
)
async def create_image_task(request: ApiRequest) -> HTTPResponse:
    """Submit an image task."""
    services, caller = admit_change(request)
    language = language_of(request.headers)
    async with ReceivedObject(request) as body:
        meant = image_meaning(body)
        submission = image_submission(meant, caller, services.submissions.checker.parameters)
        accepted = await submit_once(request, services, submission, body, meant)
    task = accepted.task
    data: ImageTaskCreatedShape = {"task_id": task.id, "status": task.status, "message": ACCEPTED.to(language)}
    return success(data, CREATED.to(language), 201, created_headers(request, accepted))


@on_get(routes, "/result/<task_id>", needs=Scope.READ)
@described(
    "查询图像任务结果 · Ask for an image task's result",
    {
        200: Answer(description="任务已完成", shape=ImageResultShape, may_fail=True),
        202: Answer(description="任务处理中，请稍后查询", shape=ImageResultShape),
    },
    errors=(404,),
)
async def get_image_result(request: ApiRequest, task_id: str) -> HTTPResponse:
    """Say how far an image task is: 202 while it is under way, 200 when it is finished."""
    services, caller = admit(request)
    task = await services.control.find(task_id, caller)
    base, language = base_url(request), language_of(request.headers)
    viewer = Viewer(base, services.registry, language)
    if task.status not in FINISHED:
        progress = await services.forecast.progress(task)
        return _under_way(task, progress, viewer, language, await services.forecast.retry_after_s(task))
    if task.status is not Status.COMPLETED:
        return _failed(task, viewer, language)

    def make() -> bytes:
        return success_body(_completed(task, viewer), COMPLETED.to(language))

    return prepared_answer(*services.control.answer(task, ("result", base, language), make))


def _under_way(task: Task, progress: float, viewer: Viewer, language: str, retry_after_s: int) -> HTTPResponse:
    message = PROCESSING.to(language)
    status = Status.PROCESSING if task.status is Status.SCHEDULED else task.status
    data: ImageResultShape = {
        "task_id": task.id,
        "status": status,
        "message": message,
        "progress": progress,
        "images": viewer.images(task),
    }
    if len(data["images"]) < len(task.kept):
        data = cast("ImageResultShape", {**data, **viewer.media(task)})
    return success(data, message, 202, {"retry-after": str(retry_after_s)})


def _completed(task: Task, viewer: Viewer) -> ImageResultShape:
    result = viewer.result(task)
    data: ImageResultShape = {"task_id": task.id, "status": task.status, "result": result}
    if "image_url" in result:
        data["image_url"] = result["image_url"]
    if "video_url" in result:
        data["video_url"] = result["video_url"]
    return data


def _failed(task: Task, viewer: Viewer, language: str) -> HTTPResponse:
    """Answer for a task that failed or was cancelled; the old clients know only `failed`."""
    title = (CANCELLED if task.status is Status.CANCELLED else FAILED).to(language)
    error = error_view(task, language)
    data: ImageResultShape = {
        "task_id": task.id,
        "status": Status.FAILED,
        "error": error,
        "images": viewer.images(task),
    }
    if len(data["images"]) < len(task.kept):
        data = cast("ImageResultShape", {**data, **viewer.media(task)})
    body = {"success": True, "data": data, "message": error["message"] or title, "error": title}
    return json_answer(body)
