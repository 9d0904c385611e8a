"""Tasks as those who wait for them see them: whether they changed, and no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import attrs

from danqing_server.clock import EPOCH, to_ms
from danqing_server.records.tasks import Task
from danqing_server.store.client import Database, translated
from danqing_server.store.tasks import COLLECTION

__all__ = ["CHANGE", "WatchStore", "change_of", "version_of"]

_COUNT_OF_OUTPUTS: Mapping[str, Any] = {
    "$size": {"$objectToArray": {"$cond": [{"$eq": [{"$type": "$outputs"}, "object"]}, "$outputs", {}]}}
}
_FIELDS: Mapping[str, Any] = {
    **dict.fromkeys(("updated_at", "transition_id", "progress", "preview.asset.key"), 1),
    "outputs": _COUNT_OF_OUTPUTS,
}
"""A find's projection, with expressions since MongoDB 4.4 (manual, read 2026-11-28)."""

_SHOWN_OF_CHANGE = 12
CHANGE: Mapping[str, Any] = {
    "$cond": [
        {"$eq": [{"$type": "$transition_id"}, "string"]},
        {"$substrCP": ["$transition_id", 0, _SHOWN_OF_CHANGE]},
        "",
    ]
}
"""What a version says of the change of status, as an expression."""


def version_of(task: Task) -> str:
    """Return what is another one after each change of *task* that a user may see, the same in every process.

    It begins with the milliseconds of its last change of status, in 13 digits, and has no spaces or line ends.
    """
    preview = task.preview.asset.key if task.preview is not None else ""
    return _version(to_ms(task.updated_at), task.transition_id, task.progress, len(task.outputs), preview)


def change_of(updated_ms: int, change: str) -> str:
    """Return how a version begins that a change of status at *updated_ms* made; *change* is what `CHANGE` finds."""
    return f"{updated_ms:013d}-{change}"


def _version(updated_ms: int, transition_id: str, progress: float, outputs: int, preview: str) -> str:
    shown = preview.rpartition("/")[2]
    change = change_of(updated_ms, transition_id[:_SHOWN_OF_CHANGE])
    return f"{change}-{round(progress * 1000)}-{outputs}{'-' if shown else ''}{shown}"


@attrs.define(eq=False)
class WatchStore:
    """Looks at tasks that are waited for. Raises StoreUnavailable when MongoDB does not answer."""

    database: Database

    async def versions(self, ids: Collection[str]) -> dict[str, str]:
        """Return the versions of the tasks among *ids* that are there."""
        with translated():
            cursor = self.database[COLLECTION].find({"_id": {"$in": list(ids)}}, _FIELDS)
            found = await cursor.to_list(None)
        return {document["_id"]: _version_in(document) for document in found}


def _version_in(document: Mapping[str, Any]) -> str:
    """Return the version that a document has, one that a newer release wrote too."""
    updated_at, progress = document.get("updated_at"), document.get("progress")
    preview = document.get("preview")
    asset = preview.get("asset") if isinstance(preview, Mapping) else None
    key = asset.get("key") if isinstance(asset, Mapping) else None
    return _version(
        to_ms(updated_at if isinstance(updated_at, datetime) else EPOCH),
        str(document.get("transition_id", "")),
        float(progress) if isinstance(progress, int | float) else 0.0,
        document["outputs"],
        key if isinstance(key, str) else "",
    )
