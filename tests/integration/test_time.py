"""E11: the time is MongoDB's, whatever the wall of a machine says."""

from __future__ import annotations

import time
from functools import partial

import pytest

from danqing_server import composition
from danqing_server.clock import SteadyTime
from danqing_server.registry import load_registry
from danqing_server.settings.server import Settings
from danqing_server.store.client import connect
from danqing_server.store.time import listen

CLOSE_S = 2.0


@pytest.mark.parametrize("wrong_s", [3600.0, -3600.0])
class TestTheTime:
    async def test_a_wrong_wall_is_put_right_by_the_database(self, settings: Settings, wrong_s: float) -> None:
        told = SteadyTime(wall_s=lambda: time.time() + wrong_s)
        async with connect(settings) as database:
            await listen(database, told)
        assert told() == pytest.approx(time.time(), abs=CLOSE_S)

    async def test_a_process_has_it_before_it_works(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, wrong_s: float
    ) -> None:
        """A host an hour ahead would take every task it finds for one past its deadline."""
        wrong = partial(SteadyTime, wall_s=lambda: time.time() + wrong_s)
        monkeypatch.setattr(composition, "SteadyTime", wrong)
        async with composition.open_process(settings, load_registry(settings)) as process:
            assert process.services.clock.now_ms() / 1000 == pytest.approx(time.time(), abs=CLOSE_S)
