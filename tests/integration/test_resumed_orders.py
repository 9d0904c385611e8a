"""Retries that go on with an order which stands at its service, of those whom something limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest

from danqing_plugins import Job, OutcomeUnknown, Run, Source, Unavailable
from danqing_server.clock import Clock
from danqing_server.errors import BudgetExceeded
from danqing_server.records.tasks import Status, Task
from danqing_server.records.tenancy import Limits
from tests.integration.test_budgets import KEYS, PRICE_MICRO, Evening, accepted, asked, caller, submit
from tests.support.providers import ScriptedProvider, picture
from tests.support.system import MakeSettings, System, running_system, until

ONE = Limits(spend_per_day_micro={"CNY": PRICE_MICRO})
TWO = Limits(spend_per_day_micro={"CNY": 2 * PRICE_MICRO})


@attrs.define(eq=False)
class Shelf:
    """A service that takes orders. `says` is its answer to the question for one: a picture (None), or that trouble.

    *answers* holds its answers back until it is set.
    """

    says: Exception | None
    placed: int = 0
    answers: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def generate(self, job: Job, run: Run) -> None:
        """Order what was not ordered, ask for it, and once more where nothing comes of it."""
        if "order" not in run.saved:
            await self._order(run)
        await self.answers.wait()
        if self.says is not None:
            if job.attempt == 1:  # it is away
                raise self.says
            await run.settle(run.missing, self.says)
            await run.checkpoint({})
            await self._order(run)
        for index in run.missing:
            await run.deliver(index, Source.from_bytes(picture()))

    async def _order(self, run: Run) -> None:
        async with run.call(run.missing, "f"):
            self.placed += 1
            await run.checkpoint({"order": self.placed})


@asynccontextmanager
async def ended(
    make_settings: MakeSettings, limits: Limits, clock: Clock | None = None
) -> AsyncIterator[tuple[System, Shelf, Task]]:
    """Yield a process, its service, and a task of one picture that was ordered, and failed before that came."""
    settings = make_settings(DANQING_API_KEYS=KEYS, DANQING_MAX_ATTEMPTS="1")
    shelf = Shelf(Unavailable("away"))
    shelf.answers.set()
    async with running_system(settings, [ScriptedProvider(shelf.generate)], clock=clock) as system:
        system.services.budgets.counting.cheap_s = 60.0  # whatever else this machine does
        task = await system.finished((await submit(system, caller(limits))).id)
        assert (task.status, shelf.placed) == (Status.FAILED, 1)
        yield system, shelf, task


class TestLimits:
    async def test_its_price_is_not_set_aside_again(self, make_settings: MakeSettings) -> None:
        """The last money of the limit is in it: it is tried again, and what was ordered is fetched."""
        async with ended(make_settings, ONE) as (system, shelf, task):
            shelf.says = None
            await system.services.control.retry(task.id, caller(ONE))
            done = await system.finished(task.id)
            assert (done.status, shelf.placed) == (Status.COMPLETED, 1)
            assert not accepted(await asked(system, caller(ONE), 1))

    async def test_what_is_free_beside_it_stays_so(self, make_settings: MakeSettings) -> None:
        """For as long as it is asked for."""
        async with ended(make_settings, TWO) as (system, shelf, task):
            shelf.answers.clear()
            await system.services.control.retry(task.id, caller(TWO))
            assert len(accepted(await asked(system, caller(TWO), 3))) == 1
            shelf.says = None
            shelf.answers.set()

    async def test_one_that_failed_unbilled_is_bought_anew_of_its_money(self, make_settings: MakeSettings) -> None:
        """And it is no more than that."""
        async with ended(make_settings, ONE) as (system, shelf, task):
            shelf.says = Unavailable("failed, and is not charged")
            await system.services.control.retry(task.id, caller(ONE))
            done = await system.finished(task.id)
            assert (done.status, shelf.placed) == (Status.COMPLETED, 2)

            async def is_booked() -> bool:
                [state] = await system.services.budgets.states(caller(ONE))
                return (state.spent_micro, state.reserved_micro) == (PRICE_MICRO, 0)

            await until(is_booked)

    async def test_one_that_stays_in_doubt_is_not_bought_anew_without_room(
        self, make_settings: MakeSettings
    ) -> None:
        """It may have been paid for. The next retry finds no order, and sets the price of another aside."""
        async with ended(make_settings, ONE) as (system, shelf, task):
            shelf.says = OutcomeUnknown("never heard of it")
            await system.services.control.retry(task.id, caller(ONE))
            failed = await system.finished(task.id)
            assert failed.error is not None
            assert (failed.status, failed.error.code, shelf.placed) == (Status.FAILED, "outcome_unknown", 1)
            with pytest.raises(BudgetExceeded):
                await system.services.control.retry(task.id, caller(ONE))
            shelf.says = None
            await system.services.control.retry(task.id, caller(TWO))
            done = await system.finished(task.id)
            assert (done.status, shelf.placed) == (Status.COMPLETED, 2)

    async def test_of_another_key_it_is_set_aside(self, make_settings: MakeSettings) -> None:
        """Whose limit does not count what was ordered, and would count what is bought in its place."""
        async with ended(make_settings, ONE) as (system, _, task):
            retried, _ = await system.services.control.retry(task.id, caller(key=ONE, name="another"))
            assert retried.hold is not None
            assert (retried.hold.amounts_micro, retried.hold.orders) == ({"CNY": PRICE_MICRO}, ())

    async def test_on_another_day_it_is_set_aside(self, make_settings: MakeSettings) -> None:
        """The same goes for a day."""
        evening = Evening()
        async with ended(make_settings, ONE, Clock(wall_s=evening)) as (system, _, task):
            evening.is_over = True
            retried, _ = await system.services.control.retry(task.id, caller(ONE))
            assert retried.hold is not None
            assert (retried.hold.amounts_micro, retried.hold.orders) == ({"CNY": PRICE_MICRO}, ())
