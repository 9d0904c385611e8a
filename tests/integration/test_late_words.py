"""The word that a task was cancelled comes late: its user has tried it again, and that goes on."""

from __future__ import annotations

import asyncio

import pytest

from danqing_plugins import Job, Run
from danqing_server.access.caller import Caller
from danqing_server.records.tasks import Status
from danqing_server.settings.server import Settings
from tests.support.providers import ScriptedProvider, deliver_all
from tests.support.scripts import Held, Ledger, provider_of
from tests.support.system import running_system


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
