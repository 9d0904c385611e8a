"""The chaos suite in little; `make chaos` is the long form, with every step and every kind of fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.campaign import Campaign, run_campaign
from tests.chaos.report import report
from tests.chaos.traffic import IMPATIENT

pytestmark = pytest.mark.kills


class TestChaos:
    async def test_every_promise_is_kept_while_processes_are_killed(self, tmp_path: Path) -> None:
        """Processes die under every kind of task, clocks are set wrong: nothing is lost, stuck or paid twice."""
        campaign = Campaign(
            directory=tmp_path,
            seconds=3,
            seed=5,
            per_s=20,
            mean_s=0.5,
            quiet_s=0.5,
            least_completed=0.0,  # so few tasks: one that is cut twice would be more than two of a hundred
            weights={"serving": 3, "sandbox": 1, "redis": 2, "mongod": 1, "clock": 2},
            kinds=IMPATIENT,
        )
        verdict = await run_campaign(campaign)
        assert verdict.kept, report(verdict)
        assert verdict.counts["kills"] >= 2
        assert verdict.counts["pictures verified"] >= 20
        assert {kind for kind, _ in verdict.kinds} == {kind.name for kind in IMPATIENT}
