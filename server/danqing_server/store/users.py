"""The users of the old API in MongoDB."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError
from pymongo.results import UpdateResult

from danqing_plugins import Message
from danqing_server.codec.documents import from_document, to_document
from danqing_server.errors import Conflict
from danqing_server.records.users import User
from danqing_server.store.client import Database, translated
from danqing_server.store.late_indexes import create_with_patience
from danqing_server.store.reach import Reach
from danqing_server.store.reading import versioned

__all__ = ["UserStore"]

COLLECTION = "danqing_users"
EMAIL_TAKEN = Message(
    key="email_taken_by", en="there is a user with the address {email} already", zh="邮箱 {email} 已被其他用户使用"
)


@attrs.define(eq=False)
class UserStore:
    """Users, unique by e-mail address for each API key's owner. Raises StoreUnavailable like the task store."""

    database: Database

    @property
    def _users(self) -> Any:
        return self.database[COLLECTION]

    async def ensure_indexes(self) -> None:
        """Create the index that keeps addresses unique."""
        unique = IndexModel([("owner", ASCENDING), ("email", ASCENDING)], name="by_email", unique=True)
        await create_with_patience(self._users, [unique])  # to the end: before that, an address may be taken twice

    async def insert(self, user: User) -> None:
        """Keep a new user. Raises Conflict when the address is taken."""
        with translated():
            try:
                await self._users.insert_one(versioned(to_document(user)))
            except DuplicateKeyError as error:
                raise _taken(user.email) from error

    async def find(self, reach: Reach, **wanted: str) -> User | None:
        """Return the user with the given `id` or `email`, None when there is none in *reach*."""
        with translated():
            document = await self._users.find_one(_filter(reach, wanted))
        return None if document is None else from_document(User, document)

    async def update(self, reach: Reach, user_id: str, sets: Mapping[str, Any]) -> User | None:
        """Set fields of a user and return it; None when there is none. Raises Conflict: the address is taken."""
        with translated():
            try:
                outcome: UpdateResult = await self._users.update_one(
                    _filter(reach, {"id": user_id}), {"$set": dict(sets)}
                )
            except DuplicateKeyError as error:
                raise _taken(str(sets.get("email"))) from error
        return await self.find(reach, id=user_id) if outcome.matched_count else None

    async def delete(self, reach: Reach, user_id: str) -> bool:
        """Remove a user; False when there was none."""
        with translated():
            outcome = await self._users.delete_one(_filter(reach, {"id": user_id}))
        return bool(outcome.deleted_count)


def _filter(reach: Reach, wanted: Mapping[str, str]) -> dict[str, Any]:
    return {**{"_id" if name == "id" else name: value for name, value in wanted.items()}, **reach.filter}


def _taken(email: str) -> Conflict:
    return Conflict(EMAIL_TAKEN(email=email), code="email_taken")
