"""Books what ended without a key when somebody asks what it cost: who never asks has no ledger to pay for.

Also when there are keys by then: what came before the first one was paid for, too. It goes on when who asked has
left, at half the pace: a million tasks of an older release take a quarter of an hour.

What is deleted before that is in no sum; `DANQING_LEDGER=all` books at once. What ended before that was set is
booked when somebody asks, like the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import attrs

from danqing_server.clock import EPOCH, Clock
from danqing_server.life.bookkeeper import Bookkeeper
from danqing_server.log import get_logger
from danqing_server.loops.batching import Batcher
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
    _passes: Batcher[bool, bool] = attrs.field(init=False)
    _is_over: bool = attrs.field(default=False, init=False)
    _is_stopping: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._passes = Batcher(self._pass)

    async def catch_up(self, accounts: Reach, *, guarded: bool) -> bool:
        """Book what has ended and is not booked, for who looks at *accounts*; False: there is more than was worth
        waiting for, and it is being booked.

        *guarded*: nothing comes without a key any more. Then there may be what came before there was one; where
        there is none, there is no index for it either. Where all is booked at once, a process does this once.
        """
        if self._is_over or not accounts.covers(None):
            return True
        booked = self._passes.submit(guarded)  # not by what is under way: that may have missed what ended since
        try:
            await asyncio.wait({booked}, timeout=self.patience_s)
            return booked.done() and booked.result()
        finally:
            booked.cancel()  # who left hears of no failure

    async def drain(self) -> None:
        """Stop booking; who asks the next time goes on from there."""
        self._is_stopping = True
        await self._passes.drain()

    async def _pass(self, guarded: Sequence[bool]) -> list[bool]:
        """Book for all who asked meanwhile, and tell them whether that is all."""
        try:
            is_all = await self._catch_up(guarded=all(guarded))
        except Exception as error:
            log.warning("late_books_paused", reason=str(error))  # who asked may have left
            raise
        return [is_all] * len(guarded)

    async def _catch_up(self, *, guarded: bool) -> bool:
        began = self.clock.now()
        booked = await self.store.booked()
        if booked.until is None:
            if guarded and not await self.store.may_be_any():
                self._is_over = True
                return True
            await self.store.prepare()
        under_way = await self.store.under_way()  # before the pages: what has ended since is in these
        if new := under_way.difference(booked.left):
            await self.store.leave(new)
        if not await self._book_since((booked.until or EPOCH) - WRITTEN_WITHIN):
            return False
        over = set(booked.left).difference(under_way)
        if over:
            await self.books.book(over, again=True)
        await self.store.note(began, over)
        self._is_over = self.books.books_all
        return True

    async def _book_since(self, since: datetime) -> bool:
        """Book what changed at *since* or later, page by page, and note how far that is; False: stopped before."""
        waited_for_until_s = self.clock.monotonic_s() + self.patience_s
        after: Ended | None = None
        while not self._is_stopping:
            began_s = self.clock.monotonic_s()
            page, after = await self.store.page(since, after)
            if page:
                await self.books.book([each.id for each in page], again=True)
            if after is None:
                return True
            await self.store.note(after.at)
            ended_s = self.clock.monotonic_s()
            if ended_s > waited_for_until_s:
                await asyncio.sleep(ended_s - began_s)
        return False
