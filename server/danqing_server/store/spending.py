"""What was spent and what is about to be, per provider and day, so that a limit holds over all processes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs
from pymongo.errors import DuplicateKeyError

from danqing_server.store.client import Database, translated

__all__ = ["SpendStore", "Spending"]

COLLECTION = "danqing_spending"


@attrs.frozen(kw_only=True)
class Spending:
    """One provider's day, in millionths of the currency. `reserved` is for calls whose outcome is still open."""

    spent_micro: int = 0
    reserved_micro: int = 0


@attrs.define(eq=False)
class SpendStore:
    """The days in MongoDB. Days are UTC. Every method raises StoreUnavailable."""

    database: Database

    @property
    def _days(self) -> Any:
        return self.database[COLLECTION]

    async def reserve(self, provider: str, now: datetime, amount_micro: int, limit_micro: int) -> bool:
        """Set *amount_micro* aside if the day's limit leaves room for it; False when it does not.

        A process that dies keeps its reservation: the limit then closes a little early, never late.
        """
        room = {"_id": _day(provider, now), "committed_micro": {"$lte": limit_micro - amount_micro}}
        change = {"$inc": {"committed_micro": amount_micro, "reserved_micro": amount_micro}}
        if amount_micro > limit_micro:
            return False
        with translated():
            try:
                await self._days.update_one(room, change, upsert=True)
            except DuplicateKeyError:  # it has no room; or another made it at this very moment, and it has
                return bool((await self._days.update_one(room, change)).matched_count)
        return True

    async def settle(self, provider: str, reserved_at: datetime, reserved_micro: int, spent_micro: int) -> None:
        """Replace a reservation by what was really spent."""
        change = {
            "committed_micro": spent_micro - reserved_micro,
            "reserved_micro": -reserved_micro,
            "spent_micro": spent_micro,
        }
        with translated():
            await self._days.update_one({"_id": _day(provider, reserved_at)}, {"$inc": change})

    async def look(self, provider: str, now: datetime) -> Spending:
        """Return what the day of *now* has cost so far."""
        with translated():
            found = await self._days.find_one({"_id": _day(provider, now)}) or {}
        return Spending(spent_micro=found.get("spent_micro", 0), reserved_micro=found.get("reserved_micro", 0))


def _day(provider: str, now: datetime) -> str:
    return f"{provider} {now:%Y-%m-%d}"
