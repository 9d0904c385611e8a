"""Books what ended without a key when somebody asks what it cost: who never asks has no ledger to pay for.

Also when there are keys by then: what came before the first one was paid for, too. It goes on when who asked has
left, at half the pace: a million tasks of an older release take a quarter of an hour.

What is deleted before that is in no sum; `DANQING_LEDGER=all` books at once. What ended before that was set is
booked when somebody asks, like the rest.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import attrs

from danqing_server.clock import EPOCH, Clock
from danqing_server.life.bookkeeper import Bookkeeper
from danqing_server.log import get_logger
from danqing_server.store.reach import Reach
from danqing_server.store.unbooked import Ended, UnbookedStore

__all__ = ["LateBooks"]

WRITTEN_WITHIN = timedelta(minutes=2)
"""How long a change of what nobody carries out may take until it is stored. Booking what is booked adds nothing."""

PATIENCE_S = 8.0

log = get_logger(__name__)


@attrs.define(eq=False)
class LateBooks:
    """Catches up on the books. Raises StoreUnavailable."""

    store: UnbookedStore
    books: Bookkeeper
    clock: Clock
    patience_s: float = PATIENCE_S
    _is_over: bool = attrs.field(default=False, init=False)
    _begun: int = attrs.field(default=0, init=False)
    _pass: asyncio.Task[None] | None = attrs.field(default=None, init=False)

    async def catch_up(self, accounts: Reach, *, guarded: bool) -> bool:
        """Book what has ended and is not booked, for who looks at *accounts*; False: there is more than was worth
        waiting for, and it is being booked.

        *guarded*: nothing comes without a key any more. Then there may be what came before there was one; where
        there is none, there is no index for it either. Where all is booked at once, a process does this once.
        """
        if self._is_over or not accounts.covers(None):
            return True
        until_s = self.clock.monotonic_s() + self.patience_s
        before = self._begun
        while True:
            if self._pass is None or self._pass.done():
                self._begun += 1
                self._pass = asyncio.create_task(self._catch_up(guarded=guarded))
                self._pass.add_done_callback(_note_failure)
            under_way, number = self._pass, self._begun
            await asyncio.wait({under_way}, timeout=until_s - self.clock.monotonic_s())
            if not under_way.done():
                return False
            if number > before:  # an earlier one may have missed what ended since
                under_way.result()
                return True

    async def drain(self) -> None:
        """Stop booking; who asks the next time goes on from there."""
        if self._pass is not None:
            self._pass.cancel()
            await asyncio.wait({self._pass})

    async def _catch_up(self, *, guarded: bool) -> None:
        began = self.clock.now()
        booked = await self.store.booked()
        if booked.until is None:
            if guarded and not await self.store.may_be_any():
                self._is_over = True
                return
            await self.store.prepare()
        under_way = await self.store.under_way()  # before the pages: what has ended since is in these
        if new := under_way.difference(booked.left):
            await self.store.leave(new)
        await self._book_since((booked.until or EPOCH) - WRITTEN_WITHIN)
        over = set(booked.left).difference(under_way)
        if over:
            await self.books.book(over, again=True)
        await self.store.note(began, over)
        self._is_over = self.books.books_all

    async def _book_since(self, since: datetime) -> None:
        """Book what changed at *since* or later, page by page, and note how far that is."""
        waited_for_until_s = self.clock.monotonic_s() + self.patience_s
        after: Ended | None = None
        while True:
            began_s = self.clock.monotonic_s()
            page, after = await self.store.page(since, after)
            if page:
                await self.books.book([each.id for each in page], again=True)
            if after is None:
                return
            await self.store.note(after.at)
            ended_s = self.clock.monotonic_s()
            if ended_s > waited_for_until_s:
                await asyncio.sleep(ended_s - began_s)


def _note_failure(ended: asyncio.Task[None]) -> None:
    """Tell of a failure that may have no one to hear it: who asked may have left."""
    if not ended.cancelled() and (error := ended.exception()) is not None:
        log.warning("late_books_paused", reason=str(error))
