"""A batch that was answered with 503 because MongoDB did not say that it is valid."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial

import attrs
import pytest

from danqing_server.access.caller import Caller
from danqing_server.desk.batches import Batches
from danqing_server.desk.request import Repeat, Submission
from danqing_server.desk.staging import Staging
from danqing_server.errors import QueueUnavailable, StoreUnavailable
from danqing_server.queue.owed import OwedVoids
from danqing_server.records.batches import Batch, BatchStatus, Mode
from danqing_server.records.tasks import Status
from danqing_server.settings.server import Settings
from danqing_server.store.batches import BatchStore
from danqing_server.store.reach import Reach
from danqing_server.store.tasks import COLLECTION
from tests.support.providers import ScriptedProvider
from tests.support.system import System, running_system, until

ME = Caller.local()


@attrs.define(eq=False)
class Unheard(BatchStore):
    """Its answer to a commit does not arrive; with `lands` False nor does what it is asked."""

    lands: bool = True
    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def commit(self, batch: Batch) -> bool:
        if self.lands:
            await super().commit(batch)
        if self.meanwhile is not None:
            await self.meanwhile()
        raise StoreUnavailable("cut")


@attrs.define(eq=False)
class Back(BatchStore):
    """What it is to bury gets there once it is back."""

    is_back: asyncio.Event

    async def bury(self, batch: Batch) -> bool:
        await self.is_back.wait()
        return await super().bury(batch)


@attrs.define(eq=False)
class Away(BatchStore):
    """What it is to bury does not get there."""

    async def bury(self, batch: Batch) -> bool:
        raise StoreUnavailable("away")


@pytest.mark.parametrize("lands", [True, False])
async def test_without_a_key_it_does_not_run(settings: Settings, lands: bool) -> None:
    """Its client would send it again, as another batch."""
    async with running_system(settings, [ScriptedProvider()], workers=False) as system:
        staging = await _unheard(system, lands=lands)
        with pytest.raises(StoreUnavailable):
            await staging.commit("fingerprint")
        assert await _ends_cancelled(system, staging.batch_id)
        tasks = system.services.store.database[COLLECTION]
        assert not await tasks.count_documents({"status": {"$ne": Status.CANCELLED.value}})
        staging.store = system.services.batches.store
        assert not await staging.store.commit(staging._batch("fingerprint"))


async def test_with_a_key_a_repeat_finds_it(settings: Settings) -> None:
    """It goes on, and is there once."""
    repeat = Repeat(key="k", fingerprint="f")
    async with running_system(settings, [ScriptedProvider()], workers=False) as system:
        staging = await _unheard(system, repeat)
        with pytest.raises(StoreUnavailable):
            await staging.commit("fingerprint")
        again = await system.services.batches.begin(ME, Mode.ALL_OR_NOTHING, repeat)
        batch, is_new = await again.commit("fingerprint")
        assert (batch.id, batch.status, is_new) == (staging.batch_id, BatchStatus.CREATING, False)


async def test_no_other_process_begins_it_before_its_client_is_told(settings: Settings) -> None:
    """It sees the batch there, and what is made of it may be paid for."""
    async with AsyncExitStack() as stack:
        systems = [running_system(settings, [ScriptedProvider()], workers=False) for _ in range(2)]
        here, there = [await stack.enter_async_context(system) for system in systems]
        staging = await _unheard(here)
        assert isinstance(staging.store, Unheard)
        staging.store.meanwhile = there.services.batches.feeder.round
        with pytest.raises(StoreUnavailable):
            await staging.commit("fingerprint")
        assert await _ends_cancelled(here, staging.batch_id)
        assert not await here.services.store.database[COLLECTION].count_documents({})


async def test_it_does_not_run_when_its_process_dies_then(settings: Settings) -> None:
    """Whoever would go on with it finds a note."""
    async with running_system(settings, [ScriptedProvider()], workers=False) as system:
        dying = _dying(system)
        staging = await _unheard(system, batches=dying)
        with pytest.raises(StoreUnavailable):
            await staging.commit("fingerprint")
        feeder = system.services.batches.feeder
        feeder.heard_within = timedelta(0)
        feeder.wake()
        assert await _ends_cancelled(system, staging.batch_id)
        assert not await system.services.store.database[COLLECTION].count_documents({})
        assert not await OwedVoids(system.services.queue.connection).among([staging.batch_id])


async def test_while_nothing_can_be_noted_its_client_waits(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For MongoDB, and is told once the batch is cancelled."""
    noted = 0

    async def away(self: OwedVoids, owed: object) -> None:
        nonlocal noted
        noted += 1
        raise QueueUnavailable("away")

    async with running_system(settings, [ScriptedProvider()], workers=False) as system:
        monkeypatch.setattr(OwedVoids, "note", away)
        staging, is_back = await _unheard(system), asyncio.Event()
        system.services.batches.store = Back(staging.store.database, is_back)
        committing = asyncio.create_task(staging.commit("fingerprint"))
        await until(lambda: noted == 3, what="the third try to note it")
        assert not committing.done()
        is_back.set()
        with pytest.raises(StoreUnavailable):
            await committing
        batch = await staging.store.find(staging.batch_id, Reach.everybody())
        assert batch is not None
        assert batch.status in (BatchStatus.CANCELLING, BatchStatus.CANCELLED)


def _dying(system: System) -> Batches:
    """Return what takes batches in, and never voids one."""
    batches = system.services.batches
    return Batches(Away(batches.store.database), batches.submissions, batches.clock, batches.feeder)


async def _unheard(
    system: System, repeat: Repeat | None = None, *, lands: bool = True, batches: Batches | None = None
) -> Staging:
    batches = batches or system.services.batches
    staging = await batches.begin(ME, Mode.ALL_OR_NOTHING, repeat)
    await staging.take(1, _line)
    staging.store = Unheard(batches.store.database, lands=lands)
    return staging


async def _ends_cancelled(system: System, batch_id: str) -> bool:
    async def look() -> bool:
        batch = await system.services.batches.store.find(batch_id, Reach.everybody())
        return batch is not None and batch.status is BatchStatus.CANCELLED

    return bool(await until(look, what="the void of the batch"))


async def _line() -> tuple[None, Callable[[], Submission]]:
    return None, partial(
        Submission, provider=None, type="image", model=None, input={"prompt": "a cat"}, user_id="u1", caller=ME
    )
