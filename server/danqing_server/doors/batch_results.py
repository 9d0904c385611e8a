"""What came of a batch, made while it is sent: lines of JSON, and the files themselves."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Any

from danqing_plugins import in_language
from danqing_server.assets.storage import Assets
from danqing_server.codec.bodies import dump_json
from danqing_server.doors.archives import extension_of, stored_member
from danqing_server.doors.views import Viewer
from danqing_server.http.zips import Member, safe_name
from danqing_server.records.batches import Batch, LineProblem
from danqing_server.records.outputs import Asset
from danqing_server.records.tasks import Task
from danqing_server.store.batches import BatchStore

__all__ = ["files_of", "result_lines"]

CHUNK_BYTES = 64 * 1024
LIST = "results.jsonl"


async def result_lines(batch: Batch, store: BatchStore, viewer: Viewer) -> AsyncGenerator[bytes, None]:
    """Yield one line of JSON for each line of *batch* that is a task, or was wrong, in order."""
    wrong, gathered = _by_line(batch.problems), bytearray()
    async for task in store.tasks_of(batch.id):
        while wrong and wrong[0][0] < _line_of(task):
            gathered += _rejected(wrong.pop(0)[1], viewer)
        gathered += _made(task, viewer)
        if len(gathered) >= CHUNK_BYTES:
            yield bytes(gathered)
            gathered.clear()
    for _, problems in wrong:
        gathered += _rejected(problems, viewer)
    if gathered:
        yield bytes(gathered)


async def files_of(
    batch: Batch, store: BatchStore, assets: Assets, viewer: Viewer, window_bytes: Callable[[], int]
) -> AsyncGenerator[Member, None]:
    """Yield every file that the tasks of *batch* made, by line and index, and at last what each line brought."""
    async for task in store.tasks_of(batch.id):
        for index, asset in _kept(task):
            member = await stored_member(
                assets, asset, _file_name(task, index, asset), task.updated_at, window_bytes
            )
            if member is not None:
                yield member
    lines = result_lines(batch, store, viewer)
    yield Member(name=LIST, size_bytes=0, at=batch.updated_at, chunks=lines)


def _kept(task: Task) -> Iterator[tuple[int, Asset]]:
    for output in task.kept:
        if output.asset is not None:
            yield output.index, output.asset


def _file_name(task: Task, index: int, asset: Asset) -> str:
    name = task.id if task.batch is None or task.batch.custom_id is None else task.batch.custom_id
    return f"{_line_of(task):05}-{safe_name(name)}-{index}.{extension_of(asset)}"


def _line_of(task: Task) -> int:
    return 0 if task.batch is None else task.batch.line


def _made(task: Task, viewer: Viewer) -> bytes:
    custom_id = None if task.batch is None else task.batch.custom_id
    return _as_line({"line": _line_of(task), "custom_id": custom_id, "task": viewer.task(task)})


def _rejected(problems: Sequence[LineProblem], viewer: Viewer) -> bytes:
    shown = [
        {
            "field": each.field,
            "message": in_language(each.message, viewer.language),
            "code": each.code,
            "value": each.value,
        }
        for each in problems
    ]
    return _as_line({"line": problems[0].line, "custom_id": problems[0].custom_id, "problems": shown})


def _by_line(problems: Sequence[LineProblem]) -> list[tuple[int, list[LineProblem]]]:
    found: dict[int, list[LineProblem]] = {}
    for problem in problems:
        found.setdefault(problem.line, []).append(problem)
    return sorted(found.items())


def _as_line(value: Any) -> bytes:
    return dump_json(value) + b"\n"
