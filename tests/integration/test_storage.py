"""When the picture storage is full, or the provider's link is away: what was paid for is not asked for again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest
from aiohttp import web

from danqing_plugins import ContentRejected, Job, Run, Source
from danqing_server.records.outputs import OutputState
from danqing_server.records.tasks import Status
from danqing_server.settings.server import Settings
from tests.support.providers import ScriptedProvider, picture
from tests.support.system import HASTY, System, running_system, until


@attrs.define
class Upstream:
    """Serves one picture as long as `open` is set; `asked` counts the tries."""

    url: str = ""
    open: bool = True
    status: int = 503
    asked: int = 0

    async def answer(self, _request: web.Request) -> web.Response:
        """Answer with the picture, or not."""
        self.asked += 1
        if not self.open:
            return web.Response(status=self.status)
        return web.Response(body=picture(), content_type="image/png")


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """A provider's picture host."""
    host = Upstream()
    app = web.Application()
    app.router.add_get("/1.png", host.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host.url = f"http://127.0.0.1:{runner.addresses[0][1]}/1.png"
    yield host
    await runner.cleanup()


def provider_of(upstream: Upstream) -> ScriptedProvider:
    """Return a provider that answers each paid call with the link."""

    async def link(_job: Job, run: Run) -> None:
        async with run.call(run.missing, "f"):
            await run.deliver(0, Source.from_url(upstream.url))

    return ScriptedProvider(link)


async def tried_again(system: System, task_id: str) -> bool:
    """Say whether the task has waited and begun anew."""
    return (await system.get(task_id)).attempts >= 2


class TestLinks:
    async def test_a_link_that_is_away_is_tried_again_and_never_paid_again(
        self, settings: Settings, upstream: Upstream
    ) -> None:
        """The URL is saved: the next attempt only downloads."""
        upstream.open = False
        provider = provider_of(upstream)
        async with running_system(settings, [provider], link_patience=HASTY) as system:
            task = await system.submit()
            await until(lambda: tried_again(system, task.id), timeout_s=30)
            assert (await system.get(task.id)).outputs["0"].state is OutputState.SOURCED
            upstream.open = True
            done = await system.finished(task.id, timeout_s=30)
            assert done.status is Status.COMPLETED
            assert len(provider.jobs) == 1
            assert len(done.calls) == 1

    async def test_a_link_that_is_gone_for_good_may_be_made_once_more(
        self, settings: Settings, upstream: Upstream
    ) -> None:
        """403 for so long means expired: the picture is lost, and the policy allows one more call."""
        upstream.open, upstream.status = False, 403
        provider = provider_of(upstream)
        async with running_system(settings, [provider], link_patience=HASTY) as system:
            task = await system.submit()
            await until(lambda: len(provider.jobs) == 2)
            upstream.open = True
            done = await system.finished(task.id, timeout_s=30)
            assert done.status is Status.COMPLETED
            assert len(provider.jobs) == 2
            assert sorted(call.outcome for call in done.calls.values()) == ["delivered", "unknown"]

    async def test_pictures_under_way_survive_the_failure_of_the_rest(
        self, settings: Settings, upstream: Upstream
    ) -> None:
        """A refusal after the first picture's link does not throw that picture away."""

        async def first_then_refused(_job: Job, run: Run) -> None:
            async with run.call([0], "f"):
                await run.deliver(0, Source.from_url(upstream.url))
            raise ContentRejected("no more")

        async with running_system(settings, [ScriptedProvider(first_then_refused)]) as system:
            done = await system.finished((await system.submit(n=2)).id)
            assert done.status is Status.COMPLETED
            assert [output.state for output in done.outputs.values()] == [OutputState.KEPT, OutputState.FAILED]


class TestUnwritable:
    async def test_a_full_storage_delays_the_task_and_costs_nothing(
        self, settings: Settings, upstream: Upstream, tmp_path: Path
    ) -> None:
        """The task waits; when there is room again it completes with the picture it paid for."""
        provider = provider_of(upstream)
        async with running_system(settings, [provider], link_patience=HASTY) as system:
            pictures = tmp_path / "pictures"
            away = tmp_path / "away"

            def block() -> None:
                pictures.rename(away)
                pictures.write_text("in the way", encoding="utf-8")

            def unblock() -> None:
                pictures.unlink()
                away.rename(pictures)

            await asyncio.to_thread(block)
            task = await system.submit()
            await until(lambda: tried_again(system, task.id), timeout_s=30)
            waiting = await system.get(task.id)
            assert waiting.error is None or waiting.error.code == "storage_unavailable"
            await asyncio.to_thread(unblock)
            done = await system.finished(task.id, timeout_s=30)
            assert done.status is Status.COMPLETED
            assert len(provider.jobs) == 1
