"""A picture that is delivered is paid for: its task has a while beyond its deadline to fetch it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import attrs
import pytest
from aiohttp import web

from danqing_plugins import Job, Run, Source
from danqing_server.codec.documents import value_of
from danqing_server.records.outputs import Output, OutputState
from danqing_server.records.tasks import Status, Task
from danqing_server.settings.server import Settings
from tests.support.providers import ScriptedProvider, picture
from tests.support.scripts import LinkHost, link_host
from tests.support.system import HASTY, MakeSettings, running_system


@pytest.fixture
async def links() -> AsyncIterator[LinkHost]:
    """A host of pictures."""
    async with link_host() as host:
        yield host


async def _waiting_with(settings: Settings, url: str, *, late_by: timedelta) -> Task:
    """Leave a task that waits for its next attempt with one of two pictures delivered, its deadline passed."""
    async with running_system(settings, [ScriptedProvider()], workers=False) as system:
        task = await system.submit(n=2)
        store, now = system.services.store, system.services.clock.now()
        sourced = Output(index=0, state=OutputState.SOURCED, at=now, source_url=url)
        change = {"deadline_at": now - late_by, "outputs": {"0": value_of(sourced)}}
        await store.database["danqing_tasks"].update_one({"_id": task.id}, {"$set": change})
    return task


async def test_what_is_delivered_is_fetched(make_settings: MakeSettings, links: LinkHost) -> None:
    """The other picture is not asked for any more."""
    provider, settings = ScriptedProvider(), make_settings()
    task = await _waiting_with(settings, links.link("a"), late_by=timedelta(minutes=5))
    async with running_system(settings, [provider]) as system:
        done = await system.finished(task.id)
        assert (done.status, [output.index for output in done.kept]) == (Status.COMPLETED, [0])
        assert [output.error.code for output in done.failed_outputs if output.error] == ["deadline_exceeded"]
        assert provider.jobs == []


async def test_a_link_that_stays_away_ends_its_task(make_settings: MakeSettings, links: LinkHost) -> None:
    """Nothing is asked for ever; the user's own retry finds the link."""
    provider, settings = ScriptedProvider(), make_settings()
    task = await _waiting_with(settings, links.link("a"), late_by=timedelta(hours=1))
    async with running_system(settings, [provider]) as system:
        done = await system.finished(task.id)
        assert done.error is not None
        assert (done.status, done.error.code, links.asked["a"]) == (Status.FAILED, "deadline_exceeded", 0)
        assert done.outputs["0"].source_url is not None


@attrs.define
class _Held:
    """A host that answers when it is let."""

    asked: asyncio.Event = attrs.field(factory=asyncio.Event)
    let: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def answer(self, _request: web.Request) -> web.Response:
        self.asked.set()
        await self.let.wait()
        return web.Response(body=picture(), content_type="image/png")


async def test_a_download_goes_on_over_the_deadline(make_settings: MakeSettings) -> None:
    """It is not cut in the middle to be begun anew."""
    held = _Held()
    app = web.Application()
    app.router.add_get("/a.png", held.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/a.png"

    async def link(_job: Job, run: Run) -> None:
        async with run.call(run.missing, "f"):
            await run.deliver(0, Source.from_url(url))

    settings = make_settings(DANQING_TASK_TIMEOUT="3")
    async with running_system(settings, [ScriptedProvider(link)], link_patience=HASTY) as system:
        task = await system.submit()
        await held.asked.wait()
        deadline_at = (await system.get(task.id)).deadline_at
        assert deadline_at is not None
        asyncio.get_running_loop().call_later(
            (deadline_at - system.services.clock.now()).total_seconds() + 0.1, held.let.set
        )
        done = await system.finished(task.id)
    await runner.cleanup()
    assert (done.status, done.attempts) == (Status.COMPLETED, 1)
