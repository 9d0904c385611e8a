"""What API keys have chosen for themselves: which model a client without a field for it asks."""

from __future__ import annotations

from typing import Any

import attrs

from danqing_server.store.client import Database, translated

__all__ = ["ChoiceStore"]

COLLECTION = "danqing_choices"


@attrs.define(eq=False)
class ChoiceStore:
    """The choices, one document for each project's key. Every method raises StoreUnavailable."""

    database: Database

    async def model_of(self, project: str, key: str) -> str | None:
        """Return the model that was chosen, None for none."""
        with translated():
            found = await self.database[COLLECTION].find_one({"_id": _id(project, key)})
        return None if found is None else str(found["model"])

    async def choose(self, project: str, key: str, model: str) -> None:
        """Keep the model from now on."""
        with translated():
            chosen: dict[str, Any] = {"$set": {"model": model}}
            await self.database[COLLECTION].update_one({"_id": _id(project, key)}, chosen, upsert=True)


def _id(project: str, key: str) -> dict[str, str]:
    return {"project": project, "key": key}
