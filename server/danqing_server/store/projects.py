"""Projects in MongoDB. Nothing is there, not even an index, before the first one is made."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import attrs
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.errors import DuplicateKeyError

from danqing_plugins import Message
from danqing_server.codec.documents import from_document, to_document, value_of
from danqing_server.errors import Conflict
from danqing_server.records.tenancy import Project
from danqing_server.store.client import Database, translated
from danqing_server.store.reading import versioned

__all__ = ["ProjectStore"]

COLLECTION = "danqing_projects"
TAKEN = Message(
    key="project_taken_by", en="there is a project called {name} already", zh="名为 {name} 的项目已存在"
)


@attrs.define(eq=False)
class ProjectStore:
    """Projects, each with a name of its own. Raises StoreUnavailable like the task store."""

    database: Database

    @property
    def _projects(self) -> Any:
        return self.database[COLLECTION]

    async def insert(self, project: Project) -> None:
        """Keep a new project. Raises Conflict when its id or its name is taken."""
        unique = IndexModel([("name", ASCENDING)], name="by_name", unique=True)
        with translated():
            await self._projects.create_indexes([unique])
            try:
                await self._projects.insert_one(versioned(to_document(project)))
            except DuplicateKeyError as error:
                raise _taken(project.name) from error

    async def check_free(self, name: str, *, id_: str | None = None, but: str | None = None) -> None:
        """Raise Conflict when a project but *but* has the name, or the id *id_*; `insert` has the last word."""
        same: list[dict[str, Any]] = [{"name": name}, {"_id": id_}]
        with translated():
            taken = await self._projects.find_one({"$or": same, "_id": {"$ne": but}}, ["_id"])
        if taken is not None:
            raise _taken(name)

    async def find(self, named: str) -> Project | None:
        """Return the project of that id, or else of that name; None when there is none."""
        with translated():
            document = await self._projects.find_one({"_id": named}) or await self._projects.find_one(
                {"name": named}
            )
        return None if document is None else from_document(Project, document)

    async def find_all(self, ids: Collection[str]) -> dict[str, Project]:
        """Return those of *ids* that there are, by id."""
        with translated():
            found = await self._projects.find({"_id": {"$in": [*ids]}}).to_list(None)
        return {document["_id"]: from_document(Project, document) for document in found}

    async def list(self, *, limit: int, after: str | None = None) -> list[Project]:
        """Return the projects by id, from the one behind *after* on."""
        wanted = {} if after is None else {"_id": {"$gt": after}}
        with translated():
            found = await self._projects.find(wanted).sort("_id", ASCENDING).to_list(limit)
        return [from_document(Project, document) for document in found]

    async def update(self, project_id: str, sets: Mapping[str, Any]) -> Project | None:
        """Set fields of a project and return it; None when there is none. Raises Conflict: the name is taken."""
        with translated():
            try:
                document = await self._projects.find_one_and_update(
                    {"_id": project_id},
                    {"$set": {name: value_of(value) for name, value in sets.items()}},
                    return_document=ReturnDocument.AFTER,
                )
            except DuplicateKeyError as error:
                raise _taken(str(sets.get("name"))) from error
        return None if document is None else from_document(Project, document)


def _taken(name: str) -> Conflict:
    return Conflict(TAKEN(name=name), code="project_taken")
