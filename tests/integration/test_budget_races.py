"""Limits where several processes count, set aside and give back at one moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

import attrs
import pytest

from danqing_server.desk.counting import Counter, Counting
from danqing_server.desk.request import Repeat
from danqing_server.errors import BudgetExceeded
from danqing_server.records.batches import Batch, Mode
from danqing_server.records.tenancy import Limits
from danqing_server.store.batches import BatchStore
from danqing_server.store.budgets import BudgetStore, Committed
from danqing_server.windows import Span, window_of
from tests.integration.test_budgets import (
    KEYS,
    PRICE_MICRO,
    TEN,
    accepts,
    caller,
    keyed,
    made,
    submit,
    take_line,
)
from tests.support.providers import ScriptedProvider
from tests.support.system import MakeSettings, running_system, until

REPEAT = Repeat(key="k", fingerprint="f")


class TestCounts:
    async def test_what_is_given_back_while_it_is_counted_is_taken_away_once(
        self, make_settings: MakeSettings
    ) -> None:
        """Also by a count that others come between each time; the limit holds."""
        async with keyed(make_settings, workers=False) as system:
            budgets, two = system.services.budgets, Limits(spend_per_day_micro={"CNY": 2 * PRICE_MICRO})
            task = await submit(system, caller(two))
            await budgets.drain()
            doubled = await budgets.hold(caller(two), task, 1)  # a repeat's, which finds the task there
            assert doubled is not None
            racing = Racing(budgets.store.database, doubled.id)
            day = window_of(Span.DAY, doubled.at, budgets.zone)
            counter = Counter(project="alice", measure="CNY", window=day)
            await Counting(racing, budgets.counting.books, budgets.clock).exact(counter)
            assert racing.is_given_back
            await submit(system, caller(two))
            with pytest.raises(BudgetExceeded):
                await submit(system, caller(two))

    async def test_of_a_batch_that_is_half_made_no_more_is_taken_away_than_is_left(
        self, make_settings: MakeSettings
    ) -> None:
        """The same batch comes twice at once; what is set aside for the second shrinks until that is known."""
        settings = make_settings(DANQING_API_KEYS=KEYS, DANQING_MAX_QUEUED="4")
        async with running_system(settings, [ScriptedProvider()], workers=False) as system:
            batches, who = system.services.batches, caller(TEN)
            first, second = [await batches.begin(who, Mode.ALL_OR_NOTHING, REPEAT) for _ in range(2)]
            for staging in (first, second):
                for line in range(1, 5):
                    await take_line(staging, who, line, 1)
            await first.commit("f")
            await until(lambda: made(system, 2), what="half of the batch")  # the lane has no room for more
            second.store = Counted(batches.store.database, partial(system.services.budgets.states, who))
            assert await second.commit("f") == (await batches.find(first.batch_id, who), False)
            assert not await accepts(system, 7)
            assert await accepts(system, 6)


@attrs.define(eq=False)
class Racing(BudgetStore):
    """Others change its counter whenever it is counted; at last what was set aside by *hold* is given back."""

    hold: str
    is_given_back: bool = False

    async def put(
        self,
        counter: str,
        before: Committed,
        counted: Committed,
        *,
        expires_at: datetime | None,
        by_difference: bool = False,
    ) -> bool:
        if not by_difference:
            await self.database["danqing_budgets"].update_one({"_id": counter}, {"$inc": {"version": 1}})
        elif not self.is_given_back:
            await self.give_back(counter, self.hold)
            self.is_given_back = True
        return await super().put(counter, before, counted, expires_at=expires_at, by_difference=by_difference)


@attrs.define(eq=False)
class Counted(BatchStore):
    """Somebody counts what is committed before a batch is to become valid."""

    count: Callable[[], Awaitable[object]]

    async def commit(self, batch: Batch) -> bool:
        await self.count()
        return await super().commit(batch)
