"""How long a key is known."""

from __future__ import annotations

from danqing_server.clock import Clock
from danqing_server.settings.server import Settings
from danqing_server.store.client import connect
from danqing_server.store.keys import KeyStore


async def test_a_visits_key_outlives_a_short_setting(settings: Settings) -> None:
    """Else the late repeat of a cut call would buy again where keys are kept for a minute."""
    now_s = [1_800_000_000.0]
    async with connect(settings) as database:
        keys = KeyStore(database, Clock(wall_s=lambda: now_s[0]), 60.0)
        await keys.claim("client", "f", "t1")
        await keys.claim("visit", "f", "t2", at_least_s=86_400)
        now_s[0] += 3600
        assert await keys.find("client") is None
        found = await keys.find("visit")
        assert found is not None
        assert found.task_id == "t2"
