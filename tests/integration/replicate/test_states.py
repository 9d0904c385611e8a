"""The states that a prediction can be found in, by a clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from danqing_plugins import OutcomeUnknown, Unavailable
from tests.integration.replicate.conftest import configured
from tests.integration.replicate.test_provider import asked
from tests.integration.sandbox.serving import served
from tests.support.simulated import Simulated, WatchedRun

HOUR_S = 3600


@pytest.fixture
async def replicate(tmp_path: Path) -> AsyncIterator[Simulated]:
    """The provider beside a simulator whose predictions take no time unless they are told to."""
    async with served(tmp_path, queued_s=0.0, running_s=0.0) as sandbox:
        yield Simulated(configured(tmp_path, f"{sandbox.url}/replicate"), sandbox)


async def created(replicate: Simulated, prompt: str, **headers: str) -> WatchedRun:
    """Return the run of a task whose prediction was created, and whose process then died."""
    run = replicate.run(asked(prompt))
    url = f"{replicate.sandbox.url}/replicate/v1/models/black-forest-labs/flux-schnell/predictions"
    body = {"input": {"prompt": prompt, "megapixels": "0.25"}}
    async with replicate.sandbox.session.post(url, json=body, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
        told: Mapping[str, Any] = await answer.json()
    order = {"id": told["id"], "get": told["urls"]["get"]}
    run.saved = {"order_0": {"indexes": [0], "order": order}}
    return run


class TestStates:
    """What is asked for later."""

    async def test_within_the_hour_it_is_there(self, replicate: Simulated) -> None:
        """Nothing is bought again."""
        run = await created(replicate, "山水")
        replicate.sandbox.now_s[0] += HOUR_S - 1
        await replicate.carry_out(run)
        assert run.pictures
        assert run.calls == []

    async def test_after_an_hour_it_is_lost(self, replicate: Simulated) -> None:
        """It was billed, and its output is deleted: nobody may say that it cost nothing."""
        run = await created(replicate, "山水")
        replicate.sandbox.now_s[0] += HOUR_S
        found = await replicate.failed(run)
        assert (type(found), found.code) == (OutcomeUnknown, "data_removed")

    async def test_its_deadline_aborts_what_was_not_begun(self, replicate: Simulated) -> None:
        """Which costs nothing."""
        run = await created(replicate, "山水 [sandbox:queued=600]", **{"Cancel-After": "1m30s"})
        replicate.sandbox.now_s[0] += 91
        found = await replicate.failed(run)
        assert (type(found), found.code) == (Unavailable, "aborted")
        assert await replicate.sandbox.ledger() == []

    async def test_its_deadline_cancels_what_runs(self, replicate: Simulated) -> None:
        """Which may cost."""
        run = await created(replicate, "山水 [sandbox:running=600]", **{"Cancel-After": "90s"})
        replicate.sandbox.now_s[0] += 91
        found = await replicate.failed(run)
        assert (type(found), found.code) == (OutcomeUnknown, "canceled")

    async def test_one_that_is_not_known(self, replicate: Simulated) -> None:
        """It may have been billed."""
        run = await created(replicate, "山水")
        order = {"id": "gone", "get": f"{replicate.sandbox.url}/replicate/v1/predictions/gone"}
        run.saved = {"order_0": {"indexes": [0], "order": order}}
        found = await replicate.failed(run)
        assert (type(found), found.code) == (OutcomeUnknown, "prediction_gone")

    async def test_a_header_that_makes_no_sense(self, replicate: Simulated) -> None:
        """Is refused, as one below five seconds is."""
        url = f"{replicate.sandbox.url}/replicate/v1/models/black-forest-labs/flux-schnell/predictions"
        for after in ("4s", "soon"):
            async with replicate.sandbox.session.post(
                url, json={"input": {"prompt": "山水"}}, headers={"Cancel-After": after}
            ) as answer:
                assert answer.status == 422
