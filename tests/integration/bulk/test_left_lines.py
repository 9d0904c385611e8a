"""What a refused batch left is removed, and nothing of the batch that its client sends again under the same key."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import attrs
import pytest

from danqing_server.access.caller import Caller
from danqing_server.desk.feeding import Feeder
from danqing_server.desk.request import Repeat, Submission
from danqing_server.desk.staging import Staging
from danqing_server.errors import InvalidSubmission, StoreUnavailable
from danqing_server.records.batches import Batch, Mode
from danqing_server.settings.server import Settings
from danqing_server.store.batches import STAGED, BatchStore
from danqing_server.store.reach import Reach
from tests.support.providers import ScriptedProvider, picture
from tests.support.system import System, running_system

AN_HOUR = timedelta(hours=1)
KEY = Repeat(key="k", fingerprint="f")


async def test_the_pictures_of_a_batch_sent_again_stay(settings: Settings) -> None:
    """It was refused two hours ago for another line; the lines have the ids that they had."""
    async with running_system(settings, [ScriptedProvider()], workers=False) as system:
        refused = await _begun(system)
        await refused.take(2, partial(_line, ""))
        with pytest.raises(InvalidSubmission):
            await refused.commit("first")
        await _age(system, 2 * AN_HOUR)
        again = await _begun(system)
        await system.services.batches.feeder.sweep(AN_HOUR)
        batch, is_new = await again.commit("second")
        assert is_new
        assert await _has_pictures(system, batch.token)


async def test_what_was_not_sent_again_goes(settings: Settings) -> None:
    """With its pictures."""
    async with running_system(settings, [ScriptedProvider()], workers=False) as system:
        refused = await _begun(system)
        await refused.take(2, partial(_line, ""))
        with pytest.raises(InvalidSubmission):
            await refused.commit("first")
        await _age(system, 2 * AN_HOUR)
        await system.services.batches.feeder.sweep(AN_HOUR)
        assert not await system.services.store.database[STAGED].count_documents({})
        assert not [path for path in (settings.data_dir / "pictures").rglob("*") if path.is_file()]


async def test_lines_that_the_sweep_may_remove_become_no_batch(settings: Settings) -> None:
    """They came an hour ago, over a slow line, and the sweep removes them while the batch becomes valid."""
    async with running_system(settings, [ScriptedProvider()], workers=False) as system:
        staging = await _begun(system)
        await staging.take(2, partial(_line, "a dog"))
        await staging._keep_slice()
        await _age(system, 2 * AN_HOUR)
        staging.store = Swept(staging.store.database, system.services.batches.feeder)
        with pytest.raises(StoreUnavailable):
            await staging.commit("first")
        assert await staging.store.find(staging.batch_id, Reach.everybody()) is None


@attrs.define(eq=False)
class Swept(BatchStore):
    """The sweep is at work when a batch is to become valid."""

    feeder: Feeder

    async def commit(self, batch: Batch) -> bool:
        await self.feeder.sweep(AN_HOUR)
        return await super().commit(batch)


async def _begun(system: System) -> Staging:
    """Return a batch whose first line has a reference picture, all of it kept but not yet valid."""
    staging = await system.services.batches.begin(Caller.local(), Mode.ALL_OR_NOTHING, KEY)
    await staging.take(1, partial(_line, "a cat"))
    assert staging.accepted
    return staging


async def _age(system: System, by: timedelta) -> None:
    """Have it been that long since all that was staged came."""
    database = system.services.store.database
    then = system.services.clock.now() - by
    await database[STAGED].update_many({}, {"$set": {"at": then}})


async def _has_pictures(system: System, token: str) -> bool:
    """Tell whether the picture of the one line of a batch is there."""
    [key] = await system.services.batches.store.staged_pictures(token)
    return bool(await system.services.assets.read(key))


async def _line(prompt: str) -> tuple[None, Callable[[], Submission]]:
    return None, partial(_submission, prompt)


def _submission(prompt: str) -> Submission:
    image = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    return Submission(
        provider=None,
        type="image",
        model=None,
        input={"prompt": prompt, "image": image},
        user_id="u1",
        caller=Caller.local(),
    )
