"""Tells a story to the real server, and brings everything to rest at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import attrs

from danqing_server.access.caller import Caller
from danqing_server.access.limits import CallerLimits
from danqing_server.desk.request import Repeat as Repeated
from danqing_server.errors import DanqingError
from danqing_server.records.tasks import FINISHED, WAITING, Task
from danqing_server.records.tenancy import CLIENT_SCOPES, Limits
from danqing_server.settings.server import Settings
from danqing_server.store.tasks import TaskStore
from tests.integration.books.process import Mortal
from tests.integration.books.provider import PROVIDER, ShopProvider
from tests.integration.books.shop import Shop
from tests.integration.books.story import Cancel, Crash, Delete, Forget, Move, Release, Retry, Story, Submit

__all__ = ["CALLER", "Teller"]

PATIENCE_S = 30.0
"""A machine with forty who want to run may take ten seconds for what takes a tenth of one."""
PLENTY = Limits(spend_per_day_micro={"CNY": 10**12}, pictures_in_flight=10**6)
CALLER = Caller(project="books", key="k", scopes=CLIENT_SCOPES, limits=CallerLimits(project=PLENTY, key=PLENTY))
"""Has limits that no story reaches, so that everything is set aside."""
LOOK_S = 0.005


@attrs.define(eq=False)
class Told:
    """A task of the story.

    One that is `unsettled` was in a process that died at no particular moment, or that alone knew of it, since its
    user had deleted it: what it had set aside stays set aside. `forgotten` are the pictures that its user deleted.
    """

    id: str
    number: int
    move: Submit
    deleted: bool = False
    unsettled: bool = False
    forgotten: set[int] = attrs.field(factory=set)


@attrs.define(eq=False)
class Teller:
    """One story under way. `log` is what happened, in words."""

    story: Story
    shop: Shop
    settings: Settings
    tasks: list[Told] = attrs.field(factory=list)
    log: list[str] = attrs.field(factory=list)
    process: Mortal = attrs.field(init=False)

    async def tell(self) -> None:
        """Carry every move out, then let everything come to rest."""
        for number, move in enumerate(self.story.moves):
            self.log.append(f"{move}")
            await self._carry_out(move, hasty=number in self.story.hasty)
            if number + 1 not in self.story.hasty:
                await self.stillness()
            self._check()
        await self.rest()
        self._check()

    async def stillness(self) -> None:
        """Wait until nothing goes on by itself: what is not at its end waits for a release."""
        await self._until(self._is_still)

    async def rest(self) -> None:
        """Answer every call and wait until every task is at its end."""
        self.log.append("everything is answered")
        await self._until(self._rests)

    @property
    def store(self) -> TaskStore:
        return self.process.system.services.store

    async def _carry_out(self, move: Move, *, hasty: bool) -> None:
        if isinstance(move, Submit):
            await self._submit(move)
        elif isinstance(move, Crash):
            await self._crash(hasty=hasty)
        elif self.tasks:
            task = self.tasks[move.task % len(self.tasks)]
            await self._do(move, task)

    async def _submit(self, move: Submit) -> None:
        number = len(self.tasks)
        self.shop.plans[_prompt(number)] = move
        made = await self._send(number, move)
        self.tasks.append(Told(made.id, number, move))

    async def _send(self, number: int, move: Submit) -> Task:
        repeat = Repeated(key=f"{self.settings.redis_prefix}-{number}", fingerprint="f")
        steps = self.process.system.submit(
            _prompt(number), on_ambiguous=move.on_ambiguous, repeat=repeat, caller=CALLER
        )
        return await self.process.do(steps)

    async def _do(self, move: Move, task: Told) -> None:
        control, account = self.process.system.services.control, self.shop.account(task.id, _prompt(task.number))
        if isinstance(move, Release):
            self.shop.release(task.id)
        elif isinstance(move, Cancel):
            if await self._accepted(control.cancel(task.id, CALLER)):
                account.close("cancelled")
        elif isinstance(move, Retry):
            before = account.try_again()
            if not await self._accepted(control.retry(task.id, CALLER)):
                account.restore(before)
        elif isinstance(move, Delete):
            account.deleting = True
            if await self._accepted(control.delete(task.id, CALLER)):
                account.close("deleted")
                task.deleted = True
        elif isinstance(move, Forget):
            await self._forget(task)
        else:
            await self._accepted(self._send(task.number, task.move))

    async def _forget(self, told: Told) -> None:
        task, pictures = await self.store.get(told.id), self.process.system.services.pictures
        for index in [output.index for output in task.kept][:1] if task is not None else ():
            if await self._accepted(pictures.delete(told.id, index, CALLER)):
                told.forgotten.add(index)

    async def _accepted(self, steps: Coroutine[Any, Any, object]) -> bool:
        """Carry a user's wish out; False when the server refuses it."""
        try:
            await self.process.do(steps)
        except DanqingError as error:
            self.log.append(f"  refused: {type(error).__name__}: {error}")
            return False
        return True

    async def _crash(self, *, hasty: bool) -> None:
        cut = [task for task in self.tasks if self._runs(task) or not await self._has_ended(task)]
        await self.process.kill()
        self.shop.forget(task.id for task in cut)
        for task in cut:
            task.unsettled |= hasty or task.deleted
        self.process = await Mortal.start(self.settings, ShopProvider(self.shop))
        await self.process.recover()

    async def _has_ended(self, task: Told) -> bool:
        found = await self.store.get(task.id)
        return found is None or found.status in FINISHED

    def _check(self) -> None:
        assert not self.shop.objections, self.shop.objections

    async def _until(self, condition: Callable[[], Awaitable[str]]) -> None:
        """Wait until *condition* names nothing it waits for, and nothing changed between two looks."""
        seen, why = -1, "?"
        try:
            async with asyncio.timeout(PATIENCE_S):
                while why or seen != self.shop.changes:
                    seen = self.shop.changes
                    await asyncio.sleep(LOOK_S)
                    why = await condition()
        except TimeoutError:
            raise AssertionError(f"stuck: {why}") from None

    async def _is_still(self) -> str:
        for task_id in self._running():
            if not self.shop.holds(task_id):
                return f"task {task_id} is under way"
        for told in self.tasks:
            if not self.shop.holds(told.id) and (why := await self._why_not_ended(told)):
                return why
        return ""

    async def _rests(self) -> str:
        for told in self.tasks:
            self.shop.release(told.id)
        for task_id in self._running():
            return f"task {task_id} is under way"
        for told in self.tasks:
            if why := await self._why_not_ended(told):
                return why
        return ""

    def _runs(self, task: Told) -> bool:
        return task.id in self._running()

    def _running(self) -> set[str]:
        return {task_id for lane in self.process.workers.pool.lanes.values() for task_id in lane.running}

    async def _why_not_ended(self, told: Told) -> str:
        """Return why a task has not ended, empty when it has, or waits for a day that has room for it."""
        task = await self.store.get(told.id)
        if task is None or task.status in FINISHED:
            return ""
        if task.status in WAITING and self.story.limit is not None:
            gate = await self.process.system.services.gates.look(PROVIDER)
            if gate.shut_by == "spend_limit":
                return ""
        return f"task {told.id} is {task.status}: {task.error}"


def _prompt(number: int) -> str:
    return f"story {number}"
