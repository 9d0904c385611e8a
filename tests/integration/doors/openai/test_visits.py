"""How long a visit can be joined: by the moment at which its client was last heard of, not by when it began."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from danqing_server.clock import Clock
from danqing_server.desk.visits import Visit, Visits
from danqing_server.store.client import connect
from danqing_server.store.processes import identity_of
from danqing_server.store.visits import COLLECTION, KNOWN_FOR, Asked, VisitStore
from tests.integration.conftest import MakeSettings

BEGAN = datetime.now(UTC).replace(microsecond=0) + timedelta(days=365)
"""Ahead of MongoDB's own clock, by which it forgets."""

HOUR_S = 3600.0
LATE = timedelta(minutes=50)


@attrs.define(eq=False)
class Watched(VisitStore):
    """A store that tells when somebody has looked."""

    looked: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def find(self, digest: str) -> Asked:
        """Look, and say so."""
        found = await super().find(digest)
        self.looked.set()
        return found


@attrs.define
class Desk:
    """The visits of a process whose clock a test turns."""

    visits: Visits
    now: datetime = BEGAN

    async def ask(self, *, marked: bool = False) -> Visit:
        """Ask for the same as before, as a stream does: it may be open for an hour."""
        return await self.visits.enter("a", marked=marked, within_s=HOUR_S)

    async def lose(self, visit: Visit) -> None:
        """Let the client of *visit* leave without its answer."""
        self.visits.lose(visit.id)
        await self.visits.drain()

    async def forgotten_at(self) -> datetime:
        """Return when MongoDB forgets the request."""
        found = await self.visits.store.database[COLLECTION].find_one({"_id": "a"})
        assert found is not None
        moment: datetime = found["expires_at"]
        return moment


@pytest.fixture
async def desk(make_settings: MakeSettings) -> AsyncIterator[Desk]:
    async with connect(make_settings()) as database:
        made = Desk(Visits(VisitStore(database), Clock(wall_s=lambda: made.now.timestamp())))
        yield made
        await made.visits.drain()


class TestLongVisit:
    async def test_that_is_cut_late_is_joined(self, desk: Desk) -> None:
        """A stream may wait for an hour: what it asked for would be bought a second time."""
        first = await desk.ask()
        desk.now += LATE
        await desk.lose(first)
        assert await desk.forgotten_at() >= desk.now + KNOWN_FOR
        assert (await desk.ask()).key == first.key

    async def test_whose_repeat_is_marked_is_joined_while_it_seems_open(self, desk: Desk) -> None:
        """The mark says that the client is gone, of which the server has not heard."""
        first = await desk.ask()
        desk.now += LATE
        assert (await desk.ask(marked=True)).key == first.key

    async def test_joined_late_is_kept_as_long_again(self, desk: Desk) -> None:
        """The third try finds what the first began, though that was long ago."""
        first = await desk.ask()
        await desk.lose(first)
        desk.now += KNOWN_FOR - timedelta(minutes=1)
        second = await desk.ask()
        assert await desk.forgotten_at() >= desk.now + KNOWN_FOR
        desk.now += timedelta(minutes=5)
        await desk.lose(second)
        assert (await desk.ask()).key == first.key

    async def test_lost_half_an_hour_ago_is_forgotten(self, desk: Desk) -> None:
        """Who asks again so late wants another."""
        first = await desk.ask()
        await desk.lose(first)
        desk.now += KNOWN_FOR + timedelta(seconds=1)
        assert (await desk.ask()).key != first.key


class TestOtherProcess:
    """It notices that a client hung up a moment before it has written that down."""

    @pytest.fixture
    async def neighbour(self, desk: Desk) -> AsyncIterator[Visits]:
        """The visits of another process that lives, with the same database."""
        store = Watched(desk.visits.store.database)
        made = Visits(store, desk.visits.clock, told_within_s=2.0, holder=identity_of(os.getppid()))
        yield made
        await made.drain()

    async def test_is_given_that_moment(self, desk: Desk, neighbour: Visits) -> None:
        """A repeat that comes there at once is not bought again."""
        first = await desk.ask()
        repeat = asyncio.create_task(neighbour.enter("a", marked=False, within_s=HOUR_S))
        assert isinstance(neighbour.store, Watched)
        await neighbour.store.looked.wait()
        await desk.lose(first)
        assert (await repeat).key == first.key

    async def test_is_waited_for_no_longer(self, desk: Desk, neighbour: Visits) -> None:
        """Who still waits keeps what is made for it."""
        neighbour.told_within_s = 0.01
        first = await desk.ask()
        assert (await neighbour.enter("a", marked=False, within_s=HOUR_S)).key != first.key


class TestRedirectedClient:
    """Most are back within the moment; some follow no redirect, and ask again a second later."""

    @pytest.fixture
    async def away(self, desk: Desk) -> list[Visit]:
        """Two that asked for the same, and were redirected."""
        desk.visits.store = Watched(desk.visits.store.database)
        desk.visits.told_within_s = 0.01
        found = [await desk.ask(), await desk.ask()]
        for visit in found:
            await desk.visits.send_away(visit)
        desk.visits.store.looked.clear()
        return found

    async def again(self, desk: Desk) -> asyncio.Task[Visit]:
        """Ask for the same, and go on once it is held."""
        asked = asyncio.create_task(desk.ask())
        assert isinstance(desk.visits.store, Watched)
        async with asyncio.timeout(10):
            for _ in range(2):
                await desk.visits.store.looked.wait()
                desk.visits.store.looked.clear()
        return asked

    async def test_that_follows_none_is_joined(self, desk: Desk, away: list[Visit]) -> None:
        """Each of them, by its own repeat: nothing is bought again."""
        repeats = [await self.again(desk) for _ in away]
        desk.now += timedelta(seconds=desk.visits.away_for_s)
        assert {(await repeat).key for repeat in repeats} == {visit.key for visit in away}

    async def test_that_comes_back_keeps_what_is_made_for_it(self, desk: Desk, away: list[Visit]) -> None:
        """Who asked for the same meanwhile wants one more, and is held no longer."""
        another = await self.again(desk)
        for visit in away:
            assert await desk.visits.come_back(visit.id, within_s=HOUR_S) is not None
        assert (await another).key not in {visit.key for visit in away}
