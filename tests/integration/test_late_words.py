"""What comes late: the word that a task was cancelled, and an answer in words to one that was."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from danqing_plugins import Job, Result, Run
from danqing_server.access.caller import Caller
from danqing_server.records.tasks import Status, Task
from danqing_server.settings.server import Settings
from tests.support.providers import ScriptedProvider, deliver_all
from tests.support.scripts import Held, Ledger, provider_of
from tests.support.system import System, running_system, until


@pytest.mark.parametrize("single_call", [True, False])
async def test_it_ends_no_later_attempt(settings: Settings, *, single_call: bool) -> None:
    """The paid call was cut off from its task: its picture was thrown away, and bought again."""
    held, ledger = Held(), Ledger()
    provider = provider_of(ledger, held, single_call=single_call)
    async with running_system(settings, [provider]) as system:
        task = await system.submit(delay_s=3600)
        await system.services.control.cancel(task.id, Caller.local())
        await system.services.control.retry(task.id, Caller.local())
        await held.begun.wait()
        heard = asyncio.Event()
        system.services.watchers.onlookers.add(task.id, heard.set)
        await system.services.queue.announce(task.id)
        await heard.wait()
        held.go_on.set()
        done = await system.finished(task.id, timeout_s=60)
        assert (done.status, done.attempts, ledger.of(task.id)) == (Status.COMPLETED, 1, {0: 1})


async def test_it_stops_no_attempt_before_its_call(settings: Settings) -> None:
    """It counted as one that died, with a call that may have been billed, though none was made."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait_first(job: Job, run: Run) -> None:
        begun.set()
        await go_on.wait()
        await deliver_all(job, run)

    async with running_system(settings, [ScriptedProvider(wait_first)]) as system:
        task = await system.submit()
        await begun.wait()
        heard = asyncio.Event()
        system.services.watchers.onlookers.add(task.id, heard.set)
        await system.services.queue.announce(task.id)
        await heard.wait()
        go_on.set()
        done = await system.finished(task.id, timeout_s=60)
        assert (done.status, done.attempts) == (Status.COMPLETED, 1)


@attrs.define(eq=False)
class Poet:
    """Makes one paid call for its words, which are there when it is told to go on."""

    text: str = "a poem"
    bought: int = 0
    asked: asyncio.Event = attrs.field(factory=asyncio.Event)
    go_on: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def answer(self, _job: Job, run: Run) -> Result:
        """Return the words."""
        async with run.call((), "f"):
            self.bought += 1
            self.asked.set()
            await self.go_on.wait()
        return Result(output={"text": self.text}, usage={"tokens": 3})


async def _cancelled_under_its_call(system: System, poet: Poet) -> Task:
    """Return a task that was cancelled while *poet* wrote, once that is over."""
    task = await system.submit(n=0)
    await poet.asked.wait()
    await system.services.control.cancel(task.id, Caller.local())
    poet.go_on.set()

    async def is_over() -> bool:
        found = await system.services.store.get(task.id)
        return found is not None and found.attempt is None

    await until(is_over, what="the end of its call")
    found = await system.services.store.get(task.id)
    assert found is not None
    return found


async def test_words_that_are_paid_for_are_kept_and_not_bought_again(settings: Settings) -> None:
    """They were thrown away, and its user's retry paid for others."""
    poet = Poet()
    async with running_system(settings, [ScriptedProvider(poet.answer)]) as system:
        task = await _cancelled_under_its_call(system, poet)
        assert (task.status, task.result, task.usage) == (Status.CANCELLED, {"text": "a poem"}, {"tokens": 3})
        await system.services.control.retry(task.id, Caller.local())
        done = await system.finished(task.id, timeout_s=60)
        assert (done.status, done.result, poet.bought) == (Status.COMPLETED, {"text": "a poem"}, 1)


async def test_words_that_no_document_holds_keep_no_task(settings: Settings) -> None:
    """It would have stayed with its attempt for ever, and could not be tried again."""
    poet = Poet(text="x" * 17_000_000)
    async with running_system(settings, [ScriptedProvider(poet.answer)]) as system:
        task = await _cancelled_under_its_call(system, poet)
        assert (task.status, task.result) == (Status.CANCELLED, {})
        poet.text = "a poem"
        await system.services.control.retry(task.id, Caller.local())
        done = await system.finished(task.id, timeout_s=60)
        assert (done.status, done.result, poet.bought) == (Status.COMPLETED, {"text": "a poem"}, 2)
