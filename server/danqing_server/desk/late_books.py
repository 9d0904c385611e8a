"""Books what ended without a key when somebody asks what it cost: who never asks has no ledger to pay for.

Also when there are keys by then: what came before the first one was paid for, too.

What is deleted before that is in no sum; `DANQING_LEDGER=all` books at once. What ended before that was set is
booked when somebody asks, like the rest.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import attrs

from danqing_server.clock import EPOCH, Clock
from danqing_server.life.bookkeeper import Bookkeeper
from danqing_server.store.reach import Reach
from danqing_server.store.unbooked import Ended, UnbookedStore

__all__ = ["LateBooks"]

WRITTEN_WITHIN = timedelta(minutes=2)
"""How long a change of what nobody carries out may take until it is stored. Booking what is booked adds nothing."""

PATIENCE_S = 8.0


@attrs.define(eq=False)
class LateBooks:
    """Catches up on the books. Raises StoreUnavailable."""

    store: UnbookedStore
    books: Bookkeeper
    clock: Clock
    patience_s: float = PATIENCE_S
    _at_it: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _is_over: bool = attrs.field(default=False, init=False)

    async def catch_up(self, accounts: Reach, *, guarded: bool) -> bool:
        """Book what has ended and is not booked, for who looks at *accounts*; False: there is more than was worth
        waiting for.

        *guarded*: nothing comes without a key any more. Then there may be what came before there was one; where
        there is none, there is no index for it either. Where all is booked at once, a process does this once.
        """
        if self._is_over or not accounts.covers(None):
            return True
        async with self._at_it:
            return await self._catch_up(guarded=guarded)

    async def _catch_up(self, *, guarded: bool) -> bool:
        began = self.clock.now()
        deadline_s = self.clock.monotonic_s() + self.patience_s
        booked = await self.store.booked()
        if booked.until is None:
            if guarded and not await self.store.may_be_any():
                self._is_over = True
                return True
            await self.store.prepare()
        under_way = await self.store.under_way()  # before the pages: what has ended since is in these
        if new := under_way.difference(booked.left):
            await self.store.leave(new)
        if not await self._book_since((booked.until or EPOCH) - WRITTEN_WITHIN, deadline_s):
            return False
        over = set(booked.left).difference(under_way)
        if over:
            await self.books.book(over, again=True)
        await self.store.note(began, over)
        self._is_over = self.books.books_all
        return True

    async def _book_since(self, since: datetime, deadline_s: float) -> bool:
        """Book what changed at *since* or later, page by page, and note how far that is; False: not to the end."""
        after: Ended | None = None
        while True:
            page, after = await self.store.page(since, after)
            if self.clock.monotonic_s() > deadline_s:
                return False
            if page:
                await self.books.book([each.id for each in page], again=True)
            if after is None:
                return True
            await self.store.note(after.at)
