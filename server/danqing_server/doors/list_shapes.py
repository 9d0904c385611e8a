"""What is sent of many tasks at once."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from danqing_plugins import OutputKind
from danqing_server.doors.bulk_shapes import MoneyShape
from danqing_server.doors.task_shapes import BatchPlaceShape, CostShape
from danqing_server.http.shapes import Moment, extended, said
from danqing_server.records.tasks import Billed, Priority, Status

__all__ = ["TaskPageShape", "TaskPartShape", "TaskRowShape"]

_ID = "volcengine_img_019ab3f2c1d4k7m2p9qxw4et6bz3"
_LINK = f"http://localhost:8080/api/v1/assets/{_ID}/0-4hq7mz2kx6vt.png"


class TaskRowShape(TypedDict):
    """What a list shows of a task."""

    id: Annotated[str, said("opaque", _ID)]
    project: Annotated[str | None, said("whose it is; null: it was made without a key", None)]
    user_id: Annotated[str, said("as it was sent", "user_123")]
    type: Annotated[str, said("a task type of the provider", "image")]
    kind: Annotated[OutputKind, said("what its outputs are", "image")]
    status: Annotated[Status, said("where the task stands", "completed")]
    provider: Annotated[str, said("who carries it out", "volcengine")]
    model: Annotated[str, said("the model's own id", "doubao-seedream-4-0-250828")]
    route: Annotated[str | None, said("the route that it was sent to", None)]
    prompt: Annotated[
        str | None, said("its first 300 characters; null: none, or another project's", "水墨山谷，晨雾")
    ]
    images: Annotated[int, said("outputs asked for", 1)]
    kept: Annotated[int, said("outputs that are there", 1)]
    missing: Annotated[int, said("outputs that failed, and come on a retry alone", 0)]
    url: Annotated[str | None, said("the first of them; null: none, or another project's", _LINK)]
    error_code: Annotated[str | None, said("of a task that failed or was cancelled", None)]
    retryable: Annotated[bool | None, said("of a task that failed or was cancelled", None)]
    batch: Annotated[BatchPlaceShape | None, said("null: of no batch, or another project's", None)]
    priority: Annotated[Priority, said("whose turn comes first", "normal")]
    progress: Annotated[float, said("0 to 1", 1.0, minimum=0, maximum=1)]
    attempts: Annotated[int, said("how often it was begun", 1)]
    cost: Annotated[CostShape | None, said("null when the provider names no price")]
    billed: Annotated[Billed, said("whether the provider charged for it", "yes")]
    in_doubt: Annotated[list[MoneyShape], said("what may have been paid beside `cost`, at the most", [])]
    sandbox: Annotated[bool, said("simulated: nothing was paid", False)]
    created_at: Moment
    updated_at: Moment
    started_at: Moment | None
    completed_at: Moment | None
    run_at: Annotated[Moment | None, said("when it may start, or is tried again", None)]


@extended
class TaskPartShape(TypedDict):
    """What `fields` asks for of a TaskRow."""

    id: Annotated[str, said("always there", _ID)]


class TaskPageShape(TypedDict):
    """A page of tasks, newest first."""

    tasks: list[TaskRowShape | TaskPartShape]
    count: Annotated[int, said("tasks on this page", 1)]
    next_cursor: Annotated[str | None, said("pass as `cursor` to go on; null when there is no more", None)]
    searched_to: Annotated[
        Moment | None, said("how far back was looked when time was over before the page was full", None)
    ]
    total: NotRequired[
        Annotated[int | None, said("with `count=true`: up to 10000; null when counting takes too long")]
    ]
