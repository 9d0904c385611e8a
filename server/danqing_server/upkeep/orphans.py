"""Finds the files that no document names: what deaths, races and restored databases left behind.

A file may be there before its document, so none counts that is younger than a grace.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from danqing_server.assets.holdings import files_in
from danqing_server.assets.places import StoredFile
from danqing_server.assets.storage import Assets
from danqing_server.records.tasks import FINISHED, Task
from danqing_server.store.batches import STAGED
from danqing_server.store.dumping import Dump, decoded
from danqing_server.store.named import NAMING, files_named
from danqing_server.store.reading import task_of
from danqing_server.store.tasks import COLLECTION as TASKS
from danqing_server.store.uploads import COLLECTION as UPLOADS

__all__ = ["Orphan", "is_orphan", "names_any", "orphans"]

AT_ONCE = 500


@attrs.frozen(kw_only=True)
class Orphan:
    """A file that nobody names: its task is gone (`no_task`), or knows nothing of it (`not_named`)."""

    key: str
    size_bytes: int
    modified_at: datetime
    why: str


async def orphans(dump: Dump, assets: Assets, before: datetime) -> AsyncGenerator[Orphan, None]:
    """Yield the files that were written before *before* and that no document names.

    Of tasks that are not finished, and of what a newer release wrote, all files are left alone.

    Raises StoreUnavailable, StorageUnavailable.
    """
    staged = await _staged_ids(dump)
    async for some in _gathered(assets, before):
        folders = {file.folder for file in some}
        named = await _named(dump, folders)
        for file in some:
            why = None if file.folder in staged else _why(file.key, file.folder in named, named.get(file.folder))
            if why is not None:
                yield Orphan(key=file.key, size_bytes=file.size_bytes, modified_at=file.modified_at, why=why)


async def is_orphan(dump: Dump, key: str) -> bool:
    """Tell whether no document names the file *key*, however young it is. Raises StoreUnavailable."""
    folder = key.partition("/")[0]
    named = await _named(dump, {folder})
    if folder not in named and folder in await _staged_ids(dump):
        return False
    return _why(key, folder in named, named.get(folder)) is not None


async def names_any(dump: Dump) -> bool:
    """Tell whether there is any document that may name a file. Raises StoreUnavailable."""
    for name in set(await dump.collections()).intersection(NAMING):
        async for _ in dump.documents(name):
            return True
    return False


def _why(key: str, is_known: bool, stems: frozenset[str] | None) -> str | None:
    """Return why a file is an orphan; None when it is none, or may be none."""
    if not is_known:
        return "no_task"
    if stems is None or key.rpartition(".")[0] in stems:
        return None
    stem = key.rpartition(".")[0].rpartition("-")[0]  # what was made of another file: its stem, `-` and a word
    return None if stem in stems else "not_named"


async def _gathered(assets: Assets, before: datetime) -> AsyncGenerator[Sequence[StoredFile], None]:
    some: list[StoredFile] = []
    async for file in files_in(assets.place):
        if file.modified_at < before:
            some.append(file)
        if len(some) >= AT_ONCE:
            yield some
            some = []
    yield some


async def _named(dump: Dump, ids: set[str]) -> Mapping[str, frozenset[str] | None]:
    """Return what is named by the documents of these ids, without extensions; None: it is not to be judged."""
    found: dict[str, frozenset[str] | None] = {}
    for collection in (TASKS, UPLOADS):
        for id_, raw in (await dump.find(collection, ids)).items():
            document = decoded(raw)
            stems = frozenset(file.key.rpartition(".")[0] for file in files_named(collection, document))
            found[id_] = stems if _is_settled(collection, document) else None
    return found


def _is_settled(collection: str, document: Mapping[str, Any]) -> bool:
    if collection == UPLOADS:
        return bool(document.get("ready"))
    task = task_of(document)
    return isinstance(task, Task) and task.status in FINISHED and task.attempt is None


async def _staged_ids(dump: Dump) -> frozenset[str]:
    """Return the ids of the tasks that batches are still to make: their reference pictures are there."""
    if STAGED not in await dump.collections():
        return frozenset()
    return frozenset([decoded(decoded(raw)["task"])["_id"] async for raw in dump.documents(STAGED)])
