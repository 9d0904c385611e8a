"""R2 for webhooks: a small form of the trial of docs/durability.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.webhooks import run_trial
from tests.integration.webhooks.conftest import LOOPBACK
from tests.support.system import MakeSettings

pytestmark = pytest.mark.kills


class TestKills:
    async def test_none_is_lost_and_a_repeat_carries_the_same_id(
        self, make_settings: MakeSettings, tmp_path: Path
    ) -> None:
        """Senders and the receiver die while tasks run; each event arrives, under one id."""
        settings = make_settings(DANQING_WEBHOOK_TARGETS=LOOPBACK)
        trial = await run_trial(tmp_path, settings, tasks=150, seed=3, mean_s=0.7, per_s=15)
        assert trial.is_good, [*trial.lost, *trial.foreign, *trial.changed]
        assert trial.kills.total() > 0
        assert trial.events >= 450
