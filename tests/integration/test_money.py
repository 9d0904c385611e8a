"""What a task cost: what its service said, else the estimate; one sum for its user and for the spend limit."""

from __future__ import annotations

import attrs

from danqing_plugins import Job, Prepared, Price, Request, Run, Source
from danqing_server.life.charges import bills_of, is_estimated
from danqing_server.records.tasks import Status
from danqing_server.settings.server import Settings
from danqing_server.store.spending import Spending
from tests.support.providers import ScriptedProvider, picture
from tests.support.system import MakeSettings, System, running_system, until

PRICE = Price(amount_micro=200_000, currency="CNY", most_micro=500_000)


@attrs.define(eq=False)
class Ranged(ScriptedProvider):
    """Estimates 0.20 to 0.50 a picture."""

    def prepare(self, request: Request) -> Prepared:
        return attrs.evolve(super().prepare(request), price=PRICE)


async def told_at_once(job: Job, run: Run) -> None:
    """The answer says what it cost."""
    async with run.call(run.missing, "f") as call:
        for index in run.missing:
            await run.deliver(index, Source.from_bytes(picture()))
        call.cost_micro = 312_500


async def told_later(job: Job, run: Run) -> None:
    """The order says so when it is done."""
    async with run.call([0], "f"):
        await run.checkpoint({"order": "1"})
    await run.charge([0], 312_500, {"seconds": 5})
    await run.deliver(0, Source.from_bytes(picture()))


async def told_nothing(job: Job, run: Run) -> None:
    """The estimate stands."""
    async with run.call([0], "f"):
        await run.deliver(0, Source.from_bytes(picture()))


async def spent(system: System) -> Spending:
    """Return the day's spending."""
    assert system.workers is not None
    return await system.workers.tools.guard.spending.look("scripted", system.services.clock.now())


async def settled(system: System, expected: Spending) -> None:
    """Wait until the limit counts what was paid: it is told a moment after the task has ended."""

    async def look() -> bool:
        return await spent(system) == expected

    await until(look, what=f"{expected}")


class TestToldCost:
    async def test_what_the_answer_says_is_what_it_cost(self, make_settings: MakeSettings) -> None:
        """For its user and for the limit, to the millionth."""
        limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:10.00")
        async with running_system(limited, [Ranged(told_at_once)]) as system:
            task = await system.finished((await system.submit(n=2)).id)
            [bill] = bills_of(task)
            assert (bill.amount_micro, bill.most_micro, bill.outputs) == (312_500, None, 2)
            assert not is_estimated(task)
            await settled(system, Spending(spent_micro=312_500, reserved_micro=0))

    async def test_what_an_order_says_later_is_what_it_cost(self, make_settings: MakeSettings) -> None:
        """Its usage is its call's."""
        limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:10.00")
        async with running_system(limited, [Ranged(told_later)]) as system:
            task = await system.finished((await system.submit()).id)
            [call] = task.calls.values()
            assert (call.cost_micro, call.usage) == (312_500, {"seconds": 5})
            await settled(system, Spending(spent_micro=312_500, reserved_micro=0))

    async def test_no_amount_of_money_is_not_taken(self, settings: Settings) -> None:
        """A float is a mistake of the provider's, told at once."""

        async def careless(job: Job, run: Run) -> None:
            async with run.call([0], "f"):
                await run.checkpoint({"order": "1"})
            await run.charge([0], 0.25)  # type: ignore[arg-type]  # the mistake

        async with running_system(settings, [ScriptedProvider(careless)]) as system:
            task = await system.submit()
            failing = await system.services.store.get(task.id)
            while failing is None or failing.failures == 0:
                failing = await system.services.store.get(task.id)
            assert failing.error is not None
            assert failing.error.code == "plugin_error"


class TestEstimate:
    async def test_a_limit_sets_aside_the_dearest_and_counts_it_while_nothing_is_told(
        self, make_settings: MakeSettings
    ) -> None:
        """0.50 of 0.90 are spent at the worst: there is no room for another 0.50."""
        limited = make_settings(DANQING_DAILY_SPEND_LIMITS="scripted:0.90")
        async with running_system(limited, [Ranged(told_nothing, concurrency=1)]) as system:
            done = await system.finished((await system.submit()).id)
            [bill] = bills_of(done)
            assert (bill.amount_micro, bill.most_micro, is_estimated(done)) == (200_000, 500_000, True)
            assert await spent(system) == Spending(spent_micro=500_000, reserved_micro=0)
            second = await system.submit()
            while (seen := await system.get(second.id)).error is None:
                assert seen.status in (Status.PENDING, Status.PROCESSING)
            assert seen.error.provider_code == "spend_limit"
