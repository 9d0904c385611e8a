"""Which files of the picture storage a document names, so that a backup can hold them with it.

Not those that are made again when they are missing: thumbnails, and previews of what is still being made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from danqing_server.records.outputs import OutputState
from danqing_server.store.batches import STAGED
from danqing_server.store.dumping import decoded
from danqing_server.store.tasks import COLLECTION as TASKS
from danqing_server.store.uploads import COLLECTION as UPLOADS

__all__ = ["NAMING", "NamedFile", "files_named"]

NAMING = (STAGED, TASKS, UPLOADS)
"""The collections whose documents name files."""


@attrs.frozen
class NamedFile:
    """A file's key, and what the document knows of its content; None where it knows nothing."""

    key: str
    sha256: str | None = None
    size_bytes: int | None = None


def files_named(collection: str, document: Mapping[str, Any]) -> list[NamedFile]:
    """Return the files that a document of *collection* names, each once, always in the same order.

    What has another shape than this release knows names nothing.
    """
    if collection == TASKS:
        found = _of_task(document)
    elif collection == STAGED:
        found = _of_task(decoded(document["task"]))
    elif collection == UPLOADS and document.get("ready"):
        found = _of_asset(document)
    else:
        return []
    return list({each.key: each for each in found}.values())


def _of_task(task: Mapping[str, Any]) -> Iterator[NamedFile]:
    for reference in task.get("references") or ():
        if isinstance(reference, Mapping) and isinstance(reference.get("asset"), str):
            yield NamedFile(reference["asset"])
    for outputs in (task.get("outputs"), task.get("late")):
        for output in (outputs or {}).values() if isinstance(outputs, Mapping) else ():
            # A picture that is not kept has no file, or one that went, even where its key still stands.
            if isinstance(output, Mapping) and output.get("state") == OutputState.KEPT.value:
                yield from _of_asset(output.get("asset") or {})


def _of_asset(asset: Mapping[str, Any]) -> Iterator[NamedFile]:
    key, poster = asset.get("key"), asset.get("poster")
    if isinstance(key, str):
        yield NamedFile(key, asset.get("sha256"), asset.get("size_bytes"))
    if isinstance(poster, str):
        yield NamedFile(poster)
