"""What is sent and taken of batches."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from danqing_server.desk.staging import MOST_LINES
from danqing_server.http.shapes import Moment, closed, said
from danqing_server.records.batches import Mode
from danqing_server.records.tasks import JsonObject

__all__ = ["BatchListShape", "BatchRequest", "BatchShape", "LineProblemShape", "TaskCountsShape"]

STATES = ("creating", "running", "finished", "cancelling", "cancelled")
_ID = "batch_019ab3f2c1d4a7b2c9d0e4f6a8b3c5d7"


@closed
class BatchRequest(TypedDict):
    """Many tasks at once."""

    tasks: Annotated[
        list[JsonObject],
        said(
            "bodies of single tasks, of either form, without what the defaults say; also `custom_id`",
            [{"prompt": "一只猫", "custom_id": "cat-1"}, {"prompt": "一只狗", "size": "2K"}],
            minItems=1,
            maxItems=MOST_LINES,
        ),
    ]
    mode: NotRequired[
        Annotated[Mode | None, said("what becomes of it when a line is wrong", default="all_or_nothing")]
    ]
    defaults: NotRequired[
        Annotated[JsonObject | None, said("what a line says unless it says otherwise", {"user_id": "user_123"})]
    ]


class LineProblemShape(TypedDict):
    """One thing wrong with a field of a line."""

    line: Annotated[int, said("from 1", 17)]
    custom_id: Annotated[str | None, said("the client's own name of the line", None)]
    field: Annotated[str, said("as it was sent", "size")]
    message: Annotated[str, said("what is wrong, and what is allowed", "必须在 256 到 4096 之间")]
    code: Annotated[str | None, said("stable", "out_of_range")]
    value: Annotated[object, said("as it was sent, cut", "9x9")]


class TaskCountsShape(TypedDict):
    """How many tasks of the batch are in each status."""

    pending: Annotated[int, said("", 0)]
    scheduled: Annotated[int, said("", 0)]
    processing: Annotated[int, said("", 0)]
    completed: Annotated[int, said("", 98)]
    failed: Annotated[int, said("", 2)]
    cancelled: Annotated[int, said("", 0)]


class BatchShape(TypedDict):
    """A batch, and how far it is."""

    id: Annotated[str, said("opaque", _ID)]
    status: Annotated[
        str,
        said("`creating`: its lines are becoming tasks; `finished`: all are over", "finished", enum=list(STATES)),
    ]
    mode: Annotated[Mode, said("what became of wrong lines", "accept_valid")]
    lines: Annotated[int, said("that were sent", 101)]
    accepted: Annotated[int, said("of them are, or will be, tasks", 100)]
    rejected: Annotated[int, said("of them were wrong", 1)]
    created: Annotated[int, said("of those accepted are tasks", 100)]
    progress: Annotated[float, said("accepted lines whose tasks are over, 0 to 1", 1.0, minimum=0, maximum=1)]
    tasks: TaskCountsShape
    problems: NotRequired[Annotated[list[LineProblemShape], said("of rejected lines, the first thousand")]]
    created_at: Moment
    updated_at: Moment
    results_url: Annotated[str, said("JSON lines", f"http://localhost:8080/api/v1/batches/{_ID}/results")]
    files_url: Annotated[str, said("a ZIP", f"http://localhost:8080/api/v1/batches/{_ID}/files")]


class BatchListShape(TypedDict):
    """A page of batches, newest first."""

    batches: list[BatchShape]
    count: Annotated[int, said("batches on this page", 1)]
    next_cursor: Annotated[str | None, said("pass as `cursor` to go on; null when there is no more", None)]
