"""E11: the time is MongoDB's, whatever the wall of a machine says."""

from __future__ import annotations

import time
from functools import partial

import pytest

from danqing_server.clock import SteadyTime
from danqing_server.composition import process
from danqing_server.plugins.registry import load_registry
from danqing_server.settings.server import Settings
from danqing_server.store.client import connect
from danqing_server.store.time import listen
from tests.support.system import MakeSettings

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
        monkeypatch.setattr(process, "SteadyTime", wrong)
        async with process.open_process(settings, load_registry(settings)) as opened:
            assert opened.services.clock.now_ms() / 1000 == pytest.approx(time.time(), abs=CLOSE_S)


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York"])
class TestTheZone:
    async def test_it_changes_nothing(
        self, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, zone: str, driver: str
    ) -> None:
        """What MongoDB's commands answer has no zone, and is UTC wherever the machine stands."""
        told = SteadyTime()
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("TZ", zone)
            time.tzset()
            try:
                async with connect(make_settings(DANQING_MONGO_DRIVER=driver)) as database:
                    await listen(database, told)
            finally:
                elsewhere.undo()
                time.tzset()
        assert told() == pytest.approx(time.time(), abs=CLOSE_S)
