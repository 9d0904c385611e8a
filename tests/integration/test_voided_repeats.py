"""Repeats of a request that was refused have its task run after all, at one moment and at the edge of a limit."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from danqing_server.desk.budgets import Budgets
from danqing_server.desk.request import Repeat
from danqing_server.errors import BudgetExceeded, Conflict
from danqing_server.life.cancelled import Voided
from danqing_server.life.register import Register
from danqing_server.life.unconfirmed import unconfirmed, was_voided
from danqing_server.records.tasks import Hold, Task
from danqing_server.records.tenancy import Limits
from tests.integration.test_budgets import PRICE_MICRO, caller, keyed, submit
from tests.support.system import MakeSettings, System

ONE = Limits(spend_per_day_micro={"CNY": PRICE_MICRO}, waiting_tasks=1)
REPEAT = Repeat(key="k", fingerprint="f")


class TestVoided:
    """Two repeats of a request that was refused have its task run after all."""

    async def test_a_repeat_waits_for_another_that_has_set_aside(self, make_settings: MakeSettings) -> None:
        """None is refused for what is set aside of the very task that it asks for."""
        async with keyed(make_settings, workers=False) as here, keyed(make_settings, workers=False) as there:
            task = await voided(here)
            slow, heard = slowed(here), listened(there)
            first = asyncio.create_task(submit(here, caller(ONE), repeat=REPEAT))
            await slow.asked.wait()
            second = asyncio.create_task(submit(there, caller(ONE), repeat=REPEAT))
            await heard.answered.wait()
            slow.may.set()
            assert [each.id for each in await asyncio.gather(first, second)] == [task.id] * 2

    async def test_a_repeat_that_comes_when_another_has_done_so_finds_it(self, make_settings: MakeSettings) -> None:
        """It looked before, and asks for room when there is none left."""
        async with keyed(make_settings, workers=False) as here, keyed(make_settings, workers=False) as there:
            task = await voided(here)
            heard = listened(there)
            heard.first = here
            assert (await submit(there, caller(ONE), repeat=REPEAT)).id == task.id
            assert not was_voided(await there.get(task.id))

    async def test_without_room_it_stays_voided(self, make_settings: MakeSettings) -> None:
        """What takes the room is another task."""
        async with keyed(make_settings, workers=False) as system:
            task = await voided(system)
            await submit(system, caller(ONE))
            with pytest.raises(BudgetExceeded):
                await submit(system, caller(ONE), repeat=REPEAT)
            assert was_voided(await system.get(task.id))

    async def test_of_two_retries_at_once_one_is_a_conflict(self, make_settings: MakeSettings) -> None:
        """Not for want of money: the other has set it aside."""
        async with keyed(make_settings, workers=False) as here, keyed(make_settings, workers=False) as there:
            task = await submit(here, caller(ONE))
            await here.services.control.cancel(task.id, caller(ONE))
            control = here.services.control
            slow = control.register = slowly(control.register)
            first = asyncio.create_task(control.retry(task.id, caller(ONE)))
            await slow.asked.wait()
            with pytest.raises(Conflict):
                await there.services.control.retry(task.id, caller(ONE))
            slow.may.set()
            retried, _ = await first
            assert retried.id == task.id


@attrs.define(eq=False)
class Slow(Register):
    """Makes no move before it may."""

    asked: asyncio.Event = attrs.field(factory=asyncio.Event)
    may: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def carry_out(self, move: Any, **options: Any) -> bool:
        self.asked.set()
        await self.may.wait()
        return await super().carry_out(move, **options)


@attrs.define(eq=False)
class Heard(Budgets):
    """Says when it has answered; before it is asked, process *first* is asked for the same task."""

    answered: asyncio.Event = attrs.field(factory=asyncio.Event)
    first: System | None = None

    async def hold(self, *given: Any, **options: Any) -> Hold | None:
        if self.first is not None:
            other, self.first = self.first, None
            await submit(other, caller(ONE), repeat=REPEAT)
            await other.services.budgets.drain()
        try:
            return await super().hold(*given, **options)
        finally:
            self.answered.set()


async def voided(system: System) -> Task:
    """Return a task whose client was told that it will not run."""
    task = await submit(system, caller(ONE), repeat=REPEAT)
    void = Voided(task=task, at=system.services.clock.now(), error=unconfirmed())
    assert await system.services.control.register.carry_out(void)
    return task


def slowed(system: System) -> Slow:
    """Have a process's repeats wait before they let a task run."""
    repeats = system.services.submissions.repeats
    slow = repeats.register = slowly(repeats.register)
    return slow


def slowly(register: Register) -> Slow:
    """Return a register that waits before each move."""
    return Slow(register.store, register.queue, register.outlet, register.eraser)


def listened(system: System) -> Heard:
    """Hear of it when a process's repeats ask for room."""
    repeats = system.services.submissions.repeats
    budgets = repeats.budgets
    heard = repeats.budgets = Heard(budgets.store, budgets.counting, budgets.clock)
    return heard
