"""What is sent of tasks, and of what is said about them; of their outputs: `output_shapes`."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from danqing_plugins import OutputKind
from danqing_server.doors.body_shapes import POLICIES
from danqing_server.doors.bulk_shapes import MoneyShape
from danqing_server.doors.output_shapes import (
    EXAMPLE_ID,
    EXAMPLE_LINK,
    AudioShape,
    FileShape,
    ImageShape,
    PreviewShape,
    VideoShape,
)
from danqing_server.http.shapes import Moment, extended, said
from danqing_server.records.tasks import Billed, CallOutcome, JsonObject, Priority, Status

__all__ = [
    "AmountShape",
    "BatchPlaceShape",
    "CallShape",
    "CostShape",
    "ExplanationShape",
    "ImageResultShape",
    "ImageTaskCreatedShape",
    "OutputShape",
    "PictureErrorShape",
    "PositionShape",
    "ResultShape",
    "RouteShape",
    "TaskErrorShape",
    "TaskListShape",
    "TaskShape",
    "TaskWebhookShape",
    "ToldOutputShape",
    "ToldTaskShape",
    "TriedShape",
]

_PROMPT = {"prompt": "一只可爱的小猫咪在花园里玩耍", "size": "1024x1024"}
_WAITS = ("worker", "turn", "lane_closed", "model_held", "schedule", "backoff", "provider", None)

_TaskId = Annotated[str, said("opaque", EXAMPLE_ID)]
_Status = Annotated[Status, said("where the task stands", "completed")]
_Billed = Annotated[Billed, said("whether the provider charged for it", "yes")]
_Usage = Annotated[JsonObject, said("what the provider counted", {"generated_images": 1})]
_Notes = Annotated[list[str], said("what was changed at submission", [])]
_Sandbox = Annotated[bool, said("simulated: nothing was paid", False)]
_Model = Annotated[str, said("the model's own id", "doubao-seedream-4-0-250828")]
_Progress = Annotated[float, said("0 to 1", 1.0, minimum=0, maximum=1)]
_RequestId = Annotated[str | None, said("the provider's", "021729500000000")]


class TaskErrorShape(TypedDict):
    """Why a task failed or was cancelled."""

    code: Annotated[str, said("stable", "content_rejected")]
    message: Annotated[str, said("in the client's language", "提示词未通过内容审核")]
    retryable: Annotated[bool, said("whether another try may succeed", False)]
    billed: Annotated[Billed, said("whether the provider charged for it", "no")]
    provider_code: Annotated[str | None, said("the provider's own word", "InputTextSensitiveContentDetected")]
    request_id: _RequestId


class PictureErrorShape(TaskErrorShape):
    """Why one output will not come."""

    index: Annotated[int, said("the output's place, from 0", 1)]


class AmountShape(TypedDict):
    """An amount of money."""

    amount: Annotated[str, said("decimal", "0.04")]
    currency: Annotated[str, said("ISO 4217", "USD")]
    images: Annotated[int, said("pictures counted", 1)]


class CostShape(TypedDict):
    """What a task cost for certain; while it is not finished, at least the price of what was asked for."""

    amount: Annotated[str, said("decimal", "0.20")]
    currency: Annotated[str, said("ISO 4217", "CNY")]
    images: Annotated[int, said("outputs counted; 0 where it is paid by the call", 1)]
    estimated: Annotated[bool, said("whether it may still change, or was not told by the service", False)]
    at_most: NotRequired[Annotated[str, said("decimal, where it is estimated as a range", "0.40")]]
    others: NotRequired[Annotated[list[AmountShape], said("what was paid in other currencies, on its route")]]


class TriedShape(TypedDict):
    """Why a target of a route did not make it."""

    provider: Annotated[str, said("whose model it is", "volcengine")]
    model: _Model
    code: Annotated[str, said("an error's code, or what kept its lane shut; `not_suitable`", "ServerOverloaded")]
    at: Moment
    billed: Annotated[Billed, said("whether it charged for the try", "no")]


class RouteShape(TypedDict):
    """Where a task is on its route."""

    model: Annotated[str, said("the public name that it was sent to", "poster")]
    target: Annotated[str, said("`provider/model` of whose turn it is, or who made it", "openai/gpt-image-1")]
    tried: Annotated[list[TriedShape], said("why others did not make it, the oldest first", [])]


class CallShape(TypedDict):
    """One paid call."""

    id: Annotated[str, said("unique in its task", "c1")]
    attempt: Annotated[int, said("the start it belongs to, from 1", 1)]
    indexes: Annotated[list[int], said("the outputs it was to bring", [0])]
    provider: Annotated[str, said("whom it was sent to", "volcengine")]
    outcome: Annotated[CallOutcome, said("what became of it", "delivered")]
    late_outcome: Annotated[CallOutcome | None, said("what an answer said that came after it was given up", None)]
    looked_up: Annotated[bool, said("its answer was lost, and the provider was asked what it knows of it", False)]
    cost: Annotated[str | None, said("decimal, what the provider said it cost; null when it did not", None)]
    sent_at: Moment
    ended_at: Moment | None
    request_id: _RequestId
    error_code: Annotated[str | None, said("the provider's", None)]
    usage: _Usage


class BatchPlaceShape(TypedDict):
    """Where in a batch a task stands."""

    id: Annotated[str, said("the batch", "batch_019ab3f2c1d4a7b2c9d0e4f6a8b3c5d7")]
    line: Annotated[int, said("from 1", 17)]
    custom_id: Annotated[str | None, said("the client's own name of the line", None)]


@extended
class OutputShape(TypedDict):
    """What came of a task, and what the provider adds."""

    images: list[ImageShape]
    errors: Annotated[list[PictureErrorShape], said("one for each output that will not come", [])]
    partial: Annotated[bool, said("some outputs came, others will not", False)]
    late: NotRequired[Annotated[list[ImageShape], said("pictures that came after the task was cancelled")]]
    videos: NotRequired[Annotated[list[VideoShape], said("of a task that makes videos")]]
    audios: NotRequired[Annotated[list[AudioShape], said("of a task that makes sound")]]
    files: NotRequired[Annotated[list[FileShape], said("of a task that makes 3D models or files")]]
    preview: NotRequired[Annotated[PreviewShape, said("of a task under way whose provider shows what it does")]]
    late_files: NotRequired[
        Annotated[list[FileShape], said("what is no picture and came after the task was cancelled")]
    ]
    text: NotRequired[Annotated[str, said("of a task whose answer is text")]]


class TaskWebhookShape(TypedDict):
    """Whom a task tells of itself."""

    url: Annotated[str, said("where it is posted", "https://example.com/hooks/danqing")]
    events: Annotated[list[str], said("what of the task is told", ["task.completed", "task.failed"])]


class TaskShape(TypedDict):
    """Everything about a task."""

    id: _TaskId
    user_id: Annotated[str, said("as it was sent", "user_123")]
    type: Annotated[str, said("a task type of the provider", "image")]
    status: _Status
    provider: Annotated[str, said("who carries it out", "volcengine")]
    model: _Model
    route: Annotated[RouteShape | None, said("of a task that was sent to a route", None)]
    input: Annotated[JsonObject, said("as it was prepared; references as links", _PROMPT)]
    output: OutputShape | None
    error: Annotated[TaskErrorShape | None, said("of a task that failed or was cancelled", None)]
    progress: _Progress
    attempts: Annotated[int, said("how often it was begun", 1)]
    created_at: Moment
    updated_at: Moment
    started_at: Moment | None
    completed_at: Moment | None
    scheduled_for: Annotated[Moment | None, said("when it may start, of a task that is scheduled", None)]
    next_try_at: Annotated[Moment | None, said("when it is tried again, of a task that waits for that", None)]
    priority: Annotated[Priority, said("whose turn comes first", "normal")]
    on_ambiguous: Annotated[
        str | None,
        said(
            "after a call that may have been billed: one more, or failure; null: as the server is set",
            None,
            enum=list(POLICIES),
        ),
    ]
    notes: _Notes
    images: Annotated[int, said("outputs asked for", 1)]
    kind: NotRequired[Annotated[OutputKind, said("what they are, unless they are pictures")]]
    usage: _Usage
    cost: Annotated[CostShape | None, said("null when the provider names no price")]
    billed: _Billed
    in_doubt: NotRequired[Annotated[list[MoneyShape], said("what may have been paid beside `cost`, at the most")]]
    sandbox: _Sandbox
    calls: list[CallShape]
    webhook: NotRequired[Annotated[TaskWebhookShape, said("of a task that brought one")]]
    batch: NotRequired[Annotated[BatchPlaceShape, said("of a task that came in a batch")]]


class ToldOutputShape(TypedDict):
    """What came of a task, as links."""

    images: list[ImageShape]
    videos: NotRequired[Annotated[list[VideoShape], said("of a task that makes videos")]]
    audios: NotRequired[Annotated[list[AudioShape], said("of a task that makes sound")]]
    files: NotRequired[Annotated[list[FileShape], said("of a task that makes 3D models or files")]]


class ToldTaskShape(TypedDict):
    """What a webhook is told of a task."""

    id: _TaskId
    user_id: Annotated[str, said("as it was sent", "user_123")]
    type: Annotated[str, said("a task type of the provider", "image")]
    status: _Status
    provider: Annotated[str, said("who carries it out", "volcengine")]
    model: _Model
    output: ToldOutputShape
    error: Annotated[TaskErrorShape | None, said("of a task that failed or was cancelled", None)]
    cost: Annotated[CostShape | None, said("null when the provider names no price")]
    billed: _Billed
    created_at: Moment
    completed_at: Moment | None


@extended
class ResultShape(TypedDict):
    """What a task that is completed brought, and what the provider adds."""

    image_url: NotRequired[Annotated[str, said("the first picture", EXAMPLE_LINK)]]
    image_urls: NotRequired[Annotated[list[str], said("every picture", [EXAMPLE_LINK])]]
    images: list[ImageShape]
    video_url: NotRequired[Annotated[str, said("the first video")]]
    video_urls: NotRequired[Annotated[list[str], said("every video")]]
    videos: NotRequired[Annotated[list[VideoShape], said("of a task that makes videos")]]
    audios: NotRequired[Annotated[list[AudioShape], said("of a task that makes sound")]]
    files: NotRequired[Annotated[list[FileShape], said("of a task that makes 3D models or files")]]
    text: NotRequired[Annotated[str, said("of a task whose answer is text")]]
    partial: Annotated[bool, said("some pictures will not come", False)]
    errors: NotRequired[Annotated[list[PictureErrorShape], said("one for each picture that will not come")]]
    model: _Model
    usage: _Usage
    cost: Annotated[CostShape | None, said("null when the provider names no price")]
    notes: _Notes
    sandbox: _Sandbox


class ImageResultShape(TypedDict):
    """How far an image task is."""

    task_id: _TaskId
    status: _Status
    message: NotRequired[Annotated[str, said("while it is under way")]]
    progress: NotRequired[Annotated[float, said("while it is under way", minimum=0, maximum=1)]]
    images: NotRequired[Annotated[list[ImageShape], said("what is there, unless it is completed")]]
    image_url: NotRequired[Annotated[str, said("the first picture, once it is completed", EXAMPLE_LINK)]]
    videos: NotRequired[Annotated[list[VideoShape], said("what is there, unless it is completed")]]
    audios: NotRequired[Annotated[list[AudioShape], said("what is there, unless it is completed")]]
    files: NotRequired[Annotated[list[FileShape], said("what is there, unless it is completed")]]
    video_url: NotRequired[Annotated[str, said("the first video, once it is completed")]]
    result: NotRequired[Annotated[ResultShape, said("once it is completed")]]
    error: NotRequired[Annotated[TaskErrorShape, said("when it failed or was cancelled")]]


class ImageTaskCreatedShape(TypedDict):
    """An image task that was taken in."""

    task_id: _TaskId
    status: Annotated[Status, said("where the task stands", "pending")]
    message: Annotated[str, said("in the client's language", "任务已创建，正在处理中")]


class TaskListShape(TypedDict):
    """A page of a user's tasks, newest first."""

    tasks: list[TaskShape]
    limit: Annotated[int, said("as asked", 20)]
    offset: Annotated[int, said("as asked", 0)]
    count: Annotated[int, said("tasks on this page", 1)]
    total: Annotated[int, said("tasks of this user; counted up to 10000", 1)]
    next_cursor: Annotated[str | None, said("pass as `cursor` for the next page; null on the last", None)]


class PositionShape(TypedDict):
    """How many tasks begin before it; null when it is not queued."""

    own: Annotated[int | None, said("own tasks ahead", 0)]
    lane: Annotated[int | None, said("all tasks ahead", 3)]


class ExplanationShape(TypedDict):
    """Why a task is not done, and what was tried."""

    task_id: _TaskId
    project: Annotated[str | None, said("whose it is; null: it was made without a key", None)]
    status: Annotated[Status, said("where the task stands", "pending")]
    waiting_for: Annotated[str | None, said("null when nothing holds it", "turn", enum=list(_WAITS))]
    reason: Annotated[str | None, said("what closed the lane", None)]
    until: Annotated[Moment | None, said("when it stops waiting for that", None)]
    position: PositionShape
    estimated_start_at: Annotated[Moment | None, said("by the lane's recent pace; null without one")]
    estimated_finish_at: Annotated[Moment | None, said("by the lane's recent pace; null without one")]
    attempts: Annotated[int, said("starts", 0)]
    failures: Annotated[int, said("of them failed and are counted", 0)]
    leases_lost: Annotated[int, said("processes that died with it before a call was sent", 0)]
    last_error: Annotated[TaskErrorShape | None, said("of the last start that failed", None)]
    billed: Annotated[Billed, said("whether the provider charged for it", "no")]
    route: Annotated[RouteShape | None, said("of a task that was sent to a route", None)]
    calls: Annotated[list[CallShape], said("the paid calls, oldest first", [])]
