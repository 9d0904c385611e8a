"""Tasks that wait along a route whose file was changed: another process goes on with what they were told."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import pytest

from danqing_server.access.caller import Caller
from danqing_server.records.tasks import Status
from danqing_server.settings.routes import Route, Target
from danqing_server.settings.server import Settings
from tests.support.providers import ScriptedProvider
from tests.support.system import MakeSettings, running_system

A, B, C = "scripted", "other", "third"


def routed(settings: Settings, *providers: str) -> Settings:
    """Return *settings* with the route `poster` over the model `one` of *providers*; without any: no route."""
    if not providers:
        return settings
    targets = tuple(Target(provider=provider, model="one") for provider in providers)
    return attrs.evolve(settings, routes=(Route(model="poster", targets=targets),))


async def once(settings: Settings, providers: Sequence[ScriptedProvider]) -> None:
    """Carry out tasks for a moment, as the processes did that go by the file as it was."""
    async with running_system(settings, providers):
        pass


class TestChanged:
    @pytest.mark.parametrize("after", [(B,), (B, C), ()], ids=["one target less", "another", "no route"])
    async def test_who_waits_for_a_provider_that_was_taken_out_goes_on_at_the_next(
        self, make_settings: MakeSettings, after: tuple[str, ...]
    ) -> None:
        """They waited for ever: only lanes that a route names now were looked at."""
        settings = make_settings(DANQING_DEFAULT_PROVIDER=B)
        three = [ScriptedProvider(name=name) for name in (A, B, C)]
        await once(routed(settings, A, B), three)
        async with running_system(routed(settings, A, B), three, workers=False) as door:
            task = await door.submit(model="poster")
            assert task.provider == A
        async with running_system(routed(settings, *after), three[1:]) as system:
            done = await system.finished(task.id, 15)
            assert (done.status, done.provider) == (Status.COMPLETED, B)

    async def test_who_waits_on_a_route_that_is_gone_goes_past_a_shut_lane(
        self, make_settings: MakeSettings
    ) -> None:
        """Its plan was written down when it was submitted, and holds."""
        settings = make_settings()
        two = [ScriptedProvider(name=name) for name in (A, B)]
        await once(routed(settings, A, B), two)
        async with running_system(routed(settings, A, B), two, workers=False) as door:
            task = await door.submit(model="poster")
            await door.services.gates.hold(A, 60, "paused")
        async with running_system(settings, two) as system:
            done = await system.finished(task.id, 15)
            assert (done.status, done.provider) == (Status.COMPLETED, B)

    async def test_a_target_that_no_route_names_any_more_still_takes_who_was_promised_it(
        self, make_settings: MakeSettings
    ) -> None:
        """The lane that they wait in is named, the one that they could go to is not."""
        settings = make_settings()
        three = [ScriptedProvider(name=name) for name in (A, B, C)]
        async with running_system(routed(settings, A, B), three, workers=False) as door:
            task = await door.submit(model="poster")
            await door.services.gates.hold(A, 60, "paused")
        async with running_system(routed(settings, A, C), three) as system:
            done = await system.finished(task.id, 15)
            assert (done.status, done.provider) == (Status.COMPLETED, B)


class TestTakenOut:
    async def test_who_waits_for_a_provider_that_is_gone_is_told_so_and_may_leave(
        self, make_settings: MakeSettings
    ) -> None:
        """It said that the task waits for its turn; the others go on when the provider is back."""
        settings = make_settings(DANQING_DEFAULT_PROVIDER=B)
        first, second = ScriptedProvider(name=A), ScriptedProvider(name=B)
        async with running_system(settings, [first, second], workers=False) as door:
            left, stays = [await door.submit(provider=A) for _ in range(2)]
        async with running_system(settings, [second]) as system:
            told = await system.services.forecast.explain(left)
            assert (told.waiting_for, told.reason, told.until) == ("lane_closed", "provider_missing", None)
            assert (await system.services.control.cancel(left.id, Caller.local())).status is Status.CANCELLED
            there = await system.submit(provider=B)
            assert (await system.finished(there.id)).status is Status.COMPLETED
            assert (await system.get(stays.id)).status is Status.PENDING
        async with running_system(settings, [first, second]) as system:
            assert (await system.finished(stays.id)).status is Status.COMPLETED
        assert [job.task_id for job in first.jobs] == [stays.id]
