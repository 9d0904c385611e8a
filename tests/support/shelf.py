"""Pictures put into the store as if they had been made, without making them: a few real ones, or many thousands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import attrs
import bson
from bson.raw_bson import RawBSONDocument

from danqing_plugins import Source
from danqing_server.assets.storage import Assets
from danqing_server.codec.documents import to_document
from danqing_server.records.outputs import Asset, Output, OutputState
from danqing_server.records.tasks import Status, Task
from danqing_server.store.reading import versioned
from danqing_server.store.tasks import TaskStore
from tests.unit.api.tasks import NOW, kept_picture, make_task

__all__ = ["Shelf"]

AT_ONCE = 5_000


@attrs.define(eq=False)
class Shelf:
    """Fills a store with completed tasks and their pictures."""

    store: TaskStore
    assets: Assets

    async def put(self, task_id: str, *bodies: bytes, minutes: int = 0, **changes: Any) -> Task:
        """Store a completed task whose pictures are *bodies*, made *minutes* before `NOW`."""
        outputs = {str(index): await self._kept(task_id, index, body) for index, body in enumerate(bodies)}
        made: dict[str, Any] = {
            "created_at": NOW - timedelta(minutes=minutes),
            "images": len(bodies),
            "outputs": outputs,
        }
        task = _made(task_id, {**made, **changes})
        assert await self.store.insert(task)
        return task

    async def note(self, task_id: str, *, minutes: int = 0, pictures: int = 1, **changes: Any) -> Task:
        """Store a completed task as if it had as many pictures; there are no files."""
        made: dict[str, Any] = {
            "created_at": NOW - timedelta(minutes=minutes),
            "images": pictures,
            "outputs": {str(index): kept_picture(task_id, index) for index in range(pictures)},
        }
        task = _made(task_id, {**made, **changes})
        assert await self.store.insert(task)
        return task

    async def fill(
        self,
        count: int,
        name: Callable[[int], str],
        *,
        first: int = 0,
        newest: datetime = NOW,
        assets: tuple[Asset, ...] = (),
        **changes: Any,
    ) -> None:
        """Store *count* tasks of one picture each, numbered from *first*, a second apart; *assets* in turn."""
        documents = self._documents(range(first, first + count), name, newest, assets, changes)
        gathered: list[Any] = []
        for document in documents:
            gathered.append(RawBSONDocument(bson.encode(document)))
            if len(gathered) >= AT_ONCE:
                assert all(await self.store.insert_many(gathered))
                gathered.clear()
        if gathered:
            assert all(await self.store.insert_many(gathered))

    async def files(self, *bodies: bytes) -> tuple[Asset, ...]:
        """Keep pictures under ids of their own, for many tasks to share: a key is a name and no more."""
        return tuple([(await self._file(f"shelf{number}", 0, body)) for number, body in enumerate(bodies)])

    def _documents(
        self,
        numbers: range,
        name: Callable[[int], str],
        newest: datetime,
        assets: tuple[Asset, ...],
        changes: dict[str, Any],
    ) -> Iterator[dict[str, Any]]:
        output = kept_picture("t", 0)
        usual = versioned(to_document(make_task("t", Status.COMPLETED, **changes)))
        shown = [dict(to_document(attrs.evolve(output, asset=asset))) for asset in assets]
        shown = shown or [dict(to_document(output))]
        for number in numbers:
            yield {
                **usual,
                "_id": name(number),
                "created_at": newest - timedelta(seconds=number),
                "input": {"prompt": f"picture {number}", "size": "8x8"},
                "outputs": {"0": shown[number % len(shown)]},
            }

    async def _kept(self, task_id: str, index: int, body: bytes) -> Output:
        asset = await self._file(task_id, index, body)
        return Output(index=index, state=OutputState.KEPT, at=NOW, asset=asset)

    async def _file(self, task_id: str, index: int, body: bytes) -> Asset:
        return await self.assets.keep(task_id, index, Source.from_bytes(body))


def _made(task_id: str, changes: dict[str, Any]) -> Task:
    status = changes.pop("status", Status.COMPLETED)
    return make_task(task_id, status, **changes)
