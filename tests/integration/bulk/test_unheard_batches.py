"""A batch that was answered with 503 because MongoDB did not say that it is valid."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs
import pytest

from danqing_server.access.caller import Caller
from danqing_server.desk.request import Repeat, Submission
from danqing_server.desk.staging import Staging
from danqing_server.errors import StoreUnavailable
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

    async def commit(self, batch: Batch) -> bool:
        if self.lands:
            await super().commit(batch)
        raise StoreUnavailable("cut")


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


async def _unheard(system: System, repeat: Repeat | None = None, *, lands: bool = True) -> Staging:
    batches = system.services.batches
    staging = await batches.begin(ME, Mode.ALL_OR_NOTHING, repeat)
    await staging.take(1, _line)
    staging.store = Unheard(batches.store.database, lands=lands)
    return staging


async def _ends_cancelled(system: System, batch_id: str) -> bool:
    async def look() -> bool:
        batch = await system.services.batches.store.find(batch_id, Reach.everybody())
        return batch is not None and batch.status is BatchStatus.CANCELLED

    return bool(await until(look, what="the void of the batch"))


def _line() -> tuple[None, Callable[[], Submission]]:
    return None, partial(
        Submission, provider=None, type="image", model=None, input={"prompt": "a cat"}, user_id="u1", caller=ME
    )
