"""Whoever waits keeps the picture that is made for him, whoever asks the same meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import attrs

from danqing_plugins import Job, Run, Source, Unavailable
from danqing_server.clock import Clock
from tests.integration.api.conftest import Open
from tests.integration.doors.openai.conftest import OpenDoor, Studio, library
from tests.integration.doors.openai.test_joining import PATH, WISH, ask, bought, stands
from tests.support.providers import ScriptedProvider, picture
from tests.support.system import until

LATER = timedelta(minutes=3)


@attrs.define(eq=False)
class Fickle:
    """A service that fails at the call of the number `fails_at`, without charging, and keeps the others waiting."""

    fails_at: int
    gate: asyncio.Event = attrs.field(factory=asyncio.Event)
    asked: int = 0

    async def paint(self, job: Job, run: Run) -> None:
        """Make a picture."""
        self.asked += 1
        async with run.call(run.missing, "f"):
            if self.asked == self.fails_at:
                raise Unavailable("not now")
            await self.gate.wait()
            await run.deliver(0, Source.from_bytes(picture()))


class TestRepeatOfAFailure:
    async def test_leaves_a_neighbour_its_picture(self, open_api: Open) -> None:
        """Two ask for the same; one is told that it failed, and its library asks again: they want two pictures."""
        service = Fickle(fails_at=2)
        provider = ScriptedProvider(service.paint)
        async with open_api(workers=True, provider=provider, DANQING_MAX_ATTEMPTS="1") as door:
            neighbour = ask(door)
            await until(lambda: service.asked == 1, what="the first call")
            async with library(door, max_retries=1) as client:
                repeated = asyncio.create_task(
                    client.images.with_raw_response.generate(**WISH)  # type: ignore[call-overload]
                )
                await until(lambda: service.asked == 3, what="the call of the repeat")
                service.gate.set()
                answer, other = await repeated, await neighbour
            assert (answer.status_code, other.status) == (200, 200)
            assert answer.headers["X-Danqing-Task"] != other.headers["X-Danqing-Task"]
            await stands(door)


class TestLongWait:
    async def test_whoever_still_waits_is_joined_by_nobody(self, open_door: OpenDoor, studio: Studio) -> None:
        """However much longer than was foreseen: who asks the same meanwhile wants a picture of its own."""
        studio.gate.clear()
        async with open_door(DANQING_TASK_TIMEOUT="60s") as door:
            visits, ahead = door.services.visits, timedelta()
            visits.clock = Clock(wall_s=lambda clock=visits.clock: clock.wall_s() + ahead.total_seconds())
            visits.renewed_s = 2 * LATER.total_seconds()
            wish = {**WISH, "stream": True}
            first = asyncio.create_task(door.ask("POST", PATH, json=wish))
            await bought(studio, 1)
            await visits.drain()
            ahead = LATER
            other = asyncio.create_task(door.ask("POST", PATH, json=wish))
            await bought(studio, 2)
            studio.gate.set()
            assert (await first).headers["X-Danqing-Task"] != (await other).headers["X-Danqing-Task"]
